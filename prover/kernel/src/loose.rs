//! Field elements that are reduced loosely: below 1.35 times the modulus and not below it (docs/notes/proof-speed.md).
//!
//! Sums over rows and of points are most of the kernel's work, and half of an addition's time goes into the branch of its
//! reduction. Both moduli are 5.29 times in 2^256, which leaves room: a product of two such numbers is below
//! 1.35^2 m^2 / 2^256 + m < 1.35 m without a final subtraction, and after a sum the highest four bits say which multiple of m
//! to take off, without a comparison or a branch. The Montgomery form is that of arkworks, so conversion costs one
//! comparison.

use ark_bn254::{FqConfig, FrConfig};
use ark_ff::{BigInt, Fp, MontBackend, MontConfig};
use std::iter::Sum;
use std::marker::PhantomData;
use std::ops::{Add, AddAssign, Mul, Sub};

type Limbs = [u64; 4];

/// A field element, as a number below 1.35 m that is congruent to it; m begins with the bits 0011.
pub struct Loose<C>(Limbs, PhantomData<C>);

/// A scalar.
pub type LooseFr = Loose<FrConfig>;
/// A coordinate.
pub type LooseFq = Loose<FqConfig>;

impl<C: MontConfig<4>> Loose<C> {
    pub const ZERO: Self = Self([0; 4], PhantomData);
    pub const ONE: Self = Self(C::R.0, PhantomData);

    const MODULUS: Limbs = C::MODULUS.0;
    const TWICE: Limbs = multiple(C::MODULUS.0, 2);

    /// By the highest four bits of a number: the largest multiple of m that is not above any such number. What is left is
    /// below 2^254 < 1.33 m.
    const MULTIPLES: &'static [Limbs; 16] = &{
        let mut table = [[0; 4]; 16];
        let mut bits = 4;
        while bits < 16 {
            // m is between 3 / 16 and 4 / 16 of 2^256, and so are the distances of its multiples.
            table[bits] = multiple(C::MODULUS.0, (bits as u128 - 1) / 3);
            bits += 1;
        }
        table
    };

    /// For any number below 2^256.
    #[inline(always)]
    fn reduced(number: Limbs) -> Self {
        Self(
            subtracted(number, Self::MULTIPLES[(number[3] >> 60) as usize]).0,
            PhantomData,
        )
    }
}

const fn multiple(modulus: Limbs, count: u128) -> Limbs {
    let mut out = [0; 4];
    let mut limb = 0;
    let mut carry = 0;
    while limb < 4 {
        let sum = modulus[limb] as u128 * count + carry;
        out[limb] = sum as u64;
        carry = sum >> 64;
        limb += 1;
    }
    out
}

impl<C> Clone for Loose<C> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Loose<C> {}

impl<C: MontConfig<4>> From<Fp<MontBackend<C, 4>, 4>> for Loose<C> {
    fn from(value: Fp<MontBackend<C, 4>, 4>) -> Self {
        Self(value.0.0, PhantomData)
    }
}

impl<C: MontConfig<4>> From<Loose<C>> for Fp<MontBackend<C, 4>, 4> {
    fn from(value: Loose<C>) -> Self {
        let (difference, below) = subtracted(value.0, Loose::<C>::MODULUS);
        Self::new_unchecked(BigInt(if below { value.0 } else { difference }))
    }
}

impl<C: MontConfig<4>> Add for Loose<C> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::reduced(added(self.0, other.0))
    }
}

impl<C: MontConfig<4>> Sub for Loose<C> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // 2m - other is not negative.
        let (negated, _) = subtracted(Self::TWICE, other.0);
        Self::reduced(added(self.0, negated))
    }
}

impl<C: MontConfig<4>> Mul for Loose<C> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(montgomery::<C>(self.0, other.0), PhantomData)
    }
}

impl<C: MontConfig<4>> AddAssign for Loose<C> {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<C: MontConfig<4>> Sum for Loose<C> {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ZERO, Self::add)
    }
}

/// a b / 2^256 modulo m, by Montgomery's method, a limb of b at a time. The running sum stays below a + m, and so in four
/// limbs.
#[inline(always)]
fn montgomery<C: MontConfig<4>>(a: Limbs, b: Limbs) -> Limbs {
    let modulus = Loose::<C>::MODULUS;
    let mut sum = [0u64; 4];
    for b in b {
        let (low, mut carry) = multiply_add(sum[0], a[0], b, 0);
        let factor = low.wrapping_mul(C::INV);
        let (_, mut reduction) = multiply_add(low, factor, modulus[0], 0);
        for limb in 1..4 {
            let (low, high) = multiply_add(sum[limb], a[limb], b, carry);
            carry = high;
            let (low, high) = multiply_add(low, factor, modulus[limb], reduction);
            reduction = high;
            sum[limb - 1] = low;
        }
        sum[3] = carry.wrapping_add(reduction); // does not wrap: the running sum has four limbs
    }
    sum
}

/// a + b c + carry as low and high word.
#[inline(always)]
fn multiply_add(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let wide = u128::from(a) + u128::from(b) * u128::from(c) + u128::from(carry);
    (wide as u64, (wide >> 64) as u64)
}

#[inline(always)]
fn added(a: Limbs, b: Limbs) -> Limbs {
    let mut out = [0; 4];
    let mut carry = false;
    for limb in 0..4 {
        let (sum, first) = a[limb].overflowing_add(b[limb]);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        out[limb] = sum;
        carry = first | second;
    }
    out
}

/// a - b modulo 2^256, and whether a is below b.
#[inline(always)]
fn subtracted(a: Limbs, b: Limbs) -> (Limbs, bool) {
    let mut out = [0; 4];
    let mut borrow = false;
    for limb in 0..4 {
        let (difference, first) = a[limb].overflowing_sub(b[limb]);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        out[limb] = difference;
        borrow = first | second;
    }
    (out, borrow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{Fq, Fr};
    use ark_ff::{AdditiveGroup, Field, PrimeField};

    fn check<C: MontConfig<4>>() {
        type Element<C> = Fp<MontBackend<C, 4>, 4>;
        let modulus = Loose::<C>::MODULUS;
        for bits in 0..16u64 {
            let lowest = [0, 0, 0, bits << 60];
            let highest = [u64::MAX, u64::MAX, u64::MAX, bits << 60 | u64::MAX >> 4];
            assert!(!subtracted(lowest, Loose::<C>::MULTIPLES[bits as usize]).1, "{bits}");
            assert!(Loose::<C>::reduced(highest).0[3] < 1 << 62, "{bits}");
        }
        let one = Element::<C>::ONE;
        let mut values = vec![
            Element::<C>::ZERO,
            one,
            -one,
            Element::<C>::from(2u64).inverse().unwrap_or(one),
        ];
        values.extend((1..20u64).map(|power| Element::<C>::from(3u64).pow([power * 1000])));
        // The largest number that a product can be: 1.35 m, with m in three quarters of 2^254.
        let bound = [
            u64::MAX,
            u64::MAX,
            u64::MAX,
            (u128::from(modulus[3]) * 135 / 100) as u64,
        ];
        // Each element as the smaller and, if there is one, as the larger of its numbers.
        let both = |value: Element<C>| {
            let larger = added(value.0.0, modulus);
            let larger = if subtracted(bound, larger).1 { value.0.0 } else { larger };
            [Loose::from(value), Loose(larger, PhantomData)]
        };
        for a in &values {
            for b in &values {
                for (x, y) in both(*a).into_iter().flat_map(|x| both(*b).map(|y| (x, y))) {
                    for (loose, exact) in [(x + y, *a + b), (x - y, *a - b), (x * y, *a * b)] {
                        assert!(!subtracted(bound, loose.0).1, "below 1.35 m");
                        assert_eq!(Element::<C>::from(loose), exact);
                    }
                }
            }
        }
    }

    #[test]
    fn arithmetic_is_that_of_both_fields_at_both_ends_of_the_range() {
        assert_eq!((Fr::MODULUS.0[3] >> 60, Fq::MODULUS.0[3] >> 60), (3, 3));
        check::<FrConfig>();
        check::<FqConfig>();
    }
}

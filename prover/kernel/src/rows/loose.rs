//! Scalars that are reduced loosely: below 1.35 r and not below r (docs/notes/proof-speed.md).
//!
//! Sums over rows are most of the prover's work. r is 5.29 times in 2^256, which leaves room: a product of two such numbers
//! is below 1.35^2 r^2 / 2^256 + r < 1.35 r without a final subtraction, and after a sum the highest four bits say which
//! multiple of r to take off, without a comparison or a branch. The Montgomery form is that of `Fr`, so conversion costs
//! one comparison.

use ark_bn254::{Fr, FrConfig};
use ark_ff::{BigInt, MontConfig, PrimeField};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};

type Limbs = [u64; 4];

const R: Limbs = Fr::MODULUS.0;
/// -1 / r modulo 2^64.
const NEGATED_INVERSE: u64 = FrConfig::INV;
const TWICE_R: Limbs = multiple(2);
/// By the highest four bits of a number: the largest multiple of r that is not above any such number. What is left is
/// below 2^254 < 1.33 r.
static MULTIPLES: [Limbs; 16] = {
    let mut table = [[0; 4]; 16];
    let mut bits = 4;
    while bits < 16 {
        // r is between 3 / 16 and 4 / 16 of 2^256, and so are the distances of its multiples.
        table[bits] = multiple((bits as u128 - 1) / 3);
        bits += 1;
    }
    table
};

const fn multiple(count: u128) -> Limbs {
    let mut out = [0; 4];
    let mut limb = 0;
    let mut carry = 0;
    while limb < 4 {
        let sum = R[limb] as u128 * count + carry;
        out[limb] = sum as u64;
        carry = sum >> 64;
        limb += 1;
    }
    out
}

/// A scalar, as a number below 1.35 r that is congruent to it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loose(Limbs);

impl Loose {
    pub const ZERO: Self = Self([0; 4]);
}

impl From<Fr> for Loose {
    fn from(value: Fr) -> Self {
        Self(value.0.0)
    }
}

impl From<Loose> for Fr {
    fn from(value: Loose) -> Self {
        let (difference, below) = subtracted(value.0, R);
        Fr::new_unchecked(BigInt(if below { value.0 } else { difference }))
    }
}

impl Add for Loose {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(reduced(added(self.0, other.0)))
    }
}

impl Sub for Loose {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // 2r - other is not negative.
        let (negated, _) = subtracted(TWICE_R, other.0);
        Self(reduced(added(self.0, negated)))
    }
}

impl Mul for Loose {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(montgomery(self.0, other.0))
    }
}

impl AddAssign for Loose {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Loose {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ZERO, Self::add)
    }
}

/// a b / 2^256 modulo r, by Montgomery's method, a limb of b at a time. The running sum stays below a + r, and so in four
/// limbs.
#[inline(always)]
fn montgomery(a: Limbs, b: Limbs) -> Limbs {
    let mut sum = [0u64; 4];
    for b in b {
        let (low, mut carry) = multiply_add(sum[0], a[0], b, 0);
        let factor = low.wrapping_mul(NEGATED_INVERSE);
        let (_, mut reduction) = multiply_add(low, factor, R[0], 0);
        for limb in 1..4 {
            let (low, high) = multiply_add(sum[limb], a[limb], b, carry);
            carry = high;
            let (low, high) = multiply_add(low, factor, R[limb], reduction);
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

/// For any number below 2^256.
#[inline(always)]
fn reduced(a: Limbs) -> Limbs {
    subtracted(a, MULTIPLES[(a[3] >> 60) as usize]).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{AdditiveGroup, Field};

    #[test]
    fn a_reduced_number_is_below_2_to_254() {
        for bits in 0..16u64 {
            let lowest = [0, 0, 0, bits << 60];
            let highest = [u64::MAX, u64::MAX, u64::MAX, bits << 60 | u64::MAX >> 4];
            assert!(!subtracted(lowest, MULTIPLES[bits as usize]).1, "{bits}");
            assert!(reduced(highest)[3] < 1 << 62, "{bits}");
        }
    }

    #[test]
    fn arithmetic_is_that_of_the_field_at_both_ends_of_the_range() {
        let mut values = vec![
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            Fr::from(2u64).inverse().unwrap_or_default(),
        ];
        values.extend((1..20u64).map(|power| Fr::from(3u64).pow([power * 1000])));
        // The largest number that a product can be: 1.35 r, with r in three quarters of 2^254.
        let bound = [u64::MAX, u64::MAX, u64::MAX, (R[3] as u128 * 135 / 100) as u64];
        // Each scalar as the smaller and, if there is one, as the larger of its numbers.
        let both = |value: Fr| {
            let larger = added(value.0.0, R);
            [
                Loose::from(value),
                Loose(if subtracted(bound, larger).1 { value.0.0 } else { larger }),
            ]
        };
        for a in &values {
            for b in &values {
                for (x, y) in both(*a).into_iter().flat_map(|x| both(*b).map(|y| (x, y))) {
                    for (loose, exact) in [(x + y, *a + b), (x - y, *a - b), (x * y, *a * b)] {
                        assert!(!subtracted(bound, loose.0).1, "below 1.35 r");
                        assert_eq!(Fr::from(loose), exact);
                    }
                }
            }
        }
    }
}

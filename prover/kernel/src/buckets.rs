//! Multi-exponentiation by buckets (Pippenger's method) whose sums share their inversions (docs/notes/proof-speed.md).
//!
//! A scalar is cut into windows of signed digits. The points with one digit are one list of `batch.rs`; sum_b b S_b over
//! the sums S_b of the lists is found by writing b = h 2^k + l: the sums over one h and over one l are lists again, and
//! what is left are two short sums.

use crate::batch::{Finite, Lists};
use crate::pedersen;
use crate::{Error, Result};
use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AdditiveGroup, AffineRepr};
use ark_ff::{PrimeField, Zero};
use rayon::prelude::*;

/// Signed windows of scalars need one bit more than scalars have.
const BITS: usize = Fr::MODULUS_BIT_SIZE as usize + 1;

/// With fewer points there is little to share.
const LEAST_POINTS: usize = 512;

/// Additions of lists that one bucket costs beyond its points. Measured.
const BUCKET_COST: usize = 3;

/// How many windows of so many bits a scalar has.
pub const fn windows(width: usize) -> usize {
    BITS.div_ceil(width)
}

/// The digit of window `window`, in -2^(w-1) ..= 2^(w-1) (Booth): the digits times 2^(w window) add up to the scalar.
pub fn digit(limbs: &[u64; 4], window: usize, width: usize) -> i32 {
    let start = window * width;
    let (limb, offset) = (start / 64, start % 64);
    let low = limbs.get(limb).map_or(0, |value| value >> offset);
    let high = match limbs.get(limb + 1) {
        Some(value) if offset > 0 => value << (64 - offset),
        _ => 0,
    };
    let raw = ((low | high) & ((1 << width) - 1)) as i32;
    // The highest bit of the window below was counted negatively there.
    let carried = match start.checked_sub(1) {
        Some(bit) => limbs.get(bit / 64).map_or(0, |value| value >> (bit % 64) & 1) as i32,
        None => 0,
    };
    raw + carried - (raw >> (width - 1) << width)
}

/// Digits of points that stand side by side, the first at place `from`.
pub struct Run<'a> {
    pub from: usize,
    pub digits: &'a [i32],
}

/// sum of digit times point over all runs. Digits are in -2^bits ..= 2^bits.
///
/// Fails if two partial sums are opposite points, which those of independent generators are not.
pub fn sum_of_runs(points: &[Finite], runs: &[Run], bits: usize) -> Result<G1Projective> {
    // Counting sort: `ends` first counts, then says where the points of a digit begin, and in the end where they end.
    let mut ends = vec![0u32; (1 << bits) + 1];
    for digit in runs.iter().flat_map(|run| run.digits) {
        ends[digit.unsigned_abs() as usize] += 1;
    }
    ends[0] = 0;
    let mut total = 0;
    for end in &mut ends {
        total += *end;
        *end = total - *end;
    }
    let mut order = vec![0u32; total as usize];
    for run in runs {
        for (place, digit) in (run.from as u32..).zip(run.digits) {
            if *digit != 0 {
                let end = &mut ends[digit.unsigned_abs() as usize];
                order[*end as usize] = place << 1 | u32::from(*digit < 0);
                *end += 1;
            }
        }
    }
    let mut lists = Lists::default();
    let mut from = 0;
    for end in ends {
        for entry in &order[from..end as usize] {
            let point = points[(entry >> 1) as usize];
            lists.push(if entry & 1 == 1 { point.negated() } else { point });
        }
        lists.end_list();
        from = end as usize;
    }
    lists.reduce()?;
    weighted(&lists.sums().collect::<Vec<_>>(), bits)
}

/// sum_b b S_b.
fn weighted(sums: &[Option<Finite>], bits: usize) -> Result<G1Projective> {
    let low_bits = bits / 2;
    let width = 1 << low_bits;
    let mut lists = Lists::default();
    for row in sums.chunks(width) {
        row.iter().flatten().for_each(|point| lists.push(*point));
        lists.end_list();
    }
    for column in 0..width {
        sums.iter()
            .skip(column)
            .step_by(width)
            .flatten()
            .for_each(|point| lists.push(*point));
        lists.end_list();
    }
    lists.reduce()?;
    let sums: Vec<Option<Finite>> = lists.sums().collect();
    let (rows, columns) = sums.split_at(sums.len() - width);
    let mut sum = counted(rows);
    for _ in 0..low_bits {
        sum.double_in_place();
    }
    Ok(sum + counted(columns))
}

/// sum_i i P_i.
fn counted(points: &[Option<Finite>]) -> G1Projective {
    let mut running = G1Projective::ZERO;
    let mut sum = G1Projective::ZERO;
    for point in points.iter().skip(1).rev() {
        if let Some(point) = point {
            running += G1Affine::from(*point);
        }
        sum += running;
    }
    sum
}

/// sum_k scalars[k] points[k] for any points, on the threads of the current pool.
pub fn multi(points: &[G1Affine], scalars: &[Fr]) -> Result<G1Projective> {
    if points.len() < LEAST_POINTS {
        return pedersen::multi(points, scalars);
    }
    match of_different_points(points, scalars) {
        // Points can be chosen so that sums vanish: a slower way adds those too.
        Err(Error::Internal(_)) => {
            let piece = points.len().div_ceil(rayon::current_num_threads());
            let pieces = points.par_chunks(piece).zip(scalars.par_chunks(piece));
            pieces
                .map(|(points, scalars)| pedersen::multi(points, scalars))
                .try_reduce(G1Projective::zero, |a, b| Ok(a + b))
        }
        result => result,
    }
}

fn of_different_points(points: &[G1Affine], scalars: &[Fr]) -> Result<G1Projective> {
    let pairs = points.par_iter().zip(scalars).filter(|(point, _)| !point.is_zero());
    let (points, limbs): (Vec<Finite>, Vec<[u64; 4]>) = pairs
        .map(|(point, scalar)| (Finite::new(point), scalar.into_bigint().0))
        .unzip();
    let width = best_width(points.len());
    let sums = (0..windows(width)).into_par_iter().map(|window| {
        let digits: Vec<i32> = limbs.iter().map(|limbs| digit(limbs, window, width)).collect();
        let run = Run {
            from: 0,
            digits: &digits,
        };
        sum_of_runs(&points, &[run], width - 1)
    });
    let sums = sums.collect::<Result<Vec<_>>>()?;
    let shifted = |sum: G1Projective, next: &G1Projective| {
        let mut sum = sum;
        for _ in 0..width {
            sum.double_in_place();
        }
        sum + next
    };
    Ok(sums.iter().rev().fold(G1Projective::ZERO, shifted))
}

/// The window that takes the fewest additions.
fn best_width(points: usize) -> usize {
    let cost = |width: &usize| windows(*width) * (points + (BUCKET_COST << (width - 1)));
    (4..=16).min_by_key(cost).unwrap_or(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generators::{Family, first};
    use ark_ff::Field;

    fn scalars(count: u64) -> Vec<Fr> {
        let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(1u64 << 63), -Fr::from(1u64 << 63)];
        scalars.extend((5..count).map(|power| Fr::from(3u64).pow([power << 20])));
        scalars
    }

    #[test]
    fn digits_add_up_to_their_scalar() {
        for scalar in scalars(20) {
            for width in 2..=16 {
                let mut sum = Fr::ZERO;
                for window in (0..windows(width)).rev() {
                    let digit = digit(&scalar.into_bigint().0, window, width);
                    assert!(digit.unsigned_abs() <= 1 << (width - 1));
                    sum = sum * Fr::from(1u64 << width) + Fr::from(digit);
                }
                assert_eq!(sum, scalar);
            }
        }
    }

    #[test]
    fn sums_are_those_of_the_group() -> Result<()> {
        let points = first(Family::RowPosition, 1024)?;
        let scalars = scalars(1024);
        for count in [LEAST_POINTS, 700] {
            let (points, scalars) = (&points[..count], &scalars[..count]);
            assert_eq!(multi(points, scalars)?, pedersen::multi(points, scalars)?);
        }
        Ok(())
    }

    #[test]
    fn points_that_meet_or_vanish_are_added_too() -> Result<()> {
        let scalar = Fr::from(3u64).pow([1000]);
        let point = first(Family::RowPosition, 1)?[0];
        let mut points = vec![point; LEAST_POINTS];
        let scalars = vec![scalar; LEAST_POINTS];
        assert_eq!(
            multi(&points, &scalars)?,
            point * (scalar * Fr::from(LEAST_POINTS as u64))
        );
        points[1..].fill(G1Affine::identity());
        assert_eq!(multi(&points, &scalars)?, point * scalar);
        points[1..].iter_mut().step_by(2).for_each(|other| *other = -point);
        points[2..].iter_mut().step_by(2).for_each(|other| *other = point);
        assert!(of_different_points(&points, &scalars).is_err());
        assert_eq!(multi(&points, &scalars)?, G1Projective::ZERO);
        Ok(())
    }
}

//! Precomputed multiples and sums of the fixed generators, made once a process (docs/notes/commit-speed.md).

use crate::batch::{Finite, Lists, double_all};
use crate::buckets::{Run, digit, sum_of_runs, windows};
use crate::generators::{Family, MAX_COLUMNS, first};
use crate::{Error, Result};
use ark_bn254::{Fr, G1Projective};
use ark_ec::{AdditiveGroup, CurveGroup};
use ark_ff::PrimeField;
use rayon::prelude::*;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Neighbouring rows whose subset sums are kept. Chosen by measurement: 6 fill 5.6 MB.
const GROUP: usize = 6;

/// Bits of a signed window of rho. Wider is fewer additions and a table that leaves the cache; chosen by measurement.
const WINDOW: usize = 13;
const WINDOWS: usize = windows(WINDOW);
const HALF_WINDOW: usize = 1 << (WINDOW - 1);

/// Sums over the non-empty subsets of each group of `group` neighbouring row generators.
pub struct Subsets {
    pub group: usize,
    pub points: Vec<Finite>,
}

impl Subsets {
    /// Where the sum over the rows in `mask` of a group stands; `mask` is not 0.
    pub fn place(&self, group: usize, mask: u8) -> u32 {
        (group * ((1 << self.group) - 1) + usize::from(mask) - 1) as u32
    }

    fn build(group: usize) -> Result<Self> {
        let generators = first(Family::RowPosition, MAX_COLUMNS)?;
        let mut sums = Vec::with_capacity(MAX_COLUMNS.div_ceil(group) * ((1 << group) - 1));
        for members in generators[..MAX_COLUMNS].chunks(group) {
            let start = sums.len();
            for mask in 1usize..1 << group {
                // The sum without the lowest member is already there.
                let lowest = mask.trailing_zeros() as usize;
                let rest = match mask & (mask - 1) {
                    0 => G1Projective::ZERO,
                    rest => sums[start + rest - 1],
                };
                // The last group may be short; its missing members are never selected.
                sums.push(members.get(lowest).map_or(rest, |member| rest + member));
            }
        }
        Ok(Self {
            group,
            points: finite(&sums),
        })
    }
}

/// The table of single generators, or that of subsets.
pub fn subsets(grouped: bool) -> Result<&'static Subsets> {
    static SINGLE: OnceLock<Result<Subsets>> = OnceLock::new();
    static GROUPED: OnceLock<Result<Subsets>> = OnceLock::new();
    let built = if grouped {
        GROUPED.get_or_init(|| Subsets::build(GROUP))
    } else {
        SINGLE.get_or_init(|| Subsets::build(1))
    };
    built.as_ref().map_err(Error::clone)
}

/// d 2^(WINDOW w) H at place w HALF_WINDOW + d - 1, for d in 1..=HALF_WINDOW.
fn blinder_table() -> Result<&'static [Finite]> {
    static TABLE: OnceLock<Result<Vec<Finite>>> = OnceLock::new();
    let built = TABLE.get_or_init(|| {
        let mut base: G1Projective = first(Family::RowBlinder, 1)?[0].into();
        let mut multiples = Vec::with_capacity(WINDOWS * HALF_WINDOW);
        for _ in 0..WINDOWS {
            let step = base.into_affine();
            let mut multiple = G1Projective::ZERO;
            for _ in 0..HALF_WINDOW {
                multiple += step;
                multiples.push(multiple);
            }
            base = multiple.double();
        }
        Ok(finite(&multiples))
    });
    built.as_deref().map_err(Error::clone)
}

fn finite(points: &[G1Projective]) -> Vec<Finite> {
    G1Projective::normalize_batch(points).iter().map(Finite::new).collect()
}

/// Appends the table points whose sum is rho H.
pub fn push_blinder(rho: Fr, lists: &mut Lists) -> Result<()> {
    let limbs = rho.into_bigint().0;
    for (window, multiples) in blinder_table()?.chunks_exact(HALF_WINDOW).enumerate() {
        // Signed digits: half the table, because -P costs nothing.
        match digit(&limbs, window, WINDOW) {
            0 => {}
            negative @ ..0 => lists.push(multiples[negative.unsigned_abs() as usize - 1].negated()),
            positive => lists.push(multiples[positive as usize - 1]),
        }
    }
    Ok(())
}

/// 2^(WINDOW w) G_j at place w C + j, for the first C row generators. All windows of a combination of them then share one
/// set of buckets (docs/notes/proof-speed.md).
pub struct RowWindows {
    columns: usize,
    points: Vec<Finite>,
}

impl RowWindows {
    /// The table of C = 2^bits generators, made on the threads of the current pool by whoever comes first.
    pub fn of(columns: usize) -> Result<&'static Self> {
        static TABLES: [OnceLock<Result<RowWindows>>; MAX_COLUMNS.ilog2() as usize + 1] =
            [const { OnceLock::new() }; MAX_COLUMNS.ilog2() as usize + 1];
        let table = TABLES
            .get(columns.ilog2() as usize)
            .ok_or(Error::Internal("there is no table for so many columns"))?;
        table
            .get_or_init(|| Self::build(columns))
            .as_ref()
            .map_err(Error::clone)
    }

    fn build(columns: usize) -> Result<Self> {
        let generators = first(Family::RowPosition, columns)?;
        let mut bases: Vec<Finite> = generators[..columns].iter().map(Finite::new).collect();
        let mut points = Vec::with_capacity(WINDOWS * columns);
        let piece = columns.div_ceil(rayon::current_num_threads());
        for _ in 0..WINDOWS {
            points.extend_from_slice(&bases);
            bases
                .par_chunks_mut(piece)
                .try_for_each(|bases| (0..WINDOW).try_for_each(|_| double_all(bases)))?;
        }
        Ok(Self { columns, points })
    }

    /// sum_j scalars[j] G_j, from generator `start` on.
    pub fn combination(&self, start: usize, scalars: &[Fr]) -> Result<G1Projective> {
        let limbs: Vec<[u64; 4]> = scalars.iter().map(|scalar| scalar.into_bigint().0).collect();
        let digits = (0..WINDOWS).flat_map(|window| limbs.iter().map(move |limbs| digit(limbs, window, WINDOW)));
        let digits = Zeroizing::new(digits.collect::<Vec<i32>>());
        let runs = digits.chunks(scalars.len().max(1)).enumerate();
        let runs: Vec<Run> = runs
            .map(|(window, digits)| Run {
                from: window * self.columns + start,
                digits,
            })
            .collect();
        sum_of_runs(&self.points, &runs, WINDOW - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::G1Affine;
    use ark_ff::Field;

    fn sum_of(rho: Fr) -> Result<Option<G1Affine>> {
        let mut lists = Lists::default();
        push_blinder(rho, &mut lists)?;
        lists.end_list();
        lists.reduce()?;
        Ok(lists.sums().next().flatten().map(G1Affine::from))
    }

    #[test]
    fn windows_sum_to_the_multiple() -> Result<()> {
        let h = first(Family::RowBlinder, 1)?[0];
        let half = Fr::from(HALF_WINDOW as u64);
        let two_to_250 = Fr::from(2u64).pow([250]);
        // Both sides of the sign of a digit, carries through all windows, and the ends of the field.
        for rho in [
            Fr::ONE,
            half,
            half + Fr::ONE,
            -Fr::ONE,
            -half,
            two_to_250,
            two_to_250 - Fr::ONE,
            -two_to_250,
        ] {
            assert_eq!(sum_of(rho)?, Some((h * rho).into_affine()));
        }
        assert_eq!(sum_of(Fr::ZERO)?, None);
        Ok(())
    }

    #[test]
    fn combinations_of_row_generators_are_those_of_the_group() -> Result<()> {
        let generators = first(Family::RowPosition, 16)?;
        let large = Fr::from(3u64).pow([1000]);
        let scalars: Vec<Fr> = [
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            large,
            -large,
            large.square(),
            Fr::from(4096u64),
            Fr::ONE,
        ]
        .into();
        for (start, count) in [(0, 8), (8, 8), (3, 1), (0, 0)] {
            let expected: G1Projective = generators[start..]
                .iter()
                .zip(&scalars[..count])
                .map(|(point, scalar)| *point * scalar)
                .sum();
            assert_eq!(RowWindows::of(16)?.combination(start, &scalars[..count])?, expected);
        }
        Ok(())
    }

    #[test]
    fn every_subset_of_a_group_is_in_its_place() -> Result<()> {
        let generators = first(Family::RowPosition, MAX_COLUMNS)?;
        for (table, group) in [(subsets(false)?, 5), (subsets(true)?, 3)] {
            for mask in 1..1u8 << table.group {
                let sum: G1Projective = (0..table.group)
                    .filter(|row| mask >> row & 1 == 1)
                    .map(|row| generators[group * table.group + row])
                    .sum();
                let place = table.place(group, mask) as usize;
                assert_eq!(G1Affine::from(table.points[place]), sum.into_affine());
            }
        }
        Ok(())
    }
}

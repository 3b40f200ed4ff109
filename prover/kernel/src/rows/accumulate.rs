//! A sum of multiples of generators and other points, put together scalar by scalar and computed at the end.

use crate::generators::{Family, first};
use crate::tables::RowWindows;
use crate::{Result, buckets};
use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ff::{AdditiveGroup, Zero};
use rayon::prelude::*;
use zeroize::Zeroizing;

/// With fewer row generators the table is not worth its making.
const LEAST_BY_TABLES: usize = 512;

#[derive(Default)]
pub struct Accumulator {
    /// The scalars of the generators of each family.
    families: [Zeroizing<Vec<Fr>>; Family::ALL.len()],
    points: Vec<G1Affine>,
    scalars: Vec<Fr>,
}

impl Accumulator {
    /// Adds `scalar` times the generator `index` of a family.
    pub fn add(&mut self, family: Family, index: usize, scalar: Fr) {
        self.add_all(family, [(index, scalar)]);
    }

    pub fn add_all(&mut self, family: Family, scalars: impl IntoIterator<Item = (usize, Fr)>) {
        let sums = &mut self.families[family as usize];
        for (index, scalar) in scalars {
            if index >= sums.len() {
                sums.resize(index + 1, Fr::ZERO);
            }
            sums[index] += scalar;
        }
    }

    /// Adds `scalar` times a point that is no generator.
    pub fn add_point(&mut self, point: G1Affine, scalar: Fr) {
        self.points.push(point);
        self.scalars.push(scalar);
    }

    pub fn merge(mut self, mut other: Self) -> Self {
        for ((family, _), sums) in Family::ALL.into_iter().zip(&other.families) {
            self.add_all(family, sums.iter().copied().enumerate());
        }
        self.points.append(&mut other.points);
        self.scalars.append(&mut other.scalars);
        self
    }

    /// The same as `sum`, with a table of `columns` row generators that pays off for whoever uses it often.
    pub fn sum_by_tables(mut self, columns: usize) -> Result<G1Projective> {
        let rows = &self.families[Family::RowPosition as usize];
        if rows.len() < LEAST_BY_TABLES {
            return self.sum();
        }
        let table = RowWindows::of(columns)?;
        let piece = rows.len().div_ceil(rayon::current_num_threads());
        let pieces = rows.par_chunks(piece).enumerate();
        let rows = pieces
            .map(|(index, scalars)| table.combination(index * piece, scalars))
            .try_reduce(G1Projective::zero, |a, b| Ok(a + b))?;
        self.families[Family::RowPosition as usize].clear();
        Ok(rows + self.sum()?)
    }

    /// The sum, on the threads of the current pool.
    pub fn sum(mut self) -> Result<G1Projective> {
        for ((family, _), scalars) in Family::ALL.into_iter().zip(&self.families) {
            self.points
                .extend_from_slice(&first(family, scalars.len())?[..scalars.len()]);
            self.scalars.extend_from_slice(scalars);
        }
        let scalars = Zeroizing::new(self.scalars);
        buckets::multi(&self.points, &scalars)
    }
}

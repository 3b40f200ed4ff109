//! Folding the bases and the functional of an opening, without touching a generator (section 4).
//!
//! After some folds each base B'_p is a sum of original generators, each with a factor. Keeping place and factor of every
//! original generator makes a combination of folded bases one multi-exponentiation over the original ones.

use super::multilinear::dot;
use ark_bn254::Fr;
use ark_ff::Field;

#[derive(Clone)]
pub struct Folding {
    /// Of each original generator: the folded base that it is in.
    places: Vec<u32>,
    /// ... and its factor there.
    factors: Vec<Fr>,
    /// a'.
    pub functional: Vec<Fr>,
}

impl Folding {
    pub fn new(functional: Vec<Fr>) -> Self {
        Self {
            places: (0..functional.len() as u32).collect(),
            factors: vec![Fr::ONE; functional.len()],
            functional,
        }
    }

    /// How many original generators there are.
    pub fn bases(&self) -> usize {
        self.places.len()
    }

    /// The length of the first half: B_lo.
    pub fn half(&self) -> usize {
        self.functional.len().div_ceil(2)
    }

    /// B' = B_lo + inverse B_hi and the same for a.
    pub fn fold(&mut self, inverse: Fr) {
        let half = self.half();
        for (place, factor) in self.places.iter_mut().zip(&mut self.factors) {
            if *place as usize >= half {
                *place -= half as u32;
                *factor *= inverse;
            }
        }
        let high = self.functional.split_off(half);
        for (low, high) in self.functional.iter_mut().zip(high) {
            *low += high * inverse;
        }
    }

    /// Scalars of the original generators in <vector, B'>, the first vector entry standing at base `start`; a base outside
    /// of the vector has scalar 0, of which there are as many as there are other bases.
    pub fn scalars(&self, vector: &[Fr], start: usize) -> impl Iterator<Item = (usize, Fr)> {
        self.places
            .iter()
            .zip(&self.factors)
            .enumerate()
            .filter_map(move |(index, (place, factor))| {
                let entry = vector.get((*place as usize).checked_sub(start)?)?;
                Some((index, *entry * factor))
            })
    }

    /// <vector, a'>.
    pub fn value(&self, vector: &[Fr]) -> Fr {
        dot(vector, &self.functional)
    }
}

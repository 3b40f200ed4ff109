//! The prover's side of an opening: folding a vector against generators (docs/spec/05-argument.md, section 4).

use super::accumulate::Accumulator;
use super::folding::Folding;
use super::multilinear::dot;
use super::nonces::Nonces;
use crate::generators::Family;
use crate::{Error, Result};
use ark_bn254::{Fr, G1Projective};
use ark_ff::{AdditiveGroup, Field};
use zeroize::{Zeroize, Zeroizing};

pub struct Opening {
    family: Family,
    /// The generator that belongs to the first entry of the vector.
    start: usize,
    pub folding: Folding,
    pub vector: Zeroizing<Vec<Fr>>,
    /// The blinder of P; folds do not touch it.
    pub blinder: Fr,
    pub theta: Fr,
    /// s_L and s_R of the fold in progress.
    sides: [Fr; 2],
}

impl Opening {
    pub fn new(family: Family, start: usize, vector: Zeroizing<Vec<Fr>>, blinder: Fr, functional: Vec<Fr>) -> Self {
        Self {
            family,
            start,
            folding: Folding::new(functional),
            vector,
            blinder,
            theta: Fr::ZERO,
            sides: [Fr::ZERO; 2],
        }
    }

    /// L and R of the next fold.
    pub fn sides(&mut self, eta: Fr, nonces: &mut Nonces) -> Result<[G1Projective; 2]> {
        self.sides = [nonces.draw(), nonces.draw()];
        let half = self.folding.half();
        let (low, high) = self.vector.split_at(half);
        let (functional_low, functional_high) = self.folding.functional.split_at(half);
        let (left, right) = rayon::join(
            || self.side(low, half, eta * dot(low, functional_high), self.sides[0]),
            || self.side(high, 0, eta * dot(high, functional_low), self.sides[1]),
        );
        Ok([left?, right?])
    }

    fn side(&self, vector: &[Fr], base: usize, value: Fr, blinder: Fr) -> Result<G1Projective> {
        let mut sum = Accumulator::default();
        let bases = self.folding.scalars(vector, base);
        sum.add_all(self.family, bases.map(|(index, scalar)| (index + self.start, scalar)));
        sum.add(Family::Single, 0, value);
        sum.add(Family::SingleBlinder, 0, blinder);
        sum.sum_by_tables(self.folding.bases())
    }

    /// Folds with the challenge `u`.
    pub fn fold(&mut self, u: Fr) -> Result<()> {
        let inverse = u.inverse().ok_or(Error::Internal("a fold challenge is 0"))?;
        let half = self.folding.half();
        let (low, high) = self.vector.split_at_mut(half);
        for (low, high) in low.iter_mut().zip(high) {
            *low += *high * u;
            high.zeroize();
        }
        self.vector.truncate(half);
        self.folding.fold(inverse);
        self.theta += inverse * self.sides[0] + u * self.sides[1];
        Ok(())
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.blinder.zeroize();
        self.theta.zeroize();
        self.sides.zeroize();
    }
}

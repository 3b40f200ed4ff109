//! What is checked (docs/spec/05-argument.md, section 5): the left sides, which the prover applies to masks and the
//! verifier to responses.

use super::accumulate::Accumulator;
use super::folding::Folding;
use super::layout::{Layout, Opened};
use super::multilinear::{dot, powers};
use super::polynomial::Polynomial;
use crate::generators::Family;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// An equation with a mask T of its own, in the order of the masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Equation {
    Round(usize),
    Evaluations,
    Cells,
    Rows,
}

/// Everything public that the equations depend on. Scalars are flat lists in the order of the layout.
pub struct Equations<'a> {
    pub layout: &'a Layout,
    pub polynomial: Polynomial,
    /// w: eq(tau', r_x) in zero mode, otherwise 1.
    pub scale: Fr,
    pub functional: LastClaim,
    pub eta: Fr,
    /// delta^0 .. delta^(k-1).
    pub deltas: Vec<Fr>,
    pub cells: Option<Folding>,
    pub rows: Folding,
}

impl Equations<'_> {
    pub fn all(&self) -> Vec<Equation> {
        let mut all: Vec<Equation> = (0..self.layout.rounds.len()).map(Equation::Round).collect();
        all.push(Equation::Evaluations);
        if self.cells.is_some() {
            all.push(Equation::Cells);
        }
        all.push(Equation::Rows);
        all
    }

    /// Adds `weight` times the left side of an equation.
    pub fn add_left(&self, equation: Equation, scalars: &[Fr], weight: Fr, sum: &mut Accumulator) {
        match equation {
            Equation::Round(round) => {
                add_blinded(&scalars[self.layout.rounds[round].clone()], Family::Round, weight, sum);
            }
            Equation::Evaluations => {
                add_blinded(&scalars[self.layout.evaluations.clone()], Family::Output, weight, sum);
            }
            Equation::Cells => {
                if let (Some(places), Some(folding)) = (&self.layout.cells, &self.cells) {
                    let vector = &scalars[places.vector.clone()];
                    let bases = folding
                        .scalars(vector, 0)
                        .map(|(index, scalar)| (index + 1, scalar * weight));
                    sum.add_all(Family::Output, bases);
                    sum.add(Family::Output, 0, scalars[places.blinder] * weight);
                    let claim = scalars[self.layout.evaluations.start];
                    self.add_value(folding, places, claim, scalars, weight, sum);
                }
            }
            Equation::Rows => {
                let places = &self.layout.rows;
                let vector = &scalars[places.vector.clone()];
                let bases = self
                    .rows
                    .scalars(vector, 0)
                    .map(|(index, scalar)| (index, scalar * weight));
                sum.add_all(Family::RowPosition, bases);
                sum.add(Family::RowBlinder, 0, scalars[places.blinder] * weight);
                let claim = dot(&self.deltas, &scalars[self.layout.values()]);
                self.add_value(&self.rows, places, claim, scalars, weight, sum);
            }
        }
    }

    /// eta (<z', a'> - lambda) g + theta h.
    fn add_value(
        &self,
        folding: &Folding,
        places: &Opened,
        claim: Fr,
        scalars: &[Fr],
        weight: Fr,
        sum: &mut Accumulator,
    ) {
        let value = folding.value(&scalars[places.vector.clone()]) - claim;
        sum.add(Family::Single, 0, self.eta * value * weight);
        sum.add(Family::SingleBlinder, 0, scalars[places.theta] * weight);
    }

    /// p(e; c) - c^(D-1) f(S_0, g).
    pub fn product(&self, scalars: &[Fr], c: Fr) -> Fr {
        let claim = self.layout.claim().map_or(Fr::ZERO, |place| scalars[place]);
        let last = self.functional.value(claim, scalars);
        let product = self.polynomial.homogeneous(&scalars[self.layout.values()], c);
        self.scale * product - c.pow([self.layout.degree as u64 - 1]) * last
    }
}

/// Multiples of generators 1, 2, .. and, by the last of the scalars, of generator 0.
fn add_blinded(scalars: &[Fr], family: Family, weight: Fr, sum: &mut Accumulator) {
    if let Some((blinder, values)) = scalars.split_last() {
        sum.add(family, 0, *blinder * weight);
        let values = values.iter().enumerate();
        sum.add_all(family, values.map(|(index, value)| (index + 1, *value * weight)));
    }
}

/// f, the last claim as a function of S_0 and the coefficients of all rounds (section 3).
pub struct LastClaim {
    first: Fr,
    /// At the place of g_{l,e} its weight; at that of rho_l, 0.
    weights: Vec<Fr>,
}

impl LastClaim {
    /// `challenges` are those of all rounds.
    pub fn new(layout: &Layout, challenges: &[Fr]) -> Self {
        let half = Fr::from(2u64).inverse().unwrap_or_default();
        let mut carried = Fr::ONE; // 2^-(rounds that follow)
        let mut blocks = Vec::with_capacity(layout.rounds.len());
        for (places, challenge) in layout.rounds.iter().zip(challenges).rev() {
            let powers = powers(*challenge, places.len());
            let weights = powers[1..].iter().map(|power| (*power - half) * carried);
            blocks.push(weights.chain([Fr::ZERO]).collect::<Vec<_>>());
            carried *= half;
        }
        Self {
            first: carried,
            weights: blocks.into_iter().rev().flatten().collect(),
        }
    }

    pub fn value(&self, claim: Fr, scalars: &[Fr]) -> Fr {
        self.first * claim + dot(&self.weights, scalars)
    }
}

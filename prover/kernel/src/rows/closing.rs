//! The closing sigma protocol, prover's side (docs/spec/05-argument.md, section 5).

use super::accumulate::Accumulator;
use super::equations::Equations;
use super::nonces::Nonces;
use super::univariate;
use crate::Result;
use crate::generators::Family;
use ark_bn254::{Fr, G1Projective};
use ark_ff::Field;
use rayon::prelude::*;
use zeroize::Zeroizing;

/// Masks of all secrets and sigma_0 .. sigma_{D-1}, until the last challenge.
pub struct Closing<'a> {
    secrets: &'a [Fr],
    masks: Zeroizing<Vec<Fr>>,
    sigmas: Zeroizing<Vec<Fr>>,
    /// t_0 .. t_D.
    product: Zeroizing<Vec<Fr>>,
}

impl<'a> Closing<'a> {
    pub fn new(equations: &Equations, secrets: &'a [Fr], nonces: &mut Nonces) -> Self {
        let masks = nonces.draw_many(secrets.len());
        let degree = equations.layout.degree;
        let values = (0..=degree as u64).map(|c| {
            let c = Fr::from(c);
            equations.product(&combined(&masks, secrets, c), c)
        });
        let values = Zeroizing::new(values.collect::<Vec<_>>());
        Self {
            secrets,
            sigmas: nonces.draw_many(degree),
            product: Zeroizing::new(univariate::coefficients(&values)),
            masks,
        }
    }

    /// t_D = p(e; 1) - f(S_0, g): 0 if and only if the rows satisfy the relation.
    pub fn residue(&self) -> Fr {
        self.product.last().copied().unwrap_or_default()
    }

    /// The masks that are sent: T_l .. T_E (T_cells) T_rows, Theta_0 .. Theta_{D-1}.
    pub fn points(&self, equations: &Equations) -> Result<Vec<G1Projective>> {
        let masks = equations.all().into_par_iter().map(|equation| {
            let mut sum = Accumulator::default();
            equations.add_left(equation, &self.masks, Fr::ONE, &mut sum);
            sum.sum_by_tables(equations.rows.bases())
        });
        let mut points = masks.collect::<Result<Vec<_>>>()?;
        for (coefficient, sigma) in self.product.iter().zip(self.sigmas.iter()) {
            let mut sum = Accumulator::default();
            sum.add(Family::Single, 0, *coefficient);
            sum.add(Family::SingleBlinder, 0, *sigma);
            points.push(sum.sum()?);
        }
        Ok(points)
    }

    /// s* of every secret, then sigma*.
    pub fn responses(&self, c: Fr) -> Vec<Fr> {
        let mut responses = combined(&self.masks, self.secrets, c).to_vec();
        responses.push(univariate::evaluate(&self.sigmas, c));
        responses
    }
}

/// d[s] + c s.
fn combined(masks: &[Fr], secrets: &[Fr], c: Fr) -> Zeroizing<Vec<Fr>> {
    let pairs = masks.iter().zip(secrets);
    Zeroizing::new(pairs.map(|(mask, secret)| c * secret + mask).collect())
}

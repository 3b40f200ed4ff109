//! The rounds over the rows (docs/spec/05-argument.md, section 3).
//!
//! The most significant bits are bound first: after n - m rounds the tables of the forms are the vectors that are opened.
//! The first round reads codes and not scalars, so that no table is longer than N / 2.

use super::evaluate::{Evaluator, Halves};
use super::loose::Loose;
use super::multilinear::{eq_bit, eq_table};
use super::polynomial::Polynomial;
use super::small::SmallRound;
use super::univariate;
use crate::{Error, Result};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;

/// Rows that a thread binds at a time.
const CHUNK: usize = 1 << 10;

/// The forms of the rows that are left.
enum Forms<'a> {
    /// No bit is bound.
    Codes {
        codes: &'a [Vec<u16>],
        /// Of each form: digit, and weights with a zero at the end for absent rows.
        lookups: Vec<Vec<(usize, Vec<Loose>)>>,
        rows: usize,
    },
    Tables(Vec<Vec<Loose>>),
}

/// eq(tau', .) of zero mode.
struct Weights {
    tau: Vec<Fr>,
    /// eq over the bits that are bound.
    bound: Fr,
    /// eq over the bits after the next, for each of their values.
    rest: Vec<Loose>,
}

pub struct Rounds<'a> {
    forms: Forms<'a>,
    evaluator: Evaluator,
    weights: Option<Weights>,
    /// What the first round adds up, if it could be done in integers.
    first: Option<Vec<Fr>>,
}

impl<'a> Rounds<'a> {
    /// `tau` is tau' in zero mode.
    pub fn new(polynomial: &Polynomial, codes: &'a [Vec<u16>], rows: usize, tau: Option<&[Fr]>) -> Self {
        let lookups = polynomial.forms.iter().map(|form| {
            let parts = form.parts.iter().map(|part| {
                let weights = part.weights.iter().copied().chain([Fr::ZERO]);
                (part.digit, weights.map(Loose::from).collect())
            });
            parts.collect()
        });
        let forms = Forms::Codes {
            codes,
            lookups: lookups.collect(),
            rows,
        };
        Self {
            forms,
            first: match tau {
                None => SmallRound::new(polynomial, codes, rows).map(|round| round.sums()),
                Some(_) => None,
            },
            evaluator: Evaluator::new(&polynomial.terms, polynomial.forms.len(), polynomial.degree),
            weights: tau.map(|tau| Weights {
                tau: tau.to_vec(),
                bound: Fr::ONE,
                rest: eq_table(tau.get(1..).unwrap_or_default())
                    .into_iter()
                    .map(Loose::from)
                    .collect(),
            }),
        }
    }

    /// The coefficients of the polynomial of the next round, whose values at 0 and 1 add up to `claim`.
    pub fn polynomial(&self, claim: Fr) -> Result<Vec<Fr>> {
        let weights = self.weights.as_ref().map(|weights| &weights.rest[..]);
        let sums = match &self.first {
            Some(sums) => sums.clone(),
            None => self.evaluator.sums(&self.forms, self.forms.rows() / 2, weights),
        };
        let Some(weights) = &self.weights else {
            let values: Vec<Fr> = [claim - sums[0]].into_iter().chain(sums).collect();
            return Ok(univariate::coefficients(&values));
        };
        // The factor eq(tau, X) of the open bit is linear and the same for all rows: it is multiplied in at the end.
        let tau = weights.tau[0];
        let inverse = ((Fr::ONE - tau) * weights.bound)
            .inverse()
            .ok_or(Error::Internal("a challenge is 0 or 1"))?;
        let first = (claim - tau * weights.bound * sums[0]) * inverse;
        let values: Vec<Fr> = [first].into_iter().chain(sums).collect();
        let inner = univariate::coefficients(&values);
        let (constant, slope) = (
            weights.bound * (Fr::ONE - tau),
            weights.bound * (tau.double() - Fr::ONE),
        );
        let mut product = vec![Fr::ZERO; inner.len() + 1];
        for (power, coefficient) in inner.into_iter().enumerate() {
            product[power] += constant * coefficient;
            product[power + 1] += slope * coefficient;
        }
        Ok(product)
    }

    pub fn bind(&mut self, r: Fr) {
        self.first = None;
        self.forms.bind(r);
        if let Some(weights) = &mut self.weights {
            weights.bound *= eq_bit(weights.tau.remove(0), r);
            let high = weights.rest.split_off(weights.rest.len() / 2);
            for (low, high) in weights.rest.iter_mut().zip(high) {
                // eq(0, .) + eq(1, .) = 1: the sum is eq over the other bits.
                *low += high;
            }
        }
    }

    /// The forms at the rows that are left.
    pub fn tables(&mut self) -> Vec<Vec<Fr>> {
        self.forms.tabulate();
        match &self.forms {
            Forms::Tables(tables) => tables
                .iter()
                .map(|table| table.iter().copied().map(Fr::from).collect())
                .collect(),
            Forms::Codes { .. } => Vec::new(),
        }
    }
}

impl Forms<'_> {
    fn rows(&self) -> usize {
        match self {
            Forms::Codes { rows, .. } => *rows,
            Forms::Tables(tables) => tables.first().map_or(0, Vec::len),
        }
    }

    fn bind(&mut self, r: Fr) {
        let half = self.rows() / 2;
        let r = Loose::from(r);
        match self {
            Forms::Codes { codes, lookups, .. } => {
                let tables = lookups.iter().map(|parts| {
                    let scaled = parts.iter().map(|(digit, weights)| {
                        let high: Vec<Loose> = weights.iter().map(|weight| r * *weight).collect();
                        let low = weights
                            .iter()
                            .zip(&high)
                            .map(|(weight, high)| *weight - *high)
                            .collect();
                        (&codes[*digit][..], low, high)
                    });
                    bind_codes(&scaled.collect::<Vec<_>>(), half)
                });
                *self = Forms::Tables(tables.collect());
            }
            Forms::Tables(tables) => {
                for table in tables {
                    let (low, high) = table.split_at_mut(half);
                    low.par_chunks_mut(CHUNK)
                        .zip(high.par_chunks(CHUNK))
                        .for_each(|(low, high)| {
                            for (low, high) in low.iter_mut().zip(high) {
                                *low += (*high - *low) * r;
                            }
                        });
                    table.truncate(half);
                }
            }
        }
    }

    /// Replaces codes by scalars.
    fn tabulate(&mut self) {
        if let Forms::Codes { codes, lookups, rows } = self {
            let tables = lookups.iter().map(|parts| {
                let mut table = vec![Loose::ZERO; *rows];
                for (digit, weights) in parts {
                    for (value, code) in table.iter_mut().zip(&codes[*digit]) {
                        *value += weights[usize::from(*code)];
                    }
                }
                table
            });
            *self = Forms::Tables(tables.collect());
        }
    }
}

/// (1 - r) phi(low half) + r phi(high half), where the factors are in the weights.
fn bind_codes(parts: &[(&[u16], Vec<Loose>, Vec<Loose>)], half: usize) -> Vec<Loose> {
    let mut table = vec![Loose::ZERO; half];
    table.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, table)| {
        let start = chunk * CHUNK;
        for (codes, low, high) in parts {
            let codes = codes[start..].iter().zip(&codes[start + half..]);
            for (value, (first, second)) in table.iter_mut().zip(codes) {
                *value += low[usize::from(*first)] + high[usize::from(*second)];
            }
        }
    });
    table
}

impl Halves for Forms<'_> {
    fn load(&self, form: usize, start: usize, values: &mut [Loose], steps: &mut [Loose]) {
        let half = self.rows() / 2;
        match self {
            Forms::Tables(tables) => {
                let (low, high) = tables[form].split_at(half);
                values.copy_from_slice(&high[start..][..values.len()]);
                steps.copy_from_slice(&low[start..][..steps.len()]);
            }
            Forms::Codes { codes, lookups, .. } => {
                values.fill(Loose::ZERO);
                steps.fill(Loose::ZERO);
                for (digit, weights) in &lookups[form] {
                    let (low, high) = codes[*digit].split_at(half);
                    add_lookups(&high[start..], weights, values);
                    add_lookups(&low[start..], weights, steps);
                }
            }
        }
        for (step, high) in steps.iter_mut().zip(values) {
            *step = *high - *step;
        }
    }
}

fn add_lookups(codes: &[u16], weights: &[Loose], values: &mut [Loose]) {
    for (value, code) in values.iter_mut().zip(codes) {
        *value += weights[usize::from(*code)];
    }
}

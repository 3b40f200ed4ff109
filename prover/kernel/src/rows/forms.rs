//! The values of forms at the rows that are left: codes first, tables of scalars once a bit is bound.

use super::evaluate::Halves;
use super::relation::Form;
use crate::loose::LooseFr;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

/// Rows that a thread binds at a time.
const CHUNK: usize = 1 << 10;

/// Of each part of a form: digit, and weights with a zero at the end for absent rows.
pub type Lookup = Vec<(usize, Vec<LooseFr>)>;

pub enum Forms<'a> {
    /// No bit is bound.
    Codes {
        codes: &'a [Vec<u16>],
        lookups: Vec<Lookup>,
        rows: usize,
    },
    Tables(Vec<Vec<LooseFr>>),
}

impl<'a> Forms<'a> {
    pub fn new(forms: &[Form], codes: &'a [Vec<u16>], rows: usize) -> Self {
        Self::Codes {
            codes,
            lookups: forms.iter().map(lookup).collect(),
            rows,
        }
    }

    pub fn rows(&self) -> usize {
        match self {
            Forms::Codes { rows, .. } => *rows,
            Forms::Tables(tables) => tables.first().map_or(0, Vec::len),
        }
    }

    /// Binds the most significant bit that is left.
    pub fn bind(&mut self, r: Fr) {
        let half = self.rows() / 2;
        let r = LooseFr::from(r);
        match self {
            Forms::Codes { codes, lookups, .. } => {
                let tables = lookups.iter().map(|parts| {
                    let scaled = parts.iter().map(|(digit, weights)| {
                        let high: Vec<LooseFr> = weights.iter().map(|weight| r * *weight).collect();
                        let low = weights.iter().zip(&high).map(|(weight, high)| *weight - *high);
                        (&codes[*digit][..], low.collect(), high)
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

    /// The tables, from codes if no bit is bound.
    pub fn tables(&mut self) -> &[Vec<LooseFr>] {
        if let Forms::Codes { codes, lookups, rows } = self {
            let tables = lookups.iter().map(|parts| {
                let mut table = vec![LooseFr::ZERO; *rows];
                for (digit, weights) in parts {
                    add_lookups(&codes[*digit], weights, &mut table);
                }
                table
            });
            *self = Forms::Tables(tables.collect());
        }
        match self {
            Forms::Tables(tables) => tables,
            Forms::Codes { .. } => &[],
        }
    }
}

pub fn lookup(form: &Form) -> Lookup {
    let parts = form.parts.iter().map(|part| {
        let weights = part.weights.iter().copied().chain([Fr::ZERO]);
        (part.digit, weights.map(LooseFr::from).collect())
    });
    parts.collect()
}

/// (1 - r) phi(low half) + r phi(high half), where the factors are in the weights.
fn bind_codes(parts: &[(&[u16], Vec<LooseFr>, Vec<LooseFr>)], half: usize) -> Vec<LooseFr> {
    let mut table = vec![LooseFr::ZERO; half];
    table.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, table)| {
        let start = chunk * CHUNK;
        for (codes, low, high) in parts {
            add_lookups(&codes[start..], low, table);
            add_lookups(&codes[start + half..], high, table);
        }
    });
    table
}

impl Halves for Forms<'_> {
    fn load(&self, form: usize, start: usize, values: &mut [LooseFr], steps: &mut [LooseFr]) {
        let half = self.rows() / 2;
        match self {
            Forms::Tables(tables) => {
                let (low, high) = tables[form].split_at(half);
                values.copy_from_slice(&high[start..][..values.len()]);
                steps.copy_from_slice(&low[start..][..steps.len()]);
            }
            Forms::Codes { codes, lookups, .. } => {
                values.fill(LooseFr::ZERO);
                steps.fill(LooseFr::ZERO);
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

fn add_lookups(codes: &[u16], weights: &[LooseFr], values: &mut [LooseFr]) {
    for (value, code) in values.iter_mut().zip(codes) {
        *value += weights[usize::from(*code)];
    }
}

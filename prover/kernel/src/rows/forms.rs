//! The values of forms at the rows that are left: codes first, tables of scalars once a bit is bound.

use super::evaluate::Halves;
use super::multilinear::eq_table;
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
    /// Few bits are bound, and their challenges wait.
    Codes {
        codes: &'a [Vec<u16>],
        lookups: Vec<Lookup>,
        bound: Vec<Fr>,
        /// How many are bound at once.
        wait: usize,
        rows: usize,
    },
    Tables(Vec<Vec<LooseFr>>),
}

impl<'a> Forms<'a> {
    /// `wait` bits are bound before the first table is made.
    pub fn new(forms: &[Form], codes: &'a [Vec<u16>], rows: usize, wait: usize) -> Self {
        Self::Codes {
            codes,
            lookups: forms.iter().map(lookup).collect(),
            bound: Vec::new(),
            wait,
            rows,
        }
    }

    pub fn rows(&self) -> usize {
        match self {
            Forms::Codes { rows, bound, .. } => rows >> bound.len(),
            Forms::Tables(tables) => tables.first().map_or(0, Vec::len),
        }
    }

    /// Binds the most significant bit that is left.
    pub fn bind(&mut self, r: Fr) {
        let half = self.rows() / 2;
        match self {
            Forms::Codes { bound, wait, .. } => {
                bound.push(r);
                if bound.len() == *wait {
                    self.tables();
                }
            }
            Forms::Tables(tables) => {
                let r = LooseFr::from(r);
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

    /// The tables, made from codes if there are none yet.
    pub fn tables(&mut self) -> &[Vec<LooseFr>] {
        if let Forms::Codes {
            codes, lookups, bound, ..
        } = self
        {
            let factors: Vec<LooseFr> = eq_table(bound).into_iter().map(LooseFr::from).collect();
            let tables = lookups.iter().map(|lookup| tabulate(lookup, codes, &factors));
            *self = Forms::Tables(tables.collect());
        }
        match self {
            Forms::Tables(tables) => tables,
            Forms::Codes { .. } => &[],
        }
    }
}

/// sum over the values of the bound bits, and over parts, of a factor times a weight.
fn tabulate(lookup: &Lookup, codes: &[Vec<u16>], factors: &[LooseFr]) -> Vec<LooseFr> {
    let scaled: Vec<(&[u16], Vec<LooseFr>)> = lookup
        .iter()
        .flat_map(|(digit, weights)| {
            let segments = codes[*digit].chunks_exact(codes[*digit].len() / factors.len());
            let scaled = factors
                .iter()
                .map(|factor| weights.iter().map(|weight| *factor * *weight).collect());
            segments.zip(scaled)
        })
        .collect();
    let rows = scaled.first().map_or(0, |(codes, _)| codes.len());
    let mut table = vec![LooseFr::ZERO; rows];
    table.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, table)| {
        for (codes, weights) in &scaled {
            add_lookups(&codes[chunk * CHUNK..], weights, table);
        }
    });
    table
}

pub fn lookup(form: &Form) -> Lookup {
    let parts = form.parts.iter().map(|part| {
        let weights = part.weights.iter().copied().chain([Fr::ZERO]);
        (part.digit, weights.map(LooseFr::from).collect())
    });
    parts.collect()
}

impl Halves for Forms<'_> {
    /// From codes only while no bit is bound: the sums of rounds that wait are known without the rows.
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

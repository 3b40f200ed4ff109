//! Rows of one digit counted by their codes, for zero mode.
//!
//! Every sum of zero mode weighs row x with eq(tau', x), and a function of one digit depends on the row's code alone. So the
//! rounds over t need one sum for each code, and the first round over x one for each pair of codes of the rows x and
//! x + N / 2: additions only, however many terms there are.

use super::evaluate::Halves;
use super::forms::Lookup;
use crate::loose::LooseFr;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

/// A table of pairs is made if there are so many more pairs of rows than pairs of codes.
const LEAST_ROWS_PER_PAIR: usize = 4;

/// The weights of the rows of a digit, added up.
pub struct Counted {
    /// By the code of a row in the lower half, and in the upper half, without the factor of the highest bit.
    low: Vec<Fr>,
    high: Vec<Fr>,
    /// By both codes, the one in the lower half first; K + 1 codes, the last for absent rows.
    pub pairs: Option<Vec<LooseFr>>,
}

impl Counted {
    /// `rest` is eq over all bits of x but the highest.
    pub fn new(codes: &[u16], values: usize, rest: &[LooseFr]) -> Self {
        let (low, high) = codes.split_at(codes.len().div_ceil(2));
        let codes = values + 1;
        if codes * codes * LEAST_ROWS_PER_PAIR > rest.len() {
            return Self {
                low: to_scalars(&sums_by(low, rest, codes, |code| usize::from(*code))),
                high: to_scalars(&sums_by(high, rest, codes, |code| usize::from(*code))),
                pairs: None,
            };
        }
        let both: Vec<(u16, u16)> = low.iter().copied().zip(high.iter().copied()).collect();
        let pairs = sums_by(&both, rest, codes * codes, |(low, high)| {
            usize::from(*low) * codes + usize::from(*high)
        });
        let by_low = pairs.chunks_exact(codes).map(|row| row.iter().copied().sum());
        let by_high = (0..codes).map(|high| pairs.iter().skip(high).step_by(codes).copied().sum());
        Self {
            low: to_scalars(&by_low.collect::<Vec<_>>()),
            high: to_scalars(&by_high.collect::<Vec<_>>()),
            pairs: Some(pairs),
        }
    }

    /// sum over x of eq(tau', x) for each value; `first` is tau' of the highest bit, if x has bits.
    pub fn by_code(&self, first: Option<&Fr>) -> Vec<Fr> {
        let first = first.copied().unwrap_or(Fr::ZERO);
        // Absent rows stand last and have no value.
        let values = self.low.len() - 1;
        let sums = self.low.iter().zip(&self.high).take(values);
        sums.map(|(low, high)| *low + first * (*high - low)).collect()
    }
}

/// The forms of one digit at all pairs of codes, in the order of `Counted::pairs`.
pub struct CodePairs<'a> {
    pub lookups: &'a [Lookup],
    pub codes: usize,
}

impl Halves for CodePairs<'_> {
    fn load(&self, form: usize, start: usize, values: &mut [LooseFr], steps: &mut [LooseFr]) {
        let weights = self.lookups[form].iter().map(|(_, weights)| weights);
        for weights in weights {
            for (pair, (value, step)) in (start..).zip(values.iter_mut().zip(steps.iter_mut())) {
                *value = weights[pair % self.codes];
                *step = *value - weights[pair / self.codes];
            }
        }
    }
}

/// The weights added up by the place that a row falls into.
fn sums_by<T: Sync>(
    rows: &[T],
    weights: &[LooseFr],
    places: usize,
    place: impl Fn(&T) -> usize + Sync,
) -> Vec<LooseFr> {
    let piece = rows.len().div_ceil(rayon::current_num_threads()).max(1);
    let pieces = rows.par_chunks(piece).zip(weights.par_chunks(piece));
    pieces
        .map(|(rows, weights)| {
            let mut sums = vec![LooseFr::ZERO; places];
            for (row, weight) in rows.iter().zip(weights) {
                sums[place(row)] += *weight;
            }
            sums
        })
        .reduce(
            || vec![LooseFr::ZERO; places],
            |mut a, b| {
                for (a, b) in a.iter_mut().zip(b) {
                    *a += b;
                }
                a
            },
        )
}

fn to_scalars(sums: &[LooseFr]) -> Vec<Fr> {
    sums.iter().copied().map(Fr::from).collect()
}

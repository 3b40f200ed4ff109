//! Sums over rows of a polynomial in forms, at the points 1, 2, .. of the variable that a round leaves open.
//!
//! A form is linear in that variable, so its next value is the last one plus a difference. Components of lower degree are
//! evaluated at as many points as their own degree needs; the rest follows by differences.

use super::loose::Loose;
use super::relation::Term;
use super::terms::{Component, Nested, components};
use super::univariate::extend;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;

/// Rows that are worked on together: long enough to hide the nesting, short enough for the first-level cache.
pub const BLOCK: usize = 64;
type Block = [Loose; BLOCK];

/// Blocks that a thread takes at a time, at least.
const LEAST_BLOCKS: usize = 8;

/// Where a block of a form's values comes from.
pub trait Halves: Sync {
    /// Of a form at `values.len()` pairs of rows from `start`: the values with the open variable 1, and how much they are
    /// above those with 0.
    fn load(&self, form: usize, start: usize, values: &mut [Loose], steps: &mut [Loose]);
}

#[derive(Debug)]
pub struct Evaluator {
    components: Vec<Component>,
    /// D: values are wanted at 1 .. D.
    degree: usize,
}

/// Sums by degree of the component, and by point.
type Sums = Vec<Vec<Loose>>;

/// What a thread works with.
struct Scratch {
    values: Vec<Block>,
    steps: Vec<Block>,
    stack: Vec<Block>,
    /// The components of one degree at the rows of a block, by point.
    totals: Vec<Vec<Block>>,
    sums: Sums,
}

impl Evaluator {
    pub fn new(terms: &[Term], forms: usize, degree: usize) -> Self {
        Self {
            components: components(terms, forms),
            degree,
        }
    }

    /// sum over pairs of the polynomial at 1 .. D, each pair with its weight if there are weights.
    pub fn sums(&self, source: &impl Halves, pairs: usize, weights: Option<&[Loose]>) -> Vec<Fr> {
        let sums = (0..pairs.div_ceil(BLOCK))
            .into_par_iter()
            .with_min_len(LEAST_BLOCKS)
            .fold(
                || self.scratch(),
                |mut scratch, block| {
                    let start = block * BLOCK;
                    let length = BLOCK.min(pairs - start);
                    self.add_block(source, start, length, &mut scratch);
                    scratch.sum(length, weights.map(|weights| &weights[start..][..length]));
                    scratch
                },
            )
            .map(|scratch| scratch.sums)
            .reduce(|| self.no_sums(), add_sums);
        let mut total = vec![Fr::ZERO; self.degree];
        for sums in sums.into_iter().filter(|sums| !sums.is_empty()) {
            let mut sums: Vec<Fr> = sums.into_iter().map(Fr::from).collect();
            extend(&mut sums, self.degree);
            for (total, sum) in total.iter_mut().zip(sums) {
                *total += sum;
            }
        }
        total
    }

    /// How many points the components of a degree are evaluated at.
    fn points(&self, degree: usize) -> usize {
        (degree + 1).min(self.degree)
    }

    fn no_sums(&self) -> Sums {
        let mut sums = vec![Vec::new(); self.degree + 1];
        for component in &self.components {
            sums[component.degree] = vec![Loose::ZERO; self.points(component.degree)];
        }
        sums
    }

    fn scratch(&self) -> Scratch {
        let forms = self.components.iter().map(|component| component.forms.len()).max();
        let zero = [Loose::ZERO; BLOCK];
        let sums = self.no_sums();
        Scratch {
            values: vec![zero; forms.unwrap_or(0)],
            steps: vec![zero; forms.unwrap_or(0)],
            stack: vec![zero; self.degree + 1],
            totals: sums.iter().map(|sums| vec![zero; sums.len()]).collect(),
            sums,
        }
    }

    /// Writes the totals of the rows from `start`.
    fn add_block(&self, source: &impl Halves, start: usize, length: usize, scratch: &mut Scratch) {
        let Scratch {
            values,
            steps,
            stack,
            totals,
            ..
        } = scratch;
        totals
            .iter_mut()
            .flatten()
            .for_each(|total| total[..length].fill(Loose::ZERO));
        for component in &self.components {
            for (form, (values, steps)) in component.forms.iter().zip(values.iter_mut().zip(steps.iter_mut())) {
                source.load(*form, start, &mut values[..length], &mut steps[..length]);
            }
            for (point, total) in totals[component.degree].iter_mut().enumerate() {
                if point > 0 {
                    for (values, steps) in values.iter_mut().zip(steps.iter()).take(component.forms.len()) {
                        add_each(&mut values[..length], &steps[..length]);
                    }
                }
                component.nested.add_to(values, &mut total[..length], stack);
            }
        }
    }
}

impl Scratch {
    /// Adds the totals to the sums.
    fn sum(&mut self, length: usize, weights: Option<&[Loose]>) {
        for (total, sum) in self.totals.iter().flatten().zip(self.sums.iter_mut().flatten()) {
            let total = &total[..length];
            *sum += match weights {
                None => total.iter().copied().sum(),
                Some(weights) => total.iter().zip(weights).map(|(value, weight)| *value * *weight).sum(),
            };
        }
    }
}

impl Nested {
    /// Adds the value at each row of a block.
    fn add_to(&self, values: &[Block], total: &mut [Loose], stack: &mut [Block]) {
        if self.constant != Fr::ZERO {
            let constant = Loose::from(self.constant);
            total.iter_mut().for_each(|sum| *sum += constant);
        }
        for (form, inner) in &self.branches {
            let values_here = &values[*form][..total.len()];
            if inner.branches.is_empty() && inner.constant == Fr::ONE {
                add_each(total, values_here);
            } else if inner.branches.is_empty() {
                let factor = Loose::from(inner.constant);
                for (sum, value) in total.iter_mut().zip(values_here) {
                    *sum += *value * factor;
                }
            } else if let Some((product, deeper)) = stack.split_first_mut() {
                let product = &mut product[..total.len()];
                product.fill(Loose::ZERO);
                inner.add_to(values, product, deeper);
                for ((sum, value), product) in total.iter_mut().zip(values_here).zip(product) {
                    *sum += *value * *product;
                }
            }
        }
    }
}

fn add_each(sums: &mut [Loose], values: &[Loose]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += *value;
    }
}

fn add_sums(mut a: Sums, b: Sums) -> Sums {
    for (a, b) in a.iter_mut().flatten().zip(b.into_iter().flatten()) {
        *a += b;
    }
    a
}

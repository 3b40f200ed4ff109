//! Sums over rows of a polynomial in forms, at the points 1, 2, .. of the variable that a round leaves open.
//!
//! A form is linear in that variable, so its next value is the last one plus a difference. Components of lower degree are
//! evaluated at as many points as their own degree needs; the rest follows by differences.

use super::relation::Term;
use super::terms::{Nested, components};
use super::univariate::extend;
use crate::loose::LooseFr;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;

/// Rows that are worked on together: long enough to hide the nesting, short enough for the first-level cache.
pub const BLOCK: usize = 64;
type Block = [LooseFr; BLOCK];

/// Blocks that a thread takes at a time, at least.
const LEAST_BLOCKS: usize = 8;

/// Where a block of a form's values comes from.
pub trait Halves: Sync {
    /// Of a form at `values.len()` pairs of rows from `start`: the values with the open variable 1, and how much they are
    /// above those with 0.
    fn load(&self, form: usize, start: usize, values: &mut [LooseFr], steps: &mut [LooseFr]);
}

#[derive(Debug)]
pub struct Evaluator {
    parts: Vec<Part>,
    groups: Vec<Group>,
    /// D: values are wanted at 1 .. D.
    degree: usize,
}

/// A component.
#[derive(Debug)]
struct Part {
    forms: Vec<usize>,
    nested: Nested,
    group: usize,
}

/// Components whose values are added up row by row: they need as many points, and one factor in the end.
#[derive(Debug, PartialEq)]
struct Group {
    scale: Fr,
    points: usize,
}

/// Sums by group and by point.
type Sums = Vec<Vec<LooseFr>>;

/// What a thread works with.
struct Scratch {
    values: Vec<Block>,
    steps: Vec<Block>,
    stack: Vec<Block>,
    /// Of a group at the rows of a block, by point.
    totals: Vec<Vec<Block>>,
    sums: Sums,
}

impl Evaluator {
    pub fn new(terms: &[Term], forms: usize, degree: usize) -> Self {
        let mut groups = Vec::new();
        let parts = components(terms, forms).into_iter().map(|component| {
            let group = Group {
                scale: component.scale,
                points: (component.degree + 1).min(degree),
            };
            let known = groups.iter().position(|known| *known == group);
            Part {
                forms: component.forms,
                nested: component.nested,
                group: known.unwrap_or_else(|| {
                    groups.push(group);
                    groups.len() - 1
                }),
            }
        });
        Self {
            parts: parts.collect(),
            groups,
            degree,
        }
    }

    /// sum over pairs of the polynomial at 1 .. D, each pair with its weight if there are weights.
    pub fn sums(&self, source: &impl Halves, pairs: usize, weights: Option<&[LooseFr]>) -> Vec<Fr> {
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
        for (group, sums) in self.groups.iter().zip(sums) {
            let mut sums: Vec<Fr> = sums.into_iter().map(Fr::from).collect();
            extend(&mut sums, self.degree);
            for (total, sum) in total.iter_mut().zip(sums) {
                *total += group.scale * sum;
            }
        }
        total
    }

    fn no_sums(&self) -> Sums {
        self.groups
            .iter()
            .map(|group| vec![LooseFr::ZERO; group.points])
            .collect()
    }

    fn scratch(&self) -> Scratch {
        let forms = self.parts.iter().map(|part| part.forms.len()).max();
        let zero = [LooseFr::ZERO; BLOCK];
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
            .for_each(|total| total[..length].fill(LooseFr::ZERO));
        for part in &self.parts {
            for (form, (values, steps)) in part.forms.iter().zip(values.iter_mut().zip(steps.iter_mut())) {
                source.load(*form, start, &mut values[..length], &mut steps[..length]);
            }
            for (point, total) in totals[part.group].iter_mut().enumerate() {
                if point > 0 {
                    for (values, steps) in values.iter_mut().zip(steps.iter()).take(part.forms.len()) {
                        add_each(&mut values[..length], &steps[..length]);
                    }
                }
                part.nested.add_to(values, &mut total[..length], stack);
            }
        }
    }
}

impl Scratch {
    /// Adds the totals to the sums.
    fn sum(&mut self, length: usize, weights: Option<&[LooseFr]>) {
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
    fn add_to(&self, values: &[Block], total: &mut [LooseFr], stack: &mut [Block]) {
        if self.constant != Fr::ZERO {
            let constant = LooseFr::from(self.constant);
            total.iter_mut().for_each(|sum| *sum += constant);
        }
        for (form, inner) in &self.branches {
            let values_here = &values[*form][..total.len()];
            if inner.branches.is_empty() && inner.constant == Fr::ONE {
                add_each(total, values_here);
            } else if inner.branches.is_empty() {
                let factor = LooseFr::from(inner.constant);
                for (sum, value) in total.iter_mut().zip(values_here) {
                    *sum += *value * factor;
                }
            } else if let Some(other) = inner.only_form() {
                let other = &values[other][..total.len()];
                for ((sum, value), other) in total.iter_mut().zip(values_here).zip(other) {
                    *sum += *value * *other;
                }
            } else if let Some((product, deeper)) = stack.split_first_mut() {
                let product = &mut product[..total.len()];
                product.fill(LooseFr::ZERO);
                inner.add_to(values, product, deeper);
                for ((sum, value), product) in total.iter_mut().zip(values_here).zip(product) {
                    *sum += *value * *product;
                }
            }
        }
    }
}

fn add_each(sums: &mut [LooseFr], values: &[LooseFr]) {
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

//! Sums over rows of a polynomial in forms, at the points 1, 2, .. of the variable that a round leaves open.
//!
//! A form is linear in that variable, so its next value is the last one plus a difference. Terms are nested by their most
//! frequent factor: f1 f2 f3 (a + l (b + c l)) takes five multiplications. Terms that share no form with others of higher
//! degree are evaluated at as many points as their own degree needs; the rest follows by differences.

use super::relation::Term;
use super::univariate::extend;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;

/// Rows that are worked on together: long enough to hide the nesting, short enough for the first-level cache.
pub const BLOCK: usize = 64;
type Block = [Fr; BLOCK];

/// Blocks that a thread takes at a time, at least.
const LEAST_BLOCKS: usize = 8;

/// Where a block of a form's values comes from.
pub trait Halves: Sync {
    /// The values of a form at `low.len()` pairs of rows from `start`: with the open variable 0, and with it 1.
    fn load(&self, form: usize, start: usize, low: &mut [Fr], high: &mut [Fr]);
}

/// constant + sum over branches of form times nested sum.
#[derive(Debug, Default)]
struct Nested {
    constant: Fr,
    branches: Vec<(usize, Nested)>,
}

/// Terms that share forms, directly or through others.
#[derive(Debug)]
struct Component {
    /// The forms, by their index in the polynomial; `nested` counts them from 0.
    forms: Vec<usize>,
    nested: Nested,
    degree: usize,
}

#[derive(Debug)]
pub struct Evaluator {
    components: Vec<Component>,
    /// D: values are wanted at 1 .. D.
    degree: usize,
}

/// What a thread works with.
struct Scratch {
    values: Vec<Block>,
    steps: Vec<Block>,
    stack: Vec<Block>,
    /// By degree of the component and by point.
    blocks: Vec<Vec<Block>>,
    sums: Vec<Vec<Fr>>,
}

impl Evaluator {
    pub fn new(terms: &[Term], forms: usize, degree: usize) -> Self {
        let components = split(terms, forms).into_iter().map(|terms| component(&terms)).collect();
        Self { components, degree }
    }

    /// sum over pairs of the polynomial at 1 .. D, each pair with its weight if there are weights.
    pub fn sums(&self, source: &impl Halves, pairs: usize, weights: Option<&[Fr]>) -> Vec<Fr> {
        let sums = (0..pairs.div_ceil(BLOCK))
            .into_par_iter()
            .with_min_len(LEAST_BLOCKS)
            .fold(
                || self.scratch(),
                |mut scratch, block| {
                    let start = block * BLOCK;
                    let length = BLOCK.min(pairs - start);
                    let weights = weights.map(|weights| &weights[start..][..length]);
                    self.add_block(source, start, length, weights, &mut scratch);
                    scratch
                },
            )
            .map(|scratch| scratch.sums)
            .reduce(|| self.no_sums(), add_sums);
        let mut total = vec![Fr::ZERO; self.degree];
        for mut sums in sums.into_iter().filter(|sums| !sums.is_empty()) {
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

    fn no_sums(&self) -> Vec<Vec<Fr>> {
        let mut sums = vec![Vec::new(); self.degree + 1];
        for component in &self.components {
            sums[component.degree] = vec![Fr::ZERO; self.points(component.degree)];
        }
        sums
    }

    fn scratch(&self) -> Scratch {
        let forms = self.components.iter().map(|component| component.forms.len()).max();
        let zero = [Fr::ZERO; BLOCK];
        let sums = self.no_sums();
        Scratch {
            values: vec![zero; forms.unwrap_or(0)],
            steps: vec![zero; forms.unwrap_or(0)],
            stack: vec![zero; self.degree + 1],
            blocks: sums.iter().map(|sums| vec![zero; sums.len()]).collect(),
            sums,
        }
    }

    fn add_block(
        &self,
        source: &impl Halves,
        start: usize,
        length: usize,
        weights: Option<&[Fr]>,
        scratch: &mut Scratch,
    ) {
        scratch
            .blocks
            .as_mut_slice()
            .iter_mut()
            .flatten()
            .for_each(|block| block[..length].fill(Fr::ZERO));
        for component in &self.components {
            for (form, (value, step)) in component
                .forms
                .iter()
                .zip(scratch.values.iter_mut().zip(&mut scratch.steps))
            {
                source.load(*form, start, &mut step[..length], &mut value[..length]);
                for (step, high) in step[..length].iter_mut().zip(&value[..length]) {
                    *step = *high - *step;
                }
            }
            let points = self.points(component.degree);
            for (point, total) in scratch.blocks[component.degree].iter_mut().enumerate() {
                component
                    .nested
                    .add_to(&scratch.values, total, length, &mut scratch.stack);
                if point + 1 < points {
                    for (value, step) in scratch
                        .values
                        .iter_mut()
                        .zip(&scratch.steps)
                        .take(component.forms.len())
                    {
                        for (value, step) in value[..length].iter_mut().zip(&step[..length]) {
                            *value += step;
                        }
                    }
                }
            }
        }
        for (blocks, sums) in scratch.blocks.iter().zip(&mut scratch.sums) {
            for (block, sum) in blocks.iter().zip(sums) {
                *sum += match weights {
                    None => block[..length].iter().sum::<Fr>(),
                    Some(weights) => block.iter().zip(weights).map(|(value, weight)| *value * weight).sum(),
                };
            }
        }
    }
}

impl Nested {
    /// Nests terms, given as coefficient and factors.
    fn new(mut terms: Vec<(Fr, Vec<usize>)>) -> Self {
        let mut nested = Self::default();
        loop {
            let (constants, rest): (Vec<_>, Vec<_>) = terms.into_iter().partition(|(_, factors)| factors.is_empty());
            nested.constant += constants.iter().map(|(coefficient, _)| coefficient).sum::<Fr>();
            let Some(form) = most_frequent(&rest) else {
                return nested;
            };
            let (with, without): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, factors)| factors.contains(&form));
            let divided = with.into_iter().map(|(coefficient, mut factors)| {
                if let Some(place) = factors.iter().position(|factor| *factor == form) {
                    factors.remove(place);
                }
                (coefficient, factors)
            });
            nested.branches.push((form, Self::new(divided.collect())));
            terms = without;
        }
    }

    /// Adds the value at each row of a block.
    fn add_to(&self, values: &[Block], total: &mut Block, length: usize, stack: &mut [Block]) {
        if self.constant != Fr::ZERO {
            total[..length].iter_mut().for_each(|sum| *sum += self.constant);
        }
        for (form, inner) in &self.branches {
            let pairs = total[..length].iter_mut().zip(&values[*form][..length]);
            if let Some((product, deeper)) = stack.split_first_mut()
                && !inner.branches.is_empty()
            {
                inner.write_to(values, product, length, deeper);
                pairs
                    .zip(product.iter())
                    .for_each(|((sum, value), product)| *sum += *value * product);
            } else if inner.constant == Fr::ONE {
                pairs.for_each(|(sum, value)| *sum += value);
            } else {
                pairs.for_each(|(sum, value)| *sum += *value * inner.constant);
            }
        }
    }

    fn write_to(&self, values: &[Block], total: &mut Block, length: usize, stack: &mut [Block]) {
        total[..length].fill(Fr::ZERO);
        self.add_to(values, total, length, stack);
    }
}

/// The form that the most terms contain.
fn most_frequent(terms: &[(Fr, Vec<usize>)]) -> Option<usize> {
    let mut counts = std::collections::BTreeMap::new();
    for (_, factors) in terms {
        let mut factors = factors.clone();
        factors.dedup();
        for form in factors {
            *counts.entry(form).or_insert(0usize) += 1;
        }
    }
    counts
        .into_iter()
        .max_by_key(|(form, count)| (*count, std::cmp::Reverse(*form)))
        .map(|(form, _)| form)
}

fn component(terms: &[&Term]) -> Component {
    let mut forms: Vec<usize> = terms.iter().flat_map(|term| term.factors.iter().copied()).collect();
    forms.sort_unstable();
    forms.dedup();
    let local = |form: &usize| forms.binary_search(form).unwrap_or_default(); // it is there
    let nested = terms
        .iter()
        .map(|term| (term.coefficient, term.factors.iter().map(local).collect()))
        .collect();
    Component {
        nested: Nested::new(nested),
        degree: terms.iter().map(|term| term.factors.len()).max().unwrap_or(0),
        forms,
    }
}

/// Groups terms so that two of different groups have no form in common.
fn split(terms: &[Term], forms: usize) -> Vec<Vec<&Term>> {
    let mut leaders: Vec<usize> = (0..forms).collect();
    fn leader(leaders: &mut [usize], mut form: usize) -> usize {
        while leaders[form] != form {
            leaders[form] = leaders[leaders[form]];
            form = leaders[form];
        }
        form
    }
    for term in terms {
        for pair in term.factors.windows(2) {
            let (a, b) = (leader(&mut leaders, pair[0]), leader(&mut leaders, pair[1]));
            leaders[a] = b;
        }
    }
    let mut groups: Vec<Vec<&Term>> = vec![Vec::new(); forms];
    for term in terms {
        groups[leader(&mut leaders, term.factors[0])].push(term);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn add_sums(mut a: Vec<Vec<Fr>>, b: Vec<Vec<Fr>>) -> Vec<Vec<Fr>> {
    for (a, b) in a.iter_mut().flatten().zip(b.into_iter().flatten()) {
        *a += b;
    }
    a
}

//! The first round of cells mode in machine integers.
//!
//! Before a challenge is bound, most forms have small integers as values: indicators of a filter, digits of a number. Their
//! products fit a machine word, so the first round, half of all work over rows, costs little. A term may have one factor
//! with large weights (a row's group says which power of gamma): the small products are then added up by the digit's value,
//! and each sum meets its weight once, at the end.

use super::evaluate::BLOCK;
use super::polynomial::Polynomial;
use super::relation::Form;
use super::terms::Tree;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, PrimeField};
use rayon::prelude::*;

type Block = [i64; BLOCK];
/// Of each part: digit and weights, with a zero at the end for absent rows.
type SmallForm = Vec<(usize, Vec<i64>)>;

/// Weights of small forms are below.
const MAX_WEIGHT: i64 = 1 << 20;
/// Products are below, so that 64 of them add up in a word, and 2^19 in two.
const MAX_PRODUCT: i128 = 1 << 56;
/// Blocks that a thread takes at a time, at least.
const LEAST_BLOCKS: usize = 64;

/// A coefficient and perhaps one factor with large weights.
struct Leaf {
    coefficient: Fr,
    large: Option<usize>,
    /// Where its sums start.
    place: usize,
}

pub struct SmallRound<'a> {
    polynomial: &'a Polynomial,
    codes: &'a [Vec<u16>],
    half: usize,
    small: Vec<Option<SmallForm>>,
    tree: Tree<Leaf>,
    sums: usize,
}

struct Scratch {
    values: Vec<Block>,
    steps: Vec<Block>,
    stack: Vec<Block>,
    /// For each leaf: one sum a point, or for a large factor one for each point, part, half and value.
    sums: Vec<i128>,
}

impl<'a> SmallRound<'a> {
    /// None if a term has two factors with large weights, or a product could be too large.
    pub fn new(polynomial: &'a Polynomial, codes: &'a [Vec<u16>], rows: usize) -> Option<Self> {
        let small: Vec<_> = polynomial.forms.iter().map(small_weights).collect();
        let degree = polynomial.degree;
        let mut sums = 0;
        let mut terms = Vec::with_capacity(polynomial.terms.len());
        for term in &polynomial.terms {
            let (factors, large): (Vec<usize>, Vec<usize>) =
                term.factors.iter().copied().partition(|form| small[*form].is_some());
            if large.len() > 1 || bound(&factors, &small, degree)? >= MAX_PRODUCT {
                return None;
            }
            let leaf = Leaf {
                coefficient: term.coefficient,
                large: large.first().copied(),
                place: sums,
            };
            sums += degree * leaf.large.map_or(1, |form| 2 * values(&polynomial.forms[form]));
            terms.push((leaf, factors));
        }
        Some(Self {
            polynomial,
            codes,
            half: rows / 2,
            small,
            tree: Tree::new(terms),
            sums,
        })
    }

    /// The sums over all pairs of rows at 1 .. D.
    pub fn sums(&self) -> Vec<Fr> {
        let none = || vec![0i128; self.sums];
        let sums = (0..self.half.div_ceil(BLOCK))
            .into_par_iter()
            .with_min_len(LEAST_BLOCKS)
            .fold(
                || self.scratch(none()),
                |mut scratch, block| {
                    let start = block * BLOCK;
                    self.add_block(start, BLOCK.min(self.half - start), &mut scratch);
                    scratch
                },
            )
            .map(|scratch| scratch.sums)
            .reduce(none, |mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                a
            });
        let mut totals = vec![Fr::ZERO; self.polynomial.degree];
        self.total(&self.tree, &sums, &mut totals);
        totals
    }

    fn scratch(&self, sums: Vec<i128>) -> Scratch {
        let zero = [0; BLOCK];
        Scratch {
            values: vec![zero; self.small.len()],
            steps: vec![zero; self.small.len()],
            stack: vec![zero; self.polynomial.degree],
            sums,
        }
    }

    fn add_block(&self, start: usize, length: usize, scratch: &mut Scratch) {
        let Scratch {
            values,
            steps,
            stack,
            sums,
        } = scratch;
        for (small, (values, steps)) in self.small.iter().zip(values.iter_mut().zip(steps.iter_mut())) {
            for (digit, weights) in small.iter().flatten() {
                let codes = &self.codes[*digit][start..];
                add_lookups(codes, weights, &mut steps[..length]);
                add_lookups(&codes[self.half..], weights, &mut values[..length]);
            }
            for (step, high) in steps.iter_mut().zip(values.iter()) {
                *step = high - *step;
            }
        }
        for point in 0..self.polynomial.degree {
            if point > 0 {
                for (value, step) in values.as_flattened_mut().iter_mut().zip(steps.as_flattened()) {
                    *value += step;
                }
            }
            let mut visit = Visit {
                round: self,
                values,
                point,
                start,
                sums,
            };
            visit.tree(&self.tree, &[1; BLOCK][..length], stack);
        }
        values.as_flattened_mut().fill(0);
        steps.as_flattened_mut().fill(0);
    }

    /// Adds the sums of all leaves, with coefficients and large weights.
    fn total(&self, tree: &Tree<Leaf>, sums: &[i128], totals: &mut [Fr]) {
        for leaf in &tree.leaves {
            let sums = &sums[leaf.place..];
            for (point, total) in totals.iter_mut().enumerate() {
                *total += leaf.coefficient
                    * match leaf.large {
                        None => Fr::from(sums[point]),
                        Some(form) => weighted(&self.polynomial.forms[form], point, sums),
                    };
            }
        }
        for (_, inner) in &tree.branches {
            self.total(inner, sums, totals);
        }
    }
}

/// A block of rows at one point.
struct Visit<'a> {
    round: &'a SmallRound<'a>,
    values: &'a [Block],
    point: usize,
    start: usize,
    sums: &'a mut [i128],
}

impl Visit<'_> {
    /// `product` is that of the factors that lead to `tree`.
    fn tree(&mut self, tree: &Tree<Leaf>, product: &[i64], stack: &mut [Block]) {
        for leaf in &tree.leaves {
            match leaf.large {
                None => self.sums[leaf.place + self.point] += i128::from(product.iter().sum::<i64>()),
                Some(form) => self.add_by_value(&self.round.polynomial.forms[form], leaf.place, product),
            }
        }
        for (form, inner) in &tree.branches {
            if let Some((longer, deeper)) = stack.split_first_mut() {
                let longer = &mut longer[..product.len()];
                for ((longer, product), value) in longer.iter_mut().zip(product).zip(&self.values[*form]) {
                    *longer = product * value;
                }
                self.tree(inner, longer, deeper);
            }
        }
    }

    fn add_by_value(&mut self, form: &Form, place: usize, product: &[i64]) {
        let half = values(form);
        let sums = &mut self.sums[place + 2 * half * self.point..][..2 * half];
        let (mut low, mut high) = sums.split_at_mut(half);
        for part in &form.parts {
            let (low_part, low_rest) = low.split_at_mut(part.weights.len() + 1);
            let (high_part, high_rest) = high.split_at_mut(part.weights.len() + 1);
            let codes = &self.round.codes[part.digit][self.start..];
            for ((product, low), high) in product.iter().zip(codes).zip(&codes[self.round.half..]) {
                low_part[usize::from(*low)] += i128::from(*product);
                high_part[usize::from(*high)] += i128::from(*product);
            }
            (low, high) = (low_rest, high_rest);
        }
    }
}

/// The places for sums by value: one for each weight, and one a part for absent rows.
fn values(form: &Form) -> usize {
    form.parts.iter().map(|part| part.weights.len() + 1).sum()
}

/// sum over products s of s phi(X) at X = `point` + 1, from sums of s by the value at X = 0 and at X = 1.
fn weighted(form: &Form, point: usize, sums: &[i128]) -> Fr {
    let half = values(form);
    let (low, high) = sums[2 * half * point..][..2 * half].split_at(half);
    let weights = form
        .parts
        .iter()
        .flat_map(|part| part.weights.iter().chain([&Fr::ZERO]));
    let x = point as i128 + 1;
    let pairs = low.iter().zip(high).zip(weights);
    pairs
        .map(|((low, high), weight)| Fr::from((1 - x) * low + x * high) * weight)
        .sum()
}

fn small_weights(form: &Form) -> Option<SmallForm> {
    let parts = form.parts.iter().map(|part| {
        let weights = part.weights.iter().map(small_weight).chain([Some(0)]);
        Some((part.digit, weights.collect::<Option<_>>()?))
    });
    parts.collect()
}

/// The integer nearest to 0 that the scalar stands for, if it is small.
fn small_weight(weight: &Fr) -> Option<i64> {
    let magnitude = |value: Fr| {
        let value = value.into_bigint();
        i64::try_from(value.0[0])
            .ok()
            .filter(|low| value.num_bits() < 64 && *low < MAX_WEIGHT)
    };
    magnitude(*weight).or_else(|| Some(-magnitude(-*weight)?))
}

/// What the product of these small forms is below at the points 1 .. D, with room for partial products.
fn bound(factors: &[usize], small: &[Option<SmallForm>], degree: usize) -> Option<i128> {
    let largest = |form: &usize| -> i128 {
        let parts = small[*form].iter().flatten();
        parts
            .map(|(_, weights)| weights.iter().map(|weight| i128::from(weight.abs())).max().unwrap_or(0))
            .sum()
    };
    // |(1 - X) low + X high| <= (2 X - 1) max.
    let stretch = 2 * degree as i128 - 1;
    factors.iter().try_fold(1i128, |product, form| {
        product.checked_mul(stretch * largest(form).max(1))
    })
}

fn add_lookups(codes: &[u16], weights: &[i64], values: &mut [i64]) {
    for (value, code) in values.iter_mut().zip(codes) {
        *value += weights[usize::from(*code)];
    }
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::{Evaluator, Halves};
    use super::super::relation::{Part, Term};
    use super::*;
    use crate::loose::LooseFr;
    use ark_ff::Field;

    /// Weights of rows that are looked up in the field.
    struct InTheField<'a>(&'a Polynomial, &'a [Vec<u16>]);

    impl Halves for InTheField<'_> {
        fn load(&self, form: usize, start: usize, values: &mut [LooseFr], steps: &mut [LooseFr]) {
            let half = self.1[0].len() / 2;
            let value = |row: usize| -> Fr {
                let parts = self.0.forms[form].parts.iter();
                let weight = |part: &Part| part.weights.get(usize::from(self.1[part.digit][row])).copied();
                parts.filter_map(weight).sum()
            };
            for (row, (out, step)) in (start..).zip(values.iter_mut().zip(steps)) {
                *out = value(row + half).into();
                *step = *out - value(row).into();
            }
        }
    }

    fn form(parts: &[(usize, &[Fr])]) -> Form {
        let parts = parts.iter().map(|(digit, weights)| Part {
            digit: *digit,
            weights: weights.to_vec(),
        });
        Form { parts: parts.collect() }
    }

    fn polynomial(terms: &[&[usize]]) -> Polynomial {
        let number = |value: i64| Fr::from(value);
        let large = [Fr::from(5u64).pow([100]), Fr::from(7u64).pow([100]), Fr::ONE];
        let terms = terms.iter().zip(1u64..).map(|(factors, power)| Term {
            coefficient: Fr::from(3u64).pow([50 * power]),
            factors: factors.to_vec(),
        });
        Polynomial {
            forms: vec![
                form(&[(0, &[number(1), number(0)])]),
                form(&[
                    (1, &[number(-64), number(7), number(1 << 19)]),
                    (0, &[number(-1), number(2)]),
                ]),
                form(&[(1, &large)]),
                form(&[(0, &large[..2]), (1, &large)]),
            ],
            terms: terms.collect(),
            degree: 4,
        }
    }

    #[test]
    fn integers_give_the_sums_of_the_field() {
        let rows = 512;
        // 2 and 3 stand for absent rows.
        let codes: Vec<Vec<u16>> = [3, 4]
            .map(|values| {
                (0..rows as u32)
                    .map(|row| (row * row * 7 / 5 % values) as u16)
                    .collect()
            })
            .into();
        let polynomial = polynomial(&[&[0, 1], &[0, 0, 1], &[0, 1, 2], &[3], &[2], &[0, 3], &[0]]);
        let evaluator = Evaluator::new(&polynomial.terms, polynomial.forms.len(), polynomial.degree);
        let expected = evaluator.sums(&InTheField(&polynomial, &codes), rows / 2, None);
        assert_eq!(
            SmallRound::new(&polynomial, &codes, rows).map(|round| round.sums()),
            Some(expected)
        );
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_field() {
        for terms in [&[2usize, 3][..], &[2, 2], &[1, 1, 1]] {
            assert!(SmallRound::new(&polynomial(&[terms]), &[], 2).is_none(), "{terms:?}");
        }
        assert_eq!(small_weight(&Fr::from(MAX_WEIGHT)), None);
        assert_eq!(small_weight(&Fr::from(1 - MAX_WEIGHT)), Some(1 - MAX_WEIGHT));
    }
}

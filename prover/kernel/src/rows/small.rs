//! The first rounds of cells mode in machine integers.
//!
//! Before a challenge is bound, most forms have small integers as values: indicators of a filter, digits of a number. Their
//! products fit a machine word. Two rounds together are half and a quarter of all work over rows: what they add up is a
//! polynomial in two variables, which is known from its values at small integers, and so the second needs no challenge.
//!
//! A term may have one factor with large weights (a row's group says which power of gamma). Then only the first round is
//! done: the small products are added up by the digit's value, and each sum meets its weight once, at the end.

use super::ahead::Ahead;
use super::evaluate::BLOCK;
use super::polynomial::Polynomial;
use super::relation::{Form, Term};
use super::terms::Tree;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, PrimeField};
use rayon::prelude::*;

type Block = [i64; BLOCK];
/// Of each part: digit and weights, with a zero at the end for absent rows.
type SmallForm = Vec<(usize, Vec<i64>)>;

/// Weights of small forms are below.
const MAX_WEIGHT: i64 = 1 << 20;
/// Products are below, so that a block of them adds up in a word, and 2^19 in two.
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

pub struct SmallRounds<'a> {
    polynomial: &'a Polynomial,
    codes: &'a [Vec<u16>],
    small: Vec<Option<SmallForm>>,
    /// Of two rounds, or one.
    two: bool,
    /// The rows that are left after them.
    rows: usize,
    tree: Tree<Leaf>,
    sums: usize,
}

/// Blocks of values of each form.
type Values = Vec<Block>;

struct Scratch {
    /// With the last open variable 0 and the other bound to a point, and how they grow with that point.
    low: [Values; 2],
    high: [Values; 2],
    values: Values,
    stack: Values,
    /// For each leaf: one sum a point, or for a large factor one for each point, part, half and value.
    sums: Vec<i128>,
}

impl<'a> SmallRounds<'a> {
    /// None if a term has two factors with large weights, or a product could be too large.
    pub fn new(polynomial: &'a Polynomial, codes: &'a [Vec<u16>], rows: usize) -> Option<Self> {
        let small: Vec<_> = polynomial.forms.iter().map(small_weights).collect();
        // |(1 - X) low + X high| <= (2 X - 1) max for each variable.
        let stretch = 2 * polynomial.degree as i128 - 1;
        let mut two = rows >= 4;
        for term in &polynomial.terms {
            let large = term.factors.iter().filter(|form| small[**form].is_none()).count();
            let fits = |stretch| bound(term, &small, stretch).is_some_and(|bound| bound < MAX_PRODUCT);
            if rows < 2 || large > 1 || !fits(stretch) {
                return None;
            }
            two &= large == 0 && fits(stretch * stretch);
        }
        let mut round = Self {
            polynomial,
            codes,
            small,
            two,
            rows: if two { rows / 4 } else { rows / 2 },
            tree: Tree::new(Vec::new()),
            sums: 0,
        };
        round.tree = Tree::new(polynomial.terms.iter().map(|term| round.leaf(term)).collect());
        Some(round)
    }

    /// A place for the sums of a term, and its small factors.
    fn leaf(&mut self, term: &Term) -> (Leaf, Vec<usize>) {
        let factors = term.factors.iter().copied();
        let (factors, large): (Vec<usize>, Vec<usize>) = factors.partition(|form| self.small[*form].is_some());
        let leaf = Leaf {
            coefficient: term.coefficient,
            large: large.first().copied(),
            place: self.sums,
        };
        self.sums += self.points() * leaf.large.map_or(1, |form| 2 * values(&self.polynomial.forms[form]));
        (leaf, factors)
    }

    /// How many challenges the sums are ahead.
    pub fn rounds(&self) -> usize {
        1 + usize::from(self.two)
    }

    fn points(&self) -> usize {
        let degree = self.polynomial.degree;
        if self.two { (degree + 1) * (degree + 1) } else { degree }
    }

    pub fn ahead(&self) -> Ahead {
        let none = || vec![0i128; self.sums];
        let sums = (0..self.rows.div_ceil(BLOCK))
            .into_par_iter()
            .with_min_len(LEAST_BLOCKS)
            .fold(
                || self.scratch(none()),
                |mut scratch, block| {
                    let start = block * BLOCK;
                    self.add_block(start, BLOCK.min(self.rows - start), &mut scratch);
                    scratch
                },
            )
            .map(|scratch| scratch.sums)
            .reduce(none, |mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                a
            });
        let mut totals = vec![Fr::ZERO; self.points()];
        self.total(&self.tree, &sums, &mut totals);
        if self.two {
            Ahead::Two {
                grid: totals,
                degree: self.polynomial.degree,
            }
        } else {
            Ahead::One(totals)
        }
    }

    fn scratch(&self, sums: Vec<i128>) -> Scratch {
        let values = || vec![[0; BLOCK]; self.small.len()];
        Scratch {
            low: [values(), values()],
            high: [values(), values()],
            values: values(),
            stack: vec![[0; BLOCK]; self.polynomial.degree],
            sums,
        }
    }

    /// Adds up a block of rows at every point.
    fn add_block(&self, start: usize, length: usize, scratch: &mut Scratch) {
        let Scratch {
            low: [low, low_step],
            high: [high, high_step],
            values,
            stack,
            sums,
        } = scratch;
        self.load(start, length, low);
        self.load(start + self.rows, length, high);
        let degree = self.polynomial.degree;
        let mut add_line = |low: &Values, high: &Values, points: std::ops::RangeInclusive<usize>, first: usize| {
            for point in points.clone() {
                let x = point as i64;
                for ((value, low), high) in flat_mut(values).zip(flat(low)).zip(flat(high)) {
                    *value = low + x * (high - low);
                }
                let mut visit = Visit {
                    rounds: self,
                    values,
                    point: first + point - points.start(),
                    start,
                    sums,
                };
                visit.tree(&self.tree, &[1; BLOCK][..length], stack);
            }
        };
        if !self.two {
            add_line(low, high, 1..=degree, 0);
            return;
        }
        // The variable of the first round belongs to the higher bit.
        self.load(start + 2 * self.rows, length, low_step);
        self.load(start + 3 * self.rows, length, high_step);
        flat_mut(low_step).zip(flat(low)).for_each(|(step, low)| *step -= low);
        flat_mut(high_step)
            .zip(flat(high))
            .for_each(|(step, high)| *step -= high);
        for point in 0..=degree {
            add_line(low, high, 0..=degree, point * (degree + 1));
            flat_mut(low).zip(flat(low_step)).for_each(|(low, step)| *low += step);
            flat_mut(high)
                .zip(flat(high_step))
                .for_each(|(high, step)| *high += step);
        }
    }

    fn load(&self, start: usize, length: usize, values: &mut Values) {
        for (small, values) in self.small.iter().zip(values) {
            values.fill(0);
            for (digit, weights) in small.iter().flatten() {
                for (value, code) in values[..length].iter_mut().zip(&self.codes[*digit][start..]) {
                    *value += weights[usize::from(*code)];
                }
            }
        }
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

fn flat(values: &Values) -> impl Iterator<Item = &i64> {
    values.as_flattened().iter()
}

fn flat_mut(values: &mut Values) -> impl Iterator<Item = &mut i64> {
    values.as_flattened_mut().iter_mut()
}

/// A block of rows at one point.
struct Visit<'a> {
    rounds: &'a SmallRounds<'a>,
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
                Some(form) => self.add_by_value(&self.rounds.polynomial.forms[form], leaf.place, product),
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
            let codes = &self.rounds.codes[part.digit][self.start..];
            for ((product, low), high) in product.iter().zip(codes).zip(&codes[self.rounds.rows..]) {
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

/// What the product of the small factors is below, if each is at most `stretch` times its largest value, with room for
/// partial products.
fn bound(term: &Term, small: &[Option<SmallForm>], stretch: i128) -> Option<i128> {
    let largest = |form: &SmallForm| -> i128 {
        let parts = form
            .iter()
            .map(|(_, weights)| weights.iter().map(|weight| i128::from(weight.abs())).max());
        parts.map(|largest| largest.unwrap_or(0)).sum()
    };
    let factors = term.factors.iter().filter_map(|form| small[*form].as_ref());
    factors
        .map(|form| stretch * largest(form).max(1))
        .try_fold(1i128, i128::checked_mul)
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::{Evaluator, Halves};
    use super::super::relation::Part;
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
        for (terms, rounds) in [
            (
                &[&[0usize, 1][..], &[0, 0, 1], &[0, 1, 2], &[3], &[2], &[0, 3], &[0]][..],
                1,
            ),
            (&[&[0, 1], &[0, 0, 0, 0], &[0]], 2),
        ] {
            let polynomial = polynomial(terms);
            let evaluator = Evaluator::new(&polynomial.terms, polynomial.forms.len(), polynomial.degree);
            let expected = evaluator.sums(&InTheField(&polynomial, &codes), rows / 2, None);
            let small = SmallRounds::new(&polynomial, &codes, rows);
            assert_eq!(small.as_ref().map(SmallRounds::rounds), Some(rounds));
            assert_eq!(small.map(|small| small.ahead().sums()), Some(expected));
        }
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_field() {
        for terms in [&[2usize, 3][..], &[2, 2], &[1, 1, 1]] {
            assert!(SmallRounds::new(&polynomial(&[terms]), &[], 4).is_none(), "{terms:?}");
        }
        assert_eq!(small_weight(&Fr::from(MAX_WEIGHT)), None);
        assert_eq!(small_weight(&Fr::from(1 - MAX_WEIGHT)), Some(1 - MAX_WEIGHT));
    }
}

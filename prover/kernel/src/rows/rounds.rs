//! The rounds over the rows (docs/spec/05-argument.md, section 3).
//!
//! The most significant bits are bound first: after n - m rounds the tables of the forms are the vectors that are opened.
//! The first round reads codes and not scalars, so that no table is longer than N / 2.

use super::ahead::Ahead;
use super::evaluate::Evaluator;
use super::forms::{Forms, lookup};
use super::multilinear::{eq_bit, eq_table};
use super::pairs::{CodePairs, Counted};
use super::polynomial::Polynomial;
use super::relation::{Form, Term};
use super::small::SmallRounds;
use super::squares::Rescaled;
use super::terms::components;
use super::univariate;
use crate::loose::LooseFr;
use crate::{Error, Result};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;

/// eq(tau', .) of zero mode.
pub struct RowWeights {
    /// tau' of the bits that are left.
    tau: Vec<Fr>,
    /// eq over the bits that are bound.
    bound: Fr,
    /// eq over the bits after the next, for each of their values.
    pub rest: Vec<LooseFr>,
}

impl RowWeights {
    pub fn new(tau: &[Fr]) -> Self {
        let rest = eq_table(tau.get(1..).unwrap_or_default());
        Self {
            tau: tau.to_vec(),
            bound: Fr::ONE,
            rest: rest.into_par_iter().map(LooseFr::from).collect(),
        }
    }

    fn bind(&mut self, r: Fr) {
        self.bound *= eq_bit(self.tau.remove(0), r);
        let high = self.rest.split_off(self.rest.len() / 2);
        for (low, high) in self.rest.iter_mut().zip(high) {
            // eq(0, .) + eq(1, .) = 1: the sum is eq over the other bits.
            *low += high;
        }
    }

    /// The polynomial of a round, from the sums without the factor eq(tau, X) of the open bit at 1 .. D and its value at 0
    /// and 1 together. That factor is linear and the same for all rows.
    fn polynomial(&self, claim: Fr, sums: Vec<Fr>) -> Result<Vec<Fr>> {
        let tau = self.tau[0];
        let inverse = ((Fr::ONE - tau) * self.bound)
            .inverse()
            .ok_or(Error::Internal("a challenge is 0 or 1"))?;
        let first = (claim - tau * self.bound * sums[0]) * inverse;
        let values: Vec<Fr> = [first].into_iter().chain(sums).collect();
        let inner = univariate::coefficients(&values);
        let constant = self.bound * (Fr::ONE - tau);
        let slope = self.bound * (tau.double() - Fr::ONE);
        let mut product = vec![Fr::ZERO; inner.len() + 1];
        for (power, coefficient) in inner.into_iter().enumerate() {
            product[power] += constant * coefficient;
            product[power + 1] += slope * coefficient;
        }
        Ok(product)
    }
}

pub struct Rounds<'a> {
    forms: Forms<'a>,
    /// By what the first forms must be multiplied to be those of the polynomial.
    inverses: Vec<Fr>,
    evaluator: Evaluator,
    weights: Option<RowWeights>,
    /// What the first rounds add up, if they have a shorter way.
    ahead: Option<Ahead>,
}

impl<'a> Rounds<'a> {
    /// Of a polynomial of cells.
    pub fn of_cells(polynomial: &Polynomial, codes: &'a [Vec<u16>], rows: usize) -> Self {
        let small = SmallRounds::new(polynomial, codes, rows);
        let wait = small.as_ref().map_or(1, SmallRounds::rounds);
        Self {
            forms: Forms::new(&polynomial.forms, codes, rows, wait),
            inverses: vec![Fr::ONE; polynomial.forms.len()],
            evaluator: Evaluator::new(&polynomial.terms, polynomial.forms.len(), polynomial.degree),
            weights: None,
            ahead: small.map(|small| small.ahead()),
        }
    }

    /// Of a polynomial that is zero at every row. `counted` are the digits that were counted.
    pub fn of_zero(
        polynomial: &Polynomial,
        codes: &'a [Vec<u16>],
        rows: usize,
        weights: RowWeights,
        counted: &[Option<Counted>],
    ) -> Self {
        let Rescaled { polynomial, inverses } = Rescaled::new(polynomial);
        let forms = Forms::new(&polynomial.forms, codes, rows, 1);
        let first = (rows > 1).then(|| first_of_zero(&polynomial, &forms, &weights.rest, counted));
        Self {
            evaluator: Evaluator::new(&polynomial.terms, polynomial.forms.len(), polynomial.degree),
            forms,
            inverses,
            weights: Some(weights),
            ahead: first.map(Ahead::One),
        }
    }

    /// The coefficients of the polynomial of the next round, whose values at 0 and 1 add up to `claim`.
    pub fn polynomial(&self, claim: Fr) -> Result<Vec<Fr>> {
        let weights = self.weights.as_ref().map(|weights| &weights.rest[..]);
        let sums = match &self.ahead {
            Some(ahead) => ahead.sums(),
            None => self.evaluator.sums(&self.forms, self.forms.rows() / 2, weights),
        };
        match &self.weights {
            Some(weights) => weights.polynomial(claim, sums),
            None => {
                let values: Vec<Fr> = [claim - sums[0]].into_iter().chain(sums).collect();
                Ok(univariate::coefficients(&values))
            }
        }
    }

    pub fn bind(&mut self, r: Fr) {
        self.forms.bind(r);
        self.ahead = self.ahead.take().and_then(|ahead| ahead.bind(r));
        if let Some(weights) = &mut self.weights {
            weights.bind(r);
        }
    }

    /// The forms of the polynomial at the rows that are left.
    pub fn tables(&mut self) -> Vec<Vec<Fr>> {
        let tables = self.forms.tables().iter().zip(&self.inverses);
        tables
            .map(|(table, inverse)| table.iter().map(|value| Fr::from(*value) * inverse).collect())
            .collect()
    }
}

/// The first sums of zero mode: terms of one digit from its pairs of codes, all others from the rows.
fn first_of_zero(polynomial: &Polynomial, forms: &Forms, rest: &[LooseFr], counted: &[Option<Counted>]) -> Vec<Fr> {
    let mut by_rows: Vec<Term> = Vec::new();
    let mut by_digit: Vec<Vec<Term>> = vec![Vec::new(); counted.len()];
    for component in components(&polynomial.terms, polynomial.forms.len()) {
        let pairs = only_digit(&component.forms, &polynomial.forms)
            .filter(|digit| counted[*digit].as_ref().is_some_and(|counted| counted.pairs.is_some()));
        let terms = component.terms.iter().map(|term| (*term).clone());
        match pairs {
            Some(digit) => by_digit[digit].extend(terms),
            None => by_rows.extend(terms),
        }
    }
    let evaluator = |terms: &[Term]| Evaluator::new(terms, polynomial.forms.len(), polynomial.degree);
    let mut sums = evaluator(&by_rows).sums(forms, rest.len(), Some(rest));
    let lookups: Vec<_> = polynomial.forms.iter().map(lookup).collect();
    for (terms, counted) in by_digit.iter().zip(counted) {
        if let Some(pairs) = counted.as_ref().and_then(|counted| counted.pairs.as_ref()) {
            let source = CodePairs {
                lookups: &lookups,
                codes: pairs.len().isqrt(),
            };
            let more = evaluator(terms).sums(&source, pairs.len(), Some(pairs));
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    }
    sums
}

/// The digit that all these forms are functions of, if it is one.
fn only_digit(indices: &[usize], forms: &[Form]) -> Option<usize> {
    let mut digits = indices
        .iter()
        .flat_map(|form| forms[*form].parts.iter().map(|part| part.digit));
    let first = digits.next()?;
    digits.all(|digit| digit == first).then_some(first)
}

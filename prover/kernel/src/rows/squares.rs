//! Zero mode's polynomial with cheaper squares, for the prover's rounds alone.
//!
//! c (b^2 - b) takes two multiplications at every row and point. If the form is multiplied by the root of c beforehand,
//! where it costs nothing because forms come from tables of weights, the square takes one; a c without a root takes one
//! more factor, the same for all. The linear terms of all forms are one form.

use super::polynomial::Polynomial;
use super::relation::{Form, Part, Term};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, FftField, Field};
use std::collections::BTreeMap;

pub struct Rescaled {
    /// The forms, each times its scale, and then perhaps one more, the linear terms.
    pub polynomial: Polynomial,
    /// By what a form must be multiplied to be itself again.
    pub inverses: Vec<Fr>,
}

impl Rescaled {
    pub fn new(polynomial: &Polynomial) -> Self {
        let mut inverses = vec![Fr::ONE; polynomial.forms.len()];
        let mut forms = polynomial.forms.clone();
        let mut terms = Vec::with_capacity(polynomial.terms.len());
        let mut linear: BTreeMap<usize, Vec<Fr>> = BTreeMap::new();
        let mut uses = vec![0usize; polynomial.forms.len()];
        for term in polynomial.terms.iter().filter(|term| term.factors.len() > 1) {
            term.factors.iter().for_each(|form| uses[*form] += 1);
        }
        for term in &polynomial.terms {
            match term.factors[..] {
                [form] => add_form(&polynomial.forms[form], term.coefficient, &mut linear),
                // A form that has no other product can be scaled.
                [form, again] if form == again && uses[form] == 2 => {
                    let (coefficient, scale, inverse) = root(term.coefficient);
                    inverses[form] = inverse;
                    let parts = forms[form].parts.iter_mut();
                    parts.for_each(|part| part.weights.iter_mut().for_each(|weight| *weight *= scale));
                    terms.push(Term {
                        coefficient,
                        factors: vec![form, form],
                    });
                }
                _ => terms.push(term.clone()),
            }
        }
        if !linear.is_empty() {
            terms.push(Term {
                coefficient: Fr::ONE,
                factors: vec![forms.len()],
            });
            let parts = linear.into_iter().map(|(digit, weights)| Part { digit, weights });
            forms.push(Form { parts: parts.collect() });
        }
        Self {
            polynomial: Polynomial {
                forms,
                terms,
                degree: polynomial.degree,
            },
            inverses,
        }
    }
}

/// (a, s, 1 / s) with a s^2 = c, where a is 1 or the generator of the field, which has no root.
fn root(c: Fr) -> (Fr, Fr, Fr) {
    let generator = Fr::GENERATOR;
    let candidates = [
        (Fr::ONE, Some(c)),
        (generator, generator.inverse().map(|inverse| c * inverse)),
    ];
    for (coefficient, square) in candidates {
        let scale = square.and_then(|square| square.sqrt());
        if let Some((scale, inverse)) = scale.and_then(|scale| Some((scale, scale.inverse()?))) {
            return (coefficient, scale, inverse);
        }
    }
    (c, Fr::ONE, Fr::ONE) // c is 0
}

fn add_form(form: &Form, factor: Fr, sums: &mut BTreeMap<usize, Vec<Fr>>) {
    for part in &form.parts {
        let sums = sums
            .entry(part.digit)
            .or_insert_with(|| vec![Fr::ZERO; part.weights.len()]);
        for (sum, weight) in sums.iter_mut().zip(&part.weights) {
            *sum += *weight * factor;
        }
    }
}

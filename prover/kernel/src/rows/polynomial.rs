//! What is summed over the rows, once the digits' values are bound: forms, and terms over them (section 3).

use super::multilinear::{eq_table, powers};
use super::relation::{Form, Part, Relation, Term};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// The first boolean digit has this power of alpha.
pub const FIRST_BOOLEAN_POWER: u64 = 1;

/// What zero mode has chosen for the boolean digits after its rounds over t.
pub struct Selection {
    pub alpha: Fr,
    /// r_t.
    pub point: Vec<Fr>,
    /// eq(tau, r_t).
    pub scale: Fr,
}

/// sum_m a_m prod phi_j, with B_d of the boolean digits as the first forms.
pub struct Polynomial {
    pub forms: Vec<Form>,
    pub terms: Vec<Term>,
    /// D.
    pub degree: usize,
}

impl Polynomial {
    /// The relation alone in cells mode, with the boolean digits' forms and terms before it in zero mode.
    pub fn new(relation: &Relation, selection: Option<&Selection>) -> Self {
        let mut forms = Vec::new();
        let mut terms = Vec::new();
        if let Some(selection) = selection {
            let selector = eq_table(&selection.point);
            for (place, (digit, coefficient)) in relation.boolean.iter().zip(selection.coefficients()).enumerate() {
                let weights = selector[..relation.digits[*digit]].to_vec();
                forms.push(Form {
                    parts: vec![Part { digit: *digit, weights }],
                });
                terms.push(Term {
                    coefficient: coefficient * selection.scale,
                    factors: vec![place, place],
                });
                terms.push(Term {
                    coefficient: -coefficient * selection.scale,
                    factors: vec![place],
                });
            }
        }
        let before = forms.len();
        forms.extend_from_slice(&relation.forms);
        terms.extend(relation.terms.iter().map(|term| Term {
            coefficient: term.coefficient,
            factors: term.factors.iter().map(|form| form + before).collect(),
        }));
        Self {
            forms,
            terms,
            degree: relation.degree(),
        }
    }

    /// sum_m a_m c^(D - |F_m|) prod s_j: homogeneous of degree D in the values s and c together.
    pub fn homogeneous(&self, values: &[Fr], c: Fr) -> Fr {
        let padding = powers(c, self.degree + 1);
        self.terms
            .iter()
            .map(|term| {
                let product: Fr = term.factors.iter().map(|form| values[*form]).product();
                term.coefficient * padding[self.degree - term.factors.len()] * product
            })
            .sum()
    }

    /// sum_j scales_j w for each digit and value: how often b_d(t,.) enters the sum of the scaled forms.
    pub fn combined_weights(&self, digits: &[usize], scales: &[Fr]) -> Vec<Vec<Fr>> {
        let mut sums: Vec<Vec<Fr>> = digits.iter().map(|values| vec![Fr::ZERO; *values]).collect();
        for (form, scale) in self.forms.iter().zip(scales) {
            for part in &form.parts {
                for (sum, weight) in sums[part.digit].iter_mut().zip(&part.weights) {
                    *sum += *weight * scale;
                }
            }
        }
        sums
    }
}

impl Selection {
    /// alpha^p(d) in the order of the boolean digits.
    fn coefficients(&self) -> impl Iterator<Item = Fr> {
        boolean_powers(self.alpha)
    }
}

/// alpha^p(d) for the boolean digits one after another.
pub fn boolean_powers(alpha: Fr) -> impl Iterator<Item = Fr> {
    let first = alpha.pow([FIRST_BOOLEAN_POWER]);
    std::iter::successors(Some(first), move |power| Some(*power * alpha))
}

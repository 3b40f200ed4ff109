//! The rounds over t in zero mode, from counted rows (docs/spec/05-argument.md, section 3).
//!
//! A row has one code, so of sum_t eq(r,t) b(t,x) one entry is left: a table of K sums over rows holds all that a round needs.

use super::multilinear::{eq_bit, eq_table};
use super::polynomial::boolean_powers;
use super::statement::ZeroChallenges;
use super::univariate;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

pub struct Selectors {
    /// tau of the rounds that are left.
    tau: Vec<Fr>,
    /// eq(tau, r) over the rounds that are done.
    scale: Fr,
    /// Sums of eq(tau', x) alpha^p eq(r, .)^2 over rows and bound bits, for every value of the bits that are left.
    squares: Vec<Fr>,
    /// The same with eq(r, .) in place of its square.
    lines: Vec<Fr>,
}

impl Selectors {
    /// `counted` are the sums of eq(tau', x) by code of each boolean digit, in their order.
    pub fn new(counted: impl Iterator<Item = Vec<Fr>>, challenges: &ZeroChallenges) -> Self {
        let mut sums = vec![Fr::ZERO; 1 << challenges.selectors.len()];
        for (counted, coefficient) in counted.zip(boolean_powers(challenges.alpha)) {
            for (sum, count) in sums.iter_mut().zip(counted) {
                *sum += count * coefficient;
            }
        }
        Self {
            tau: challenges.selectors.clone(),
            scale: Fr::ONE,
            lines: sums.clone(),
            squares: sums,
        }
    }

    /// The coefficients of the polynomial of the next round, of degree 3.
    pub fn polynomial(&self) -> Vec<Fr> {
        let weights = eq_table(&self.tau[1..]);
        let half = weights.len();
        let weighted = |sums: &[Fr]| -> Fr { sums.iter().zip(&weights).map(|(sum, weight)| *sum * weight).sum() };
        let [square_low, square_high] = [weighted(&self.squares[..half]), weighted(&self.squares[half..])];
        let [line_low, line_high] = [weighted(&self.lines[..half]), weighted(&self.lines[half..])];
        let values: Vec<Fr> = (0..4u64)
            .map(|point| {
                let high = Fr::from(point);
                let low = Fr::ONE - high;
                let sum = low.square() * square_low + high.square() * square_high - low * line_low - high * line_high;
                self.scale * eq_bit(self.tau[0], high) * sum
            })
            .collect();
        univariate::coefficients(&values)
    }

    pub fn bind(&mut self, r: Fr) {
        let low = Fr::ONE - r;
        fold(&mut self.squares, low.square(), r.square());
        fold(&mut self.lines, low, r);
        self.scale *= eq_bit(self.tau[0], r);
        self.tau.remove(0);
    }

    /// eq(tau, r_t), when all bits are bound.
    pub fn scale(&self) -> Fr {
        self.scale
    }
}

fn fold(sums: &mut Vec<Fr>, low: Fr, high: Fr) {
    let upper = sums.split_off(sums.len() / 2);
    for (sum, upper) in sums.iter_mut().zip(upper) {
        *sum = *sum * low + upper * high;
    }
}

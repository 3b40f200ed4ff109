//! Polynomials in one variable of degree at most 7, by values at small integers and by coefficients.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// Appends the values at the following integers, until there are `count`, of the polynomial of degree below
/// `values.len()` through values at consecutive integers.
pub fn extend(values: &mut Vec<Fr>, count: usize) {
    let mut differences = differences(values);
    while values.len() < count {
        // The highest difference is constant; each lower one grows by the next.
        for order in (1..differences.len()).rev() {
            let step = differences[order];
            differences[order - 1] += step;
        }
        values.extend(differences.first());
    }
}

/// The last entries of the rows of the difference table: the value, the first difference that leads to it, and so on.
fn differences(values: &[Fr]) -> Vec<Fr> {
    let mut row = values.to_vec();
    let mut last = Vec::with_capacity(values.len());
    while let Some(value) = row.last() {
        last.push(*value);
        row = row.windows(2).map(|pair| pair[1] - pair[0]).collect();
    }
    last
}

/// The coefficients of the polynomial with these values at 0, 1, 2, ... (Newton's form, expanded).
pub fn coefficients(values: &[Fr]) -> Vec<Fr> {
    let mut divided = values.to_vec();
    for order in 1..divided.len() {
        let inverse = Fr::from(order as u64).inverse().unwrap_or_default(); // order is 1 to 7
        for place in (order..divided.len()).rev() {
            let before = divided[place - 1];
            divided[place] = (divided[place] - before) * inverse;
        }
    }
    let mut out: Vec<Fr> = Vec::with_capacity(divided.len());
    for (node, value) in divided.iter().enumerate().rev() {
        // out = out (X - node) + value
        out.insert(0, Fr::ZERO);
        for place in 0..out.len() - 1 {
            let above = out[place + 1];
            out[place] -= above * Fr::from(node as u64);
        }
        out[0] += value;
    }
    out
}

/// The value at `point`.
pub fn evaluate(coefficients: &[Fr], point: Fr) -> Fr {
    coefficients
        .iter()
        .rev()
        .fold(Fr::ZERO, |sum, coefficient| sum * point + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_coefficients_are_one_polynomial() {
        for degree in 0..8 {
            let polynomial: Vec<Fr> = (0..=degree).map(|power| Fr::from(3 * power * power + 5)).collect();
            let at = |point: u64| evaluate(&polynomial, Fr::from(point));
            let known: Vec<Fr> = (0..=degree).map(at).collect();
            assert_eq!(coefficients(&known), polynomial);

            let mut later: Vec<Fr> = (1..=degree + 1).map(at).collect();
            extend(&mut later, 12);
            assert_eq!(later, (1..=12).map(at).collect::<Vec<_>>());
        }
    }
}

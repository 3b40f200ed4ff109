//! Weights of multilinear extensions. Bits are taken from the most significant: point[0] belongs to the highest bit.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;

/// eq(point, b) for every b, 2^len of them.
pub fn eq_table(point: &[Fr]) -> Vec<Fr> {
    // A table over half of the bits is one factor of every entry, and each half is short.
    let (high, low) = point.split_at(point.len() / 2);
    let (high, low) = (small_eq_table(high), small_eq_table(low));
    let mut table = vec![Fr::ZERO; high.len() * low.len()];
    table
        .par_chunks_exact_mut(low.len())
        .zip(&high)
        .for_each(|(out, factor)| {
            for (out, low) in out.iter_mut().zip(&low) {
                *out = *low * factor;
            }
        });
    table
}

fn small_eq_table(point: &[Fr]) -> Vec<Fr> {
    let mut table = vec![Fr::ONE];
    for r in point {
        table = table
            .iter()
            .flat_map(|value| {
                let one = *value * r;
                [*value - one, one]
            })
            .collect();
    }
    table
}

/// eq(a, b) for two points.
pub fn eq(a: &[Fr], b: &[Fr]) -> Fr {
    a.iter().zip(b).map(|(a, b)| eq_bit(*a, *b)).product()
}

/// a b + (1 - a)(1 - b).
pub fn eq_bit(a: Fr, b: Fr) -> Fr {
    (a * b).double() + Fr::ONE - a - b
}

/// 1, base, base^2, .. so many of them.
pub fn powers(base: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |power| Some(*power * base))
        .take(count)
        .collect()
}

/// Over the places that both have.
pub fn dot(a: &[Fr], b: &[Fr]) -> Fr {
    a.iter().zip(b).map(|(a, b)| *a * b).sum()
}

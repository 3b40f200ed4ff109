//! Canonical encodings (docs/spec/01-primitives.md, section 2).
//!
//! Scalar: 32 bytes, big-endian, below r. Point: 64 bytes x||y, big-endian, as the EVM precompiles of EIP-196 take
//! them; the identity is 64 zero bytes. A vector is a concatenation. Each value has exactly one encoding, and decoding
//! refuses everything else. BN254 G1 has cofactor 1, so a point on the curve is in the group.

use crate::{Error, Result};
use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};
use zeroize::Zeroizing;

pub const SCALAR_BYTES: usize = 32;
pub const POINT_BYTES: usize = 64;
/// Uniform bytes a scalar is reduced from: the bias is below 2^-256.
pub const WIDE_BYTES: usize = 64;

fn limbs(bytes: &[u8]) -> BigInt<4> {
    let mut limbs = [0u64; 4];
    for (limb, word) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = word.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    BigInt(limbs)
}

fn put(value: BigInt<4>, out: &mut Vec<u8>) {
    for limb in value.0.iter().rev() {
        out.extend_from_slice(&limb.to_be_bytes());
    }
}

/// Refuses `data` unless it has exactly `count * size` bytes.
pub fn check_length(what: &'static str, data: &[u8], count: usize, size: usize) -> Result<()> {
    let expected = count
        .checked_mul(size)
        .ok_or(Error::Argument("the count is too large"))?;
    if data.len() != expected {
        return Err(Error::Length {
            what,
            actual: data.len(),
            expected,
        });
    }
    Ok(())
}

/// The number of elements of `size` bytes in `data`, which must hold whole elements.
pub fn count(what: &'static str, data: &[u8], size: usize) -> Result<usize> {
    let count = data.len() / size;
    check_length(what, data, count, size)?;
    Ok(count)
}

/// Decodes whole scalars. Refuses a partial one and every value that is not below r.
pub fn scalars(what: &'static str, data: &[u8]) -> Result<Vec<Fr>> {
    count(what, data, SCALAR_BYTES)?;
    data.chunks_exact(SCALAR_BYTES)
        .enumerate()
        .map(|(index, bytes)| Fr::from_bigint(limbs(bytes)).ok_or(Error::Scalar { index }))
        .collect()
}

/// Decodes whole points. Refuses a partial one, a coordinate that is not below p, and a point off the curve.
pub fn points(what: &'static str, data: &[u8]) -> Result<Vec<G1Affine>> {
    count(what, data, POINT_BYTES)?;
    data.chunks_exact(POINT_BYTES)
        .enumerate()
        .map(|(index, bytes)| point(bytes).map_err(|reason| Error::Point { index, reason }))
        .collect()
}

fn point(bytes: &[u8]) -> std::result::Result<G1Affine, &'static str> {
    let (x, y) = bytes.split_at(SCALAR_BYTES);
    let (x, y) = (limbs(x), limbs(y));
    let x = Fq::from_bigint(x).ok_or("has an x that is not below the field modulus")?;
    let y = Fq::from_bigint(y).ok_or("has a y that is not below the field modulus")?;
    // (0, 0) is not on the curve (3 is not 0), so the identity takes no encoding from another point.
    if x == Fq::ZERO && y == Fq::ZERO {
        return Ok(G1Affine::identity());
    }
    if y.square() != x.square() * x + Fq::from(3u64) {
        return Err("is not on the curve");
    }
    Ok(G1Affine::new_unchecked(x, y))
}

/// Appends the encoding of a point.
pub fn put_point(point: &G1Affine, out: &mut Vec<u8>) {
    match point.xy() {
        Some((x, y)) => {
            put(x.into_bigint(), out);
            put(y.into_bigint(), out);
        }
        None => out.extend_from_slice(&[0; POINT_BYTES]),
    }
}

pub fn encode_point(point: &G1Affine) -> Vec<u8> {
    encode_points(std::slice::from_ref(point))
}

pub fn encode_points(points: &[G1Affine]) -> Vec<u8> {
    let mut out = Vec::with_capacity(points.len() * POINT_BYTES);
    for point in points {
        put_point(point, &mut out);
    }
    out
}

pub fn encode_scalars(scalars: &[Fr]) -> Vec<u8> {
    let mut out = Vec::with_capacity(scalars.len() * SCALAR_BYTES);
    for scalar in scalars {
        put(scalar.into_bigint(), &mut out);
    }
    out
}

/// Reduces 512 uniform bits, big-endian, modulo r: by Horner's rule over pieces of at most 31 bytes, which are below r.
pub fn wide_scalar(bytes: &[u8; WIDE_BYTES]) -> Fr {
    const PIECE: usize = 31;
    let shift = Fr::from(BigInt([0, 0, 0, 1 << (8 * PIECE - 192)]));
    let (first, rest) = bytes.split_at(WIDE_BYTES - 2 * PIECE);
    [first]
        .into_iter()
        .chain(rest.chunks_exact(PIECE))
        .fold(Fr::ZERO, |sum, piece| {
            let mut padded = [0; SCALAR_BYTES];
            padded[SCALAR_BYTES - piece.len()..].copy_from_slice(piece);
            sum * shift + Fr::from(limbs(&padded))
        })
}

/// Reduces 512 uniform bits for each scalar.
pub fn reduce_wide(data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    count("the uniform bytes", data, WIDE_BYTES)?;
    let (wide, _) = data.as_chunks();
    let reduced: Vec<Fr> = wide.iter().map(wide_scalar).collect();
    Ok(Zeroizing::new(encode_scalars(&Zeroizing::new(reduced))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::CurveGroup;

    #[test]
    fn a_point_survives_the_round_trip() -> Result<()> {
        let doubled = (G1Affine::generator() + G1Affine::generator()).into_affine();
        let all = [G1Affine::generator(), G1Affine::identity(), doubled];
        assert_eq!(points("points", &encode_points(&all))?, all);
        Ok(())
    }

    #[test]
    fn wide_scalars_are_reduced_modulo_r() {
        let random =
            |seed: u8| std::array::from_fn(|place| seed.wrapping_mul(29).wrapping_add((place as u8).wrapping_mul(37)));
        for bytes in [[0; WIDE_BYTES], [255; WIDE_BYTES], random(1), random(7)] {
            assert_eq!(wide_scalar(&bytes), Fr::from_be_bytes_mod_order(&bytes));
        }
    }

    #[test]
    fn the_modulus_is_refused() {
        let modulus = {
            let mut out = Vec::new();
            put(Fr::MODULUS, &mut out);
            out
        };
        assert_eq!(scalars("scalars", &modulus), Err(Error::Scalar { index: 0 }));
    }
}

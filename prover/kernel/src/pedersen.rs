//! Pedersen vector commitments to outputs: C_y = r U_0 + sum_k y_k U_k (docs/spec/01-primitives.md, section 5).
//!
//! Perfectly hiding through r; binding under discrete logarithms in G1. Multi-exponentiation is not constant time:
//! secrets are protected by where the kernel runs (on the owner's machine), not against a co-tenant.

use crate::codec::{encode_point, points, scalars};
use crate::generators::{Family, MAX_OUTPUTS, first};
use crate::{Error, Result};
use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AdditiveGroup, CurveGroup, VariableBaseMSM};
use zeroize::Zeroizing;

/// sum_k vector[k] U_k.
pub fn commit(vector: &[Fr]) -> Result<G1Projective> {
    if vector.is_empty() || vector.len() > MAX_OUTPUTS {
        return Err(Error::Argument(
            "an output vector has a blinder and at most 4096 values",
        ));
    }
    multi(&first(Family::Output, vector.len())?[..vector.len()], vector)
}

/// sum_k scalars[k] points[k].
pub fn multi(points: &[G1Affine], scalars: &[Fr]) -> Result<G1Projective> {
    G1Projective::msm(points, scalars).map_err(|_| Error::Argument("as many points as scalars are needed"))
}

/// Commits to (r, y_1 .. y_K), encoded.
pub fn commit_vector(vector: &[u8]) -> Result<Vec<u8>> {
    let vector = Zeroizing::new(scalars("the output vector", vector)?);
    Ok(encode_point(&commit(&vector)?.into_affine()))
}

/// Checks that `commitment` opens to (r, y_1 .. y_K).
pub fn check_vector(commitment: &[u8], vector: &[u8]) -> Result<()> {
    crate::codec::check_length("the commitment", commitment, 1, crate::codec::POINT_BYTES)?;
    let commitment = points("the commitment", commitment)?;
    let opened = commit(&scalars("the output vector", vector)?)?;
    if commitment.iter().any(|point| opened != *point) {
        return Err(Error::Opening);
    }
    Ok(())
}

/// The sum of any number of points; of none, the identity.
pub fn add_points(data: &[u8]) -> Result<Vec<u8>> {
    let sum = points("the points", data)?
        .iter()
        .fold(G1Projective::ZERO, |sum, point| sum + point);
    Ok(encode_point(&sum.into_affine()))
}

/// a - b.
pub fn subtract(a: &[u8], b: &[u8]) -> Result<Vec<u8>> {
    crate::codec::check_length("the minuend", a, 1, crate::codec::POINT_BYTES)?;
    crate::codec::check_length("the subtrahend", b, 1, crate::codec::POINT_BYTES)?;
    let (a, b) = (points("the minuend", a)?, points("the subtrahend", b)?);
    let difference = a.iter().fold(G1Projective::ZERO, |sum, point| sum + point)
        - b.iter().fold(G1Projective::ZERO, |sum, point| sum + point);
    Ok(encode_point(&difference.into_affine()))
}

/// sum_k scalars[k] points[k], encoded.
pub fn msm(point_data: &[u8], scalar_data: &[u8]) -> Result<Vec<u8>> {
    let points = points("the points", point_data)?;
    let scalars = Zeroizing::new(scalars("the scalars", scalar_data)?);
    Ok(encode_point(&multi(&points, &scalars)?.into_affine()))
}

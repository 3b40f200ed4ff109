//! Proof of knowledge of an opening of D = sum_{k in S} w_k U_k (docs/spec/01-primitives.md, section 6).
//!
//! Okamoto's generalisation of Schnorr's protocol, made non-interactive with the transcript:
//!   T = sum k_i U_i,  c = H(context, S, D, T),  z_i = k_i + c w_i;   check sum z_i U_i = T + c D.
//! Source: T. Okamoto, CRYPTO 1992; for derived nonces RFC 6979, section 3.2.
//!
//! Every honest committee member must produce the same bytes, so nonces are derived and not drawn. That is safe because
//! the derivation takes in everything that determines the challenge besides the nonces themselves (S, context, D):
//! two proofs with one nonce vector have one transcript, hence one challenge, and are the same proof.

use crate::codec::{POINT_BYTES, SCALAR_BYTES, check_length, encode_point, encode_scalars, points, scalars};
use crate::generators::{Family, MAX_OUTPUTS, first};
use crate::pedersen::multi;
use crate::prf::Prf;
use crate::transcript::Transcript;
use crate::{Error, Result, labels};
use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use zeroize::Zeroizing;

/// Checks S and returns its generators and its encoding.
fn bases(indices: &[u32]) -> Result<(Vec<G1Affine>, Vec<u8>)> {
    // Without U_0 there would be no blinder and D would be a guessable function of the witness.
    if indices.first() != Some(&0) {
        return Err(Error::Argument("the first generator index must be 0"));
    }
    if indices.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(Error::Argument("generator indices must increase strictly"));
    }
    let last = indices.last().map_or(0, |index| *index as usize);
    if last >= MAX_OUTPUTS {
        return Err(Error::Argument("generator indices end at 4096"));
    }
    let family = first(Family::Output, last + 1)?;
    let bases = indices.iter().map(|index| family[*index as usize]).collect();
    let encoded = indices.iter().flat_map(|index| index.to_be_bytes()).collect();
    Ok((bases, encoded))
}

fn challenge(point: &[u8], indices: &[u8], context: &[u8], nonce_commitment: &[u8]) -> Result<Fr> {
    let mut transcript = Transcript::new(labels::REPRESENTATION)?;
    transcript.absorb(labels::REPRESENTATION_CONTEXT, context)?;
    transcript.absorb(labels::REPRESENTATION_INDICES, indices)?;
    transcript.absorb(labels::REPRESENTATION_POINT, point)?;
    transcript.absorb(labels::REPRESENTATION_NONCE_COMMITMENT, nonce_commitment)?;
    transcript.challenge(labels::REPRESENTATION_CHALLENGE)
}

/// Proves knowledge of `witness` = (w_0, w_k ...), in the order of `indices`. The result is T || z_i ...
pub fn prove(indices: &[u32], witness: &[u8], context: &[u8], nonce_seed: &[u8]) -> Result<Vec<u8>> {
    let (bases, encoded_indices) = bases(indices)?;
    check_length("the witness", witness, indices.len(), SCALAR_BYTES)?;
    let scalars = Zeroizing::new(scalars("the witness", witness)?);
    let point = multi(&bases, &scalars)?.into_affine();
    if point.is_zero() {
        return Err(Error::Argument("the identity has no proof of representation"));
    }
    let point = encode_point(&point);

    let nonces = nonces(witness, &point, &encoded_indices, context, nonce_seed)?;
    let commitment = multi(&bases, &nonces)?.into_affine();
    if commitment.is_zero() {
        return Err(Error::Internal("the derived nonces vanish"));
    }
    let mut proof = encode_point(&commitment);
    let c = challenge(&point, &encoded_indices, context, &proof)?;
    let responses: Vec<Fr> = nonces
        .iter()
        .zip(scalars.iter())
        .map(|(nonce, value)| *nonce + c * value)
        .collect();
    proof.extend_from_slice(&encode_scalars(&responses));
    Ok(proof)
}

fn nonces(
    witness: &[u8],
    point: &[u8],
    indices: &[u8],
    context: &[u8],
    nonce_seed: &[u8],
) -> Result<Zeroizing<Vec<Fr>>> {
    let key = Prf::new(witness)?.bytes(&[
        labels::REPRESENTATION_NONCE,
        &(nonce_seed.len() as u64).to_be_bytes(),
        nonce_seed,
        point,
        &(indices.len() as u64).to_be_bytes(),
        indices,
        &(context.len() as u64).to_be_bytes(),
        context,
    ]);
    let prf = Prf::new(&key[..])?;
    Ok(Zeroizing::new(
        indices.chunks_exact(4).map(|index| prf.scalar(&[index])).collect(),
    ))
}

/// Checks a proof that somebody knows w with `point` = sum w_k U_k over `indices`.
pub fn verify(point: &[u8], indices: &[u32], context: &[u8], proof: &[u8]) -> Result<()> {
    let (mut bases, encoded_indices) = bases(indices)?;
    check_length("the point", point, 1, POINT_BYTES)?;
    let d = points("the point", point)?;
    if proof.len() != POINT_BYTES + indices.len() * SCALAR_BYTES {
        return Err(Error::Representation("the proof has the wrong length"));
    }
    let (commitment, responses) = proof.split_at(POINT_BYTES);
    let t = points("the nonce commitment", commitment)
        .map_err(|_| Error::Representation("the nonce commitment is not a point"))?;
    let mut responses =
        scalars("the responses", responses).map_err(|_| Error::Representation("a response is not a scalar"))?;
    if d.iter().any(|point| point.is_zero()) {
        return Err(Error::Representation("the point is the identity"));
    }
    if t.iter().any(|point| point.is_zero()) {
        return Err(Error::Representation("the nonce commitment is the identity"));
    }
    let c = challenge(point, &encoded_indices, context, commitment)?;
    bases.extend_from_slice(&d);
    responses.push(-c);
    let expected = multi(&bases, &responses)?;
    if t.iter().any(|point| expected != *point) {
        return Err(Error::Representation("the equation does not hold"));
    }
    Ok(())
}

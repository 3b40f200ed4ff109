//! Verifiable secret sharing of a whole output vector (docs/spec/06-sharing.md).
//!
//! Feldman's scheme with Pedersen vector commitments: the blinder is shared like a value, on generator U_0, so that
//! A_0 is the commitment C_y itself and the shares of t members together reveal nothing.
//! Sources: P. Feldman, FOCS 1987; T. Pedersen, CRYPTO 1991.

use crate::codec::{POINT_BYTES, SCALAR_BYTES, check_length, count, encode_points, encode_scalars, points, scalars};
use crate::pedersen::commit;
use crate::{Error, Result};
use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::Field;
use zeroize::Zeroizing;

pub const MAX_MEMBERS: u32 = 64;

/// What a dealer publishes and what it sends to each member.
pub struct Deal {
    /// A_0 .. A_t.
    pub commitments: Vec<u8>,
    /// The share vectors of members 1 .. n.
    pub shares: Vec<Zeroizing<Vec<u8>>>,
}

fn check_committee(members: u32, threshold: u32) -> Result<()> {
    if !(1..=MAX_MEMBERS).contains(&members) {
        return Err(Error::Argument("a committee has between 1 and 64 members"));
    }
    // Checked this way round because 2t + 1 could overflow.
    if threshold > (members - 1) / 2 {
        return Err(Error::Argument(
            "a committee of n members has a threshold of at most (n - 1) / 2",
        ));
    }
    Ok(())
}

fn check_index(index: u32, members: u32) -> Result<()> {
    // Index 0 is the secret itself; two indices equal modulo r would be one point counted twice.
    if !(1..=members).contains(&index) {
        return Err(Error::ShareIndex("is not between 1 and the number of members"));
    }
    Ok(())
}

/// Shares `secrets` = (r, y_1 .. y_K). `coefficients` are t vectors of K + 1 fresh uniform scalars: first those of x,
/// then of x^2, and so on.
pub fn deal(secrets: &[u8], members: u32, threshold: u32, coefficients: &[u8]) -> Result<Deal> {
    check_committee(members, threshold)?;
    let width = count("the secrets", secrets, SCALAR_BYTES)?;
    let needed = width
        .checked_mul(threshold as usize)
        .ok_or(Error::Argument("too many secrets"))?;
    check_length("the coefficients", coefficients, needed, SCALAR_BYTES)?;
    let mut rows = Zeroizing::new(scalars("the secrets", secrets)?);
    rows.extend_from_slice(&Zeroizing::new(scalars("the coefficients", coefficients)?));
    if width == 0 {
        return Err(Error::Argument("there is no secret to share"));
    }

    let commitments = rows.chunks_exact(width).map(commit).collect::<Result<Vec<_>>>()?;
    let commitments = G1Projective::normalize_batch(&commitments);
    check_leading(&commitments)?;

    let shares = (1..=members)
        .map(|index| {
            let mut share = Zeroizing::new(vec![Fr::ZERO; width]);
            for row in rows.chunks_exact(width).rev() {
                for (value, coefficient) in share.iter_mut().zip(row) {
                    *value = *value * Fr::from(index) + coefficient;
                }
            }
            Zeroizing::new(encode_scalars(&share))
        })
        .collect();
    Ok(Deal {
        commitments: encode_points(&commitments),
        shares,
    })
}

fn check_leading(commitments: &[G1Affine]) -> Result<()> {
    // A vanishing A_t would lower the degree: t shares would then give the secret away.
    match commitments {
        [] => Err(Error::Commitments("there are no commitments")),
        [_, .., leading] if leading.is_zero() => {
            Err(Error::Commitments("the leading coefficient commitment is the identity"))
        }
        _ => Ok(()),
    }
}

fn decode_commitments(data: &[u8], threshold: u32) -> Result<Vec<G1Affine>> {
    if data.len() != (threshold as usize + 1) * POINT_BYTES {
        // More commitments would raise the threshold, fewer would lower it.
        return Err(Error::Commitments("there must be exactly threshold + 1 commitments"));
    }
    let commitments = points("the commitments", data)?;
    check_leading(&commitments)?;
    Ok(commitments)
}

/// Checks a member's share vector against sum_j index^j A_j.
pub fn check_share(index: u32, share: &[u8], commitments: &[u8], threshold: u32, members: u32) -> Result<()> {
    check_committee(members, threshold)?;
    check_index(index, members)?;
    let commitments = decode_commitments(commitments, threshold)?;
    let share = Zeroizing::new(scalars("the share", share)?);
    let expected = commitments.iter().rev().fold(G1Projective::ZERO, |value, commitment| {
        value * Fr::from(index) + commitment
    });
    if commit(&share)? != expected {
        return Err(Error::Share { index });
    }
    Ok(())
}

/// The sum of scalar vectors of one length.
pub fn add_vectors(vectors: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>> {
    let first = vectors.first().ok_or(Error::Argument("there is no vector to add"))?;
    let width = count("the vector", first, SCALAR_BYTES)?;
    let mut sum = Zeroizing::new(vec![Fr::ZERO; width]);
    for vector in vectors {
        check_length("the vector", vector, width, SCALAR_BYTES)?;
        let vector = Zeroizing::new(scalars("the vector", vector)?);
        for (total, value) in sum.iter_mut().zip(vector.iter()) {
            *total += value;
        }
    }
    Ok(Zeroizing::new(encode_scalars(&sum)))
}

/// The sum, place by place, of commitment vectors of one length.
pub fn add_commitments(vectors: &[&[u8]]) -> Result<Vec<u8>> {
    let first = vectors
        .first()
        .ok_or(Error::Argument("there are no commitments to add"))?;
    let width = count("the commitments", first, POINT_BYTES)?;
    let mut sum = vec![G1Projective::ZERO; width];
    for vector in vectors {
        if vector.len() != first.len() {
            return Err(Error::Commitments(
                "commitment vectors of different lengths cannot be added",
            ));
        }
        for (total, value) in sum.iter_mut().zip(points("the commitments", vector)?) {
            *total += value;
        }
    }
    Ok(encode_points(&G1Projective::normalize_batch(&sum)))
}

/// The secrets (r, y_1 .. y_K) from shares; of more than threshold + 1, those with the lowest indices are used.
pub fn interpolate(shares: &[(u32, &[u8])], threshold: u32, members: u32) -> Result<Zeroizing<Vec<u8>>> {
    check_committee(members, threshold)?;
    let needed = threshold as usize + 1;
    let mut shares = shares.to_vec();
    shares.sort_by_key(|(index, _)| *index);
    for (index, _) in &shares {
        check_index(*index, members)?;
    }
    if shares.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(Error::ShareIndex("occurs twice"));
    }
    if shares.len() < needed {
        return Err(Error::TooFewShares {
            available: shares.len(),
            needed,
        });
    }
    let width = count("the share", shares[0].1, SCALAR_BYTES)?;
    for (_, share) in &shares {
        check_length("the share", share, width, SCALAR_BYTES)?;
    }
    shares.truncate(needed);

    let mut secrets = Zeroizing::new(vec![Fr::ZERO; width]);
    for (index, share) in &shares {
        let weight = lagrange_at_zero(*index, &shares)?;
        let share = Zeroizing::new(scalars("the share", share)?);
        for (secret, value) in secrets.iter_mut().zip(share.iter()) {
            *secret += weight * value;
        }
    }
    Ok(Zeroizing::new(encode_scalars(&secrets)))
}

/// prod over the other indices m of m / (m - index).
fn lagrange_at_zero(index: u32, shares: &[(u32, &[u8])]) -> Result<Fr> {
    let mut numerator = Fr::ONE;
    let mut denominator = Fr::ONE;
    for (other, _) in shares {
        if *other != index {
            numerator *= Fr::from(*other);
            denominator *= Fr::from(*other) - Fr::from(index);
        }
    }
    denominator
        .inverse()
        .map(|inverse| numerator * inverse)
        .ok_or(Error::ShareIndex("occurs twice"))
}

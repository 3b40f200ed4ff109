//! Generators nobody knows a relation between (docs/spec/01-primitives.md, section 3).
//!
//! keccak256 try-and-increment: for counter = 0, 1, ...
//!   d = keccak256(label || u8 len(family) || family || u32be index || u32be counter)
//!   x = d without its two highest bits; next if x >= p or x^3 + 3 is not a square
//!   y = the root whose lowest bit is the highest bit of d
//! x is uniform over the x-coordinates of the curve; the time reveals public values only.

use crate::codec::encode_points;
use crate::transcript::keccak256;
use crate::{Error, Result, labels};
use ark_bn254::{Fq, G1Affine};
use ark_ff::{BigInteger, Field, PrimeField};
use sha2::{Digest, Sha256};
use std::sync::{Arc, PoisonError, RwLock};

/// Row positions of a table: the widest matrix shape.
pub const MAX_COLUMNS: usize = 1 << 13;
/// Output cells and their blinder.
pub const MAX_OUTPUTS: usize = 4097;
/// Round polynomials of degree at most six, and their blinder.
pub const MAX_ROUND: usize = 8;
/// Nothing derives further than this in one family.
pub const MAX_INDEX: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Family {
    /// Row positions.
    RowPosition = 0,
    /// Row blinding.
    RowBlinder = 1,
    /// Output blinding (index 0) and output cells.
    Output = 2,
    /// Round polynomials.
    Round = 3,
    /// Single scalars.
    Single = 4,
    /// Blinding of single scalars.
    SingleBlinder = 5,
}

impl Family {
    /// In the order of the generator digest, with the number of generators that enter it.
    pub const ALL: [(Family, usize); 6] = [
        (Family::RowPosition, MAX_COLUMNS),
        (Family::RowBlinder, 1),
        (Family::Output, MAX_OUTPUTS),
        (Family::Round, MAX_ROUND),
        (Family::Single, 1),
        (Family::SingleBlinder, 1),
    ];

    pub fn symbol(self) -> &'static str {
        match self {
            Family::RowPosition => "G",
            Family::RowBlinder => "H",
            Family::Output => "U",
            Family::Round => "V",
            Family::Single => "g",
            Family::SingleBlinder => "h",
        }
    }

    pub fn from_symbol(symbol: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .map(|(family, _)| family)
            .find(|family| family.symbol() == symbol)
            .ok_or(Error::Argument("unknown generator family"))
    }
}

/// The generators 0..count of each family derived so far. A longer list replaces a shorter one whole.
static CACHES: [RwLock<Option<Arc<Vec<G1Affine>>>>; 6] = [const { RwLock::new(None) }; 6];

fn derive(family: Family, index: u32) -> G1Affine {
    let symbol = family.symbol().as_bytes();
    let mut counter = 0u32;
    loop {
        let digest = keccak256(&[
            labels::GENERATOR,
            &[symbol.len() as u8],
            symbol,
            &index.to_be_bytes(),
            &counter.to_be_bytes(),
        ]);
        if let Some(point) = lift(digest) {
            return point;
        }
        counter += 1;
    }
}

fn lift(mut digest: [u8; 32]) -> Option<G1Affine> {
    let odd = digest[0] >> 7 == 1;
    digest[0] &= 0x3f;
    digest.reverse();
    let mut limbs = [0u64; 4];
    for (limb, word) in limbs.iter_mut().zip(digest.chunks_exact(8)) {
        *limb = word.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    let x = Fq::from_bigint(ark_ff::BigInt(limbs))?;
    let root = (x.square() * x + Fq::from(3u64)).sqrt()?;
    let y = if root.into_bigint().is_odd() == odd {
        root
    } else {
        -root
    };
    Some(G1Affine::new_unchecked(x, y))
}

/// At least the first `count` generators of a family.
pub fn first(family: Family, count: usize) -> Result<Arc<Vec<G1Affine>>> {
    if count > MAX_INDEX {
        return Err(Error::Argument("generators end at index 2^20"));
    }
    let cache = &CACHES[family as usize];
    let known = cache
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
        .unwrap_or_default();
    if known.len() >= count {
        return Ok(known);
    }
    // Growing by powers of two keeps the total work linear. Two threads may derive the same list; both are right.
    let longer: Vec<G1Affine> = (0..count.next_power_of_two())
        .map(|index| match known.get(index) {
            Some(point) => *point,
            None => derive(family, index as u32),
        })
        .collect();
    let longer = Arc::new(longer);
    let mut slot = cache.write().unwrap_or_else(PoisonError::into_inner);
    if slot.as_ref().is_none_or(|held| held.len() < longer.len()) {
        *slot = Some(Arc::clone(&longer));
    }
    Ok(longer)
}

/// The encodings of the generators `start .. start + count`.
pub fn encoded(symbol: &str, start: usize, count: usize) -> Result<Vec<u8>> {
    let family = Family::from_symbol(symbol)?;
    let end = start
        .checked_add(count)
        .filter(|end| *end <= MAX_INDEX)
        .ok_or(Error::Argument("generators end at index 2^20"))?;
    Ok(encode_points(&first(family, end)?[start..end]))
}

/// SHA-256 over all generators of protocol version 1: what a statement binds.
pub fn digest() -> Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    hasher.update(labels::GENERATOR_DIGEST);
    for (family, count) in Family::ALL {
        hasher.update(family.symbol().as_bytes());
        hasher.update((count as u32).to_be_bytes());
        hasher.update(encode_points(&first(family, count)?[..count]));
    }
    Ok(hasher.finalize().into())
}

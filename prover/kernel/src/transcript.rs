//! The Fiat-Shamir transcript: a labelled, length-prefixed keccak256 chain (docs/spec/01-primitives.md, section 4).

use crate::codec::{WIDE_BYTES, wide_scalar};
use crate::{Error, Result, labels};
use ark_bn254::Fr;
use tiny_keccak::{Hasher, Keccak};

pub const MAX_LABEL_BYTES: usize = 255;

const ABSORB: u8 = 1;
const SQUEEZE: u8 = 2;
const RATCHET: u8 = 3;

pub fn keccak256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak::v256();
    for part in parts {
        hasher.update(part);
    }
    let mut digest = [0; 32];
    hasher.finalize(&mut digest);
    digest
}

/// A transcript in progress. It holds public messages only, so it needs no erasure.
#[derive(Debug, Clone)]
pub struct Transcript {
    state: [u8; 32],
}

impl Transcript {
    pub fn new(label: &[u8]) -> Result<Self> {
        let length = label_length(label)?;
        Ok(Self {
            state: keccak256(&[labels::TRANSCRIPT, &length, label]),
        })
    }

    pub fn absorb(&mut self, label: &[u8], data: &[u8]) -> Result<()> {
        let length = label_length(label)?;
        // Lengths before contents: no two sequences of messages hash the same bytes.
        let data_length = (data.len() as u64).to_be_bytes();
        self.state = keccak256(&[&self.state, &[ABSORB], &length, label, &data_length, data]);
        Ok(())
    }

    /// A uniform scalar. The state moves on, so that the next challenge differs even under the same label.
    pub fn challenge(&mut self, label: &[u8]) -> Result<Fr> {
        let length = label_length(label)?;
        let mut wide = [0; WIDE_BYTES];
        for (byte, half) in (0u8..).zip(wide.chunks_exact_mut(32)) {
            half.copy_from_slice(&keccak256(&[&self.state, &[SQUEEZE], &length, label, &[byte]]));
        }
        self.state = keccak256(&[&self.state, &[RATCHET], &length, label]);
        Ok(wide_scalar(&wide))
    }
}

fn label_length(label: &[u8]) -> Result<[u8; 4]> {
    if label.is_empty() || label.len() > MAX_LABEL_BYTES {
        return Err(Error::Argument("a transcript label has between 1 and 255 bytes"));
    }
    Ok((label.len() as u32).to_be_bytes())
}

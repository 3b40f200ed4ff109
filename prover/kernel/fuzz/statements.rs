//! What the targets about row proofs share: an instance as bytes. The honest ones are committed under `corpus/row_instance`,
//! written by `tests/mutation/fuzz_corpus.py`.
//!
//!     u32 N   u32 C   then, each after its u16 length: context, relation, digests, weights, commitment
//!     u8 digits, and for each of them its points after their u16 length   the proof: what is left

use _kernel::rows::{self, Instance, Public};
use _kernel::transcript::Transcript;
use _kernel::{Error, Result};

pub const CELLS: &[u8] = include_bytes!("corpus/row_instance/cells");
pub const ZERO: &[u8] = include_bytes!("corpus/row_instance/zero");
const LABEL: &[u8] = b"proofward/v1/test-rows";
const ENTROPY: [u8; 32] = [9; 32];

/// An instance, cut from its bytes.
#[derive(Clone)]
pub struct Statement<'a> {
    pub context: &'a [u8],
    pub public: Public<'a>,
    pub points: Vec<&'a [u8]>,
    pub proof: &'a [u8],
}

impl<'a> Statement<'a> {
    pub fn cut(data: &'a [u8]) -> Option<Self> {
        let mut cutter = Cutter(data);
        let (rows, columns) = (cutter.number(4)?, cutter.number(4)?);
        let context = cutter.prefixed()?;
        let public = Public {
            relation: cutter.prefixed()?,
            digests: cutter.prefixed()?,
            rows,
            columns,
            weights: cutter.prefixed()?,
            commitment: cutter.prefixed()?,
        };
        let digits = cutter.number(1)?;
        let points = (0..digits).map(|_| cutter.prefixed()).collect::<Option<Vec<_>>>()?;
        Some(Self {
            context,
            public,
            points,
            proof: cutter.0,
        })
    }

    pub fn verify(&self, proof: &[u8]) -> Result<()> {
        let mut transcript = Transcript::new(LABEL)?;
        transcript.absorb(b"statement", self.context)?;
        let instance = Instance {
            transcript,
            public: self.public,
            points: self.points.clone(),
            proof,
        };
        no_inner_failure(rows::verify(&[instance], &ENTROPY, 1))
    }
}

/// `Error::Internal` is for what cannot happen; input that brings it about is a finding.
pub fn no_inner_failure<T>(result: Result<T>) -> Result<T> {
    if let Err(Error::Internal(reason)) = &result {
        panic!("untrusted bytes have led to an internal failure: {reason}");
    }
    result
}

/// Takes pieces from the front of the bytes that the fuzzer gives.
pub struct Cutter<'a>(pub &'a [u8]);

impl<'a> Cutter<'a> {
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Big-endian.
    pub fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(
            self.take(bytes)?
                .iter()
                .fold(0, |value, byte| value << 8 | usize::from(*byte)),
        )
    }

    pub fn prefixed(&mut self) -> Option<&'a [u8]> {
        let length = self.number(2)?;
        self.take(length)
    }
}

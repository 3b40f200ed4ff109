//! The errors of the kernel. Each has a code; `prover/errors.py` holds the class of each code.
//!
//! A message names positions, lengths and steps, never the value of a scalar: witnesses pass through here.

/// What went wrong. No variant carries a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{what}: {actual} bytes instead of {expected}")]
    Length {
        what: &'static str,
        actual: usize,
        expected: usize,
    },
    #[error("point {index} {reason}")]
    Point { index: usize, reason: &'static str },
    #[error("scalar {index} is not below the group order")]
    Scalar { index: usize },
    #[error("{0}")]
    Argument(&'static str),
    #[error("the commitment does not open to these values")]
    Opening,
    #[error("the share of member {index} does not lie on the committed polynomials")]
    Share { index: u32 },
    #[error("share index {0}")]
    ShareIndex(&'static str),
    #[error("{available} shares, {needed} are needed")]
    TooFewShares { available: usize, needed: usize },
    #[error("{0}")]
    Commitments(&'static str),
    #[error("the proof of representation fails: {0}")]
    Representation(&'static str),
    #[error("the row proof fails: {reason}")]
    RowProof {
        index: usize,
        step: &'static str,
        reason: &'static str,
    },
    #[error("position {position}: the code is not below the number of values")]
    DigitCode { position: usize },
    #[error("internal failure: {0}")]
    Internal(&'static str),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The stable code of the error, the same as in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Length { .. } => "encoding-length-invalid",
            Error::Point { .. } => "point-invalid",
            Error::Scalar { .. } => "scalar-invalid",
            Error::Argument(_) => "kernel-argument-invalid",
            Error::Opening => "opening-mismatch",
            Error::Share { .. } => "share-mismatch",
            Error::ShareIndex(_) => "share-index-invalid",
            Error::TooFewShares { .. } => "shares-insufficient",
            Error::Commitments(_) => "commitment-count-invalid",
            Error::Representation(_) => "representation-invalid",
            Error::RowProof { .. } => "row-proof-invalid",
            Error::DigitCode { .. } => "digit-code-invalid",
            Error::Internal(_) => "kernel-failed",
        }
    }
}

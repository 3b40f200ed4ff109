//! Every domain separation label of the kernel, in one file. The twin is `prover/reference/labels.py`; a test compares.

/// Starts every transcript.
pub const TRANSCRIPT: &[u8] = b"proofward/v1/transcript";
/// Starts the hash input of every generator.
pub const GENERATOR: &[u8] = b"proofward/v1/generator";
/// Starts the digest over the generators.
pub const GENERATOR_DIGEST: &[u8] = b"proofward/v1/generator-digest";

/// Transcript of the proof of representation, and its messages.
pub const REPRESENTATION: &[u8] = b"proofward/v1/representation";
pub const REPRESENTATION_CONTEXT: &[u8] = b"context";
pub const REPRESENTATION_INDICES: &[u8] = b"indices";
pub const REPRESENTATION_POINT: &[u8] = b"D";
pub const REPRESENTATION_NONCE_COMMITMENT: &[u8] = b"T";
pub const REPRESENTATION_CHALLENGE: &[u8] = b"c";

/// Keyed derivation of nonces and of one-hot blinders.
pub const REPRESENTATION_NONCE: &[u8] = b"proofward/v1/representation-nonce";
pub const ONEHOT_BLINDER: &[u8] = b"proofward/v1/onehot-blinder";

/// Messages of the row argument, in their order, in the transcript of the caller.
pub const ROWS_RELATION: &[u8] = b"relation";
pub const ROWS_DIGITS: &[u8] = b"digits";
pub const ROWS_SHAPE: &[u8] = b"shape";
pub const ROWS_WEIGHTS: &[u8] = b"weights";
pub const ROWS_COMMITMENT: &[u8] = b"commitment";
pub const ROWS_ALPHA: &[u8] = b"alpha";
pub const ROWS_TAU: &[u8] = b"tau";
pub const ROWS_ROUND: &[u8] = b"round";
pub const ROWS_POINT: &[u8] = b"r";
pub const ROWS_EVALUATIONS: &[u8] = b"evaluations";
pub const ROWS_DELTA: &[u8] = b"delta";
pub const ROWS_ETA: &[u8] = b"eta";
pub const ROWS_CELLS_FOLD: &[u8] = b"cells-fold";
pub const ROWS_ROWS_FOLD: &[u8] = b"rows-fold";
pub const ROWS_FOLD: &[u8] = b"u";
pub const ROWS_MASKS: &[u8] = b"masks";
pub const ROWS_CLOSING: &[u8] = b"c";

/// Keyed derivation of the masks and blinders of a row proof.
pub const ROWS_NONCE: &[u8] = b"proofward/v1/row-nonce";

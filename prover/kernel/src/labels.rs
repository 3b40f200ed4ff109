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

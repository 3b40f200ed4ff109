"""Every domain separation label, the twin of `prover/kernel/src/labels.rs`."""

from typing import Final

TRANSCRIPT: Final = b"proofward/v1/transcript"
GENERATOR: Final = b"proofward/v1/generator"
GENERATOR_DIGEST: Final = b"proofward/v1/generator-digest"

REPRESENTATION: Final = b"proofward/v1/representation"
REPRESENTATION_CONTEXT: Final = b"context"
REPRESENTATION_INDICES: Final = b"indices"
REPRESENTATION_POINT: Final = b"D"
REPRESENTATION_NONCE_COMMITMENT: Final = b"T"
REPRESENTATION_CHALLENGE: Final = b"c"

REPRESENTATION_NONCE: Final = b"proofward/v1/representation-nonce"
ONEHOT_BLINDER: Final = b"proofward/v1/onehot-blinder"

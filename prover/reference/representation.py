"""Proof of knowledge of an opening of D = sum_{k in S} w_k U_k (docs/spec/01-primitives.md, section 6)."""

import hmac
from collections.abc import Sequence
from itertools import pairwise

from protocol.errors import MalformedInput
from protocol.parameters import MAX_CELLS, POINT_BYTES, SCALAR_BYTES
from prover.errors import KernelArgumentInvalid, RepresentationInvalid
from prover.reference import labels
from prover.reference.codec import (
    decode_points,
    decode_scalars,
    encode_point,
    encode_scalars,
    is_identity,
    require_bytes,
    require_int,
    require_sequence,
)
from prover.reference.field import wide_scalar
from prover.reference.generators import generator
from prover.reference.group import minus, multi, same
from prover.reference.transcript import Transcript


def prove_representation(indices: Sequence[int], witness: bytes, context: bytes, nonce_seed: bytes) -> bytes:
    """T || z_i ... for `witness` = (w_0, w_k ...) in the order of `indices`."""
    encoded_indices = _encode_indices(indices)
    scalars = decode_scalars("the witness", witness, len(indices))
    bases = [generator("U", index) for index in indices]
    d = multi(bases, scalars)
    if is_identity(d):
        raise KernelArgumentInvalid("the identity has no proof of representation")
    point = encode_point(d)

    key = _hmac_sha512(
        witness,
        labels.REPRESENTATION_NONCE + _prefixed(require_bytes("nonce_seed", nonce_seed)) + point
        + _prefixed(encoded_indices) + _prefixed(require_bytes("context", context)),
    )  # fmt: skip
    nonces = [wide_scalar(_hmac_sha512(key, index.to_bytes(4, "big"))) for index in indices]
    t = encode_point(multi(bases, nonces))
    c = _challenge(point, encoded_indices, context, t)
    return t + encode_scalars([nonce + c * scalar for nonce, scalar in zip(nonces, scalars, strict=True)])


def verify_representation(point: bytes, indices: Sequence[int], context: bytes, proof: bytes) -> None:
    """Check sum z_i U_i = T + c D. Raises RepresentationInvalid, which names the failed step."""
    encoded_indices = _encode_indices(indices)
    (d,) = decode_points("the point", point, 1)
    require_bytes("context", context)
    if len(require_bytes("proof", proof)) != POINT_BYTES + len(indices) * SCALAR_BYTES:
        raise RepresentationInvalid("the proof of representation fails: the proof has the wrong length")
    try:
        (t,) = decode_points("T", proof[:POINT_BYTES], 1)
        responses = decode_scalars("the responses", proof[POINT_BYTES:])
    except MalformedInput as error:
        raise RepresentationInvalid(f"the proof of representation fails: {error.message}") from None
    if is_identity(d) or is_identity(t):
        raise RepresentationInvalid("the proof of representation fails: a point is the identity")
    c = _challenge(point, encoded_indices, context, proof[:POINT_BYTES])
    if not same(minus(multi([generator("U", index) for index in indices], responses), multi([d], [c])), t):
        raise RepresentationInvalid("the proof of representation fails: the equation does not hold")


def _encode_indices(indices: Sequence[int]) -> bytes:
    checked = [require_int("an index", index, 0, MAX_CELLS) for index in require_sequence("indices", indices)]
    if checked[:1] != [0] or any(a >= b for a, b in pairwise(checked)):
        raise KernelArgumentInvalid("generator indices must start with 0 and increase strictly")
    return b"".join(index.to_bytes(4, "big") for index in checked)


def _challenge(point: bytes, encoded_indices: bytes, context: bytes, t: bytes) -> int:
    transcript = Transcript(labels.REPRESENTATION)
    transcript.absorb(labels.REPRESENTATION_CONTEXT, context)
    transcript.absorb(labels.REPRESENTATION_INDICES, encoded_indices)
    transcript.absorb(labels.REPRESENTATION_POINT, point)
    transcript.absorb(labels.REPRESENTATION_NONCE_COMMITMENT, t)
    return int.from_bytes(transcript.challenge(labels.REPRESENTATION_CHALLENGE), "big")


def _hmac_sha512(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha512")


def _prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(8, "big") + data

"""Pedersen vector commitments C_y = r U_0 + sum_k y_k U_k (docs/spec/01-primitives.md, section 5)."""

import os
from collections.abc import Callable, Sequence

from protocol.parameters import GROUP_ORDER, MAX_CELLS
from prover.errors import KernelArgumentInvalid, OpeningMismatch
from prover.reference.codec import (
    Point,
    decode_points,
    decode_scalars,
    encode_point,
    encode_scalars,
    require_bytes,
    require_int,
    require_sequence,
)
from prover.reference.field import wide_scalar
from prover.reference.generators import generator
from prover.reference.group import minus, multi, same, total

_HALF = GROUP_ORDER // 2
_WIDE_BYTES = 64


def commit(vector: list[int]) -> Point:
    """sum_k vector[k] U_k."""
    if not 1 <= len(vector) <= MAX_CELLS + 1:
        raise KernelArgumentInvalid("an output vector has a blinder and at most 4096 values")
    return multi([generator("U", index) for index in range(len(vector))], vector)


def commit_outputs(values: Sequence[int], blinding: bytes) -> bytes:
    """C_y for values y_1 .. y_K, each in -(r - 1)/2 .. (r - 1)/2, and a blinder."""
    return encode_point(_committed(values, blinding))


def check_outputs(commitment: bytes, values: Sequence[int], blinding: bytes) -> None:
    """Check that `commitment` opens to `values` and `blinding`. Raises OpeningMismatch."""
    (point,) = decode_points("the commitment", commitment, 1)
    if not same(_committed(values, blinding), point):
        raise OpeningMismatch("the commitment does not open to these values")


def _committed(values: Sequence[int], blinding: bytes) -> Point:
    checked = [require_int("an output value", y, -_HALF, _HALF) for y in require_sequence("values", values)]
    return commit(decode_scalars("the blinder", blinding, 1) + checked)


def add_points(points: bytes) -> bytes:
    """The sum of any number of points; of none, the identity."""
    return encode_point(total(decode_points("the points", points)))


def subtract(a: bytes, b: bytes) -> bytes:
    """The point a - b."""
    (minuend,) = decode_points("the minuend", a, 1)
    (subtrahend,) = decode_points("the subtrahend", b, 1)
    return encode_point(minus(minuend, subtrahend))


def msm(points: bytes, scalars: bytes) -> bytes:
    """sum_k scalars[k] points[k]."""
    bases = decode_points("the points", points)
    exponents = decode_scalars("the scalars", scalars)
    if len(bases) != len(exponents):
        raise KernelArgumentInvalid("as many points as scalars are needed")
    return encode_point(multi(bases, exponents))


def check_points(data: bytes, count: int) -> None:
    """Check that `data` is exactly `count` canonical points. Raises EncodingLengthInvalid, PointInvalid."""
    decode_points("the points", data, require_int("count", count, 0, 1 << 32))


def check_scalars(data: bytes, count: int) -> None:
    """Check that `data` is exactly `count` canonical scalars. Raises EncodingLengthInvalid, ScalarInvalid."""
    decode_scalars("the scalars", data, require_int("count", count, 0, 1 << 32))


def scalar_from_int(value: int) -> bytes:
    """`value` modulo r; -1 becomes r - 1."""
    if type(value) is not int:
        raise KernelArgumentInvalid(f"value: an int is needed, not {type(value).__name__}")
    return encode_scalars([value])


def int_from_scalar(s: bytes, *, signed: bool) -> int:
    """The integer of a scalar: in 0 .. r - 1, or, if signed, in -(r - 1)/2 .. (r - 1)/2."""
    if type(signed) is not bool:
        raise KernelArgumentInvalid(f"signed: a bool is needed, not {type(signed).__name__}")
    (value,) = decode_scalars("the scalar", s, 1)
    return value - GROUP_ORDER if signed and value > _HALF else value


def random_scalars(count: int, entropy: Callable[[int], bytes] = os.urandom) -> bytes:
    """`count` uniform scalars, each reduced from 64 bytes of `entropy`."""
    size = require_int("count", count, 0, 1 << 20) * _WIDE_BYTES
    if not callable(entropy):
        raise KernelArgumentInvalid("the entropy source is not callable")
    uniform = require_bytes("entropy", entropy(size))
    if len(uniform) != size:
        raise KernelArgumentInvalid("the entropy source returned the wrong number of bytes")
    return encode_scalars([wide_scalar(uniform[at : at + _WIDE_BYTES]) for at in range(0, size, _WIDE_BYTES)])

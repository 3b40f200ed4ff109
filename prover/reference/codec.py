"""Canonical encodings of scalars and points (docs/spec/01-primitives.md, section 2), and the checks of arguments.

A point in memory is py_ecc's projective triple; only this file and `group.py` look inside one.
"""

from collections.abc import Sequence
from typing import TypeVar

from protocol.parameters import FIELD_MODULUS, GROUP_ORDER, POINT_BYTES, SCALAR_BYTES
from prover.errors import EncodingLengthInvalid, KernelArgumentInvalid, PointInvalid, ScalarInvalid
from prover.reference.curve import FQ, Z1, normalize
from prover.reference.field import CURVE_B

T = TypeVar("T")
Point = tuple[FQ, FQ, FQ]
IDENTITY: Point = Z1


def require_bytes(what: str, data: bytes) -> bytes:
    """`data` itself, if it is bytes. Raises KernelArgumentInvalid."""
    if not isinstance(data, bytes):
        raise KernelArgumentInvalid(f"{what}: bytes are needed, not {type(data).__name__}")
    return data


def require_int(what: str, value: int, low: int, high: int) -> int:
    """`value` itself, if it is an int (not a bool) in low..high. Raises KernelArgumentInvalid."""
    if type(value) is not int:
        raise KernelArgumentInvalid(f"{what}: an int is needed, not {type(value).__name__}")
    if not low <= value <= high:
        raise KernelArgumentInvalid(f"{what} is not between {low} and {high}")
    return value


def require_sequence(what: str, values: Sequence[T]) -> Sequence[T]:
    """`values` itself, if it is a sequence and not text or bytes. Raises KernelArgumentInvalid."""
    if not isinstance(values, Sequence) or isinstance(values, str | bytes | bytearray | memoryview):
        raise KernelArgumentInvalid(f"{what}: a sequence is needed, not {type(values).__name__}")
    return values


def split(what: str, data: bytes, size: int, count: int | None = None) -> list[bytes]:
    """Cut `data` into elements of `size` bytes, exactly `count` of them if given. Raises EncodingLengthInvalid."""
    require_bytes(what, data)
    elements = len(data) // size if count is None else count
    if len(data) != elements * size:
        raise EncodingLengthInvalid(f"{what}: {len(data)} bytes instead of {elements * size}")
    return [data[at : at + size] for at in range(0, len(data), size)]


def decode_scalars(what: str, data: bytes, count: int | None = None) -> list[int]:
    """The scalars of a vector. Raises EncodingLengthInvalid, ScalarInvalid."""
    scalars = [int.from_bytes(element, "big") for element in split(what, data, SCALAR_BYTES, count)]
    for index, scalar in enumerate(scalars):
        if scalar >= GROUP_ORDER:
            raise ScalarInvalid(f"scalar {index} is not below the group order")
    return scalars


def encode_scalars(scalars: list[int]) -> bytes:
    """Integers, reduced modulo r, as a vector of scalars."""
    return b"".join((scalar % GROUP_ORDER).to_bytes(SCALAR_BYTES, "big") for scalar in scalars)


def decode_points(what: str, data: bytes, count: int | None = None) -> list[Point]:
    """The points of a vector. Raises EncodingLengthInvalid, PointInvalid."""
    return [_decode_point(index, element) for index, element in enumerate(split(what, data, POINT_BYTES, count))]


def _decode_point(index: int, element: bytes) -> Point:
    x = int.from_bytes(element[:SCALAR_BYTES], "big")
    y = int.from_bytes(element[SCALAR_BYTES:], "big")
    if x >= FIELD_MODULUS or y >= FIELD_MODULUS:
        raise PointInvalid(f"point {index} has a coordinate that is not below the field modulus")
    if x == 0 and y == 0:
        return IDENTITY
    if (y * y - x * x * x - CURVE_B) % FIELD_MODULUS != 0:
        raise PointInvalid(f"point {index} is not on the curve")
    return affine(x, y)


def affine(x: int, y: int) -> Point:
    """The point (x, y), which the caller knows to be on the curve."""
    return FQ(x), FQ(y), FQ(1)


def encode_point(point: Point) -> bytes:
    """64 bytes x||y; the identity is 64 zero bytes."""
    if is_identity(point):
        return bytes(POINT_BYTES)
    x, y = normalize(point)
    return int(x).to_bytes(SCALAR_BYTES, "big") + int(y).to_bytes(SCALAR_BYTES, "big")


def is_identity(point: Point) -> bool:
    """Whether a point is the neutral element."""
    return int(point[2]) == 0

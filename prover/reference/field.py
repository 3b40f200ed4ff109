"""Arithmetic in the two prime fields of BN254: integers modulo p (coordinates) and modulo r (scalars)."""

from typing import Final

from protocol.parameters import FIELD_MODULUS, GROUP_ORDER

CURVE_B: Final = 3  # y^2 = x^3 + 3


def square_root(value: int) -> int | None:
    """A root of `value` modulo p, or None if it is not a square. p = 3 mod 4, so a power does it."""
    root = pow(value, (FIELD_MODULUS + 1) // 4, FIELD_MODULUS)
    return root if root * root % FIELD_MODULUS == value % FIELD_MODULUS else None


def inverse(value: int) -> int:
    """The inverse of `value` modulo r; `value` is not 0 modulo r."""
    return pow(value, -1, GROUP_ORDER)


def wide_scalar(data: bytes) -> int:
    """64 uniform bytes, big-endian, reduced modulo r: the bias is below 2^-256."""
    return int.from_bytes(data, "big") % GROUP_ORDER

"""Sums and multi-exponentiation in BN254 G1, on py_ecc's projective addition."""

from collections.abc import Iterable

from protocol.parameters import GROUP_ORDER
from prover.reference.codec import IDENTITY, Point, is_identity
from prover.reference.curve import add, double, eq, neg


def total(points: Iterable[Point]) -> Point:
    """The sum of any number of points."""
    result = IDENTITY
    for point in points:
        result = plus(result, point)
    return result


def plus(a: Point, b: Point) -> Point:
    """a + b, the identity and equal or opposite points included."""
    if is_identity(a):
        return b
    if is_identity(b):
        return a
    result: Point = add(a, b)
    return result


def minus(a: Point, b: Point) -> Point:
    """a - b."""
    return plus(a, neg(b))


def same(a: Point, b: Point) -> bool:
    """Whether two triples are one point."""
    if is_identity(a) or is_identity(b):
        return is_identity(a) and is_identity(b)
    return bool(eq(a, b))


def multi(points: list[Point], scalars: list[int]) -> Point:
    """sum_k scalars[k] points[k] by Pippenger's buckets: one addition a point a window, instead of 128 a point.

    N. Pippenger, "On the evaluation of powers and related problems", FOCS 1976.
    """
    scalars = [scalar % GROUP_ORDER for scalar in scalars]
    width = _window_bits(len(points))
    result = IDENTITY
    for shift in reversed(range(0, max(scalars, default=0).bit_length(), width)):
        for _ in range(width):
            result = double(result)
        result = plus(result, _window_sum(points, scalars, shift, width))
    return result


def _window_bits(count: int) -> int:
    return min(range(1, 17), key=lambda width: (254 // width + 1) * (count + (2 << width)))


def _window_sum(points: list[Point], scalars: list[int], shift: int, width: int) -> Point:
    buckets: dict[int, Point] = {}
    for point, scalar in zip(points, scalars, strict=True):
        digit = scalar >> shift & (1 << width) - 1
        if digit:
            buckets[digit] = plus(buckets.get(digit, IDENTITY), point)
    # sum_d d B_d is the sum of the suffix sums B_D + ... + B_d.
    suffix = IDENTITY
    result = IDENTITY
    for digit in range(max(buckets, default=0), 0, -1):
        suffix = plus(suffix, buckets.get(digit, IDENTITY))
        result = plus(result, suffix)
    return result

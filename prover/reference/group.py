"""Sums and multi-exponentiation in BN254 G1: single additions are py_ecc's, many at once those of `sums.py`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from protocol.parameters import GROUP_ORDER
from prover.reference.codec import IDENTITY, Point, affine, is_identity
from prover.reference.curve import add, double, eq, neg, normalize
from prover.reference.sums import Affine, sum_lists

_SCALAR_BITS: Final = GROUP_ORDER.bit_length()


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


def sums(lists: Sequence[Sequence[Point]]) -> list[Point]:
    """The sum of every list of points; many lists in one call are much quicker than many calls."""
    return [IDENTITY if total is None else affine(*total) for total in sum_lists([_affine(points) for points in lists])]


def multi(points: Sequence[Point], scalars: Sequence[int]) -> Point:
    """sum_k scalars[k] points[k] by buckets: an addition a point and window, instead of 128 a point.

    N. Pippenger, "On the evaluation of powers and related problems", FOCS 1976. Every bucket of every window is one list of
    `sum_lists`, and so is every bit: the sum of the buckets whose number has this bit.
    """
    width = _window_bits(len(points))
    buckets: dict[tuple[int, int], list[Affine]] = defaultdict(list)
    for point, scalar in zip(points, scalars, strict=True):
        for pair in _affine([point]):
            for shift, digit in _windows(scalar % GROUP_ORDER, width):
                buckets[shift, digit].append(pair)
    bits: list[list[Affine]] = [[] for _ in range(_SCALAR_BITS + width)]
    for (shift, digit), total in zip(buckets, sum_lists(list(buckets.values())), strict=True):
        if total is not None:
            for bit in range(width):
                if digit >> bit & 1:
                    bits[shift + bit].append(total)
    result = IDENTITY
    for total in reversed(sum_lists(bits)):
        result = double(result)
        if total is not None:
            result = plus(result, affine(*total))
    return result


def _affine(points: Iterable[Point]) -> list[Affine]:
    # The identity has no coordinates, and adds nothing.
    return [_coordinates(point) for point in points if not is_identity(point)]


def _coordinates(point: Point) -> Affine:
    x, y = point[:2] if int(point[2]) == 1 else normalize(point)
    return int(x), int(y)


def _windows(scalar: int, width: int) -> Iterator[tuple[int, int]]:
    """The digits of a scalar in base 2^width that are not 0, each after its place in bits."""
    shift = 0
    while scalar:
        digit = scalar & (1 << width) - 1
        if digit:
            yield shift, digit
        scalar >>= width
        shift += width


def _window_bits(count: int) -> int:
    # An addition for each point, and one for each half of the bits of each bucket.
    return min(range(1, 17), key=lambda width: (_SCALAR_BITS // width + 1) * (count + (width << width) // 2))

"""Sums of many lists of points at once: in affine integers, one inversion a round for all of them.

An affine addition needs one inversion and little else. Additions that do not wait for each other share the inversion
(P. L. Montgomery, "Speeding the Pollard and elliptic curve methods of factorization", 1987, section 10.3.1), and on plain
integers one then takes a fifth of the time of py_ecc's projective addition, which is what the tests compare it with.
"""

from collections.abc import Sequence
from itertools import islice

from protocol.parameters import FIELD_MODULUS

Affine = tuple[int, int]
Pair = tuple[Affine, Affine]


def sum_lists(lists: Sequence[Sequence[Affine]]) -> list[Affine | None]:
    """The sum of every list; None is the identity. The points are on the curve."""
    remaining = [list(points) for points in lists]
    while any(len(points) > 1 for points in remaining):
        # Neighbours are added; the last point of an odd list waits for the next round.
        pairs = [pair for points in remaining for pair in zip(points[0::2], points[1::2], strict=False)]
        added = iter(_add_pairs(pairs))
        remaining = [
            [point for point in islice(added, len(points) // 2) if point is not None] + points[len(points) & ~1 :]
            for points in remaining
        ]
    return [points[0] if points else None for points in remaining]


def _add_pairs(pairs: list[Pair]) -> list[Affine | None]:
    # The slope of the line through both points, or of the tangent, is a quotient. With the product of all denominators
    # inverted, and the product of those before each one kept, two multiplications give each single inverse.
    steps: list[tuple[int, int]] = []
    product = 1
    for (x1, y1), (x2, y2) in pairs:
        denominator = x2 - x1 or (2 * y1 if y1 == y2 else 1)
        steps.append((product, denominator))
        product = product * denominator % FIELD_MODULUS
    inverse = pow(product, -1, FIELD_MODULUS)
    sums: list[Affine | None] = []
    for ((x1, y1), (x2, y2)), (before, denominator) in zip(reversed(pairs), reversed(steps), strict=True):
        rise = y2 - y1 if x1 != x2 else 3 * x1 * x1
        slope = rise * (inverse * before % FIELD_MODULUS) % FIELD_MODULUS
        inverse = inverse * denominator % FIELD_MODULUS
        x = (slope * slope - x1 - x2) % FIELD_MODULUS
        opposite = x1 == x2 and y1 != y2
        sums.append(None if opposite else (x, (slope * (x1 - x) - y1) % FIELD_MODULUS))
    sums.reverse()
    return sums

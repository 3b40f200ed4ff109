"""The commitment P of the rows' opening, from the committed points (docs/spec/05-argument.md, section 4).

    P = sum_j delta^{j-1} sum_{(d,w) in phi_j} sum_t w_t sum_i eq(r_row, i) C[d,t,i]

Most forms are filters and counts, whose weights are 0, 1 or small. For them the points of a row block are added up first, a
list for each bit of the weights, and only these sums are multiplied by full scalars. A digit that has a form with large
weights (a power of a challenge) goes into the long sum point by point, once for all forms.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import Final

from protocol.parameters import GROUP_ORDER
from prover.reference.codec import Point
from prover.reference.curve import neg
from prover.reference.group import multi, sums
from prover.reference.relation import Form

_LONG_SUM: Final = 26  # additions that a point of the long sum costs: its windows
Place = tuple[int, int, int]  # form j, bit of its weights, row block i


def combined_commitment(
    digits: Sequence[Sequence[Point]], forms: Sequence[Form], deltas: Sequence[int], eq_row: Sequence[int]
) -> Point:
    """P.

    Args:
        digits: of each digit, C[d,t,i] at place t R + i.
        forms: phi_1 .. phi_k.
        deltas: delta^0 .. delta^{k-1}.
        eq_row: eq(r_row, i) for the R row blocks.
    """
    blocks = len(eq_row)
    lists: dict[Place, list[Point]] = defaultdict(list)
    bases: list[Point] = []
    scalars: list[int] = []
    for digit, points in enumerate(digits):
        parts = [(j, weights) for j, form in enumerate(forms) for d, weights in form if d == digit]
        # Of each value, (j, w_t) for the forms where the weight is not 0.
        uses = [[(j, weights[t]) for j, weights in parts if weights[t]] for t in range(len(points) // blocks)]
        short = _is_short(uses)
        for t, weights in enumerate(uses):
            row = points[t * blocks : (t + 1) * blocks]
            if short:
                for j, weight in weights:
                    for bit in _bits(_size(weight)):
                        for i, point in enumerate(row):
                            lists[j, bit, i].append(point if weight == _size(weight) else neg(point))
            else:
                value = sum(deltas[j] * weight for j, weight in weights) % GROUP_ORDER
                bases += row
                scalars += [value * eq_i % GROUP_ORDER for eq_i in eq_row]
    bases += sums(list(lists.values()))
    scalars += [deltas[j] * (eq_row[i] << bit) % GROUP_ORDER for j, bit, i in lists]
    return multi(bases, scalars)


def _is_short(uses: Sequence[Sequence[tuple[int, int]]]) -> bool:
    """Whether summing a digit's points bit by bit, row block by row block, takes fewer additions than the long sum."""
    used: dict[int, int] = defaultdict(int)  # of each form, the bits that are 1 in any of its weights
    for j, weight in chain(*uses):
        used[j] |= _size(weight)
    lists = sum(bits.bit_count() for bits in used.values())
    additions = sum(_size(weight).bit_count() for _, weight in chain(*uses))
    return additions + _LONG_SUM * lists < _LONG_SUM * sum(1 for weights in uses if weights)


def _size(weight: int) -> int:
    """The absolute value of a weight read with a sign."""
    return min(weight, GROUP_ORDER - weight)


def _bits(size: int) -> list[int]:
    return [bit for bit in range(size.bit_length()) if size >> bit & 1]

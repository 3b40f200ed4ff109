"""Folded openings: a commitment opens to z with <z, a> = lambda (docs/spec/05-argument.md, section 4).

The verifier never folds the bases. After all folds, base i stands in B' with a coefficient that is a product of inverse
challenges, so <z', B'> is a combination of the bases as they were, with the coefficients of `unfolded`.

J. Bootle, A. Cerulli, P. Chaidos, J. Groth, C. Petit, EUROCRYPT 2016; B. Buenz et al., "Bulletproofs", S&P 2018, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from protocol.parameters import GROUP_ORDER
from prover.reference.codec import Point
from prover.reference.field import inverse

MAX_TAIL: Final = 256  # a vector is folded until it is no longer than this


def fold_lengths(length: int) -> list[int]:
    """The lengths of the vector before its folds, and last the length that is not folded any more."""
    lengths = [length]
    while lengths[-1] > MAX_TAIL:
        lengths.append(half(lengths[-1]))
    return lengths


def half(length: int) -> int:
    """The length of lo, which is that of the folded vector; hi is one shorter if `length` is odd."""
    return (length + 1) // 2


def inner(a: Sequence[int], b: Sequence[int]) -> int:
    """<a, b>."""
    return sum(x * y for x, y in zip(a, b, strict=True)) % GROUP_ORDER


@dataclass(frozen=True, slots=True)
class Opening:
    """One row of the table of section 4.

    Attributes:
        name: cells or rows.
        commitment: P.
        bases: B_1 .. B_len.
        weights: a.
        claimed: lambda, of the responses.
    """

    name: str
    commitment: Point
    bases: list[Point]
    blinding_base: Point
    weights: list[int]
    claimed: int

    def folded_weights(self, challenges: Sequence[int]) -> list[int]:
        """a': a_lo + u^-1 a_hi, fold by fold."""
        a = self.weights
        for u in challenges:
            lo, hi = a[: half(len(a))], a[half(len(a)) :]
            a = [(x + inverse(u) * y) % GROUP_ORDER for x, y in zip_longest(lo, hi, fillvalue=0)]
        return a

    def unfolded(self, z: Sequence[int], challenges: Sequence[int]) -> list[int]:
        """The coefficients of B_1 .. B_len in <z, B'>, where B' = B_lo + u^-1 B_hi, fold by fold."""
        coefficients = list(z)
        for length, u in zip(reversed(fold_lengths(len(self.bases))[:-1]), reversed(challenges), strict=True):
            hi = length - half(length)
            coefficients += [inverse(u) * x % GROUP_ORDER for x in coefficients[:hi]]
        return coefficients

    def folded_commitment(self, folds: Sequence[tuple[Point, Point]], challenges: Sequence[int]) -> list[tuple[int, Point]]:
        """P' = P + u^-1 L + u R, fold by fold, as scalars times points."""
        terms = [(1, self.commitment)]
        for (left, right), u in zip(folds, challenges, strict=True):
            terms += [(inverse(u), left), (u, right)]
        return terms

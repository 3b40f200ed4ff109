"""Where each element of a proof stands (docs/spec/05-argument.md, section 6), for tests that change one."""

from dataclasses import dataclass
from math import ceil

from prover.rows import MAX_TAIL
from tests.malicious.algebra import IDENTITY
from tests.malicious.relation import decode
from tests.malicious.table import Claim

POINT, SCALAR = 64, 32


@dataclass(frozen=True)
class Element:
    """One point or scalar of a proof."""

    name: str
    start: int
    size: int

    @property
    def is_point(self) -> bool:
        return self.size == POINT

    def of(self, proof: bytes) -> bytes:
        """Its bytes."""
        return proof[self.start : self.start + self.size]

    def replaced(self, proof: bytes, value: bytes) -> bytes:
        """The proof with other bytes in its place, of any length."""
        return proof[: self.start] + value + proof[self.start + self.size :]


def elements(claim: Claim) -> list[Element]:
    """All elements of a proof of `claim`, in order."""
    relation, cells = decode(claim.relation), len(claim.weights) // SCALAR
    D, n = relation.degree, claim.rows.bit_length() - 1
    rounds = [D] * n if cells else [3] * relation.selector_bits + [D + 1] * n
    openings = {"cells": cells, "rows": claim.columns} if cells else {"rows": claim.columns}
    folds = dict.fromkeys(openings, 0)
    for name, length in openings.items():
        while length > MAX_TAIL:
            folds[name], length = folds[name] + 1, ceil(length / 2)
        openings[name] = length

    points = [f"R {l}" for l in range(len(rounds))] + ["E"]  # noqa: E741
    points += [f"{name} {side} {fold}" for name in openings for fold in range(folds[name]) for side in "LR"]
    points += [f"T round {number}" for number in range(len(rounds))] + ["T evaluations"]
    points += [f"T {name}" for name in openings] + [f"Theta {k}" for k in range(D)]
    scalars = [f"g {number} {e}" for number, degree in enumerate(rounds) for e in [*range(1, degree + 1), "rho"]]
    scalars += ["S_0"] * bool(cells) + [f"e {j}" for j in range(len(relation.boolean) + len(relation.forms))] + ["epsilon"]
    for name, length in openings.items():
        scalars += [f"{name} z {k}" for k in range(length)] + [f"{name} zeta", f"{name} theta"]
    scalars.append("sigma")
    middle = POINT * len(points)
    return [Element(name, POINT * place, POINT) for place, name in enumerate(points)] + [
        Element(name, middle + SCALAR * place, SCALAR) for place, name in enumerate(scalars)
    ]


def length(claim: Claim) -> int:
    """Bytes of a proof of `claim`."""
    last = elements(claim)[-1]
    return last.start + last.size


__all__ = ["IDENTITY", "POINT", "SCALAR", "Element", "elements", "length"]

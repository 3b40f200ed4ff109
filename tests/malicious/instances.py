"""Small honest statements of both modes, their witnesses, and a larger one of each whose openings are folded."""

import hashlib
import random
from dataclasses import dataclass
from functools import cache
from typing import Any

from protocol.parameters import ABSENT_CODE, GROUP_ORDER
from prover.rows import RowWitness
from tests.malicious.algebra import inner, stream
from tests.malicious.prover import Lies, prove
from tests.malicious.relation import Form, RowRelation, Term
from tests.malicious.table import Claim, Codes, Table, Witness, cells_claim, row_values, zero_claim

MODES = ("cells", "zero")
VALUES = (1, 2, 3)  # present, a flag, a digit whose number of values is not a power of two
PRESENT, FLAG, DIGIT = range(3)

# phi_0 = present, phi_1 = flag is 1, phi_2 = value of the digit, phi_3 mixes both, phi_4 and phi_5 count the values of each.
FORMS: tuple[Form, ...] = (
    ((PRESENT, (1,)),),
    ((FLAG, (0, 1)),),
    ((DIGIT, (0, 1, 2)),),
    ((FLAG, (5, GROUP_ORDER - 7)), (DIGIT, (11, 0, 13))),
    ((FLAG, (1, 1)),),
    ((DIGIT, (1, 1, 1)),),
)
CELL_TERMS: tuple[Term, ...] = ((3, (0,)), (5, (1, 2)), (GROUP_ORDER - 2, (0, 2, 2)), (7, (3, 3)), (1, (1, 2, 3)))


@dataclass(frozen=True)
class Honest:
    """A true statement and what proves it."""

    mode: str
    relation: RowRelation
    codes: Codes
    witness: Witness
    claim: Claim
    weights: tuple[int, ...] = ()

    def prove(self, transcript_class: Any, lies: Lies | None = None, seed: str = "proof") -> bytes:
        """A proof, whose masks are a function of `seed`."""
        return prove(self.claim.statement(transcript_class), self.witness, lies=lies, entropy=stream(seed))

    def row_witness(self) -> RowWitness:
        """For the kernel's prover."""
        if self.mode == "zero":
            return self.codes.row_witness()
        return self.codes.row_witness(self.witness.cells, self.witness.blinding)


def codes(rows: int, seed: str) -> Codes:
    """Codes of the three digits: the last quarter is padding, and some values are absent."""
    chosen = random.Random(seed)
    present = [0 if x < rows - rows // 4 else ABSENT_CODE for x in range(rows)]
    flag = [chosen.randrange(2) if code == 0 else ABSENT_CODE for code in present]
    digit = [chosen.randrange(3) if code == 0 and chosen.random() < 0.9 else ABSENT_CODE for code in present]
    contexts = tuple(f"{seed} digit {d}".encode() for d in range(3))
    return Codes((tuple(present), tuple(flag), tuple(digit)), contexts, hashlib.sha256(seed.encode()).digest())


def admission(beta: int) -> RowRelation:
    """Present rows have a flag and at most one value of the digit, absent rows nothing. Constraint c enters with beta^c."""
    constraints: list[list[Term]] = [
        [(1, (4,)), (-1, (0,))],  # the flag is there exactly if the row is
        [(1, (5, 5, 5)), (-1, (5,))],  # none or one value, together with the boolean digits
        [(1, (5,)), (-1, (0, 5))],  # none where the row is absent
    ]
    terms = tuple(
        (pow(beta, c, GROUP_ORDER) * a % GROUP_ORDER, factors)
        for c, terms in enumerate(constraints, 1)
        for a, factors in terms
    )
    return RowRelation(VALUES, FORMS, terms, boolean=(PRESENT, FLAG, DIGIT))


@cache
def honest(mode: str, rows: int = 8, columns: int = 4, cells: int = 3, seed: str = "small") -> Honest:
    """A true statement over `rows` rows of `columns` columns; in cells mode about `cells` cells."""
    label = f"{mode} {rows} {columns} {cells} {seed}"
    owned = codes(rows, label)
    data = Table.of_codes(owned, VALUES, columns)
    if mode == "zero":
        relation = admission(beta=random.Random(label).randrange(GROUP_ORDER))
        return Honest(mode, relation, owned, Witness(data), zero_claim(relation, data, label.encode()))
    relation = RowRelation(VALUES, FORMS, CELL_TERMS)
    gamma = random.Random(label).randrange(GROUP_ORDER)
    weights = tuple(pow(gamma, k, GROUP_ORDER) for k in range(cells))
    witness = Witness(
        data, cells_that_add_up(weights, sum(row_values(relation, data))), 1 + random.Random(label).getrandbits(250)
    )
    return Honest(mode, relation, owned, witness, cells_claim(relation, witness, weights, label.encode()), weights)


def cells_that_add_up(weights: tuple[int, ...], total: int) -> tuple[int, ...]:
    """Some y with <weights, y> = total; the weight of the first cell is 1."""
    rest = tuple(range(1, len(weights)))
    return ((total - inner(weights[1:], rest)) % GROUP_ORDER, *rest)

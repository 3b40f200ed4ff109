"""What the row argument is given, and the sizes that follow from it (docs/spec/05-argument.md, sections 1 and 6).

The kernel and the reference take the same statements; both parse the relation from its encoding by themselves.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from circuits.relation import Relation
from protocol.parameters import POINT_BYTES, SCALAR_BYTES
from prover.errors import RowProofInvalid

MAX_TAIL: Final = 256  # a vector that is opened is folded until it is no longer than this
_BOOLEAN_DEGREE: Final = 3


@dataclass(frozen=True, slots=True)
class RowStatement:
    """Public input of one proof about one chunk.

    Attributes:
        transcript: of the backend that will work on it; it has absorbed what the relation is about.
        relation: encoded.
        digests: 32-byte leaf hashes of the digits' commitment blobs, in the order of the relation.
        rows: N, a power of two.
        columns: C, a power of two that divides N.
        weights: K scalars omega_k; empty in zero mode.
        commitment: Y, 64 bytes; empty in zero mode.
    """

    transcript: Any
    relation: bytes
    digests: bytes
    rows: int
    columns: int
    weights: bytes = b""
    commitment: bytes = b""


@dataclass(frozen=True, slots=True)
class RowWitness:
    """What only the owner of the chunk knows.

    Attributes:
        codes: of each digit of the relation, shape (N,).
        contexts: headers under which the digits' blinders are derived (docs/spec/02-tables.md, section 3).
        key: the 32-byte secret of the dataset.
        cells: y_1 .. y_K as scalars, and
        blinding: y_0; both empty in zero mode.
    """

    codes: tuple[npt.NDArray[np.uint16], ...] = field(repr=False)  # patients' data do not print
    contexts: tuple[bytes, ...]
    key: bytes = field(repr=False)
    cells: bytes = field(default=b"", repr=False)
    blinding: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class RowInstance:
    """A statement, the commitments that it is about (K R points a digit), and a proof of it."""

    statement: RowStatement
    points: tuple[bytes, ...] = field(repr=False)  # megabytes
    proof: bytes = field(repr=False)


def row_proof_length(relation: Relation, rows: int, columns: int, cells: int) -> int:
    """How many bytes a proof has: public, whatever the data are. `cells` is 0 in zero mode."""
    degree = relation.degree
    rounds = [_BOOLEAN_DEGREE] * relation.selector_bits + [degree + (cells == 0)] * (rows.bit_length() - 1)
    forms = len(relation.forms) + len(relation.boolean)
    openings = ([fold_shape(cells)] if cells else []) + [fold_shape(columns)]
    points = 2 * (len(rounds) + 1) + len(openings) + degree + sum(2 * folds for folds, _ in openings)
    scalars = sum(d + 1 for d in rounds) + (cells > 0) + forms + 1 + sum(tail + 2 for _, tail in openings) + 1
    return points * POINT_BYTES + scalars * SCALAR_BYTES


def fold_shape(length: int) -> tuple[int, int]:
    """How often a vector of `length` is folded, and how long it is then."""
    folds = 0
    while length > MAX_TAIL:
        length, folds = (length + 1) // 2, folds + 1
    return folds, length


def split_proofs(data: bytes, lengths: list[int]) -> list[bytes]:
    """`data` cut into pieces of exactly these lengths. Raises RowProofInvalid if it has another length."""
    if len(data) != sum(lengths):
        raise RowProofInvalid(f"the proofs have {len(data)} bytes, the statement needs {sum(lengths)}", where="length")
    pieces, start = [], 0
    for length in lengths:
        pieces.append(data[start : start + length])
        start += length
    return pieces

"""What a proof of the row argument is about, parsed and checked (docs/spec/05-argument.md, sections 1 and 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from protocol.errors import MalformedInput
from protocol.parameters import GROUP_ORDER, MAX_CELLS, MAX_CHUNK_ROWS
from prover.errors import KernelArgumentInvalid
from prover.reference.codec import IDENTITY, Point, decode_points, decode_scalars, require_sequence, split
from prover.reference.generators import FAMILIES
from prover.reference.relation import Form, Relation, Term, decode_relation
from prover.reference.row_proof import ProofShape
from prover.rows import RowStatement

HASH_BYTES: Final = 32
BOOLEAN_ROUND_DEGREE: Final = 3  # of eq (b^2 - b) in a bit of t
FIRST_POWER: Final = 1  # of alpha: p(d) of the first boolean digit


@dataclass(frozen=True, slots=True)
class PublicInput:
    """A statement in both modes; cells mode is the one with weights.

    Attributes:
        row_bits: n, N = 2^n.
        column_bits: m, C = 2^m.
        weights: omega_1 .. omega_K; none in zero mode.
        cells: Y; the identity in zero mode, where nothing reads it.
    """

    relation: Relation
    row_bits: int
    column_bits: int
    weights: list[int]
    cells: Point

    @property
    def cells_mode(self) -> bool:
        """Whether the sum over the rows is compared with cells; otherwise every row is 0."""
        return bool(self.weights)

    @property
    def blocks(self) -> int:
        """R."""
        return 1 << self.row_bits - self.column_bits

    @property
    def columns(self) -> int:
        """C."""
        return 1 << self.column_bits

    @property
    def proof_shape(self) -> ProofShape:
        """The lengths in a proof of this statement."""
        relation = self.relation
        forms = len(relation.boolean) + len(relation.forms)
        if self.cells_mode:
            rounds = [relation.degree] * self.row_bits
            return ProofShape(tuple(rounds), 1 + forms, {"cells": len(self.weights), "rows": self.columns}, relation.degree)
        rounds = [BOOLEAN_ROUND_DEGREE] * relation.selector_bits + [relation.degree + 1] * self.row_bits
        return ProofShape(tuple(rounds), forms, {"rows": self.columns}, relation.degree)

    def all_forms(self, eq_t: Sequence[int]) -> list[Form]:
        """phi_1 .. phi_k: B_d of every boolean digit, with eq(r_t, t) as weights, and then the forms of the relation."""
        relation = self.relation
        return [((d, eq_t[: relation.digits[d]]),) for d in relation.boolean] + list(relation.forms)

    def all_terms(self, alpha: int, eq_tau: int) -> list[Term]:
        """alpha^p(d) eq(tau,r_t) (phi_d phi_d - phi_d) of every boolean digit, and then the terms of the relation."""
        boolean = len(self.relation.boolean)
        weights = [pow(alpha, FIRST_POWER + place, GROUP_ORDER) * eq_tau for place in range(boolean)]
        own: list[list[Term]] = [[(weight, (j, j)), (-weight, (j,))] for j, weight in enumerate(weights)]
        return [*chain(*own), *((a, tuple(boolean + j for j in factors)) for a, factors in self.relation.terms)]


def read_statement(statement: RowStatement) -> PublicInput:
    """The public input of a proof. Raises MalformedInput; KernelArgumentInvalid if the types are wrong."""
    relation = decode_relation(statement.relation)
    row_bits = _bits("N", statement.rows, MAX_CHUNK_ROWS)
    column_bits = _bits("C", statement.columns, min(statement.rows, FAMILIES["G"]))
    split("the digests", statement.digests, HASH_BYTES, len(relation.digits))
    weights = decode_scalars("the weights", statement.weights)
    if len(weights) > MAX_CELLS:
        raise MalformedInput(f"there are more than {MAX_CELLS} cells")
    if weights and relation.boolean:
        raise MalformedInput("a relation about cells has no boolean digits")
    cells = decode_points("the commitment", statement.commitment, 1 if weights else 0)
    return PublicInput(relation, row_bits, column_bits, weights, cells[0] if weights else IDENTITY)


def read_commitments(public: PublicInput, points: Sequence[bytes]) -> list[list[Point]]:
    """C[d,t,i] of each digit, at place t R + i. Raises MalformedInput."""
    digits = public.relation.digits
    if len(require_sequence("the commitments", points)) != len(digits):
        raise MalformedInput(f"there are commitments of {len(points)} digits instead of {len(digits)}")
    return [decode_points(f"digit {d}", points[d], values * public.blocks) for d, values in enumerate(digits)]


def _bits(what: str, size: int, most: int) -> int:
    if type(size) is not int:
        raise KernelArgumentInvalid(f"{what}: an int is needed, not {type(size).__name__}")
    if not 1 <= size <= most or size & (size - 1):
        raise MalformedInput(f"{what} is not a power of two up to {most}")
    return size.bit_length() - 1

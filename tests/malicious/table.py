"""Small committed tables with any entries and any blinders, honest or not (docs/spec/02-tables.md, section 2)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from protocol.parameters import GROUP_ORDER
from prover.reference.onehot import onehot_blinder
from prover.rows import RowInstance, RowStatement, RowWitness
from tests.malicious.algebra import Sum, generator, generators, inner, point, scalar_bytes, vector_bytes
from tests.malicious.relation import Form, RowRelation

Place = tuple[int, int, int]  # digit d, value t, row block i


@dataclass(frozen=True)
class Codes:
    """A chunk as its honest owner has it: the codes of each digit and where the blinders come from."""

    codes: tuple[tuple[int, ...], ...]
    contexts: tuple[bytes, ...]
    key: bytes

    def row_witness(self, cells: Sequence[int] = (), blinding: int | None = None) -> RowWitness:
        """For the kernel's prover."""
        arrays = tuple(np.array(digit, dtype=np.uint16) for digit in self.codes)
        return RowWitness(
            arrays, self.contexts, self.key, vector_bytes(cells), b"" if blinding is None else scalar_bytes(blinding)
        )


@dataclass(frozen=True)
class Table:
    """A chunk as matrices: b[d][t][x] any integers modulo r, not only one-hot, and the blinders rho[d][t][i].

    `extra` adds further multiples of points to single commitments: a commitment to more than C entries, for example.
    """

    columns: int
    b: tuple[tuple[tuple[int, ...], ...], ...]
    rho: tuple[tuple[tuple[int, ...], ...], ...]
    extra: dict[Place, Sum] = field(default_factory=dict)

    @classmethod
    def of_codes(cls, owned: "Codes", values: Sequence[int], columns: int) -> "Table":
        """The one-hot table of an owner's codes, with the blinders that its secret gives: the honest commitments."""
        b = tuple(
            tuple(tuple(int(code == t) for code in digit) for t in range(K))
            for digit, K in zip(owned.codes, values, strict=True)
        )
        blocks = len(owned.codes[0]) // columns
        rho = tuple(
            tuple(tuple(onehot_blinder(owned.key, context, t, i) for i in range(blocks)) for t in range(K))
            for context, K in zip(owned.contexts, values, strict=True)
        )
        return cls(columns, b, rho)

    @property
    def rows(self) -> int:
        """N."""
        return len(self.b[0][0])

    @property
    def blocks(self) -> int:
        """R."""
        return self.rows // self.columns

    def with_entry(self, d: int, t: int, x: int, value: int) -> "Table":
        """The same table but for one entry."""
        row = (*self.b[d][t][:x], value % GROUP_ORDER, *self.b[d][t][x + 1 :])
        digit = (*self.b[d][:t], row, *self.b[d][t + 1 :])
        return replace(self, b=(*self.b[:d], digit, *self.b[d + 1 :]))

    def with_extra(self, place: Place, terms: Sum) -> "Table":
        """The same table with more in one commitment than its entries and its blinder."""
        return replace(self, extra={**self.extra, place: terms})

    def commit(self) -> tuple[bytes, ...]:
        """The points C[d,t,i] of each digit, C[d,t,i] at place t R + i."""
        return tuple(
            b"".join(point(self._opening(d, t, i)) for t in range(len(digit)) for i in range(self.blocks))
            for d, digit in enumerate(self.b)
        )

    def _opening(self, d: int, t: int, i: int) -> Sum:
        block = self.b[d][t][i * self.columns : (i + 1) * self.columns]
        terms: Sum = [(b, G) for b, G in zip(block, generators("G", 0, self.columns), strict=True) if b]
        return [*terms, (self.rho[d][t][i], generator("H")), *self.extra.get((d, t, i), [])]


@dataclass(frozen=True)
class Witness:
    """What the prover works from: a table, and in cells mode y_1 .. y_K and y_0."""

    table: Table
    cells: tuple[int, ...] = ()
    blinding: int = 0


@dataclass(frozen=True)
class Claim:
    """A statement without its transcript, which every prover and verifier wants fresh and of its own class."""

    context: bytes  # what the caller's statement is
    relation: bytes
    points: tuple[bytes, ...]
    rows: int
    columns: int
    weights: bytes = b""
    commitment: bytes = b""
    label: bytes = b"proofward/v1/test-rows"  # of the transcript
    leaves: bytes | None = None  # digests that are not those of the points

    @property
    def digests(self) -> bytes:
        """Stands in for the leaf hashes: the argument absorbs them and reads nothing from them."""
        if self.leaves is not None:
            return self.leaves
        return b"".join(hashlib.sha256(b"\x00" + points).digest() for points in self.points)

    def statement(self, transcript_class: Any) -> RowStatement:
        """The statement for a prover or verifier that works with transcripts of this class."""
        transcript = transcript_class(self.label)
        transcript.absorb(b"statement", self.context)
        return RowStatement(transcript, self.relation, self.digests, self.rows, self.columns, self.weights, self.commitment)

    def instance(self, transcript_class: Any, proof: bytes) -> RowInstance:
        """A proof of this claim, as verifiers take it."""
        return RowInstance(self.statement(transcript_class), self.points, proof)


def commit_cells(cells: Sequence[int], blinding: int, extra: Sum | None = None) -> bytes:
    """Y = y_0 U_0 + sum_k y_k U_k, and whatever else is asked for."""
    return point([*zip([blinding, *cells], generators("U", 0, len(cells) + 1), strict=True), *(extra or [])])


def zero_claim(relation: RowRelation, table: Table, context: bytes = b"zero") -> Claim:
    """The statement that the rows of `table` obey `relation`, true or not."""
    return Claim(context, relation.encode(), table.commit(), table.rows, table.columns)


def cells_claim(
    relation: RowRelation, witness: Witness, weights: Sequence[int], context: bytes = b"cells", extra: Sum | None = None
) -> Claim:
    """The statement that the weighted sum of the cells is that of `relation` over the rows of the table, true or not."""
    table = witness.table
    return Claim(
        context, relation.encode(), table.commit(), table.rows, table.columns,
        vector_bytes(weights), commit_cells(witness.cells, witness.blinding, extra),
    )  # fmt: skip


def form_values(form: Form, table: Table) -> list[int]:
    """phi(x) of every row x."""
    return [sum(inner(w, [b[x] for b in table.b[d]]) for d, w in form) % GROUP_ORDER for x in range(table.rows)]


def row_values(relation: RowRelation, table: Table) -> list[int]:
    """sum_m a_m prod phi_j(x) of every row x: what is 0 in zero mode, and summed in cells mode."""
    phi = [form_values(form, table) for form in relation.forms]
    return [
        sum(a * prod(phi[j][x] for j in factors) for a, factors in relation.terms) % GROUP_ORDER for x in range(table.rows)
    ]

"""Three writings of the row argument agree: whatever the relation, the table and its shape, true statements are accepted.

The relations, and in cells mode the entries too, are arbitrary. The kernel proves what the readable prover proves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.columns import Digit
from circuits.relation import LinearForm, Relation
from protocol.parameters import ABSENT_CODE, GROUP_ORDER
from prover import kernel_backend, reference
from prover.rows import row_proof_length
from tests.malicious.algebra import stream
from tests.malicious.instances import cells_that_add_up, honest
from tests.malicious.layout import length
from tests.malicious.prover import prove
from tests.malicious.relation import Form, RowRelation, Term, decode
from tests.malicious.table import Claim, Codes, Table, Witness, cells_claim, row_values, zero_claim
from tests.malicious.verifiers import assert_accepted, check, refusal

SCALARS = st.one_of(st.sampled_from([0, 1, GROUP_ORDER - 1]), st.integers(0, GROUP_ORDER - 1))


@st.composite
def forms(draw: st.DrawFn, values: Sequence[int]) -> Form:
    digits = sorted(draw(st.sets(st.integers(0, len(values) - 1), min_size=1, max_size=2)))
    return tuple((d, tuple(draw(SCALARS) for _ in range(values[d]))) for d in digits)


@st.composite
def relations(draw: st.DrawFn) -> RowRelation:
    values = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    own = tuple(draw(forms(values)) for _ in range(draw(st.integers(1, 4))))
    factors = st.lists(st.integers(0, len(own) - 1), min_size=1, max_size=6).map(lambda term: tuple(sorted(term)))
    terms = tuple((draw(SCALARS), draw(factors)) for _ in range(draw(st.integers(1, 4))))
    return RowRelation(values, own, terms)


@st.composite
def owners(draw: st.DrawFn, values: Sequence[int]) -> tuple[Codes, int]:
    """Codes of a chunk, and its columns."""
    bits = draw(st.integers(0, 4))
    rows, columns = 1 << bits, 1 << draw(st.integers(0, bits))
    codes = tuple(
        tuple(draw(st.lists(st.sampled_from([*range(K), ABSENT_CODE]), min_size=rows, max_size=rows))) for K in values
    )
    contexts = tuple(f"digit {d}".encode() for d in range(len(values)))
    return Codes(codes, contexts, draw(st.binary(min_size=32, max_size=32))), columns


@dataclass(frozen=True)
class Drawn:
    """A true statement about a table of codes."""

    claim: Claim
    witness: Witness
    owned: Codes

    def proofs(self) -> list[bytes]:
        """The kernel's, and the readable prover's."""
        witness = self.witness
        native = self.owned.row_witness(witness.cells, witness.blinding if witness.cells else None)
        return [
            kernel_backend.prove_rows(self.claim.statement(kernel_backend.Transcript), native),
            prove(self.claim.statement(reference.Transcript), witness, entropy=stream("property")),
        ]


@st.composite
def cells_statements(draw: st.DrawFn) -> Drawn:
    relation = draw(relations())
    owned, columns = draw(owners(relation.values))
    table = Table.of_codes(owned, relation.values, columns)
    weights = (1, *(draw(SCALARS) for _ in range(draw(st.integers(0, 5)))))
    cells = cells_that_add_up(weights, sum(row_values(relation, table)))
    witness = Witness(table, cells, draw(st.integers(1, GROUP_ORDER - 1)))
    return Drawn(cells_claim(relation, witness, weights), witness, owned)


@st.composite
def zero_statements(draw: st.DrawFn) -> Drawn:
    """A row relation that holds of every one-hot row: phi^2 - phi for one value, times anything, and two values at once."""
    values = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    d = draw(st.integers(0, len(values) - 1))
    first, second = (tuple(int(t == chosen) for t in range(values[d])) for chosen in (0, values[d] - 1))
    anything = draw(forms(values))
    own: tuple[Form, ...] = (((d, first),), ((d, second),), anything)
    a, b = draw(SCALARS), draw(SCALARS)
    boolean_product: list[Term] = [(a, (0, 0, 2)), (-a % GROUP_ORDER, (0, 2))]  # (phi^2 - phi) times anything
    exclusive: list[Term] = [(b, (0, 1))] if values[d] > 1 else []  # two values of a row
    boolean = tuple(sorted(draw(st.sets(st.integers(0, len(values) - 1)))))
    relation = RowRelation(values, own, (*boolean_product, *exclusive), boolean)
    owned, columns = draw(owners(values))
    table = Table.of_codes(owned, values, columns)
    assert not any(row_values(relation, table))
    return Drawn(zero_claim(relation, table), Witness(table), owned)


@given(drawn=st.one_of(cells_statements(), zero_statements()))
def test_true_statements_are_accepted_by_the_kernel(drawn: Drawn) -> None:
    proofs = drawn.proofs()
    assert [len(proof) for proof in proofs] == [length(drawn.claim)] * 2
    check("kernel", *((drawn.claim, proof) for proof in proofs))


@given(drawn=st.one_of(cells_statements(), zero_statements()))
def test_a_changed_table_or_sum_is_refused_by_the_kernel(drawn: Drawn) -> None:
    """False statements of any shape: the table has one entry that is 2."""
    table = drawn.witness.table.with_entry(0, 0, 0, 2)
    claim = Claim(
        drawn.claim.context, drawn.claim.relation, table.commit(), table.rows, table.columns,
        drawn.claim.weights, drawn.claim.commitment,
    )  # fmt: skip
    relation = decode(claim.relation)
    proof = prove(claim.statement(reference.Transcript), Witness(table, drawn.witness.cells, drawn.witness.blinding))
    if claim.weights:
        true = sum(row_values(relation, table)) % GROUP_ORDER == sum(row_values(relation, drawn.witness.table)) % GROUP_ORDER
    else:
        true = not any(row_values(relation, table)) and 0 not in relation.boolean
    if true:
        check("kernel", (claim, proof))
    else:
        assert refusal("kernel", (claim, proof)) == (0, "product")


@pytest.mark.parametrize("mode", ["cells", "zero"])
@pytest.mark.parametrize(("rows", "columns", "cells"), [(64, 16, 5), (1024, 1024, 257)])
def test_larger_statements_are_accepted_by_both_verifiers(mode: str, rows: int, columns: int, cells: int) -> None:
    known = honest(mode, rows, columns, cells)
    native = kernel_backend.prove_rows(known.claim.statement(kernel_backend.Transcript), known.row_witness())
    assert_accepted(known.claim, native)
    check("kernel", (known.claim, known.prove(reference.Transcript)))


def test_the_lengths_are_those_that_the_service_computes() -> None:
    for mode in ("cells", "zero"):
        for rows, columns, cells in ((1, 1, 1), (8, 4, 3), (512, 512, 257), (1024, 512, 513)):
            known = honest(mode, rows, columns, cells)
            assert length(known.claim) == row_proof_length(known.relation, rows, columns, cells if mode == "cells" else 0)  # type: ignore[arg-type]


def test_relations_are_encoded_as_the_circuits_encode_them() -> None:
    known = honest("zero", 4, 2, 2).relation
    digits = tuple(Digit(f"d{place}", 0, K, 1) for place, K in enumerate(known.values))
    same = Relation(digits, tuple(LinearForm(form) for form in known.forms), known.terms, known.boolean)
    assert same.encode() == known.encode()
    assert decode(same.encode()) == known
    assert (same.degree, same.selector_bits) == (known.degree, known.selector_bits)

"""P8, P9: a proof is about one statement: that of another chunk, table, relation or shape is refused."""

from dataclasses import replace
from functools import cache

import pytest

from prover import kernel_backend, reference
from tests.malicious.algebra import scalar_bytes
from tests.malicious.instances import FORMS, MODES, Honest, honest
from tests.malicious.relation import RowRelation, decode
from tests.malicious.table import Claim
from tests.malicious.verifiers import EQUATIONS, assert_refused, check, refusal


@cache
def case(mode: str, seed: str = "small") -> Honest:
    return honest(mode, 4, 2, 2, seed)


@cache
def proof(mode: str, seed: str = "small") -> bytes:
    return case(mode, seed).prove(reference.Transcript)


def statements(mode: str) -> dict[str, Claim]:
    """Statements that differ from the proven one in one respect."""
    claim, other = case(mode).claim, case(mode, "another chunk").claim
    present, flag, digit = claim.points
    different = {
        "context": replace(claim, context=claim.context + b"\x00"),
        "label": replace(claim, label=claim.label + b"2"),
        "another chunk": other,
        "another chunk's points": replace(claim, points=other.points),
        "one digit of another chunk": replace(claim, points=(*claim.points[:2], other.points[2])),
        "blocks swapped": replace(claim, points=(present[64:] + present[:64], flag, digit)),
        "values swapped": replace(claim, points=(present, flag[128:] + flag[:128], digit)),
        "another relation": replace(claim, relation=other.relation),
    }  # fmt: skip
    if mode == "cells":
        different |= {
            "another chunk's cells": replace(claim, commitment=other.commitment),
            "other weights": replace(claim, weights=other.weights),
            "weights swapped": replace(claim, weights=claim.weights[32:] + claim.weights[:32]),
            "a weight of zero": replace(claim, weights=claim.weights[:32] + scalar_bytes(0)),
            "negative cells": replace(claim, commitment=kernel_backend.subtract(bytes(64), claim.commitment)),
        }
    return {name: statement for name, statement in different.items() if statement != claim}


@pytest.mark.parametrize(("mode", "name"), [(mode, name) for mode in MODES for name in statements(mode)])
def test_another_statement_is_refused(mode: str, name: str) -> None:
    assert_refused(statements(mode)[name], proof(mode), EQUATIONS)


def relations(known: Honest) -> dict[str, RowRelation]:
    """Relations of the same shape, each changed in one place."""
    relation = known.relation
    (a, factors), *terms = relation.terms
    first, second, *forms = relation.forms
    ((digit, weights),) = first
    heavier = ((digit, (weights[0] + 1, *weights[1:])),)
    return {
        "a coefficient": replace(relation, terms=((a + 1, factors), *terms)),
        "a weight": replace(relation, forms=(heavier, second, *forms)),
        "forms swapped": replace(relation, forms=(second, first, *forms)),
        "terms reversed": replace(relation, terms=relation.terms[::-1]),  # the same sum, in other bytes
        "a factor": replace(relation, terms=((a, (factors[0] + 1,)), *terms)),  # the first term has one
        "a term of weight 0": replace(relation, terms=(*relation.terms, (0, (0,)))),
    }  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", relations(honest("cells", 4, 2, 2)))
def test_another_relation_of_the_same_shape_is_refused(mode: str, name: str) -> None:
    known = case(mode)
    relation = relations(known)[name]
    assert decode(relation.encode()) == relation
    assert_refused(replace(known.claim, relation=relation.encode()), proof(mode), EQUATIONS)


def test_a_proof_of_fewer_boolean_digits_is_refused() -> None:
    known = case("zero")
    for boolean in ((1, 2), (0, 1), ()):
        relation = replace(known.relation, boolean=boolean)
        assert_refused(replace(known.claim, relation=relation.encode()), proof("zero"), ("length", *EQUATIONS))


def test_a_proof_of_one_mode_is_none_of_the_other() -> None:
    cells, zero = case("cells"), case("zero")
    assert_refused(replace(cells.claim, weights=b"", commitment=b""), proof("cells"), "length")
    without = replace(zero.claim, weights=cells.claim.weights, commitment=cells.claim.commitment)
    assert_refused(without, proof("zero"), "relation")  # boolean digits and cells
    assert_refused(zero.claim, proof("cells"), "length")
    assert_refused(cells.claim, proof("zero"), "length")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("rows", "columns"), [(4, 1), (4, 4), (2, 2), (8, 2), (8, 4)])
def test_another_shape_is_refused(mode: str, rows: int, columns: int) -> None:
    """The sizes come from the statement: a proof of a prefix, or of the same points in another shape, does not fit."""
    known = case(mode)
    claim = replace(known.claim, rows=rows, columns=columns)
    assert refusal("kernel", (claim, proof(mode)))[1] in ("commitments", "length", *EQUATIONS)
    other = honest(mode, rows, columns, 2)
    check("kernel", (other.claim, other.prove(reference.Transcript)))
    assert_refused(
        replace(known.claim, rows=rows, columns=columns, points=other.claim.points), proof(mode), ("length", *EQUATIONS)
    )


@pytest.mark.parametrize("mode", MODES)
def test_proofs_do_not_change_places(mode: str) -> None:
    one, two = (case(mode).claim, proof(mode)), (case(mode, "another chunk").claim, proof(mode, "another chunk"))
    for verifier in ("kernel", "reference"):
        assert refusal(verifier, (one[0], two[1]), (two[0], one[1]))[0] == 0
        assert refusal(verifier, one, (two[0], one[1]))[0] == 1


def test_the_forms_of_the_example_are_used() -> None:
    assert {j for _, factors in case("zero").relation.terms for j in factors} == {0, 4, 5}
    assert len(FORMS) == 6

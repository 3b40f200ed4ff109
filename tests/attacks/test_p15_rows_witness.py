"""P15, P16: every entry of the committed table is constrained. A prover with a false table, committed or not, is refused.

Each entry in turn gets each false value, and the rest of the prover is honest. Whether the perturbed statement is true is
computed row by row from the definition; it is then accepted if and only if it is true.
"""

import random
from dataclasses import replace
from functools import cache

import pytest

from protocol.parameters import GROUP_ORDER
from prover import reference
from tests.malicious.algebra import inner, stream
from tests.malicious.instances import DIGIT, FLAG, MODES, PRESENT, VALUES, Honest, honest
from tests.malicious.prover import prove
from tests.malicious.table import Claim, Table, Witness, row_values
from tests.malicious.verifiers import VERIFIERS, assert_accepted, assert_refused, check, refusal

ROWS = 8
FALSE = {"plus one": 1, "minus one": GROUP_ORDER - 1, "large": GROUP_ORDER // 2, "largest": GROUP_ORDER - 2}
PLACES = [(d, t, x) for d, K in enumerate(VALUES) for t in range(K) for x in range(ROWS)]


@cache
def case(mode: str) -> Honest:
    return honest(mode, ROWS, 4, 3)


def perturbed(table: Table, place: tuple[int, int, int], kind: str) -> Table:
    """The table with one entry changed by an amount, or swapped: 0 becomes 1 (two values in a row) and 1 becomes 0."""
    d, t, x = place
    entry = table.b[d][t][x]
    return table.with_entry(d, t, x, 1 - entry if kind == "swap" else entry + FALSE[kind])


def is_true(known: Honest, table: Table) -> bool:
    """The statement of `known` about another table, from its definition."""
    values = row_values(known.relation, table)
    if known.mode == "cells":
        return sum(values) % GROUP_ORDER == inner(known.weights, known.witness.cells)
    return not any(values) and all(b in (0, 1) for d in known.relation.boolean for row in table.b[d] for b in row)


def claim_about(known: Honest, table: Table) -> Claim:
    return replace(known.claim, points=table.commit())


def proof_from(claim: Claim, witness: Witness) -> bytes:
    return prove(claim.statement(reference.Transcript), witness, entropy=stream("p15"))


def cases(count: int | None = None) -> list[tuple[tuple[int, int, int], str]]:
    """A sample of all perturbations; without a count each place once, with a kind that changes from place to place."""
    kinds = (*FALSE, "swap")
    if count is None:
        return [(place, kinds[number % len(kinds)]) for number, place in enumerate(PLACES)]
    return random.Random(15).sample([(place, kind) for place in PLACES for kind in kinds], count)


@pytest.mark.parametrize("mode", MODES)
def test_the_statements_under_attack_are_true(mode: str) -> None:
    known = case(mode)
    assert is_true(known, known.witness.table)
    assert_accepted(known.claim, known.prove(reference.Transcript))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("verifier", "count"), [("kernel", None), ("reference", 6)])
def test_a_committed_entry_is_accepted_only_if_the_statement_stays_true(mode: str, verifier: str, count: int | None) -> None:
    known = case(mode)
    refused = 0
    for place, kind in cases(count):
        table = perturbed(known.witness.table, place, kind)
        claim = claim_about(known, table)
        proof = proof_from(claim, replace(known.witness, table=table))
        if is_true(known, table):
            check(verifier, (claim, proof))
        else:
            assert refusal(verifier, (claim, proof)) == (0, "product"), (place, kind)
            refused += 1
    assert refused > 0.7 * (count or len(PLACES))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("verifier", "count"), [("kernel", None), ("reference", 2)])
def test_a_proof_from_other_data_than_the_committed_is_refused(mode: str, verifier: str, count: int | None) -> None:
    known = case(mode)
    for place, kind in cases(count):
        table = perturbed(known.witness.table, place, kind)
        # Once the lie is committed and the truth is proved, once the other way about.
        committed_lie = claim_about(known, table)
        assert refusal(verifier, (committed_lie, proof_from(committed_lie, known.witness))) == (0, "rows"), (place, kind)
        lying = replace(known.witness, table=table)
        assert refusal(verifier, (known.claim, proof_from(known.claim, lying)))[1] == "rows", (place, kind)


@pytest.mark.soak
@pytest.mark.parametrize("mode", MODES)
def test_every_perturbation_of_every_entry(mode: str) -> None:
    known = case(mode)
    for place, kind in cases(len(PLACES) * (len(FALSE) + 1)):
        table = perturbed(known.witness.table, place, kind)
        claim = claim_about(known, table)
        proof = proof_from(claim, replace(known.witness, table=table))
        if is_true(known, table):
            check("kernel", (claim, proof))
        else:
            assert refusal("kernel", (claim, proof)) == (0, "product"), (place, kind)
        assert refusal("kernel", (claim, proof_from(claim, known.witness))) == (0, "rows"), (place, kind)


@pytest.mark.parametrize("mode", MODES)
def test_other_blinders_than_the_committed_are_refused(mode: str) -> None:
    known = case(mode)
    table = known.witness.table
    for d, t, i in ((PRESENT, 0, 0), (FLAG, 1, 1), (DIGIT, 2, 0)):
        rho = [[list(row) for row in digit] for digit in table.rho]
        rho[d][t][i] += 1
        other = replace(table, rho=tuple(tuple(map(tuple, digit)) for digit in rho))
        assert_refused(known.claim, proof_from(known.claim, replace(known.witness, table=other)), "rows")


@pytest.mark.parametrize("verifier", VERIFIERS)
@pytest.mark.parametrize("kind", ["two values", "half and half", "minus and plus", "padding with a value", "value 2"])
def test_a_row_that_is_not_one_hot_is_refused_though_its_counts_are_right(verifier: str, kind: str) -> None:
    # Compensating neighbours: the sum over the values is what the row relation asks for, so only the boolean part objects.
    known = case("zero")
    table = known.witness.table
    half = pow(2, -1, GROUP_ORDER)
    changes = {
        "two values": [(FLAG, 0, 0, 1), (FLAG, 1, 0, 1)],
        "half and half": [(FLAG, 0, 0, half), (FLAG, 1, 0, half)],
        "minus and plus": [(FLAG, 0, 0, -1), (FLAG, 1, 0, 2)],
        "padding with a value": [(DIGIT, 0, ROWS - 1, 1)],
        "value 2": [(DIGIT, 0, 0, 2), (DIGIT, 1, 0, 0), (DIGIT, 2, 0, GROUP_ORDER - 1)],
    }
    for d, t, x, value in changes[kind]:
        table = table.with_entry(d, t, x, value)
    claim = claim_about(known, table)
    proof = proof_from(claim, Witness(table))
    assert refusal(verifier, (claim, proof)) == (0, "product")

"""P5: each point of a proof replaced by the identity, the generator, its negative or a neighbour; each scalar by 0."""

import random
from dataclasses import replace
from functools import cache

import pytest

from prover import kernel_backend, reference
from tests.malicious.algebra import points_of, scalar_bytes, scalars_of
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.layout import Element, elements
from tests.malicious.prover import Lies, prove
from tests.malicious.table import Witness, commit_cells
from tests.malicious.verifiers import EQUATIONS, VERIFIERS, assert_accepted, assert_refused, refusal
from tests.vectors.inputs import G1, IDENTITY, MINUS_G1

STEP_OF_RESPONSE = {"g": "rounds", "S_0": "evaluations", "e": "evaluations", "epsilon": "evaluations", "cells": "cells",
                    "rows": "rows", "sigma": "product"}  # fmt: skip
SHAPE = {"rows": 2, "columns": 2, "cells": 2}


@cache
def case(mode: str) -> tuple[Honest, bytes, list[Element]]:
    known = honest(mode, **SHAPE)
    return known, known.prove(reference.Transcript), elements(known.claim)


def substitutes(element: Element, proof: bytes) -> list[bytes]:
    own = element.of(proof)
    if not element.is_point:
        return [scalar_bytes(0), scalar_bytes(-scalars_of(own)[0]), scalar_bytes(1)]
    return [IDENTITY, G1, MINUS_G1, kernel_backend.subtract(IDENTITY, own), kernel_backend.add_points(own + G1)]


@pytest.mark.parametrize("mode", MODES)
def test_the_proofs_under_attack_are_good(mode: str) -> None:
    known, proof, parts = case(mode)
    assert b"".join(element.of(proof) for element in parts) == proof
    assert_accepted(known.claim, proof)


@pytest.mark.parametrize("mode", MODES)
def test_a_point_that_is_the_identity_is_named(mode: str) -> None:
    known, proof, parts = case(mode)
    for element in parts:
        if element.is_point:
            assert_refused(known.claim, element.replaced(proof, IDENTITY), "identity")


@pytest.mark.parametrize("mode", MODES)
def test_another_point_is_refused(mode: str) -> None:
    known, proof, parts = case(mode)
    points = [element for element in parts if element.is_point]
    for element, neighbour in zip(points, points[1:] + points[:1], strict=True):
        for verifier in VERIFIERS:
            others = [*substitutes(element, proof)[1:], neighbour.of(proof)]
            for other in others if verifier == "kernel" else others[:2]:
                # A point moves every challenge after it, so the first equation that fails may be any.
                assert refusal(verifier, (known.claim, element.replaced(proof, other)))[1] in EQUATIONS


@pytest.mark.parametrize("mode", MODES)
def test_a_scalar_that_is_zero_is_refused_where_it_is_used(mode: str) -> None:
    known, proof, parts = case(mode)
    for place, element in enumerate(parts):
        if not element.is_point:
            step = STEP_OF_RESPONSE[element.name.split()[0]]
            for number, other in enumerate(substitutes(element, proof)):
                for verifier in VERIFIERS if number == place % 3 == 0 else ("kernel",):
                    changed = element.replaced(proof, other)
                    assert refusal(verifier, (known.claim, changed)) == (0, step), element.name


@pytest.mark.parametrize("mode", MODES)
def test_two_and_three_replaced_elements_are_refused(mode: str) -> None:
    known, proof, parts = case(mode)
    chosen = random.Random(f"p5 {mode}")
    for size in (2, 3):
        for _ in range(150):
            changed = proof
            for element in chosen.sample(parts, size):
                changed = element.replaced(changed, chosen.choice(substitutes(element, proof)))
            refusal("kernel", (known.claim, changed))


@pytest.mark.parametrize("mode", MODES)
def test_a_proof_of_nothing_is_refused(mode: str) -> None:
    known, proof, parts = case(mode)
    assert_refused(known.claim, bytes(len(proof)), "identity")
    split = parts[-1].start - 32 * (sum(not element.is_point for element in parts) - 1)
    assert_refused(known.claim, proof[:split] + bytes(len(proof) - split), "rounds")
    generators = b"".join(G1 if element.is_point else scalar_bytes(0) for element in parts)
    assert_refused(known.claim, generators, "rounds")


@pytest.mark.parametrize("mode", MODES)
def test_commitments_replaced_in_the_statement_are_refused(mode: str) -> None:
    known, proof, _ = case(mode)
    for d, points in enumerate(known.claim.points):
        for place, point in enumerate(points_of(points)):
            for other in (IDENTITY, G1, kernel_backend.subtract(IDENTITY, point)):
                changed = points[: 64 * place] + other + points[64 * (place + 1) :]
                claim = replace(known.claim, points=(*known.claim.points[:d], changed, *known.claim.points[d + 1 :]))
                for verifier in VERIFIERS if other == IDENTITY else ("kernel",):
                    assert refusal(verifier, (claim, proof))[1] in EQUATIONS


def test_an_output_commitment_that_is_the_identity_is_refused_unless_it_is_the_true_one() -> None:
    known, proof, _ = case("cells")
    for other in (IDENTITY, G1, kernel_backend.subtract(IDENTITY, known.claim.commitment)):
        assert_refused(replace(known.claim, commitment=other), proof, EQUATIONS)
    # Knowing that the identity opens to zeros, the best proof of a sum that is not 0:
    claim = replace(known.claim, commitment=commit_cells((0, 0), 0))
    assert claim.commitment == IDENTITY
    zeros = Witness(known.witness.table, (0, 0), 0)
    assert_refused(claim, prove(claim.statement(reference.Transcript), zeros), "product")
    told = Lies({"S_0": lambda _: 1})
    assert_refused(claim, prove(claim.statement(reference.Transcript), zeros, lies=told), "cells")

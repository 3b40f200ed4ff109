"""P11: round polynomials that are wrong, of too high degree, missing or in excess, and evaluations that are not opened."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from prover import reference
from tests.malicious.algebra import Sum, generator
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.layout import elements
from tests.malicious.prover import Lies
from tests.malicious.verifiers import assert_accepted, assert_refused

ROUNDS = {"cells": [3, 3], "zero": [3, 3, 4, 4]}  # degrees for 4 rows; zero mode has two rounds over t
EACH_ROUND = [(mode, number) for mode in MODES for number in range(len(ROUNDS[mode]))]


@cache
def case(mode: str) -> Honest:
    return honest(mode, 4, 2, 2)


def refused(mode: str, lies: dict[str, Callable[[Any], Any]], step: str) -> None:
    known = case(mode)
    assert_refused(known.claim, known.prove(reference.Transcript, Lies(lies)), step)


@pytest.mark.parametrize("mode", MODES)
def test_the_rounds_are_those_of_the_specification(mode: str) -> None:
    known = case(mode)
    degrees: dict[str, int] = {}
    for element in elements(known.claim):
        kind, *place = element.name.split()
        if kind == "g" and place[1] != "rho":
            degrees[place[0]] = degrees.get(place[0], 0) + 1
    assert list(degrees.values()) == ROUNDS[mode]


@pytest.mark.parametrize(("mode", "number"), EACH_ROUND)
@pytest.mark.parametrize("change", ["first", "last", "all zero"])
def test_a_wrong_polynomial_of_the_right_degree_is_refused(mode: str, number: int, change: str) -> None:
    """Its g(0) + g(1) is right, by construction; the prover goes on with its value at r as if it were the claim."""
    lie: dict[str, Callable[[list[int]], list[int]]] = {
        "first": lambda g: [g[0] + 1, *g[1:]],
        "last": lambda g: [*g[:-1], g[-1] - 1],
        "all zero": lambda g: [0] * len(g),
    }
    refused(mode, {f"round {number}": lie[change]}, "product")


@pytest.mark.parametrize(("mode", "number"), EACH_ROUND)
def test_a_polynomial_of_higher_degree_is_refused(mode: str, number: int) -> None:
    # With any factor at the next power: the commitment has a part on a generator that the verifier does not give.
    refused(mode, {f"round {number}": lambda g: [*g, 1]}, "rounds")
    if number == 0:
        refused(mode, {f"round {number}": lambda g: [*g, 0, 5]}, "rounds")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("base", ["U", "G", "H", "g", "h"])
def test_a_round_with_a_part_on_another_generator_is_refused(mode: str, base: str) -> None:
    def lie(terms: Sum) -> Sum:
        return [*terms, (1, generator(base))]

    refused(mode, {"R 0": lie}, "rounds")


@pytest.mark.parametrize(("mode", "form"), [("cells", j) for j in range(6)] + [("zero", j) for j in range(9)])
def test_an_evaluation_that_the_rows_do_not_open_to_is_refused(mode: str, form: int) -> None:
    refused(mode, {"evaluations": lambda e: [*e[:form], e[form] + 1, *e[form + 1 :]]}, "rows")


@pytest.mark.parametrize("mode", MODES)
def test_evaluations_out_of_order_are_refused(mode: str) -> None:
    refused(mode, {"evaluations": lambda e: [*e[1:], e[0]]}, "rows")
    refused(mode, {"evaluations": lambda e: [0] * len(e)}, "rows")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rows", [1, 2, 8])
def test_a_proof_with_missing_or_further_rounds_is_refused(mode: str, rows: int) -> None:
    """A proof of a prefix of the table, or of a longer one, is none of this table."""
    other = honest(mode, rows, min(rows, 2), 2)
    assert_accepted(other.claim, other.prove(reference.Transcript))
    assert_refused(case(mode).claim, other.prove(reference.Transcript), "length")
    assert_refused(other.claim, case(mode).prove(reference.Transcript), "length")


@pytest.mark.parametrize("mode", MODES)
def test_one_round_left_out_or_repeated_is_refused(mode: str) -> None:
    known = case(mode)
    proof = known.prove(reference.Transcript)
    by_name = {element.name: element for element in elements(known.claim)}
    R, T = by_name["R 1"], by_name["T round 1"]
    responses = [element for name, element in by_name.items() if name.startswith("g 1 ")]
    whole = slice(responses[0].start, responses[-1].start + responses[-1].size)
    without = proof[: R.start] + proof[R.start + 64 : T.start] + proof[T.start + 64 : whole.start] + proof[whole.stop :]
    again = R.of(proof), T.of(proof), proof[whole]
    repeated = (
        proof[: R.start] + again[0] + proof[R.start : T.start] + again[1] + proof[T.start : whole.start] + again[2]
        + proof[whole.start :]
    )  # fmt: skip
    assert_refused(known.claim, without, "length")
    assert_refused(known.claim, repeated, "length")


def test_a_table_of_one_row_has_no_rounds_and_is_checked_nevertheless() -> None:
    for mode in MODES:
        known = honest(mode, 1, 1, 1)
        assert_accepted(known.claim, known.prove(reference.Transcript))
        assert_refused(known.claim, known.prove(reference.Transcript, Lies({"evaluations": lambda e: [0] * len(e)})), "rows")
    cells = honest("cells", 1, 1, 1)
    lie = cells.prove(reference.Transcript, Lies({"S_0": lambda s: s + 1}))
    assert_refused(cells.claim, lie, "cells")

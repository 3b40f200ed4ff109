"""P10: a quantity that occurs in two equations cannot be two things, and no value of the prover is free.

One value at a time is replaced as the prover computes it; the table names the equation that fails first.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from prover import reference
from tests.malicious import prover as malicious_prover
from tests.malicious.algebra import Sum, generator
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.prover import Lies
from tests.malicious.verifiers import assert_refused

Lie = Callable[[Any], Any]


def one_more(value: Any) -> Any:
    """The value plus 1, or a vector with 1 added to its first entry."""
    return [value[0] + 1, *value[1:]] if isinstance(value, list) else value + 1


def last_more(value: list[int]) -> list[int]:
    return [*value[:-1], value[-1] + 1]


def other_scalar(terms: Sum) -> Sum:
    """A sum of points with one scalar changed."""
    (scalar, base), *rest = terms
    return [(scalar + 1, base), *rest]


def with_h(terms: Sum) -> Sum:
    return [*terms, (1, generator("h"))]


# Of a statement whose vectors are short: name of the value, what is said, the step that fails.
BOTH: list[tuple[str, Lie, str]] = [
    ("R 0", other_scalar, "rounds"),
    ("R 0", with_h, "rounds"),
    ("E", other_scalar, "evaluations"),
    ("E", with_h, "evaluations"),
    ("evaluations", one_more, "rows"),
    ("evaluations", last_more, "rows"),
    ("rows", one_more, "rows"),
    ("rows", last_more, "rows"),
    ("rows zeta", one_more, "rows"),
    ("rows z", one_more, "rows"),
    ("rows z", lambda z: z[::-1], "rows"),
    ("T round 0", other_scalar, "rounds"),
    ("T round 1", with_h, "rounds"),
    ("T evaluations", other_scalar, "evaluations"),
    ("T evaluations", with_h, "evaluations"),
    ("T rows", other_scalar, "rows"),
    ("T rows", with_h, "rows"),
    ("t", one_more, "product"),
    ("t", last_more, "product"),
    ("Theta 0", other_scalar, "product"),
    ("Theta 1", with_h, "product"),
    ("responses round 0", one_more, "rounds"),
    ("responses round 1", last_more, "rounds"),
    ("responses evaluations", one_more, "evaluations"),
    ("responses evaluations", last_more, "evaluations"),
    ("responses rows", one_more, "rows"),
    ("responses rows", last_more, "rows"),
    ("sigma", one_more, "product"),
    ("masks", lambda masks: masks[64:] + masks[:64], "rounds"),  # what is absorbed is not what is sent
    ("masks", lambda masks: b"", "rounds"),
]
CELLS: list[tuple[str, Lie, str]] = [
    ("S_0", one_more, "cells"),
    ("S_0", lambda _: 0, "cells"),
    ("cells", one_more, "cells"),
    ("cells", last_more, "cells"),
    ("cells", lambda y: [y[1], y[0], *y[2:]], "cells"),
    ("cells zeta", one_more, "cells"),
    ("cells z", one_more, "cells"),
    ("T cells", other_scalar, "cells"),
    ("T cells", with_h, "cells"),
    ("responses cells", one_more, "cells"),
    ("responses cells", last_more, "cells"),
]


@cache
def short(mode: str) -> Honest:
    return honest(mode, 4, 2, 2)


@cache
def folded(mode: str) -> Honest:
    """512 columns: one fold. 513 cells: two folds, both with an odd element."""
    return honest(mode, 512, 512, 513)


SHORT = [("cells", *lie) for lie in CELLS + BOTH] + [("zero", *lie) for lie in BOTH]


@pytest.mark.parametrize(
    ("mode", "name", "lie", "step"), SHORT, ids=[f"{place}-{case[0]}-{case[1]}" for place, case in enumerate(SHORT)]
)
def test_a_value_that_is_replaced_is_refused(mode: str, name: str, lie: Lie, step: str) -> None:
    known = short(mode)
    assert_refused(known.claim, known.prove(reference.Transcript, Lies({name: lie})), step)


FOLDS = [
    ("zero", "rows L 0", other_scalar),
    ("zero", "rows R 0", with_h),
    ("cells", "cells L 0", other_scalar),
    ("cells", "cells R 1", other_scalar),
    ("cells", "cells L 1", with_h),
    ("cells", "cells R 0", lambda terms: [*terms[:-2], (terms[-2][0] + 1, terms[-2][1]), terms[-1]]),  # the part on g
]


@pytest.mark.parametrize(("mode", "name", "lie"), FOLDS, ids=[f"{mode}-{name}" for mode, name, _ in FOLDS])
def test_a_wrong_fold_is_refused(mode: str, name: str, lie: Lie) -> None:
    known = folded(mode)
    assert_refused(known.claim, known.prove(reference.Transcript, Lies({name: lie})), name.split()[0])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tail", [1024, 128])
def test_a_prover_that_folds_once_less_or_once_more_is_refused(mode: str, tail: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """How often a vector is folded follows from its length, not from what the prover sends."""
    monkeypatch.setattr(malicious_prover, "MAX_TAIL", tail)
    known = folded(mode)
    assert_refused(known.claim, known.prove(reference.Transcript), "length")


def test_two_values_swapped_between_openings_are_refused() -> None:
    known = short("cells")
    for lies in (
        {"cells zeta": lambda zeta: zeta + 1, "rows zeta": lambda zeta: zeta - 1},
        {"S_0": lambda s: s + 1, "cells": lambda y: [y[0] + 1, *y[1:]]},  # the sum of cells that Y does not hold
    ):
        assert_refused(known.claim, known.prove(reference.Transcript, Lies(lies)), "cells")


def test_a_lie_that_nobody_asks_for_is_an_error_of_the_test() -> None:
    with pytest.raises(LookupError, match=re.escape("round 9")):
        short("zero").prove(reference.Transcript, Lies({"round 9": one_more}))

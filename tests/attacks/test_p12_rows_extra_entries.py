"""P12: nothing is committed beside the C columns of a row block, the K cells, the coefficients and the evaluations.

A part on h is the exception that the specification states: h is a blinder, in every commitment, and carries no value.
"""

from dataclasses import replace
from functools import cache, partial

import pytest

from prover import reference
from tests.malicious.algebra import Sum, generator, stream
from tests.malicious.instances import DIGIT, FLAG, MODES, PRESENT, Honest, honest
from tests.malicious.prover import Lies, prove
from tests.malicious.table import Claim, commit_cells
from tests.malicious.verifiers import assert_accepted, assert_refused

COLUMNS, CELLS = 4, 3
OUTSIDE_ROWS = {
    "G_C": ("G", COLUMNS),
    "G_4095": ("G", 4095),
    "U_0": ("U", 0),
    "U_1": ("U", 1),
    "V_1": ("V", 1),
    "g": ("g", 0),
}
OUTSIDE_CELLS = {
    "U_K+1": ("U", CELLS + 1), "U_4096": ("U", 4096), "G_0": ("G", 0), "H": ("H", 0), "V_1": ("V", 1), "g": ("g", 0),
}  # fmt: skip


@cache
def case(mode: str) -> Honest:
    return honest(mode, 8, COLUMNS, CELLS)


def rows_with(mode: str, place: tuple[int, int, int], extra: Sum) -> tuple[Claim, bytes]:
    """A claim about commitments that hold more than the table, and the proof of an otherwise honest prover."""
    known = case(mode)
    claim = replace(known.claim, points=known.witness.table.with_extra(place, extra).commit())
    return claim, prove(claim.statement(reference.Transcript), known.witness, entropy=stream("extra"))


def with_part(base: bytes, terms: Sum) -> Sum:
    return [*terms, (1, base)]


def cells_with(extra: Sum, lies: Lies | None = None) -> tuple[Claim, bytes]:
    known = case("cells")
    commitment = commit_cells(known.witness.cells, known.witness.blinding, extra)
    claim = replace(known.claim, commitment=commitment)
    return claim, prove(claim.statement(reference.Transcript), known.witness, lies=lies, entropy=stream("extra"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("base", OUTSIDE_ROWS)
def test_a_row_commitment_with_a_further_entry_is_refused(mode: str, base: str) -> None:
    assert_refused(*rows_with(mode, (FLAG, 1, 0), [(1, generator(*OUTSIDE_ROWS[base]))]), "rows")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", [(PRESENT, 0, 1), (FLAG, 0, 1), (DIGIT, 2, 0)])
def test_every_digit_and_block_is_checked_for_further_entries(mode: str, place: tuple[int, int, int]) -> None:
    assert_refused(*rows_with(mode, place, [(7, generator("G", COLUMNS))]), "rows")


def test_further_entries_that_cancel_between_two_values_are_refused_by_admission() -> None:
    """Forms that weigh both values alike do not see them; admission weighs each value by itself."""
    known = case("zero")
    extra = generator("G", COLUMNS)
    table = known.witness.table.with_extra((FLAG, 0, 0), [(1, extra)]).with_extra((FLAG, 1, 0), [(-1, extra)])
    claim = replace(known.claim, points=table.commit())
    proof = prove(claim.statement(reference.Transcript), known.witness, entropy=stream("cancel"))
    assert_refused(claim, proof, "rows")


@pytest.mark.parametrize("base", OUTSIDE_CELLS)
def test_a_cell_commitment_with_a_further_entry_is_refused(base: str) -> None:
    assert_refused(*cells_with([(1, generator(*OUTSIDE_CELLS[base]))]), "cells")


def test_a_further_cell_cannot_pay_for_a_wrong_sum() -> None:
    # W of length K + 1 would cancel the public part: the further entry carries what the sum lacks.
    assert_refused(*cells_with([(1, generator("U", CELLS + 1))], Lies({"S_0": lambda s: s + 1})), "cells")


@pytest.mark.parametrize("mode", MODES)
def test_evaluations_and_rounds_hold_no_further_entry(mode: str) -> None:
    known = case(mode)
    forms = len(known.relation.forms) + len(known.relation.boolean)
    after_last = forms + 1 + (mode == "cells")
    for name, base, step in (
        ("E", ("U", after_last), "evaluations"),
        ("E", ("V", 1), "evaluations"),
        ("E", ("g", 0), "evaluations"),
        ("R 0", ("V", 5), "rounds"),
        ("R 2", ("V", 7), "rounds"),
        ("R 1", ("g", 0), "rounds"),
        ("T round 0", ("V", 5), "rounds"),
        ("T evaluations", ("U", after_last), "evaluations"),
        ("T rows", ("G", COLUMNS), "rows"),
        ("T rows", ("g", 0), "rows"),
        ("Theta 0", ("U", 1), "product"),
    ):
        lies = Lies({name: partial(with_part, generator(*base))})
        assert_refused(known.claim, known.prove(reference.Transcript, lies), step)


def test_a_part_on_h_hides_and_changes_no_value() -> None:
    """Accepted by design (section 11, step 3). The shares of C_y do not fit a commitment with such a part."""
    h: Sum = [(5, generator("h"))]
    known = case("cells")
    claim = replace(known.claim, commitment=commit_cells(known.witness.cells, known.witness.blinding, h))
    assert_refused(claim, prove(claim.statement(reference.Transcript), known.witness), "cells")
    knowing = Lies({"cells theta": lambda theta: theta + 5})
    assert_accepted(claim, prove(claim.statement(reference.Transcript), known.witness, lies=knowing))
    wrong = Lies({"cells theta": lambda theta: theta + 5, "S_0": lambda s: s + 1})
    assert_refused(claim, prove(claim.statement(reference.Transcript), known.witness, lies=wrong), "cells")

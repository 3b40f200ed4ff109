"""Counts at cut points: which are opened, that they are right, that they are far apart, and that they can be proved."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.analysis import Answer
from circuits.codeset import CodeSet
from circuits.families import Families, plain_group
from circuits.plan import compile_query
from circuits.schema import parse_schema
from circuits.sql import parse
from circuits.statistics.cut_points import CutPoints
from circuits.summand import ROWS, Summand, Within
from prover.contribution import verify_contributions
from tests.properties.test_relations_proved import RULED, proven
from tests.statistics.pooled import Pool

SCHEMA = parse_schema(
    """
name = "t"
[[columns]]
name = "one_digit"
type = "integer"
min = -3
max = 60
[[columns]]
name = "three_digits"
type = "integer"
min = 0
max = 4500
nullable = true
[[columns]]
name = "event"
type = "boolean"
"""
)
EVENT = Summand((Within("event", CodeSet(((1, 2),), False)),))


def _expected(bounds: tuple[int, ...], codes: list[int], minimum: int) -> list[int]:
    """The rule, by recursion: the cut points that are opened."""

    def inside(low: int, high: int) -> int:
        return sum(low <= code < high for code in codes)

    def opened(first: int, last: int) -> list[int]:
        middle = (first + last) // 2
        if middle == first:
            return []
        low, cut, high = bounds[first], bounds[middle], bounds[last]
        own = [cut] if min(inside(low, cut), inside(cut, high)) >= minimum or minimum <= 1 else []
        return [*opened(first, middle), *own, *opened(middle, last)]

    return opened(0, len(bounds) - 1)


def _answered(cut_points: CutPoints, rows: list[dict[str, object]], minimum: int) -> tuple[Answer, list[int]]:
    """The cells as if an analysis asked for these cut points only, and all that is opened."""
    pool = Pool.split(SCHEMA, rows)
    plan = pool.plan("SELECT COUNT(*) FROM t")
    families = Families(SCHEMA, None, ())
    cut_points.request(families)
    whole = type(plan)(plan.query, SCHEMA, SCHEMA.digits, families.grids, families.forms, families.families, ())
    cells = pool.opened(whole, minimum).cells
    opened = {}
    for (grid, summand), index in families.index.items():
        family = families.families[index]
        opened[families.grids[grid], summand] = cells[family.first : family.first + family.cells]
    return Answer((), opened), [cell for cell in cells if cell is not None]


@given(
    st.sampled_from(["one_digit", "three_digits"]),
    st.lists(st.integers(1, 4499), max_size=12),
    st.lists(st.tuples(st.integers(0, 4500), st.booleans()), max_size=150),
    st.integers(1, 12),
)
@settings(max_examples=120, deadline=None)
def test_what_is_opened_is_right_and_far_apart(
    name: str, cuts: list[int], values: list[tuple[int, bool]], minimum: int
) -> None:
    column = SCHEMA.column(name)
    bounds = tuple(sorted({0, column.size, *(cut % (column.size - 1) + 1 for cut in cuts)}))
    codes = [(value % column.size, event) for value, event in values]
    rows: list[dict[str, object]] = [
        {"one_digit": 0, "three_digits": 0, "event": event} | {name: column.value(code)} for code, event in codes
    ]
    cut_points = CutPoints(column, bounds, (), (ROWS, EVENT), (EVENT,))
    answer, shown = _answered(cut_points, rows, minimum)
    ((key, steps),) = cut_points.steps(answer)
    events = [code for code, event in codes if event]
    assert key == ()
    if minimum > 1 and len(events) < minimum:
        assert steps is None
        return
    assert steps is not None
    assert [step.high for step in steps[:-1]] == _expected(bounds, events, minimum)
    assert (steps[0].low, steps[-1].high) == (0, column.size)
    for step in steps:
        assert step.below == (sum(code < step.low for code, _ in codes), sum(code < step.low for code in events))
        assert step.upto == (sum(code < step.high for code, _ in codes), sum(code < step.high for code in events))
        assert minimum <= 1 or step.counts[1] >= minimum
    assert all(before.high == after.low for before, after in pairwise(steps))
    if minimum > 1:
        # Only both counts at each opened cut point and in all, and the number of rows, which every plan opens.
        assert len(shown) == 2 * len(steps) + 1


def test_groups_are_apart() -> None:
    # 20 in each third without the event; with it 20, 3 and 20, of which the 3 in the middle join those after them.
    rows: list[dict[str, object]] = [
        {"one_digit": value, "event": event}
        for event, sizes in ((False, (20, 20, 20)), (True, (20, 3, 20)))
        for value, size in zip((0, 20, 50), sizes, strict=True)
        for _ in range(size)
    ]
    cut_points = CutPoints(
        SCHEMA.column("one_digit"), (0, 20, 40, 64), (plain_group(SCHEMA.column("event")),), (ROWS,), (ROWS,)
    )
    answer, _ = _answered(cut_points, rows, 5)
    found = {key: [step.counts for step in steps or ()] for key, steps in cut_points.steps(answer)}
    assert found == {(False,): [(20,), (20,), (20,)], (True,): [(20,), (23,)]}


@pytest.mark.parametrize("sql", ["SURVIVAL(stay, died, smoker)", "SURVIVAL(cost, died, sex, 12)", "ROC(weight, died, 30)"])
def test_plans_with_closed_counts_are_proved(sql: str) -> None:
    plan = compile_query(parse(f"SELECT {sql} FROM visits", RULED), RULED)
    verify_contributions([proven(plan)])

"""SURVIVAL against lifelines: exactly without suppression, and on the times rounded to the opened cut points with it."""

import random
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from lifelines import KaplanMeierFitter, NelsonAalenFitter
from lifelines.datasets import load_lung
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import median_survival_times

from circuits.errors import PlanTooComplex, QueryType, QueryUnsupported
from circuits.result import ResultTable
from circuits.schema import parse_schema
from tests.statistics.pooled import Pool

SCHEMA = parse_schema(
    """
name = "trial"
title = "Trial"

[[columns]]
name = "weeks"
type = "integer"
min = 0
max = 79
nullable = true

[[columns]]
name = "years"
type = "decimal"
scale = 2
min = -1
max = 12.5
nullable = true

[[columns]]
name = "died"
type = "boolean"
nullable = true

[[columns]]
name = "arm"
type = "category"
codes = ["control", "low", "high"]
nullable = true

[[columns]]
name = "age"
type = "integer"
min = 0
max = 100
"""
)


def _rows(number: int, seed: int, *, nulls: bool = True) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = []
    for _ in range(number):
        arm = rng.choice(["control", "low", "high"])
        weeks = min(79, int(rng.expovariate({"control": 0.05, "low": 0.04, "high": 0.02}[arm])))
        row: dict[str, Any] = {
            "weeks": weeks,
            "years": Decimal(rng.randint(-100, 1250)) / 100,
            "died": rng.random() < 0.7 and weeks < 79,
            "arm": arm,
            "age": rng.randint(0, 100),
        }
        if nulls:
            for name in ("weeks", "died", "arm"):
                if rng.random() < 0.04:
                    row[name] = None
        rows.append(row)
    return rows


def _records(table: ResultTable) -> pd.DataFrame:
    return pd.DataFrame([dict(zip([name for name, _ in table.columns], row, strict=True)) for row in table.rows])


def _assert_curve(curve: pd.DataFrame, times: "pd.Series[float]", events: "pd.Series[int]") -> None:
    """Every row of the curve is what lifelines gives, and none is missing."""
    kaplan = KaplanMeierFitter().fit(times, events)
    nelson = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(times, events)
    table = kaplan.event_table[kaplan.event_table.removed > 0]
    assert list(map(float, curve.time)) == list(table.index)
    assert list(curve.at_risk) == list(table.at_risk)
    assert list(curve.events) == list(table.observed)
    assert list(curve.censored) == list(table.censored)
    at = table.index
    for name, expected in (
        ("survival", kaplan.survival_function_.iloc[:, 0]),
        ("low", kaplan.confidence_interval_.iloc[:, 0]),
        ("high", kaplan.confidence_interval_.iloc[:, 1]),
        ("cumulative_hazard", nelson.cumulative_hazard_.iloc[:, 0]),
        ("hazard_low", nelson.confidence_interval_.iloc[:, 0]),
        ("hazard_high", nelson.confidence_interval_.iloc[:, 1]),
    ):
        assert list(curve[name]) == pytest.approx(list(expected.loc[at]), rel=1e-9, abs=1e-12), name


def _frame(rows: list[dict[str, Any]], *columns: str) -> pd.DataFrame:
    return pd.DataFrame(rows)[list(columns)].dropna()


def _medians(table: ResultTable) -> list[tuple[Any, ...]]:
    return [row[-3:] for row in table.named("median").rows]


@pytest.mark.parametrize("seed", range(6))
def test_curves_medians_and_test_are_those_of_lifelines(seed: int) -> None:
    rows = _rows(400 if seed else 40, seed)
    table = Pool.split(SCHEMA, rows).ask("SELECT SURVIVAL(weeks, died, arm) FROM trial WHERE age >= 20")
    frame = _frame([row for row in rows if row["age"] >= 20], "weeks", "died", "arm")
    found = _records(table)
    assert table.kind == "survival"
    assert table.notes == ()
    assert not table.suppressed
    assert set(found.arm) == {"control", "low", "high"}
    for arm, (median, low, high) in zip(["control", "low", "high"], _medians(table), strict=True):
        own = frame[frame.arm == arm]
        _assert_curve(found[found.arm == arm], own.weeks.astype(float), own.died.astype(int))
        kaplan = KaplanMeierFitter().fit(own.weeks.astype(float), own.died.astype(int))
        # lifelines takes logarithms, so that a survival of exactly 1/2 is a little more with it.
        curves = [kaplan.survival_function_, *(kaplan.confidence_interval_[[name]] for name in kaplan.confidence_interval_)]
        expected = [median_survival_times((curve - 1e-12).clip(lower=0)) for curve in curves]
        assert [float("inf") if value is None else value for value in (median, low, high)] == expected
    oracle = multivariate_logrank_test(frame.weeks, frame.arm, frame.died.astype(int))
    ((chi_square, df, p),) = table.named("log_rank").rows
    assert (chi_square, df, p) == pytest.approx((oracle.test_statistic, 2, oracle.p_value), rel=1e-9)


def test_one_group_without_by() -> None:
    rows = _rows(300, 9)
    table = Pool.split(SCHEMA, rows).ask("SELECT SURVIVAL(weeks, died) FROM trial")
    frame = _frame(rows, "weeks", "died")
    _assert_curve(_records(table), frame.weeks.astype(float), frame.died.astype(int))
    assert [name for name, _ in table.tables] == ["median"]


def test_decimal_times_below_zero_and_of_several_digits() -> None:
    rows = _rows(150, 3)
    pool = Pool.split(SCHEMA, rows)
    table = pool.ask("SELECT SURVIVAL(years, died, NULL, 1000) FROM trial WHERE years >= 0")
    frame = _frame([row for row in rows if row["years"] >= 0], "years", "died")
    # 1,351 values in 1,000 intervals: each time counts at the end of its own.
    assert any("1000 intervals" in note for note in table.notes)
    bounds = [index * 1351 // 1000 for index in range(1000)] + [1351]
    ends = {code: high - 1 for low, high in pairwise(bounds) for code in range(low, high)}
    rounded = frame.years.map(lambda value: (ends[int(value * 100) + 100] - 100) / 100)
    _assert_curve(_records(table), rounded, frame.died.astype(int))


def test_times_of_many_digits_are_cut_at_round_places() -> None:
    schema = parse_schema(
        'name = "costs"\n[[columns]]\nname = "cost"\ntype = "integer"\nmin = 0\nmax = 99999\n'
        '[[columns]]\nname = "paid"\ntype = "boolean"\n'
    )
    rng = random.Random(4)
    rows = [{"cost": int(99999 * rng.betavariate(1, 3)), "paid": rng.random() < 0.6} for _ in range(500)]
    pool = Pool.split(schema, rows)
    sql = "SELECT SURVIVAL(cost, paid) FROM costs"
    bounds = pool.plan(sql).analysis.bounds  # type: ignore[union-attr]
    assert len(bounds) == 51
    assert max(high - low for low, high in pairwise(bounds)) < 1.3 * min(high - low for low, high in pairwise(bounds))
    frame = pd.DataFrame(rows)
    for minimum in (1, 10):
        table = pool.ask(sql, minimum)
        ends = [bound - 1 for bound in bounds[1:]] if minimum == 1 else [row[0] for row in table.rows]
        rounded = frame.cost.map(lambda cost, ends=ends: min(end for end in ends if end >= cost))
        _assert_curve(_records(table), rounded.astype(float), frame.paid.astype(int))


def test_lung_by_institution() -> None:
    lung = load_lung().dropna(subset=["inst"])
    schema = parse_schema(
        'name = "lung"\ntitle = "Lung"\n'
        '[[columns]]\nname = "days"\ntype = "integer"\nmin = 0\nmax = 1022\n'
        '[[columns]]\nname = "status"\ntype = "category"\ncodes = ["censored", "dead"]\n'
        '[[columns]]\nname = "sex"\ntype = "category"\ncodes = ["male", "female"]\n'
    )
    parts = [
        [
            {"days": row.time, "status": ["censored", "dead"][row.status], "sex": {1: "male", 2: "female"}[row.sex]}
            for row in own.itertuples()
        ]
        for _, own in lung.groupby("inst")
    ]
    pool = Pool.of(schema, parts)
    whole = pool.ask("SELECT SURVIVAL(days, status) FROM lung")
    _assert_curve(_records(whole), lung.time.astype(float), lung.status)
    assert _medians(whole)[0][0] == KaplanMeierFitter().fit(lung.time, lung.status).median_survival_time_
    sexes = pool.ask("SELECT SURVIVAL(days, status, sex) FROM lung")
    ends = {
        code: high - 1 for low, high in pairwise([i * 1023 // 50 for i in range(50)] + [1023]) for code in range(low, high)
    }
    oracle = multivariate_logrank_test(lung.time.map(ends), lung.sex, lung.status)
    assert sexes.named("log_rank").rows[0] == pytest.approx((oracle.test_statistic, 1, oracle.p_value), rel=1e-9)

    hidden = pool.ask("SELECT SURVIVAL(days, status) FROM lung", 10)
    curve = _records(hidden)
    assert 5 <= len(curve) < 17
    assert curve.events.min() >= 10
    assert any("merged" in note for note in hidden.notes)
    steps = [-1, *curve.time]
    rounded = lung.time.map({code: high for low, high in pairwise(steps) for code in range(low + 1, high + 1)})
    _assert_curve(curve, rounded.astype(float), lung.status)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("minimum", [2, 5, 10, 25])
def test_opened_counts_are_far_apart_and_the_curve_is_that_of_rounded_times(seed: int, minimum: int) -> None:
    rows = _rows(300, seed + 50)
    pool = Pool.split(SCHEMA, rows)
    sql = "SELECT SURVIVAL(weeks, died, arm) FROM trial"
    table = pool.ask(sql, minimum)
    found = _records(table)
    frame = _frame(rows, "weeks", "died", "arm")
    ends: dict[str, list[int]] = {}
    for arm in found.arm.unique():
        curve, own = found[found.arm == arm], frame[frame.arm == arm]
        assert curve.events.min() >= minimum
        ends[arm] = list(curve.time)
        up = {code: high for low, high in pairwise([-1, *curve.time]) for code in range(low + 1, high + 1)}
        _assert_curve(curve, own.weeks.map(up).astype(float), own.died.astype(int))
    # Everything that is opened, whatever it says: any two numbers of one group differ by nothing or by enough.
    plan = pool.plan(sql)
    cells = pool.opened(plan, minimum).cells
    steps = plan.analysis._cut_points  # type: ignore[union-attr]
    for (grid, summand), index in plan.index.items():
        family = plan.families[index]
        if plan.grids[grid] == steps._below and summand == steps.protected[0]:
            for group in range(3):
                first = family.first + group * (family.cells // 3)
                opened = [0, *(cell for cell in cells[first : first + family.cells // 3] if cell is not None)]
                assert all(b - a >= minimum for a, b in pairwise(opened))
    shown = {index for index, cell in enumerate(cells) if cell is not None}
    for family in plan.families:
        if plan.grids[family.grid] and plan.grids[family.grid][-1] in (steps._left, steps._right):
            assert not shown & set(range(family.first, family.first + family.cells))
    common = sorted(set.intersection(*map(set, ends.values())))
    if common and len(ends) == 3 and table.named("log_rank"):
        up = {code: high for low, high in pairwise([-1, *common]) for code in range(low + 1, high + 1)}
        oracle = multivariate_logrank_test(frame.weeks.map(up), frame.arm, frame.died.astype(int))
        assert table.named("log_rank").rows[0] == pytest.approx((oracle.test_statistic, 2, oracle.p_value), rel=1e-9)


def test_a_count_at_the_minimum_is_opened_and_one_below_is_not() -> None:
    def steps(early: int, late: int) -> int:
        rows = [{"weeks": week, "died": True, "age": 0} for week, times in ((1, early), (70, late)) for _ in range(times)]
        return len(Pool.split(SCHEMA, rows).ask("SELECT SURVIVAL(weeks, died, NULL, 2) FROM trial", 10).rows)

    assert [steps(10, 10), steps(9, 11), steps(11, 9)] == [2, 1, 1]


def test_nobody_left_nobody_known_and_groups_without_events() -> None:
    rows = _rows(60, 5)
    pool = Pool.split(SCHEMA, rows)
    empty = pool.ask("SELECT SURVIVAL(weeks, died, arm) FROM trial WHERE age > 99 AND age < 5")
    assert empty.rows == ()
    assert empty.notes == ("undefined: there are no rows",)
    unknown = Pool.split(SCHEMA, [row | {"weeks": None} for row in rows])
    assert unknown.ask("SELECT SURVIVAL(weeks, died) FROM trial").notes == ("undefined: there are no rows",)
    assert "withheld" in unknown.ask("SELECT SURVIVAL(weeks, died) FROM trial", 10).notes[0]
    alive = Pool.split(SCHEMA, [row | {"died": False} for row in _rows(60, 5, nulls=False)])
    table = alive.ask("SELECT SURVIVAL(weeks, died, arm) FROM trial")
    assert set(_records(table).survival) == set(_records(table).low) == {1.0}
    assert set(_records(table).hazard_high) == {0.0}
    assert _medians(table) == [(None, None, None)] * 3
    assert "does not exist" in table.notes[-1]
    assert [name for name, _ in table.tables] == ["median"]


def test_groups_that_are_never_at_risk_together() -> None:
    rows = [{"weeks": 1, "died": True, "arm": "low", "age": 0}] * 3
    one = Pool.split(SCHEMA, rows).ask("SELECT SURVIVAL(weeks, died, arm) FROM trial")
    assert "two groups" in one.notes[-1]
    assert _records(one).survival.tolist() == [0.0]
    gone = [{"weeks": 0, "died": False, "arm": "high", "age": 0}] * 3
    two = Pool.split(SCHEMA, rows + gone).ask("SELECT SURVIVAL(weeks, died, arm) FROM trial")
    assert "does not exist" in two.notes[-1]


def test_a_group_that_is_too_small_is_withheld_and_the_test_says_so() -> None:
    rows = [row for row in _rows(300, 8, nulls=False) if row["arm"] != "high"]
    rows += [{"weeks": 3, "died": True, "arm": "high", "age": 1}] * 4
    table = Pool.of(SCHEMA, [rows[:-4], rows[-4:]]).ask("SELECT SURVIVAL(weeks, died, arm) FROM trial", 10)
    assert table.suppressed == (("high",),)
    assert set(_records(table).arm) == {"control", "low"}
    assert any("not those that are withheld" in note for note in table.notes)


def test_arguments_that_do_not_fit() -> None:
    pool = Pool.split(SCHEMA, _rows(5, 1))
    for arguments, error in (
        ("weeks, arm", QueryType),
        ("arm, died", QueryType),
        ("weeks, died, arm, 0", QueryType),
        ("weeks, died, arm, 2.5", QueryType),
        ("weeks, died, arm, 5, 5", QueryType),
        ("weeks, died, age", QueryUnsupported),
        ("years, died, arm, 1351", PlanTooComplex),
    ):
        with pytest.raises(error):
            pool.plan(f"SELECT SURVIVAL({arguments}) FROM trial")

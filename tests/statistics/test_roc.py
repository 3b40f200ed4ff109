"""ROC against sklearn: on the score, on the binned score, and on the score merged by suppression."""

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from circuits.errors import PlanTooComplex, QueryType
from circuits.result import ResultTable
from circuits.schema import parse_schema
from circuits.statistics.roc import area_under_curve
from tests.statistics.pooled import Pool

SCHEMA = parse_schema(
    """
name = "screening"
title = "Screening"

[[columns]]
name = "points"
type = "integer"
min = -10
max = 30
nullable = true

[[columns]]
name = "risk"
type = "decimal"
scale = 3
min = 0
max = 1

[[columns]]
name = "ill"
type = "boolean"
nullable = true

[[columns]]
name = "age"
type = "integer"
min = 0
max = 100
"""
)


def _rows(number: int, seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = []
    for _ in range(number):
        risk = rng.betavariate(2, 5)
        rows.append(
            {
                "points": None if rng.random() < 0.05 else max(-10, min(30, round(rng.gauss(40 * risk - 5, 5)))),
                "risk": round(risk, 3),
                "ill": None if rng.random() < 0.05 else rng.random() < risk,
                "age": rng.randint(0, 100),
            }
        )
    return rows


def _known(rows: list[dict[str, Any]], score: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    pairs = [(float(row[score]), bool(row["ill"])) for row in rows if row[score] is not None and row["ill"] is not None]
    scores, ill = zip(*pairs, strict=True)
    return np.array(scores), np.array(ill)


def _delong(scores: np.ndarray[Any, Any], ill: np.ndarray[Any, Any]) -> float:
    """The standard error of the area, by the definition: a loop over all pairs."""
    above, below = scores[ill], scores[~ill]
    wins = (above[:, None] > below[None, :]) + 0.5 * (above[:, None] == below[None, :])
    return float(np.sqrt(wins.mean(1).var(ddof=1) / len(above) + wins.mean(0).var(ddof=1) / len(below)))


def _assert_curve(table: ResultTable, scores: np.ndarray[Any, Any], ill: np.ndarray[Any, Any]) -> None:
    fpr, tpr, thresholds = roc_curve(ill, scores, drop_intermediate=False)
    assert table.rows[0][:3] == (None, 0.0, 0.0)
    assert [float(str(row[0])) for row in table.rows[1:]] == list(thresholds[1:])
    assert [row[1] for row in table.rows] == pytest.approx(list(fpr), rel=1e-9)
    assert [row[2] for row in table.rows] == pytest.approx(list(tpr), rel=1e-9)
    assert [row[3] for row in table.rows] == pytest.approx(list(1 - fpr), rel=1e-9)
    for row, threshold in zip(table.rows[1:], thresholds[1:], strict=True):
        called = scores >= threshold
        assert row[4:] == ((called & ill).sum(), (called & ~ill).sum(), (~called & ~ill).sum(), (~called & ill).sum())
    auc = roc_auc_score(ill, scores)
    reach = norm.ppf(0.975) * _delong(scores, ill)
    (figures,) = table.named("fit").rows
    assert figures[0] == "auc"
    assert figures[1:] == pytest.approx((auc, max(0, auc - reach), min(1, auc + reach)), rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_each_value_is_a_threshold(seed: int) -> None:
    rows = _rows(250 if seed else 15, seed)
    table = Pool.split(SCHEMA, rows).ask("SELECT ROC(points, ill) FROM screening WHERE age < 90")
    assert table.kind == "roc"
    assert table.notes == ()
    _assert_curve(table, *_known([row for row in rows if row["age"] < 90], "points"))


@pytest.mark.parametrize("bins", [2, 7, 100, 300])
def test_a_binned_score(bins: int) -> None:
    rows = _rows(300, 5)
    argument = "" if bins == 100 else f", {bins}"
    table = Pool.split(SCHEMA, rows).ask(f"SELECT ROC(risk, ill{argument}) FROM screening")
    scores, ill = _known(rows, "risk")
    starts = [index * 1001 // bins / 1000 for index in range(bins)]
    _assert_curve(table, np.array(starts)[np.searchsorted(starts, scores, side="right") - 1], ill)
    assert f"{bins} bins" in table.notes[0]


@pytest.mark.parametrize("minimum", [2, 10, 30])
@pytest.mark.parametrize("seed", range(3))
def test_suppression_merges_scores_and_hides_everything_else(seed: int, minimum: int) -> None:
    rows = _rows(500, seed + 20)
    pool = Pool.split(SCHEMA, rows)
    table = pool.ask("SELECT ROC(points, ill) FROM screening", minimum)
    scores, ill = _known(rows, "points")
    starts = sorted(int(str(row[0])) for row in table.rows[1:])
    _assert_curve(table, np.array(starts)[np.searchsorted(starts, scores, side="right") - 1], ill)
    for before, after in pairwise(table.rows):
        assert after[4] - before[4] >= minimum  # type: ignore[operator]
        assert after[5] - before[5] >= minimum  # type: ignore[operator]
    assert "merged" in table.notes[-1]
    # Nothing else is opened: the number of rows, and both outcomes at each threshold.
    plan = pool.plan("SELECT ROC(points, ill) FROM screening")
    shown = sorted(cell for cell in pool.opened(plan, minimum).cells if cell is not None)
    expected = [cell for row in table.rows[1:-1] for cell in row[6:]]
    assert shown == sorted([ill.sum(), (~ill).sum(), *expected])


def test_one_outcome_only_nobody_and_too_few() -> None:
    rows = _rows(80, 3)
    pool = Pool.split(SCHEMA, rows)
    sql = "SELECT ROC(points, ill) FROM screening"
    assert "only one outcome" in pool.ask(f"{sql} WHERE ill").notes[0]
    assert "only one outcome" in pool.ask(f"{sql} WHERE age < 3 AND age > 70").notes[0]
    assert "only one outcome" in Pool.split(SCHEMA, [row | {"points": None} for row in rows]).ask(sql).notes[0]
    few = [row | {"ill": index < 9} for index, row in enumerate(rows)]
    pool = Pool.split(SCHEMA, [row for row in few if row["points"] is not None])
    assert "withheld" in pool.ask(sql, 10).notes[0]
    assert set(pool.opened(pool.plan(sql), 10).cells) == {None}


def test_a_constant_score_and_a_single_case() -> None:
    rows = [{"points": 4, "risk": 0.5, "ill": index < 10, "age": 1} for index in range(30)]
    table = Pool.split(SCHEMA, rows).ask("SELECT ROC(points, ill) FROM screening")
    assert table.named("fit").rows == (("auc", 0.5, 0.5, 0.5),)
    assert table.rows[1][:3] == (4, 1.0, 1.0)
    rows = [{"points": index, "risk": 0.5, "ill": index == 29, "age": 1} for index in range(30)]
    table = Pool.split(SCHEMA, rows).ask("SELECT ROC(points, ill) FROM screening")
    assert table.named("fit").rows == (("auc", 1.0, None, None),)
    assert "two people" in table.notes[-1]


def test_the_area_counts_ties_half() -> None:
    assert area_under_curve([(1, 1)]).estimate == 0.5
    assert area_under_curve([(1, 0), (1, 1), (0, 1)]).estimate == 0.875
    assert area_under_curve([(0, 3), (4, 0)]).estimate == 0


def test_arguments_that_do_not_fit() -> None:
    pool = Pool.split(SCHEMA, _rows(5, 1))
    for arguments, error in (
        ("ill, points", QueryType),
        ("points", QueryType),
        ("points, age", QueryType),
        ("points, ill, 0", QueryType),
        ("points, ill, 2.5", QueryType),
        ("risk, ill, 1001", PlanTooComplex),
    ):
        with pytest.raises(error):
            pool.plan(f"SELECT ROC({arguments}) FROM screening")

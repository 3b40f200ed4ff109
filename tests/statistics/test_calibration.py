"""CALIBRATION against sklearn and statsmodels."""

import random
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from statsmodels.stats.proportion import proportion_confint

from circuits.errors import QueryType
from circuits.schema import parse_schema
from tests.statistics.pooled import Pool

SCHEMA = parse_schema(
    """
name = "forecast"
title = "Forecast"

[[columns]]
name = "risk"
type = "decimal"
scale = 3
min = 0
max = 1
nullable = true

[[columns]]
name = "narrow"
type = "decimal"
scale = 2
min = 0.25
max = 0.75
nullable = true

[[columns]]
name = "wide"
type = "decimal"
scale = 2
min = -0.01
max = 1

[[columns]]
name = "died"
type = "category"
codes = ["no", "yes"]
nullable = true
"""
)


def _rows(number: int, seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = []
    for _ in range(number):
        # No risk is at the edge of a bin: sklearn's bins have their upper edge, ours the lower one.
        risk = rng.choice([code for code in range(1, 1000) if code % 25]) / 1000
        died = rng.choices(["yes", "no"], [risk**1.3, 1 - risk**1.3])[0]
        rows.append(
            {
                "risk": None if rng.random() < 0.05 else risk,
                "narrow": rng.randint(25, 75) / 100,
                "wide": 0,
                "died": None if rng.random() < 0.05 else died,
            }
        )
    return rows


def _known(rows: list[dict[str, Any]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    pairs = [(row["risk"], row["died"] == "yes") for row in rows if row["risk"] is not None and row["died"] is not None]
    risks, died = zip(*pairs, strict=True)
    return np.array(risks), np.array(died)


@pytest.mark.parametrize("bins", [1, 3, 10, 16])
@pytest.mark.parametrize("seed", range(3))
def test_bins_are_those_of_sklearn(seed: int, bins: int) -> None:
    rows = _rows(400 if seed else 12, seed)
    table = Pool.split(SCHEMA, rows).ask(f"SELECT CALIBRATION(risk, died, {bins}) FROM forecast")
    risks, died = _known(rows)
    observed, mean = calibration_curve(died, risks, n_bins=bins, strategy="uniform")
    assert table.kind == "calibration"
    assert table.notes == ()
    assert [row[2] for row in table.rows] == pytest.approx(list(mean), rel=1e-9)
    assert [row[3] for row in table.rows] == pytest.approx(list(observed), rel=1e-9)
    for low, high, _, _, lower, upper, count, events in table.rows:
        inside = (risks >= float(low)) & (risks <= float(high))  # type: ignore[arg-type]
        assert (count, events) == (inside.sum(), (inside & died).sum())
        assert (lower, upper) == pytest.approx(proportion_confint(events, count, method="wilson"), rel=1e-9, abs=1e-12)
    assert table.named("fit").rows[0][0] == "brier_score"
    assert table.named("fit").rows[0][1] == pytest.approx(brier_score_loss(died, risks), rel=1e-9)


def test_a_narrow_domain_has_the_bins_of_the_whole_range() -> None:
    rows = _rows(300, 4)
    table = Pool.split(SCHEMA, rows).ask("SELECT CALIBRATION(narrow, died) FROM forecast WHERE risk < 0.9")
    assert [float(str(row[0])) for row in table.rows] == [0.25, 0.3, 0.4, 0.5, 0.6, 0.7]
    kept = [row for row in rows if row["died"] and row["risk"] is not None and row["risk"] < 0.9]
    assert sum(row[6] for row in table.rows) == len(kept)  # type: ignore[misc]
    inside = [row for row in kept if 0.3 <= row["narrow"] < 0.4]
    assert table.rows[1][6:] == (len(inside), sum(row["died"] == "yes" for row in inside))


@pytest.mark.parametrize("minimum", [5, 10, 40])
def test_suppression_merges_bins(minimum: int) -> None:
    rows = _rows(400, 8)
    pool = Pool.split(SCHEMA, rows)
    sql = "SELECT CALIBRATION(risk, died) FROM forecast"
    table = pool.ask(sql, minimum)
    risks, died = _known(rows)
    assert (len(table.rows) > 1) == (minimum <= 10)
    assert "merged" in table.notes[0]
    for low, high, mean, _, _, _, count, events in table.rows:
        inside = (risks >= float(low)) & (risks <= float(high))  # type: ignore[arg-type]
        assert (count, events) == (inside.sum(), (inside & died).sum())
        assert mean == pytest.approx(risks[inside].mean(), rel=1e-9)
        assert minimum <= events <= count - minimum  # type: ignore[operator]
    assert table.named("fit").rows[0][1] == pytest.approx(brier_score_loss(died, risks), rel=1e-9)


def test_nobody_and_too_few() -> None:
    rows = _rows(60, 2)
    pool = Pool.split(SCHEMA, rows)
    sql = "SELECT CALIBRATION(risk, died) FROM forecast"
    assert pool.ask(f"{sql} WHERE risk > 0.9 AND risk < 0.1").notes == ("undefined: there are no rows",)
    assert Pool.split(SCHEMA, [row | {"risk": None} for row in rows]).ask(sql).notes == ("undefined: there are no rows",)
    one = Pool.split(SCHEMA, [row | {"died": "no"} for row in rows])
    assert {row[3] for row in one.ask(sql).rows} == {0.0}
    assert "withheld" in one.ask(sql, 10).notes[0]


def test_arguments_that_do_not_fit() -> None:
    pool = Pool.split(SCHEMA, _rows(5, 1))
    for arguments in ("wide, died", "risk, risk", "died, risk", "risk, died, 0", "risk, died, 1.5", "risk, died, 101"):
        with pytest.raises(QueryType):
            pool.plan(f"SELECT CALIBRATION({arguments}) FROM forecast")

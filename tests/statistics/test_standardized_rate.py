"""STANDARDIZED_RATE against a computation by pandas."""

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from circuits.errors import QueryType
from circuits.schema import parse_schema
from tests.statistics.pooled import Pool

SCHEMA = parse_schema(
    """
name = "registry"
title = "Registry"

[[columns]]
name = "age_group"
type = "category"
codes = ["child", "adult", "old"]
nullable = true

[[columns]]
name = "ill"
type = "boolean"
nullable = true

[[columns]]
name = "year"
type = "integer"
min = 2000
max = 2010
"""
)
STRATA = ["child", "adult", "old"]


def _rows(number: int, seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = []
    for _ in range(number):
        group = rng.choice(STRATA)
        rows.append(
            {
                "age_group": None if rng.random() < 0.04 else group,
                "ill": None if rng.random() < 0.04 else rng.random() < 0.2 + 0.2 * STRATA.index(group),
                "year": rng.randint(2000, 2010),
            }
        )
    return rows


@pytest.mark.parametrize("weights", [(1, 1, 1), (0.24, 0.61, 0.15), (30000, 0, 12500)])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("minimum", [1, 10])
def test_rates_are_those_by_hand(seed: int, weights: tuple[float, ...], minimum: int) -> None:
    rows = _rows(400, seed)
    arguments = ", ".join(map(str, weights))
    sql = f"SELECT STANDARDIZED_RATE(ill, age_group, {arguments}) FROM registry WHERE year <> 2003"
    table = Pool.split(SCHEMA, rows).ask(sql, minimum)
    frame = pd.DataFrame([row for row in rows if row["year"] != 2003]).dropna()
    frame["ill"] = frame.ill.astype(int)
    used = [stratum for stratum, weight in zip(STRATA, weights, strict=True) if weight]
    share = np.array([weight for weight in weights if weight]) / sum(weights)
    groups = frame.groupby("age_group").ill
    counts, events, rates = (getattr(groups, name)().loc[used].to_numpy() for name in ("count", "sum", "mean"))
    rate = (share * rates).sum()
    error = np.sqrt((share**2 * rates * (1 - rates) / counts).sum())
    overall = events.sum() / counts.sum()
    crude_error = np.sqrt(overall * (1 - overall) / counts.sum())
    z = 1.959963984540054
    assert table.kind == "standardized"
    assert [row[0] for row in table.rows] == ["crude", "standardized"]
    assert table.rows[0][1:] == pytest.approx((overall, overall - z * crude_error, overall + z * crude_error), rel=1e-9)
    assert table.rows[1][1:] == pytest.approx((rate, rate - z * error, rate + z * error), rel=1e-9)
    strata = table.named("strata").rows
    assert [row[0] for row in strata] == used
    assert [row[2:4] for row in strata] == list(zip(counts, events, strict=True))
    assert [row[1] for row in strata] == pytest.approx(list(share), rel=1e-9)
    assert [row[4] for row in strata] == pytest.approx(list(rates), rel=1e-9)


def test_an_interval_ends_at_0_and_1() -> None:
    rows = [{"age_group": "old", "ill": index == 0, "year": 2000} for index in range(3)]
    sql = "SELECT STANDARDIZED_RATE(ill, age_group, 0, 0, 1) FROM registry"
    assert Pool.split(SCHEMA, rows).ask(sql).rows[1][2] == 0.0
    assert Pool.split(SCHEMA, [row | {"ill": not row["ill"]} for row in rows]).ask(sql).rows[1][3] == 1.0
    never = Pool.split(SCHEMA, [row | {"ill": False} for row in rows]).ask(sql)
    assert never.rows[1] == ("standardized", 0.0, 0.0, 0.0)


def test_an_empty_stratum_matters_if_it_has_weight() -> None:
    pool = Pool.split(SCHEMA, _rows(100, 1))
    sql = "SELECT STANDARDIZED_RATE(ill, age_group, 1, {}, 1) FROM registry WHERE age_group <> 'adult'"
    assert "stratum adult" in pool.ask(sql.format(1)).notes[0]
    assert pool.ask(sql.format(0)).notes == ()
    assert "withheld" in pool.ask(sql.format(1), 5).notes[0]
    assert pool.ask(sql.format(0), 5).notes == ()
    assert "nobody" in pool.ask(sql.format(1) + " AND year > 2009 AND year < 2001").notes[0]


def test_a_stratum_with_too_few_events_withholds_the_rate() -> None:
    rows = [{"age_group": name, "ill": place < 9, "year": 2000} for name in STRATA for place in range(50)]
    sql = "SELECT STANDARDIZED_RATE(ill, age_group, 1, 1, 1) FROM registry"
    assert Pool.split(SCHEMA, rows).ask(sql, 9).rows[1][1] == pytest.approx(9 / 50)
    hidden = Pool.split(SCHEMA, rows).ask(sql, 10)
    assert hidden.rows == ()
    assert "withheld" in hidden.notes[0]
    assert "stratum child" in hidden.notes[1]


def test_arguments_that_do_not_fit() -> None:
    pool = Pool.split(SCHEMA, _rows(5, 1))
    for arguments in ("1, 1", "1, 1, 1, 1", "1, -1, 1", "0, 0, 0", "'a', 1, 1", "NULL, 1, 1"):
        with pytest.raises(QueryType):
            pool.plan(f"SELECT STANDARDIZED_RATE(ill, age_group, {arguments}) FROM registry")
    with pytest.raises(QueryType):
        pool.plan("SELECT STANDARDIZED_RATE(age_group, ill, 1, 1) FROM registry")

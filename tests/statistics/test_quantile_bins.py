"""QUANTILES against numpy: cut points and the sizes of the parts."""

import random
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from circuits.errors import PlanTooComplex, QueryType
from circuits.schema import parse_schema
from tests.statistics.pooled import Pool

SCHEMA = parse_schema(
    """
name = "lab"
title = "Lab"

[[columns]]
name = "small"
type = "integer"
min = -20
max = 20
nullable = true

[[columns]]
name = "large"
type = "decimal"
scale = 2
min = -10
max = 300
nullable = true

[[columns]]
name = "sex"
type = "category"
codes = ["female", "male"]
"""
)


def _rows(number: int, seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "small": None if rng.random() < 0.05 else max(-20, min(20, round(rng.gauss(0, 6)))),
            "large": None if rng.random() < 0.05 else Decimal(min(30000, int(rng.expovariate(0.0004)) - 1000)) / 100,
            "sex": rng.choice(["female", "male"]),
        }
        for _ in range(number)
    ]


def _expected(values: list[float], parts: int) -> list[tuple[Any, ...]]:
    fractions = np.arange(1, parts) / parts
    cuts = [float(np.quantile(values, fraction, method="inverted_cdf")) for fraction in fractions]
    bounds = [None, *cuts, None]
    found = []
    for place in range(parts):
        low, high = bounds[place], bounds[place + 1]
        inside = [value for value in values if (low is None or value > low) and (high is None or value <= high)]
        found.append((place + 1, low, high, len(inside)))
    return found


def _plain(rows: Any) -> list[tuple[Any, ...]]:
    return [(row[-4], *(None if cut is None else float(cut) for cut in row[-3:-1]), row[-1]) for row in rows]


@pytest.mark.parametrize("column", ["small", "large"])
@pytest.mark.parametrize("parts", [2, 4, 5, 8, 20])
@pytest.mark.parametrize("number", [3, 333])
def test_cut_points_and_sizes_are_those_of_numpy(column: str, parts: int, number: int) -> None:
    rows = _rows(number, parts)
    argument = "" if parts == 4 else f", {parts}"
    table = Pool.split(SCHEMA, rows).ask(f"SELECT QUANTILES({column}{argument}) FROM lab")
    values = [float(row[column]) for row in rows if row[column] is not None]
    assert table.kind == "quantiles"
    assert (table.withheld, table.suppressed, table.notes) == ((), (), ())
    assert _plain(table.rows) == _expected(values, parts)
    assert sum(row[-1] for row in table.rows) == len(values)  # type: ignore[misc]


@pytest.mark.parametrize("minimum", [1, 10])
def test_groups(minimum: int) -> None:
    rows = _rows(600, 1)
    table = Pool.split(SCHEMA, rows).ask("SELECT QUANTILES(large, 5) FROM lab GROUP BY sex", minimum)
    for sex in ("female", "male"):
        values = [float(row["large"]) for row in rows if row["large"] is not None and row["sex"] == sex]
        found = _plain([row for row in table.rows if row[0] == sex])
        for own, expected in zip(found, _expected(values, 5), strict=True):
            assert all(a == b or (a is None and minimum > 1) for a, b in zip(own, expected, strict=True))
    hidden = {(key, column) for key, column in table.withheld}
    names = [name for name, _ in table.columns]
    for row in table.rows:
        ends = {"low"} if row[1] == 1 else {"high"} if row[1] == 5 else set()
        for name, value in zip(names, row, strict=True):
            assert (value is None) == ((row[:2], name) in hidden or name in ends)


def test_a_cut_point_behind_which_there_are_too_few_is_withheld() -> None:
    rows = [{"small": value, "large": value, "sex": "male"} for value in range(20) for _ in range(2)]
    table = Pool.split(SCHEMA, rows).ask("SELECT QUANTILES(small, 20) FROM lab", 10)
    assert [row[2] for row in table.rows[:4]] == [None] * 4
    assert table.rows[9][2] == 9
    assert {row[3] for row in table.rows} == {None, 2}
    assert ((1,), "high") in table.withheld
    assert ((2,), "low") in table.withheld
    assert ((1,), "low") not in table.withheld
    assert table.notes[0].startswith("cut point 1 lies between")


def test_nobody_and_too_few() -> None:
    rows = _rows(30, 1)
    pool = Pool.split(SCHEMA, rows)
    assert "no values" in pool.ask("SELECT QUANTILES(small) FROM lab WHERE large > 5 AND large < 4").notes[0]
    assert "no values" in Pool.split(SCHEMA, [{"sex": "male"}]).ask("SELECT QUANTILES(large) FROM lab").notes[0]
    assert "withheld" in pool.ask("SELECT QUANTILES(small) FROM lab", 50).notes[0]
    rows = [row | {"sex": "male" if index < 5 else "female"} for index, row in enumerate(rows)]
    grouped = Pool.split(SCHEMA, rows).ask("SELECT QUANTILES(small, 2) FROM lab GROUP BY sex", 10)
    assert grouped.suppressed == (("male", 1), ("male", 2))
    assert {row[0] for row in grouped.rows} == {"female"}
    none = Pool.split(SCHEMA, []).ask("SELECT QUANTILES(small) FROM lab GROUP BY sex")
    assert (none.rows, none.suppressed) == ((), ())


def test_arguments_that_do_not_fit() -> None:
    pool = Pool.split(SCHEMA, _rows(5, 1))
    for arguments in ("sex", "small, 1", "small, 21", "small, 2.5", "small, small"):
        with pytest.raises(QueryType):
            pool.plan(f"SELECT QUANTILES({arguments}) FROM lab")
    with pytest.raises(PlanTooComplex):
        pool.plan("SELECT QUANTILES(large, 18) FROM lab GROUP BY sex")

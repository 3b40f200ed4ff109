"""Correlations over hospitals are those of pandas and scipy over the pooled rows."""

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from circuits.errors import QueryType
from circuits.finish import WITHHELD
from circuits.result import ResultTable
from circuits.schema import parse_schema
from tests.statistics.pooled import Pool

SCHEMA = parse_schema(
    'name = "visits"\n'
    '[[columns]]\nname = "a"\ntype = "decimal"\nscale = 1\nmin = -100.0\nmax = 300.0\nnullable = true\n'
    '[[columns]]\nname = "b"\ntype = "integer"\nmin = -10\nmax = 100\nnullable = true\n'
    '[[columns]]\nname = "c"\ntype = "decimal"\nscale = 2\nmin = -2.00\nmax = 900.00\nnullable = true\n'
    '[[columns]]\nname = "d"\ntype = "integer"\nmin = 5\nmax = 9\n'
    '[[columns]]\nname = "e"\ntype = "integer"\nmin = 0\nmax = 100000\n'
    '[[columns]]\nname = "sex"\ntype = "category"\ncodes = ["m", "f"]\n'
)
COLUMNS = ["a", "b", "c", "d", "e"]


def visits(seed: int, count: int = 300) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        common = rng.gauss(0, 1)
        row: dict[str, Any] = {
            "a": round(100 + 30 * common + rng.gauss(0, 10), 1),
            "b": round(40 - 12 * common + rng.gauss(0, 5)) % 100,
            "c": round(rng.uniform(-2, 900), 2),
            "d": rng.randint(5, 9),
            "e": round(50000 + 9000 * rng.gauss(0, 1) + 1000 * common),
            "sex": rng.choice("mf"),
        }
        rows.append({name: None if name in "abc" and rng.random() < 0.05 else value for name, value in row.items()})
    return rows


def ask(rows: list[dict[str, Any]], *columns: str, where: str = "", minimum: int = 1) -> ResultTable:
    return Pool.split(SCHEMA, rows).ask(f"SELECT CORRELATION({', '.join(columns)}) FROM visits {where}", minimum)


def matrix(table: ResultTable, size: int) -> np.ndarray[Any, Any]:
    return np.array([row[2] for row in table.rows], float).reshape(size, size)


@pytest.mark.parametrize("seed", range(3))
def test_correlations_are_those_of_pandas(seed: int) -> None:
    rows = visits(seed)
    table = ask(rows, *COLUMNS)
    frame = pd.DataFrame(rows)[COLUMNS].dropna()
    assert table.kind == "correlation"
    assert [row[:2] for row in table.rows] == [(a, b) for a in COLUMNS for b in COLUMNS]
    assert np.allclose(matrix(table, 5), frame.corr(), rtol=1e-9, atol=1e-12)
    covariance = table.named("covariance")
    assert np.allclose(matrix(covariance, 5), frame.cov(), rtol=1e-9, atol=1e-9)
    assert table.named("fit").rows == (("n", float(len(frame))),)
    for a, b, correlation, low, high, p in table.rows:
        if a == b:
            assert (correlation, low, high, p) == (1.0, None, None, None)
        else:
            expected = stats.pearsonr(frame[a], frame[b])
            assert np.allclose([low, high], expected.confidence_interval(), rtol=1e-9)  # type: ignore[arg-type]
            assert np.isclose(p, expected.pvalue, rtol=1e-6)  # type: ignore[arg-type]


def test_only_rows_that_are_chosen_and_complete_count() -> None:
    rows = visits(5)
    table = ask(rows, "b", "a", where="WHERE sex = 'f' AND d > 6")
    frame = pd.DataFrame(rows)
    frame = frame[(frame.sex == "f") & (frame.d > 6)][["b", "a"]].dropna()
    assert np.allclose(matrix(table, 2), frame.corr(), rtol=1e-9)
    assert table.named("fit").rows == (("n", float(len(frame))),)


def test_columns_that_do_not_vary_or_agree() -> None:
    rows = [{"a": value / 10, "b": value, "c": 7, "d": 5 + value, "e": 10 - value, "sex": "m"} for value in range(4)]
    table = ask(rows, "a", "b", "c", "e")
    found = {row[:2]: row[2:] for row in table.rows}
    assert found["a", "b"] == (1.0, None, None, None)
    assert found["a", "e"] == (-1.0, None, None, None)
    assert found["a", "c"] == found["c", "c"] == (None, None, None, None)
    assert table.notes == ("c has the same value in all rows: it has no correlations",)


def test_three_rows_have_no_interval() -> None:
    rows: list[dict[str, Any]] = [
        {"a": 1, "b": 1, "c": 7, "d": 5, "e": 10},
        {"a": 2, "b": 2, "c": 7, "d": 5, "e": 10},
        {"a": 2.5, "b": 9},
    ]
    table = Pool.of(SCHEMA, [[{"d": 5, "e": 1, "sex": "f", **row} for row in rows]]).ask(
        "SELECT CORRELATION(a, b) FROM visits"
    )
    expected = stats.pearsonr([1, 2, 2.5], [1, 2, 9])
    assert table.rows[1][3:5] == (None, None)
    assert np.allclose(np.array(table.rows[1][2::3], float), [expected.statistic, expected.pvalue], rtol=1e-9)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_rows(count: int) -> None:
    table = ask(visits(1)[:1], "a", "b", where="" if count else "WHERE d > 9")
    assert table.rows == ()
    assert table.notes[0].startswith("undefined")
    assert ask([{**row, "c": None} for row in visits(1)], "a", "c").notes[0].startswith("undefined")


def test_too_small_a_cohort_is_withheld() -> None:
    rows = [{**row, "a": 3.5, "b": 3, "c": 1.5} for row in visits(1)[:9]]
    table = ask(rows, "a", "b", "c", minimum=10)
    assert (table.rows, table.tables, table.notes) == ((), (), (WITHHELD,))
    assert ask(rows, "a", "b", "c", minimum=9).rows


@pytest.mark.parametrize("columns", ["a", "a, b, a", "a, sex", "", "a, 'b'", "NULL, a"])
def test_bad_calls_are_refused(columns: str) -> None:
    with pytest.raises(QueryType) as raised:
        ask(visits(1)[:5], columns)
    assert raised.value.hint


def test_at_most_twenty_columns() -> None:
    names = [f"x{place}" for place in range(21)]
    schema = parse_schema(
        'name = "t"\n' + "".join(f'[[columns]]\nname = "{name}"\ntype = "integer"\nmin = 0\nmax = 400\n' for name in names)
    )
    rng = np.random.default_rng(1)
    rows = [dict(zip(names, map(int, values), strict=True)) for values in rng.integers(0, 401, size=(200, 21))]
    pool = Pool.split(schema, rows)
    plan = pool.plan(f"SELECT CORRELATION({', '.join(names[:20])}) FROM t")
    assert plan.cells == 1 + 20 + 20 * 21 // 2
    assert max(len(plan.combination.forms), len(plan.combination.terms)) <= 64
    table = pool.ask(f"SELECT CORRELATION({', '.join(names[:20])}) FROM t")
    assert np.allclose(matrix(table, 20), pd.DataFrame(rows)[names[:20]].corr(), rtol=1e-9, atol=1e-12)
    with pytest.raises(QueryType):
        pool.plan(f"SELECT CORRELATION({', '.join(names)}) FROM t")

"""Aggregates of two columns against DuckDB, group by group, and where they do not exist."""

from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.errors import QueryType
from circuits.sql import parse
from protocol.errors import ProofwardError
from tests.statistics.patients import SCHEMA, random_patients
from tests.statistics.pooled import Pool

PAIRS = [("age", "bmi"), ("bmi", "delta"), ("delta", "score"), ("score", "months"), ("age", "age")]


def duck(rows: list[dict[str, Any]], sql: str) -> list[tuple[Any, ...]]:
    connection = duckdb.connect()
    connection.register("patients", pd.DataFrame(rows).astype({"age": "Float64"}))
    return connection.execute(sql).fetchall()


@pytest.mark.parametrize(("a", "b"), PAIRS)
@given(st.integers(0, 10**6), st.integers(2, 120))
@settings(max_examples=8, deadline=None)
def test_two_columns_in_every_group(a: str, b: str, seed: int, count: int) -> None:
    rows = random_patients(count, seed)
    sql = (
        f"SELECT ward, CORR({a}, {b}) AS r, COVAR_SAMP({a}, {b}) AS s, COVAR_POP({a}, {b}) AS p, COUNT(*) AS n "
        "FROM patients WHERE months > 2 GROUP BY ward"
    )
    found = {row[0]: row[1:] for row in Pool.split(SCHEMA, rows, seed=seed).ask(sql).rows}
    for ward, *expected in duck(rows, sql):
        for mine, theirs in zip(found.pop(ward), expected, strict=True):
            # DuckDB says NaN, and rounding noise, where a column does not vary.
            if mine is None:
                assert theirs is None or theirs != theirs or abs(theirs) < 1e-6 or expected[-1] < 2
            else:
                assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9)
    assert not found


def test_a_weighted_mean_is_that_of_pandas() -> None:
    rows = random_patients(500)
    found = {
        row[0]: row[1]
        for row in Pool.split(SCHEMA, rows).ask("SELECT sex, WEIGHTED_AVG(delta, age) FROM patients GROUP BY sex").rows
    }
    frame = pd.DataFrame(rows).dropna(subset=["delta", "age"])
    for sex, part in frame.groupby("sex", dropna=False):
        weighted = (part.delta * part.age.astype(float)).sum() / part.age.astype(float).sum()
        assert found[None if pd.isna(sex) else sex] == pytest.approx(weighted, rel=1e-12)


def test_where_they_do_not_exist() -> None:
    rows = [{**row, "age": 30, "bmi": None} for row in random_patients(60)]
    sql = "SELECT CORR(age, delta), CORR(age, bmi), COVAR_POP(bmi, age), WEIGHTED_AVG(delta, bmi) FROM patients"
    assert Pool.split(SCHEMA, rows).ask(sql).rows == ((None, None, None, None),)
    zero = [{**row, "age": 0} for row in random_patients(60)]
    assert Pool.split(SCHEMA, zero).ask("SELECT WEIGHTED_AVG(delta, age) FROM patients").rows == ((None,),)


def test_a_value_with_too_few_pairs_is_withheld() -> None:
    rows = [{**row, "delta": 1.0 if index < 6 else None} for index, row in enumerate(random_patients(200))]
    table = Pool.split(SCHEMA, rows).ask("SELECT COUNT(*), CORR(score, delta), AVG(score) FROM patients", 10)
    assert table.rows[0][0] == 200
    assert table.rows[0][1] is None
    assert [name for _, name in table.withheld] == ["corr_score_delta"]


@pytest.mark.parametrize(
    "call", ["CORR(age, ward)", "MEDIAN(ward)", "QUANTILE(age, 2)", "QUANTILE(age, bmi)", "MEDIAN(seen)",
             "WEIGHTED_AVG(age, smoker)", "QUANTILE_CONT(seen, 0.5)", "MIN(smoker)"],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_refused(call: str) -> None:
    with pytest.raises(QueryType) as caught:
        parse(f"SELECT {call} FROM patients", SCHEMA)
    assert caught.value.where is not None


@pytest.mark.parametrize(
    "call", ["CORR(age)", "CORR(age, 3)", "QUANTILE(age)", "MEDIAN(age, 2)", "MEDIAN()", "CORR(age, bmi, cost)"]
)
def test_too_few_or_too_many_arguments_are_refused(call: str) -> None:
    with pytest.raises(ProofwardError):
        parse(f"SELECT {call} FROM patients", SCHEMA)

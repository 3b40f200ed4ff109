"""Histograms: fixed bins, given edges and groups against numpy, and what small cohorts do to them."""

import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.errors import PlanTooComplex, QueryType, QueryUnsupported
from circuits.plan import compile_query
from circuits.schema import parse_schema
from circuits.sql import parse
from tests.statistics.patients import SCHEMA, random_patients
from tests.statistics.pooled import Pool

ROWS = random_patients(800, seed=7)


@cache
def pool() -> Pool:
    return Pool.split(SCHEMA, ROWS)


@cache
def frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS)


@pytest.mark.parametrize("column", ["age", "score", "bmi", "delta", "cost"])
@pytest.mark.parametrize("bins", [1, 7, 41, 100])
def test_bins_of_equal_width_are_those_of_numpy(column: str, bins: int) -> None:
    if bins > SCHEMA.column(column).size:
        return
    table = pool().ask(f"SELECT HISTOGRAM({column}, {bins}) FROM patients")
    values = frame()[column].dropna().astype(float).to_numpy()
    rows = [row for row in table.rows if row[0] is not None]
    assert abs(len(rows) - bins) <= bins // 20
    edges = [float(row[0]) for row in rows] + [float("inf")]  # type: ignore[arg-type]
    assert [row[2] for row in rows] == np.histogram(values, edges)[0].tolist()
    widths = [float(row[1]) - float(row[0]) for row in rows]  # type: ignore[arg-type]
    assert max(widths) - min(widths) <= 0.6 * max(widths) or bins >= 41
    missing = [row[2] for row in table.rows if row[0] is None]
    assert missing == ([int(frame()[column].isna().sum())] if SCHEMA.column(column).nullable else [])
    assert table.kind == "histogram"


def test_edges_are_where_they_are_given() -> None:
    table = pool().ask("SELECT HISTOGRAM(bmi, 18.5, 25, 30) FROM patients WHERE smoker")
    values = frame()[frame().smoker].bmi.dropna()
    expected = [(values < 18.5).sum(), ((values >= 18.5) & (values < 25)).sum(), ((values >= 25) & (values < 30)).sum()]
    assert [row[2] for row in table.rows][:4] == [*expected, (values >= 30).sum()]
    assert [float(str(row[0])) for row in table.rows if row[0] is not None] == [10, 18.5, 25, 30]


@given(st.lists(st.integers(-400, 1200), min_size=2, max_size=12, unique=True), st.sampled_from(["delta", "cost", "age"]))
@settings(max_examples=40, deadline=None)
def test_any_edges(edges: list[int], column: str) -> None:
    """Also those outside of the domain and between two values."""
    scaled = sorted(edge / 8 * (100 if column == "cost" else 1) for edge in edges)
    try:
        table = pool().ask(f"SELECT HISTOGRAM({column}, {', '.join(map(str, scaled))}) FROM patients")
    except PlanTooComplex:
        assert column == "cost"
        return
    values = frame()[column].dropna().astype(float).to_numpy()
    domain = SCHEMA.column(column)
    low, high = (float(domain.value(code)) for code in (0, domain.size - 1))  # type: ignore[arg-type]
    step = 100 if column == "delta" else 1  # edges between the same two values are one
    inner = sorted({math.ceil(edge * step) / step for edge in scaled if low < edge <= high})
    expected = np.histogram(values, [-np.inf, *inner, np.inf])[0].tolist()
    assert [row[2] for row in table.rows if row[0] is not None] == expected


def test_groups_have_histograms_of_their_own() -> None:
    table = pool().ask("SELECT HISTOGRAM(age, 5) FROM patients GROUP BY sex, ward")
    found = {(row[0], row[1], row[2]): row[4] for row in table.rows}
    for (sex, ward), part in frame().groupby(["sex", "ward"], dropna=False):
        own = None if pd.isna(sex) else sex
        lows = sorted({low for (s, w, low) in found if (s, w) == (own, ward) and low is not None})
        counts = [found[own, ward, low] for low in lows]
        edges = [*(float(str(low)) for low in lows), np.inf]
        assert counts == np.histogram(part.age.dropna().astype(float), edges)[0].tolist()
    assert sum(count for count in found.values() if isinstance(count, int)) == len(ROWS)


def test_bins_of_few_are_closed_and_listed() -> None:
    everything, some = (pool().ask("SELECT HISTOGRAM(delta, 40) FROM patients", minimum) for minimum in (1, 10))
    few = [row[:2] for row in everything.rows if row[2] < 10]  # type: ignore[operator]
    assert few
    assert list(some.suppressed) == few
    assert list(some.rows) == [row for row in everything.rows if row[2] >= 10]  # type: ignore[operator]


def test_no_rows_and_no_values() -> None:
    assert {row[2] for row in pool().ask("SELECT HISTOGRAM(age, 4) FROM patients WHERE score > 40").rows} == {0}
    empty = Pool.split(SCHEMA, [{**row, "age": None} for row in ROWS[:30]])
    assert [row[2] for row in empty.ask("SELECT HISTOGRAM(age, 4) FROM patients").rows] == [0, 0, 0, 0, 30]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("HISTOGRAM()", QueryType),
        ("HISTOGRAM(ward)", QueryType),
        ("HISTOGRAM(age, 0)", QueryType),
        ("HISTOGRAM(age, 2.5)", QueryType),
        ("HISTOGRAM(age, 102)", QueryType),
        ("HISTOGRAM(age, 3, 2)", QueryType),
        ("HISTOGRAM(age, 2, 2)", QueryType),
        ("HISTOGRAM(age, 'x')", QueryType),
        ("HISTOGRAM(age, bmi)", QueryType),
        ("HISTOGRAM(age), COUNT(*)", QueryUnsupported),
    ],
)
def test_what_cannot_be_meant_is_refused(call: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        compile_query(parse(f"SELECT {call} FROM patients", SCHEMA), SCHEMA)


def test_a_hundred_bins_are_proved_with_few_products() -> None:
    schema = parse_schema('name = "t"\n[[columns]]\nname = "x"\ntype = "integer"\nmin = 0\nmax = 4095\n')
    plan = compile_query(parse("SELECT HISTOGRAM(x, 100) FROM t", schema), schema)
    assert plan.cells == 101
    assert len(plan.combination.terms) < 70
    plan = pool().plan("SELECT HISTOGRAM(cost, 100) FROM patients GROUP BY sex")
    assert len(plan.combination.terms) < 30

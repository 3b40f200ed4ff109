"""FISHER against SciPy on the pooled rows, and exactly."""

from fractions import Fraction
from math import comb
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import Table2x2

from circuits.errors import QueryType
from circuits.statistics.fisher import two_sided
from tests.statistics.ward import frame, nhanes, pool, rows

TABLE = rows(400, 5)
POOL = pool(TABLE)


def exact(a: Any, b: Any, c: Any, d: Any) -> Any:
    """The definition, in fractions."""
    weights = {x: comb(a + b, x) * comb(c + d, a + c - x) for x in range(max(0, a - d), min(a + b, a + c) + 1)}
    return Fraction(sum(weight for weight in weights.values() if weight <= weights[a]), sum(weights.values()))


@given(st.tuples(*[st.integers(0, 60)] * 4))
@example((1, 2, 2, 1))
@example((0, 0, 0, 0))
@example((0, 0, 5, 3))
@example((3, 7, 7, 3))
@example((10, 0, 0, 10))
@example((81, 30, 69, 74))  # a table on the other side is more probable by a millionth
@settings(deadline=None)
def test_p_is_exact(counts: Any) -> None:
    p = two_sided(*counts)
    assert p == float(exact(*counts))
    a, b, c, d = counts
    assert p == two_sided(b, a, d, c) == two_sided(c, d, a, b) == two_sided(a, c, b, d)


@pytest.mark.parametrize(
    "counts",
    [
        (250100, 249900, 249900, 250100),
        (252000, 248000, 249900, 250100),
        (10, 990000, 30, 9960),
        (250000, 250000, 250000, 250000),
        (251000, 250000, 249000, 249990),
        (0, 1000, 20, 998980),
    ],
)
def test_a_million_rows(counts: Any) -> None:
    # SciPy's logarithms of large factorials are good for nine digits.
    assert two_sided(*counts) == pytest.approx(stats.fisher_exact([counts[:2], counts[2:]]).pvalue, rel=1e-8)


def test_what_no_double_can_hold_is_zero() -> None:
    assert two_sided(500000, 0, 0, 500000) == 0.0
    assert two_sided(200, 0, 0, 300) == pytest.approx(1 / comb(500, 200), rel=1e-14)


def check(result: Any, table: Any, note: Any) -> Any:
    (a, b), (c, d) = table.to_numpy().tolist()
    oracle = stats.fisher_exact([[a, b], [c, d]])
    term, estimate, low, high, p = result.rows[0]
    assert p == pytest.approx(oracle.pvalue, rel=1e-9)
    assert [row[2] for row in result.named("cells").rows] == [a, b, c, d]
    assert result.notes[0] == note
    if min(a, b, c, d) == 0:
        assert (estimate, low, high) == (None, None, None)
        assert "NULL" in result.notes[1]
    else:
        assert estimate == pytest.approx(oracle.statistic, rel=1e-12)
        bounds = Table2x2([[a, b], [c, d]], shift_zeros=False).oddsratio_confint()
        assert (low, high) == pytest.approx(bounds, rel=1e-9)
    return term


@pytest.mark.parametrize("minimum", [1, 10])
@pytest.mark.parametrize(("a", "b"), [("sex", "died"), ("smoker", "died"), ("smoker", "sex")])
def test_it_is_scipys(a: str, b: str, minimum: int) -> None:
    data = frame(TABLE, a, b)
    check(
        POOL.ask(f"SELECT FISHER({a}, {b}) FROM ward", minimum),
        pd.crosstab(data[a], data[b]),
        f"{len(data)} rows have a value of {a} and {b}",
    )


def test_a_condition_chooses_two_of_many_values() -> None:
    data = frame(TABLE, "arm", "smoker")
    table = pd.crosstab(data.arm, data.smoker).loc[["control", "high"]]
    sql = "SELECT FISHER(arm, smoker) FROM ward WHERE arm = 'high' OR arm = 'control'"
    note = f"{table.to_numpy().sum()} rows have a value of arm and smoker"
    assert check(POOL.ask(sql, 10), table, note) == "odds ratio of smoker = false, arm = control to high"


def test_nhanes() -> None:
    _, survey, data = nhanes()
    data = data[data.age >= 20].dropna(subset=["smoked", "insured"])
    result = survey.ask("SELECT FISHER(smoked, insured) FROM nhanes WHERE age >= 20", 10)
    check(result, pd.crosstab(data.smoked, data.insured), f"{len(data)} rows have a value of smoked and insured")


def test_a_zero_cell_leaves_the_ratio_out() -> None:
    table = [
        {"sex": sex, "died": died}
        for sex, died, n in (("male", True, 5), ("female", False, 7), ("male", False, 2))
        for _ in range(n)
    ]
    data = pd.DataFrame(table)
    check(
        pool(table).ask("SELECT FISHER(sex, died) FROM ward"),
        pd.crosstab(data.sex, data.died),
        "14 rows have a value of sex and died",
    )
    assert pool(table * 10).ask("SELECT FISHER(sex, died) FROM ward", 10).notes[0].startswith("withheld")


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([], "no row has a value of arm and died"),
        ([{"arm": "low", "died": x} for x in (True, False)], "all rows have the same value of arm"),
        ([{"arm": x, "died": True} for x in ("low", "high")], "all rows have the same value of died"),
        (
            [{"arm": x, "died": y} for x in ("low", "high", "control") for y in (True, False)],
            "3 values of arm have rows, not two: choose with WHERE or use CHISQUARE",
        ),
    ],
)
def test_what_has_no_answer_says_why(table: Any, reason: str) -> None:
    assert pool(table).ask("SELECT FISHER(arm, died) FROM ward").notes == (f"undefined: {reason}",)


@pytest.mark.parametrize("call", ["FISHER(sex)", "FISHER(sex, sex)", "FISHER(sex, score)"])
def test_wrong_arguments_are_refused(call: str) -> None:
    with pytest.raises(QueryType):
        POOL.ask(f"SELECT {call} FROM ward")

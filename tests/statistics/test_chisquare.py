"""CHISQUARE against SciPy on the pooled rows."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from circuits.errors import PlanTooComplex, QueryType
from circuits.schema import parse_schema
from tests.statistics.pooled import Pool
from tests.statistics.ward import frame, nhanes, pool, rows

TABLE = rows(400, 4)
POOL = pool(TABLE)
COUNTS = st.lists(st.integers(0, 12), min_size=6, max_size=6)


def check(result: Any, table: Any) -> None:
    oracle = stats.chi2_contingency(table, correction=False)
    chi_square, df, p, v = result.rows[0]
    assert df == oracle.dof
    assert (chi_square, p) == pytest.approx((oracle.statistic, oracle.pvalue), rel=1e-9)
    assert v == pytest.approx(stats.contingency.association(table, method="cramer"), rel=1e-9)
    cells = result.named("cells").rows
    assert [row[2] for row in cells] == [int(count) for counts in table.to_numpy() for count in counts]
    assert [row[3] for row in cells] == pytest.approx(list(oracle.expected_freq.flat), rel=1e-12)
    assert [row[:2] for row in cells] == [(a, b) for a in table.index for b in table.columns]
    assert result.notes[:2] == (
        f"{table.to_numpy().sum()} rows have a value of {table.index.name} and {table.columns.name}",
        "without continuity correction",
    )


def crossed(data: Any, a: Any, b: Any) -> Any:
    order = {"arm": ["control", "low", "high"]}
    table = pd.crosstab(data[a], data[b])
    return table.reindex(index=order.get(a, table.index), columns=order.get(b, table.columns))


@pytest.mark.parametrize(("a", "b"), [("arm", "sex"), ("sex", "arm"), ("stage", "arm"), ("smoker", "died")])
def test_it_is_scipys(a: str, b: str) -> None:
    data = frame(TABLE, a, b, "age")
    data = data[data.age > 20]
    check(POOL.ask(f"SELECT CHISQUARE({a}, {b}) FROM ward WHERE age > 20"), crossed(data, a, b))


def test_a_condition_leaves_a_code_out_with_a_minimum_cohort() -> None:
    data = frame(TABLE, "arm", "smoker")
    check(POOL.ask("SELECT CHISQUARE(arm, smoker) FROM ward WHERE arm <> 'nobody'", 10), crossed(data, "arm", "smoker"))


def test_nhanes() -> None:
    _, survey, data = nhanes()
    data = data[data.age >= 20].dropna(subset=["insured", "sex"])
    check(survey.ask("SELECT CHISQUARE(sex, insured) FROM nhanes WHERE age >= 20", 10), crossed(data, "sex", "insured"))


@given(COUNTS)
@settings(deadline=None, max_examples=60)
def test_any_small_table(counts: Any) -> None:
    places = [(arm, sex) for arm in ("control", "low", "high") for sex in ("female", "male")]
    table = [{"arm": arm, "sex": sex} for (arm, sex), count in zip(places, counts, strict=True) for _ in range(count)]
    result = pool(table).ask("SELECT CHISQUARE(arm, sex) FROM ward")
    if len({row["arm"] for row in table}) < 2 or len({row["sex"] for row in table}) < 2:
        assert result.notes[0].startswith("undefined: ")
        assert result.rows == ()
        return
    data = pd.DataFrame(table)
    wanted = crossed(data, "arm", "sex").dropna().astype(int)
    wanted.index.name, wanted.columns.name = "arm", "sex"
    check(result, wanted)
    few = sum(value < 5 for value in stats.contingency.expected_freq(wanted).flat)
    assert len(result.notes) == 2 + (few > 0)
    hidden = pool(table).ask("SELECT CHISQUARE(arm, sex) FROM ward WHERE arm <> 'nobody'", 10)
    assert hidden.rows == (result.rows if min(counts) >= 10 else ())


def test_five_expected_rows_are_enough() -> None:
    table = [{"sex": sex, "died": died} for sex in ("female", "male") for died in (True, False)] * 5
    assert len(pool(table).ask("SELECT CHISQUARE(sex, died) FROM ward").notes) == 2
    assert "3 of 4 cells" in pool(table[1:]).ask("SELECT CHISQUARE(sex, died) FROM ward").notes[2]


def test_a_hidden_cell_withholds_the_test() -> None:
    table = [{"sex": sex, "smoker": place % 2 == 0} for sex in ("female", "male") for place in range(40)]
    table = table[:-24]  # 8 and 8 of the men are left
    sql = "SELECT CHISQUARE(sex, smoker) FROM ward"
    _, opened = pool(table).rounds(sql, 10)[-1]
    assert [cell for cell in opened.cells if cell is not None] == [56]
    assert pool(table).ask(sql, 10).notes[0].startswith("withheld")


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([], "no row has a value of sex and died"),
        ([{"sex": None, "died": True}] * 3, "no row has a value of sex and died"),
        ([{"sex": "male", "died": x} for x in (True, False)], "all rows have the same value of sex"),
        ([{"sex": x, "died": True} for x in ("male", "female")], "all rows have the same value of died"),
    ],
)
def test_what_has_no_answer_says_why(table: Any, reason: str) -> None:
    assert pool(table).ask("SELECT CHISQUARE(sex, died) FROM ward").notes == (f"undefined: {reason}",)


@pytest.mark.parametrize("call", ["CHISQUARE(sex)", "CHISQUARE(sex, sex)", "CHISQUARE(sex, score)"])
def test_wrong_arguments_are_refused(call: str) -> None:
    with pytest.raises(QueryType):
        POOL.ask(f"SELECT {call} FROM ward")


def test_a_table_of_too_many_cells_is_refused() -> None:
    columns = "\n".join(f'[[columns]]\nname = "{name}"\ntype = "integer"\nmin = 0\nmax = 32' for name in "ab")
    schema = parse_schema(f'name = "large"\ntitle = "Large"\n{columns}')
    with pytest.raises(PlanTooComplex, match="1089 cells"):
        Pool.of(schema, [[]]).plan("SELECT CHISQUARE(a, b) FROM large")

"""ANOVA against SciPy on the pooled rows."""

from typing import Any

import pytest
from scipy import stats

from circuits.errors import QueryType
from tests.statistics.ward import frame, nhanes, pool, rows

TABLE = rows(500, 2)
POOL = pool(TABLE)


def check(result: Any, data: Any, value: Any, by: Any) -> None:
    groups = [values[value] for _, values in data.groupby(by, observed=True)]
    oracle = stats.f_oneway(*groups)
    between = sum(len(values) * (values.mean() - data[value].mean()) ** 2 for values in groups)
    total = ((data[value] - data[value].mean()) ** 2).sum()
    df1, df2 = len(groups) - 1, len(data) - len(groups)
    first, second, third = result.named("variance").rows
    expected = ("between", between, df1, between / df1, oracle.statistic, oracle.pvalue, between / total)
    assert first[0] == expected[0]
    assert first[1:] == pytest.approx(expected[1:], rel=1e-9)
    assert second[:4] == ("within", pytest.approx(total - between), df2, pytest.approx((total - between) / df2))
    assert third[:3] == ("total", pytest.approx(total), len(data) - 1)
    assert [row[1] for row in result.rows] == [len(values) for values in groups]
    for row, values in zip(result.rows, groups, strict=True):
        low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        assert row[2:] == pytest.approx((values.mean(), low, high, values.std()), rel=1e-9)
    assert result.notes == (f"{len(data)} rows have a value of {value} and {by}",)


@pytest.mark.parametrize("value", ["score", "steps"])
@pytest.mark.parametrize("by", ["sex", "stage", "smoker"])
def test_it_is_scipys(value: str, by: str) -> None:
    check(POOL.ask(f"SELECT ANOVA({value}, {by}) FROM ward"), frame(TABLE, value, by), value, by)


def test_groups_come_in_the_order_of_the_schema_and_nobodys_is_left_out() -> None:
    data = frame(TABLE, "score", "arm")
    data["arm"] = data["arm"].astype("category").cat.set_categories(["control", "low", "nobody", "high"])
    result = POOL.ask("SELECT ANOVA(score, arm) FROM ward")
    assert [row[0] for row in result.rows] == ["control", "low", "high"]
    check(result, data[data.arm != "nobody"].assign(arm=lambda kept: kept.arm.cat.remove_unused_categories()), "score", "arm")


def test_a_condition_leaves_groups_out_with_a_minimum_cohort() -> None:
    data = frame(TABLE, "score", "arm", "age")
    data = data[(data.age < 70) & data.arm.isin(["high", "low"])]
    sql = "SELECT ANOVA(score, arm) FROM ward WHERE age < 70 AND arm IN ('low', 'high')"
    result = POOL.ask(sql, 10)
    low, high = (data[data.arm == arm].score for arm in ("low", "high"))
    assert result.named("variance").rows[0][4:6] == pytest.approx(tuple(stats.f_oneway(low, high)), rel=1e-9)


def test_nhanes() -> None:
    _, survey, data = nhanes()
    data = data[data.age >= 20].dropna(subset=["bmi", "origin"])
    codes = ["mexican", "hispanic", "white", "black", "asian", "other"]
    data["origin"] = data["origin"].astype("category").cat.set_categories(codes)
    check(survey.ask("SELECT ANOVA(bmi, origin) FROM nhanes WHERE age >= 20", 10), data, "bmi", "origin")


def test_a_group_of_one_row_has_no_interval() -> None:
    table = [{"score": x, "sex": "female"} for x in range(9)] + [{"score": -1, "sex": "male"}]
    result = pool(table).ask("SELECT ANOVA(score, sex) FROM ward")
    assert result.rows[1] == ("male", 1, -1.0, None, None, None)
    assert result.named("variance").rows[0][4:6] == pytest.approx(tuple(stats.f_oneway(range(9), [-1])), rel=1e-9)


def test_equal_means_leave_nothing_between_groups() -> None:
    table = [{"score": x, "sex": sex} for x in (-1, 0, 1) for sex in ("female", "male")]
    assert pool(table).ask("SELECT ANOVA(score, sex) FROM ward").named("variance").rows[0] == (
        "between", 0.0, 1, 0.0, 0.0, 1.0, 0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([], "no row has a value of score and sex"),
        ([{"score": None, "sex": "male"}] * 4, "no row has a value of score and sex"),
        (
            [{"score": x, "sex": "male"} for x in range(4)],
            "one group of sex has rows, an analysis of variance compares two or more",
        ),
        ([{"score": 1, "sex": "male"}, {"score": 2, "sex": "female"}], "no group has more than one row"),
        ([{"score": 1, "sex": "male"}, {"score": 2, "sex": "female"}] * 3, "score does not vary within any group"),
    ],
)
def test_what_has_no_answer_says_why(table: Any, reason: str) -> None:
    assert pool(table).ask("SELECT ANOVA(score, sex) FROM ward").notes == (f"undefined: {reason}",)


def test_a_small_group_withholds_all_of_it() -> None:
    table = TABLE + [{"score": x, "arm": "nobody"} for x in range(9)]
    sql = "SELECT ANOVA(score, arm) FROM ward"
    _, opened = pool(table).rounds(sql, 10)[-1]
    assert [cell for cell in opened.cells[1:] if cell is not None] == []
    result = pool(table).ask(sql, 10)
    assert (result.rows, result.tables) == ((), ())
    assert result.notes[0].startswith("withheld")
    assert len(pool(table).ask(f"{sql} WHERE arm <> 'nobody'", 10).rows) == 3


@pytest.mark.parametrize("call", ["ANOVA(sex, arm)", "ANOVA(score)", "ANOVA(stage, stage)", "ANOVA(score, steps)"])
def test_wrong_arguments_are_refused(call: str) -> None:
    with pytest.raises(QueryType):
        POOL.ask(f"SELECT {call} FROM ward")

"""TTEST against SciPy on the pooled rows."""

from typing import Any

import pytest
from scipy import stats

from circuits.errors import QueryType
from tests.statistics.ward import frame, nhanes, pool, rows

TABLE = rows(400)
POOL = pool(TABLE)


def check(result: Any, first: Any, second: Any, names: Any) -> Any:
    assert result.notes == (f"{len(first) + len(second)} rows have a value of {names[0]} and {names[1]}",)
    oracle = stats.ttest_ind(first, second, equal_var=False)
    bounds = oracle.confidence_interval()
    term, *found = result.rows[0]
    expected = [first.mean() - second.mean(), bounds.low, bounds.high, oracle.statistic, oracle.df, oracle.pvalue]
    assert found == pytest.approx([float(number) for number in expected], rel=1e-9)
    groups = result.named("groups").rows
    assert [row[1] for row in groups] == [len(first), len(second)]
    for row, values in zip(groups, (first, second), strict=True):
        low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        assert row[2:] == pytest.approx((values.mean(), low, high, values.std()), rel=1e-9)
    return term


@pytest.mark.parametrize("value", ["score", "steps", "age"])
@pytest.mark.parametrize("by", ["sex", "smoker", "died"])
@pytest.mark.parametrize("minimum", [1, 10])
def test_it_is_scipys(value: str, by: str, minimum: int) -> None:
    data = frame(TABLE, value, by)
    low, high = sorted(data[by].unique())
    term = check(
        POOL.ask(f"SELECT TTEST({value}, {by}) FROM ward", minimum),
        data[data[by] == low][value],
        data[data[by] == high][value],
        (value, by),
    )
    assert term == {"sex": "female - male"}.get(by, "false - true")


def test_a_condition_chooses_rows_and_two_of_many_groups() -> None:
    data = frame(TABLE, "score", "arm", "age")
    data = data[data.age >= 40]
    sql = "SELECT TTEST(score, arm) FROM ward WHERE age >= 40 AND arm IN ('high', 'control')"
    control, high = (data[data.arm == arm].score for arm in ("control", "high"))
    for minimum in (1, 10):
        assert check(POOL.ask(sql, minimum), control, high, ("score", "arm")) == "control - high"


def test_nhanes() -> None:
    _, survey, data = nhanes()
    data = data[(data.age >= 18)].dropna(subset=["bmi", "sex"])
    result = survey.ask("SELECT TTEST(bmi, sex) FROM nhanes WHERE age >= 18", 10)
    check(result, data[data.sex == "female"].bmi, data[data.sex == "male"].bmi, ("bmi", "sex"))


@pytest.mark.filterwarnings("ignore:Precision loss")  # SciPy's, of the group that does not vary
def test_one_group_that_does_not_vary_is_enough() -> None:
    table = [{"score": 3, "sex": "female"}] * 5 + [{"score": x, "sex": "male"} for x in range(7)]
    result = pool(table).ask("SELECT TTEST(score, sex) FROM ward")
    oracle = stats.ttest_ind([3] * 5, list(range(7)), equal_var=False)
    assert result.rows[0][4:] == pytest.approx((oracle.statistic, oracle.df, oracle.pvalue), rel=1e-9)


def test_a_group_at_one_hospital_only() -> None:
    table = [{"score": x, "sex": "female"} for x in range(20)] + [{"score": x, "sex": "male"} for x in range(5, 9)]
    result = pool(table).ask("SELECT TTEST(score, sex) FROM ward")
    assert result.rows[0][-1] == pytest.approx(stats.ttest_ind(range(20), range(5, 9), equal_var=False).pvalue, rel=1e-9)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("WHERE age > 100", "undefined: no row has a value of score and sex"),
        ("WHERE sex = 'male'", "undefined: 1 groups of sex have rows, a t-test compares two: choose them with WHERE"),
    ],
)
def test_what_has_no_answer_says_why(where: str, reason: str) -> None:
    assert POOL.ask(f"SELECT TTEST(score, sex) FROM ward {where}").notes == (reason,)


def test_three_groups_are_too_many() -> None:
    (note,) = POOL.ask("SELECT TTEST(score, arm) FROM ward").notes
    assert note.startswith("undefined: 3 groups of arm have rows")


def test_a_column_without_values_or_variance() -> None:
    same = pool([{"score": 1, "sex": sex} for sex in ("female", "male")] * 9)
    assert same.ask("SELECT TTEST(score, sex) FROM ward").notes == ("undefined: score does not vary in either group",)
    none = pool([{"score": None, "sex": "female"}] * 9)
    assert none.ask("SELECT TTEST(score, sex) FROM ward").notes == ("undefined: no row has a value of score and sex",)
    one = pool([{"score": x, "sex": "female"} for x in range(9)] + [{"score": 1, "sex": "male"}])
    assert one.ask("SELECT TTEST(score, sex) FROM ward").notes == ("undefined: group male has one row, a variance needs two",)


def test_a_small_group_withholds_all_of_it() -> None:
    table = rows(60, 3) + [{"score": x, "sex": "male", "arm": "nobody"} for x in range(9)]
    sql = "SELECT TTEST(score, arm) FROM ward WHERE arm IN ('nobody', 'high')"
    _, opened = pool(table).rounds(sql, 10)[-1]
    assert [cell for cell in opened.cells[1:] if cell is not None] == []
    result = pool(table).ask(sql, 10)
    assert result.rows == ()
    assert result.tables == ()
    assert result.notes[0].startswith("withheld")


@pytest.mark.parametrize("call", ["TTEST(sex, arm)", "TTEST(score)", "TTEST(age, age)", "TTEST(score, steps)"])
def test_wrong_arguments_are_refused(call: str) -> None:
    with pytest.raises(QueryType):
        POOL.ask(f"SELECT {call} FROM ward")

"""PROPORTION against statsmodels on the pooled rows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from circuits.errors import QueryType
from circuits.statistics.intervals import wilson
from tests.statistics.ward import frame, nhanes, pool, rows

TABLE = rows(400, 3)
POOL = pool(TABLE)


def expected(values: Any, event: Any) -> Any:
    having = int((values == event).sum())
    return (len(values), having, having / len(values), *proportion_confint(having, len(values), method="wilson"))


def check(found: Any, values: Any, event: Any) -> None:
    wanted = expected(values, event)
    assert found[:2] == wanted[:2]
    assert found[2:] == pytest.approx(wanted[2:], rel=1e-9)


@given(st.integers(1, 10**9).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_intervals_are_statsmodels(counts: Any) -> None:
    events, count = counts
    low, high = wilson(events, count)
    assert (low, high) == pytest.approx(proportion_confint(events, count, method="wilson"), rel=1e-9, abs=1e-12)
    assert low <= events / count <= high
    assert (low == 0) == (events == 0)
    assert (high == 1) == (events == count)


@pytest.mark.parametrize("minimum", [1, 10])
@pytest.mark.parametrize(("event", "having"), [("died", True), ("smoker", True), ("sex", "male")])
def test_of_all_rows(event: str, having: Any, minimum: int) -> None:
    result = POOL.ask(f"SELECT PROPORTION({event}) FROM ward WHERE age < 80", minimum)
    data = frame(TABLE, event, "age")
    data = data[data.age < 80]
    ((term, *found),) = result.rows
    assert term == event
    check(tuple(found), data[event], having)
    assert result.notes[0] == f"{len(data)} rows have a value of {event}"


@pytest.mark.parametrize("minimum", [1, 10])
@pytest.mark.parametrize("by", ["arm", "stage", "sex", "smoker"])
def test_in_groups(by: str, minimum: int) -> None:
    result = POOL.ask(f"SELECT PROPORTION(died, {by}) FROM ward", minimum)
    data = frame(TABLE, "died", by)
    groups = {key: values.died for key, values in data.groupby(by)}
    assert {row[0] for row in result.rows} == set(groups)
    for key, *found in result.rows:
        check(tuple(found), groups[key], True)
    nobody = {"arm": (("nobody",),), "stage": ((3,),)}.get(by, ())
    assert result.suppressed == (nobody if minimum > 1 else ())
    assert result.notes == (f"{len(data)} rows have a value of died and {by}", "share of died = true")


def test_nhanes() -> None:
    _, survey, data = nhanes()
    data = data[data.age >= 18].dropna(subset=["insured", "origin"])
    result = survey.ask("SELECT PROPORTION(insured, origin) FROM nhanes WHERE age >= 18", 10)
    assert len(result.rows) == 6
    for key, *found in result.rows:
        check(tuple(found), data[data.origin == key].insured, True)


def test_a_group_with_few_events_or_few_without_is_suppressed_whole() -> None:
    table = [{"died": place < 9, "arm": "low"} for place in range(40)]
    table += [{"died": place >= 9, "arm": "high"} for place in range(50)]
    table += [{"died": place < 10, "arm": "control"} for place in range(20)]
    sql = "SELECT PROPORTION(died, arm) FROM ward"
    result = pool(table).ask(sql, 10)
    assert [row[:3] for row in result.rows] == [("control", 20, 10)]
    assert result.suppressed == (("low",), ("nobody",), ("high",))
    _, opened = pool(table).rounds(sql, 10)[-1]
    # The two counts of the one group that is shown; not the number of all rows, from which others could follow.
    assert sorted(cell for cell in opened.cells if cell is not None) == [10, 20]


@pytest.mark.parametrize("having", [0, 9, 41, 50])
def test_few_events_of_all_withhold_the_share(having: Any) -> None:
    table = [{"died": place < having} for place in range(50)]
    result = pool(table).ask("SELECT PROPORTION(died) FROM ward", 10)
    assert result.rows == ()
    assert result.notes[0].startswith("withheld")
    assert pool(table).ask("SELECT PROPORTION(died) FROM ward").rows[0][1:3] == (50, having)


@pytest.mark.parametrize("table", [[], [{"died": None}] * 5, [{"died": True, "arm": None}] * 5])
def test_without_rows_it_says_why(table: Any) -> None:
    assert pool(table).ask("SELECT PROPORTION(died, arm) FROM ward").notes == (
        "undefined: no row has a value of died and arm",
    )


def test_nothing_raises_where_every_group_is_small() -> None:
    assert pool(rows(12)).ask("SELECT PROPORTION(died, arm) FROM ward", 10).rows == ()


@pytest.mark.parametrize(
    "call", ["PROPORTION(arm)", "PROPORTION(score)", "PROPORTION(died, died)", "PROPORTION(died, steps)"]
)
def test_wrong_arguments_are_refused(call: str) -> None:
    with pytest.raises(QueryType):
        POOL.ask(f"SELECT {call} FROM ward")

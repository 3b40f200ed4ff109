"""RISK against statsmodels on the pooled rows."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from circuits.errors import QueryType
from tests.statistics.ward import frame, nhanes, pool, rows

TABLE = rows(400, 6)
POOL = pool(TABLE)


def check(result: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    """Of a events among a + b exposed people and c among c + d others."""
    difference, ratio, odds = result.rows
    assert [row[0] for row in result.rows] == ["risk difference", "risk ratio", "odds ratio"]
    low, high = confint_proportions_2indep(a, a + b, c, c + d, method="wald", compare="diff")
    assert difference[1:] == pytest.approx((a / (a + b) - c / (c + d), low, high), rel=1e-9, abs=1e-12)
    oracle = Table2x2([[a, b], [c, d]], shift_zeros=False)
    if a and c:
        assert ratio[1:] == pytest.approx((oracle.riskratio, *oracle.riskratio_confint()), rel=1e-9)
    else:
        assert ratio[1:] == (None, None, None)
    if a and b and c and d:
        assert odds[1:] == pytest.approx((oracle.oddsratio, *oracle.oddsratio_confint()), rel=1e-9)
    else:
        assert odds[1:] == (None, None, None)
    assert len(result.notes) == 2 + (0 in (a, b, c, d))
    others, exposed = result.named("risks").rows
    for row, events, count in ((others, c, c + d), (exposed, a, a + b)):
        assert row[1:3] == (count, events)
        wilson = proportion_confint(events, count, method="wilson")
        assert row[3:] == pytest.approx((events / count, *wilson), rel=1e-9, abs=1e-12)


def counts(data: Any, exposure: Any, outcome: Any, exposed: Any = True, event: Any = True) -> Any:
    table = pd.crosstab(data[exposure] == exposed, data[outcome] == event)
    return [int(table.loc[x, y]) for x in (True, False) for y in (True, False)]


@pytest.mark.parametrize("minimum", [1, 10])
def test_it_is_statsmodels(minimum: int) -> None:
    data = frame(TABLE, "smoker", "died", "age")
    result = POOL.ask("SELECT RISK(smoker, died) FROM ward WHERE age >= 15", minimum)
    data = data[data.age >= 15]
    check(result, *counts(data, "smoker", "died"))
    assert result.notes == (
        f"{len(data)} rows have a value of smoker and died",
        "of died = true, with smoker = true to without",
    )


def test_the_second_code_is_the_exposure_or_the_event() -> None:
    data = frame(TABLE, "sex", "died")
    check(POOL.ask("SELECT RISK(sex, died) FROM ward"), *counts(data, "sex", "died", "male"))
    check(POOL.ask("SELECT RISK(died, sex) FROM ward"), *counts(data, "died", "sex", True, "male"))


def test_nhanes() -> None:
    _, survey, data = nhanes()
    data = data[data.age >= 20].dropna(subset=["smoked", "insured"])
    check(survey.ask("SELECT RISK(smoked, insured) FROM nhanes WHERE age >= 20", 10), *counts(data, "smoked", "insured"))


@given(st.tuples(*[st.integers(0, 15)] * 4))
@settings(deadline=None, max_examples=60)
def test_any_small_table(cells: Any) -> None:
    a, b, c, d = cells
    assume(a + b and c + d)
    places = [(True, True), (True, False), (False, True), (False, False)]
    table = [{"smoker": x, "died": y} for (x, y), count in zip(places, cells, strict=True) for _ in range(count)]
    check(pool(table).ask("SELECT RISK(smoker, died) FROM ward"), *cells)
    hidden = pool(table).ask("SELECT RISK(smoker, died) FROM ward", 10)
    assert bool(hidden.rows) == (min(cells) >= 10)
    assert hidden.rows or hidden.notes[0].startswith("withheld")


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([], "no row has a value of smoker and died"),
        ([{"smoker": True, "died": None}] * 3, "no row has a value of smoker and died"),
        ([{"smoker": True, "died": x} for x in (True, False)], "no row has smoker = false"),
        ([{"smoker": False, "died": x} for x in (True, False)], "no row has smoker = true"),
    ],
)
def test_what_has_no_answer_says_why(table: Any, reason: str) -> None:
    assert pool(table).ask("SELECT RISK(smoker, died) FROM ward").notes == (f"undefined: {reason}",)


@pytest.mark.parametrize("call", ["RISK(sex)", "RISK(sex, sex)", "RISK(sex, arm)", "RISK(stage, sex)", "RISK(sex, score)"])
def test_wrong_arguments_are_refused(call: str) -> None:
    with pytest.raises(QueryType):
        POOL.ask(f"SELECT {call} FROM ward")

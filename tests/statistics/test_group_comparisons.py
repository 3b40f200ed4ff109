"""What comparisons of groups have in common: any table has an answer or a reason, and what is hidden stays hidden."""

import random

import pytest

from circuits.finish import finish
from tests.statistics.ward import pool, rows

CALLS = [
    "TTEST(score, sex)",
    "TTEST(steps, arm)",
    "ANOVA(score, arm)",
    "ANOVA(age, stage)",
    "PROPORTION(died)",
    "PROPORTION(sex, stage)",
    "CHISQUARE(arm, stage)",
    "FISHER(arm, died)",
    "FISHER(sex, smoker)",
    "RISK(died, sex)",
]
CONDITIONS = ["", "WHERE age > 50", "WHERE score BETWEEN -3.25 AND 4.5", "WHERE arm IN ('low', 'high') AND stage <> 3"]


@pytest.mark.parametrize("call", CALLS)
def test_any_table_has_an_answer_or_a_reason(call: str) -> None:
    for number in (0, 1, 2, 3, 8, 40, 150):
        table = pool(rows(number, number))
        for condition in CONDITIONS:
            for minimum in (1, 10):
                result = table.ask(f"SELECT {call} FROM ward {condition}", minimum)
                assert result.rows or result.notes
                assert result == table.ask(f"SELECT {call} FROM ward {condition}", minimum)


@pytest.mark.parametrize("call", CALLS)
def test_whatever_is_hidden_nothing_is_made_up(call: str) -> None:
    rng = random.Random(call)
    plan, opened = pool(rows(200)).rounds(f"SELECT {call} FROM ward WHERE arm IN ('low', 'high') AND stage <> 3")[-1]
    whole = finish(plan, opened.cells)
    for _ in range(30):
        cells = tuple(None if rng.random() < 0.2 else cell for cell in opened.cells)
        result = finish(plan, cells, 10)
        if call.startswith("PROPORTION"):
            assert set(result.rows) <= set(whole.rows)
        else:
            # All or none of its own cells are opened: with any of them hidden there is no test.
            assert result.rows in ((), whole.rows)


@pytest.mark.parametrize("call", CALLS)
def test_how_rows_are_split_over_hospitals_does_not_matter(call: str) -> None:
    table = rows(200, 9)
    shuffled = random.Random(2).sample(table, len(table))
    sql = f"SELECT {call} FROM ward WHERE arm IN ('low', 'high')"
    result = pool(table).ask(sql)
    assert result.rows
    assert result == pool(shuffled).ask(sql)

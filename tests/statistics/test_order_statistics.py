"""MEDIAN, QUANTILE, MIN and MAX in rounds: equal to DuckDB's, and what stays closed when cohorts are small."""

from decimal import Decimal
from fractions import Fraction
from functools import cache
from statistics import median
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.columns import MAX_DOMAIN
from circuits.errors import PlanTooComplex, RoundsInvalid
from circuits.plan import Opened, compile_query, next_round
from circuits.schema import parse_schema
from circuits.search import Quantile
from circuits.sql import parse
from tests.statistics.patients import SCHEMA, random_patients
from tests.statistics.pooled import Pool

ROWS = random_patients(900)


@cache
def pool() -> Pool:
    return Pool.split(SCHEMA, ROWS)


@cache
def frame() -> pd.DataFrame:
    found = pd.DataFrame(ROWS)
    return found.astype({"age": "Int64"})


def duck(sql: str) -> list[tuple[Any, ...]]:
    connection = duckdb.connect()
    connection.register("patients", frame())
    return connection.execute(sql.replace("QUANTILE(", "QUANTILE_DISC(")).fetchall()


@pytest.mark.parametrize("column", ["age", "score", "bmi", "delta", "cost"])
@pytest.mark.parametrize("rest", ["", "WHERE smoker", "WHERE ward IN ('a', 'd') AND months > 3"])
def test_quantiles_of_every_column_are_those_of_duckdb(column: str, rest: str) -> None:
    outputs = f"MIN({column}) AS a, MAX({column}) AS b, MEDIAN({column}) AS c, QUANTILE({column}, 0.83) AS d"
    outputs += f", QUANTILE_CONT({column}, 0.07) AS e, QUANTILE({column}, 0) AS f, QUANTILE({column}, 1) AS g"
    sql = f"SELECT {outputs} FROM patients {rest}"
    (found,), (expected,) = pool().ask(sql).rows, duck(sql)
    assert [float(str(value)) for value in found] == pytest.approx([float(value) for value in expected], rel=1e-12)


def test_groups_are_searched_apart() -> None:
    sql = "SELECT sex, ward, COUNT(*) AS n, AVG(bmi) AS a, MEDIAN(bmi) AS m FROM patients GROUP BY sex, ward"
    found = {row[:2]: row[2:] for row in pool().ask(sql).rows}
    for row in duck(sql):
        assert found.pop(row[:2]) == pytest.approx(row[2:], rel=1e-12)
    assert not found


def test_dates_have_quantiles_but_no_mean_between_two() -> None:
    (found,) = pool().ask("SELECT MIN(seen), MAX(seen), QUANTILE(seen, 0.5) FROM patients").rows
    days = sorted(row["seen"] for row in ROWS)
    assert found == (days[0], days[-1], days[(len(days) + 1) // 2 - 1])


@given(st.lists(st.integers(-5, 4000), max_size=40), st.fractions(0, 1, max_denominator=1000))
@settings(max_examples=60, deadline=None)
def test_any_quantile_of_any_values_by_its_definition(values: list[int], fraction: Fraction) -> None:
    schema = parse_schema('name = "t"\n[[columns]]\nname = "x"\ntype = "integer"\nmin = -5\nmax = 4000\nnullable = true\n')
    own = Pool.split(schema, [{"x": value} for value in values] + [{"x": None}])
    number = Decimal(fraction.numerator) / Decimal(fraction.denominator)
    text = f"{number:.12f}"
    (found,) = own.ask(f"SELECT QUANTILE(x, {text}), MEDIAN(x) FROM t").rows
    if not values:
        assert found == (None, None)
        return
    exact = Quantile(Fraction(text), interpolated=False)
    assert found == (sorted(values)[exact.ranks(len(values))[0] - 1], float(median(values)))


def test_a_column_of_one_digit_takes_one_round_and_others_at_most_their_digits() -> None:
    for column in ("age", "bmi", "delta", "cost"):
        rounds = pool().rounds(f"SELECT MEDIAN({column}) FROM patients")
        assert len(rounds) <= len(SCHEMA.column(column).digits)
        assert rounds[0][0].rounds == len(rounds)
    assert len(pool().rounds("SELECT MEDIAN(age) FROM patients")) == 1


@pytest.mark.parametrize("minimum", [2, 5, 20])
@pytest.mark.parametrize("column", ["bmi", "cost", "score"])
def test_counts_of_fewer_than_the_minimum_at_either_end_stay_closed(column: str, minimum: int) -> None:
    for plan, opened in pool().rounds(f"SELECT MEDIAN({column}) FROM patients", minimum):
        (count,) = {opened.cells[search.count] for search in plan.searches}
        assert count is not None
        for search in plan.searches:
            for step in search.steps:
                for cell in opened.cells[step.first : step.first + len(step.bounds)]:
                    assert cell is None or minimum <= cell <= count - minimum


@pytest.mark.parametrize("minimum", [2, 5, 20])
def test_a_quantile_is_exact_or_withheld_with_what_is_known(minimum: int) -> None:
    outputs = [f"QUANTILE(bmi, {q / 50}) AS q{q}" for q in range(51)]
    for part in range(0, 51, 3):
        sql = f"SELECT {', '.join(outputs[part : part + 3])} FROM patients"
        table = pool().ask(sql, minimum)
        (found,), (expected,) = table.rows, duck(sql)
        hidden = {name for _, name in table.withheld}
        for (name, _), mine, theirs in zip(table.columns, found, expected, strict=True):
            assert (mine is None) == (name in hidden)
            assert mine is None or float(mine) == theirs  # type: ignore[arg-type]


def test_a_quantile_in_the_tail_is_withheld_and_one_inside_is_not() -> None:
    table = pool().ask(
        "SELECT QUANTILE(age, 0.001) AS low, QUANTILE(age, 0.5) AS mid, QUANTILE(age, 1) AS high FROM patients", 10
    )
    assert [value is None for value in table.rows[0]] == [True, False, True]
    assert {name for _, name in table.withheld} == {"low", "high"}


def test_values_that_are_nearly_all_in_one_piece_are_looked_for_closer() -> None:
    """Two hundred values between 100 and 140 of a domain of 4,000: the leading digit tells nothing that may be opened."""
    schema = parse_schema('name = "t"\n[[columns]]\nname = "x"\ntype = "integer"\nmin = 0\nmax = 3999\n')
    values = [100 + index % 28 for index in range(300)]
    own = Pool.split(schema, [{"x": value} for value in values])
    rounds = own.rounds("SELECT MEDIAN(x) FROM t", 10)
    assert all(cell is None for cell in rounds[0][1].cells[1:])
    assert own.ask("SELECT MEDIAN(x) FROM t", 10).rows == ((float(median(values)),),)


def test_values_that_are_all_equal_stay_closed_and_say_so() -> None:
    schema = parse_schema('name = "t"\n[[columns]]\nname = "x"\ntype = "integer"\nmin = 0\nmax = 3999\n')
    own = Pool.split(schema, [{"x": 7}] * 300)
    table = own.ask("SELECT MEDIAN(x) AS m FROM t", 10)
    assert table.rows == ((None,),)
    assert table.withheld == (((), "m"),)
    assert own.ask("SELECT MEDIAN(x) AS m FROM t", 1).rows == ((7.0,),)


def test_a_small_group_is_closed_as_a_whole() -> None:
    rows = [{**row, "ward": "d"} for row in ROWS[:8]] + [{**row, "ward": "a"} for row in ROWS[8:300]]
    table = Pool.split(SCHEMA, rows).ask("SELECT ward, MEDIAN(score), MIN(score) FROM patients GROUP BY ward", 10)
    assert [row[0] for row in table.rows] == ["a"]
    assert ("d",) in table.suppressed


def test_a_column_without_values_has_none() -> None:
    own = Pool.split(SCHEMA, [{**row, "bmi": None} for row in ROWS[:50]])
    assert own.ask("SELECT MEDIAN(bmi), MIN(bmi), QUANTILE(bmi, 0.3) FROM patients").rows == ((None, None, None),)
    assert own.ask("SELECT MEDIAN(bmi) FROM patients WHERE age > 200").rows == ((None,),)


def test_the_largest_domain_can_be_searched() -> None:
    schema = parse_schema(f'name = "t"\n[[columns]]\nname = "x"\ntype = "integer"\nmin = 0\nmax = {MAX_DOMAIN - 1}\n')
    values = [5, 70_000, 12_345_678, 2_000_000_000, MAX_DOMAIN - 1]
    own = Pool.of(schema, [[{"x": value} for value in values]])
    assert own.ask("SELECT MEDIAN(x), MAX(x) FROM t").rows == ((12345678.0, MAX_DOMAIN - 1),)


def test_too_many_groups_are_refused_before_anything_is_opened() -> None:
    with pytest.raises(PlanTooComplex, match="too many groups and quantiles"):
        pool().plan("SELECT score, MEDIAN(bmi) FROM patients GROUP BY score")  # 41 groups
    assert pool().plan("SELECT score, MEDIAN(age) FROM patients WHERE score < 35 GROUP BY score").rounds == 1


def test_rounds_that_do_not_exist_are_refused() -> None:
    plan, opened = pool().rounds("SELECT MEDIAN(age) FROM patients")[0]
    with pytest.raises(RoundsInvalid):
        compile_query(parse("SELECT MEDIAN(age) FROM patients", SCHEMA), SCHEMA, [opened])
    with pytest.raises(RoundsInvalid):
        next_round(plan, Opened(opened.cells[:-1], 1))


@given(st.lists(st.none() | st.integers(-(10**6), 10**6), min_size=1, max_size=300), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_cells_that_no_table_gives_end_the_search_all_the_same(cells: list[int | None], minimum: int) -> None:
    """What is signed by everybody may still be nonsense: a verifier computes the next round from it without failing."""
    plan = pool().plan("SELECT sex, MEDIAN(cost), MAX(bmi) FROM patients GROUP BY sex")
    for _ in range(20):
        opened = Opened(tuple(cells[index % len(cells)] for index in range(plan.cells)), minimum)
        try:
            following = next_round(plan, opened)
        except PlanTooComplex:
            return
        if following is None:
            return
        plan = following
    raise AssertionError("the search does not end")

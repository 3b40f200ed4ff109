"""Finishing: SQL's empty cases, exact integers, results rounded once."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.errors import CellsMismatch
from circuits.finish import finish
from circuits.plan import Plan, compile_query
from circuits.result import ResultTable
from circuits.schema import parse_schema
from circuits.sql import parse
from circuits.statistics import average, roots, variance
from circuits.statistics import sum as sum_
from circuits.statistics.roles import Moments
from privacy.disclosure import CohortsMismatch, suppressed_cells
from protocol import canonical
from protocol.errors import MalformedInput

SCHEMA = parse_schema("""
name = "t"
[[columns]]
name = "g"
type = "category"
codes = ["a", "b"]
nullable = true
[[columns]]
name = "x"
type = "integer"
min = -10
max = 100
nullable = true
[[columns]]
name = "d"
type = "decimal"
scale = 2
min = -1.25
max = 99
nullable = true
[[columns]]
name = "day"
type = "date"
min = 2000-01-01
max = 2000-01-03
[[columns]]
name = "flag"
type = "boolean"
""")


def plan(sql: str) -> Plan:
    return compile_query(parse(sql, SCHEMA), SCHEMA)


def moments(values: list[int], low: int, scale: int) -> Moments:
    codes = [value - low for value in values]
    return Moments(len(codes), sum(codes), sum(code * code for code in codes), low, scale)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=30), st.integers(0, 9))
def test_statistics_are_those_of_the_values(values: list[int], scale: int) -> None:
    found = moments(values, -(10**9), scale)
    exact = [Fraction(value, 10**scale) for value in values]
    mean = sum(exact, Fraction(0)) / len(exact)
    spread = sum(((value - mean) ** 2 for value in exact), Fraction(0))
    total = sum_.finish(found)
    assert total is not None
    assert Fraction(total) == sum(exact, Fraction(0))
    assert average.finish(found) == float(mean)
    assert variance.finish_sample(found) == float(spread / (len(exact) - 1))
    assert variance.finish_population(found) == float(spread / len(exact))
    deviation = variance.finish_deviation(found)
    assert deviation is not None
    assert nearest_root(spread / (len(exact) - 1), deviation)


def nearest_root(square: Fraction, root: float) -> bool:
    """Whether no double is nearer to the root of `square` than `root`."""
    below, above = math.nextafter(root, -math.inf), math.nextafter(root, math.inf)
    lower, upper = (Fraction(root) + Fraction(below)) / 2, (Fraction(root) + Fraction(above)) / 2
    return (lower < 0 or lower**2 <= square) and square <= upper**2


@given(st.integers(0, 10**40), st.integers(1, 10**40))
def test_roots_are_correctly_rounded(numerator: int, denominator: int) -> None:
    square = Fraction(numerator, denominator)
    # n Q - S^2 over n (n - 1) with n = 2: (2 Q - S^2) / 2
    found = roots.root(square)
    assert nearest_root(square, found)


def test_roots_of_squares_are_exact() -> None:
    for value in (0, 1, 3, 2**53 - 1, Fraction(1, 3), Fraction(10**30, 7)):
        assert roots.root(Fraction(value) ** 2) == float(Fraction(value))


def test_the_statistics_of_no_rows_and_of_one() -> None:
    table = finish(plan("SELECT COUNT(*), COUNT(x), SUM(x), AVG(x), VAR_SAMP(x), VAR_POP(x), STDDEV_SAMP(x) FROM t"), [0] * 4)
    assert table.rows == ((0, 0, None, None, None, None, None),)
    compiled = plan("SELECT SUM(x), AVG(x), VAR_SAMP(x), VAR_POP(x), STDDEV_SAMP(x) FROM t")
    assert finish(compiled, [3, 1, 15, 225]).rows == ((5, 5.0, None, 0.0, None),)


def test_sums_of_decimals_are_exact_decimals_in_any_context() -> None:
    with localcontext() as context:
        context.prec = 2
        table = finish(plan("SELECT SUM(d) FROM t"), [10**9, 10**9, 10**12 + 1])
    assert table.columns == (("sum_d", "decimal"),)
    assert table.rows == ((Decimal("8750000000.01"),),)


def test_groups_without_rows_are_absent_and_null_is_last() -> None:
    compiled = plan("SELECT g, COUNT(*), SUM(x) FROM t GROUP BY g")
    table = finish(compiled, [2, 0, 1, 2, 0, 0, 25, 0, 0])
    assert table.rows == (("a", 2, 5), (None, 1, None))
    assert table.suppressed == ()


def test_group_columns_need_not_be_shown() -> None:
    compiled = plan("SELECT COUNT(*) FROM t GROUP BY day, flag")
    table = finish(compiled, [1, 2, 0, 0, 5, 6])
    assert table.rows == ((1,), (2,), (5,), (6,))
    assert table.key == (("day", "date"), ("flag", "boolean"))


def opened(compiled: Plan, cells: list[int], minimum: int) -> list[int | None]:
    hidden = set(suppressed_cells(compiled, cells, minimum))
    return [None if index in hidden else cell for index, cell in enumerate(cells)]


@pytest.mark.parametrize("minimum", [2, 5, 11])
def test_cohorts_of_none_and_of_one_too_few_look_alike(minimum: int) -> None:
    compiled = plan("SELECT g, COUNT(*), AVG(x) FROM t GROUP BY g")
    tables = []
    for size in (0, 1, minimum - 1):
        cells = [size, minimum, minimum + 1, 0, minimum, minimum + 1, 0, 40, 50]
        tables.append(finish(compiled, opened(compiled, cells, minimum)).to_dict())
    assert tables[0] == tables[1] == tables[2]
    assert tables[0]["suppressed"] == [["a"]]
    assert [row[0] for row in tables[0]["rows"]] == ["b", None]


def test_the_minimum_itself_is_shown() -> None:
    compiled = plan("SELECT COUNT(*) FROM t")
    assert finish(compiled, opened(compiled, [5], 5)).rows == ((5,),)
    table = finish(compiled, opened(compiled, [4], 5))
    assert table.rows == ((None,),)
    assert table.suppressed == ((),)


def test_statistics_over_few_values_are_withheld_with_their_count() -> None:
    compiled = plan("SELECT g, COUNT(*), COUNT(x), AVG(x), SUM(d) FROM t GROUP BY g")
    cells = [9, 9, 9, 1, 0, 5, 10, 0, 50, 9, 9, 9, 900, 900, 900]
    table = finish(compiled, opened(compiled, cells, 5))
    assert table.withheld == ((("a",), "count_x"), (("a",), "avg_x"), (("b",), "count_x"), (("b",), "avg_x"))
    assert [row[2:4] for row in table.rows] == [(None, None), (None, None), (5, 0.0)]
    assert all(row[4] is not None for row in table.rows)


@pytest.mark.parametrize("minimum", [-1, 0, 1])
def test_no_minimum_suppresses_nothing(minimum: int) -> None:
    compiled = plan("SELECT g, SUM(x) FROM t GROUP BY g")
    assert suppressed_cells(compiled, [0, 1, 2] * 3, minimum) == []


def test_cells_of_another_plan_are_refused() -> None:
    compiled = plan("SELECT g, SUM(x) FROM t GROUP BY g")
    with pytest.raises(CellsMismatch):
        finish(compiled, [1] * 8)
    with pytest.raises(CohortsMismatch):
        suppressed_cells(compiled, [1] * 8, 5)


def test_results_have_one_json_form() -> None:
    compiled = plan("SELECT g, day, flag, SUM(x) AS s, SUM(d) AS e, AVG(x) AS a FROM t GROUP BY g, day, flag")
    cells = list(range(compiled.cells))
    cells[5] = 10**17
    table = finish(compiled, opened(compiled, cells, 3))
    members = table.to_dict()
    assert ResultTable.from_dict(canonical.decode(canonical.encode(members), limit=1 << 20)) == table
    big = finish(plan("SELECT COUNT(*) FROM t"), [2**60])
    assert big.to_dict()["rows"] == [[str(2**60)]]
    assert ResultTable.from_dict(big.to_dict()) == big


@pytest.mark.parametrize(
    "change",
    [
        {"columns": [{"name": "n", "type": "text"}]},
        {"columns": [{"name": 3, "type": "integer"}]},
        {"columns": None},
        {"rows": [[1, 2]]},
        {"rows": [["x"]]},
        {"rows": [[1.5]]},
        {"rows": [[True]]},
        {"rows": [["7"]]},
        {"rows": 3},
        {"suppressed": [["a"]]},
        {"withheld": [{"key": []}]},
        {"extra": 1},
    ],
)
def test_anything_else_is_not_a_result(change: dict[str, object]) -> None:
    members = finish(plan("SELECT COUNT(*) FROM t"), [7]).to_dict()
    assert ResultTable.from_dict(members).rows == ((7,),)
    with pytest.raises(MalformedInput):
        ResultTable.from_dict({**members, **change})

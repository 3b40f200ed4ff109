"""Results as text and as HTML: what numbers look like, and that nothing of a result is left out without a word."""

from decimal import Decimal
from typing import Any

import pytest

from circuits.result import ResultTable
from proofward.notebook import markup
from proofward.summary import cell, cells_of, lines_of, notes, number, p_value, summary, tables_of
from tests.unit.answers import SQL, answer

FACTS = [("Hospitals", "northside, riverside"), ("Query", "7f3a")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (25.43119, "25.431"),
        (-0.0123456, "-0.012346"),
        (1234567.8, "1234568"),
        (0.00001234567, "1.2346e-05"),
        (-3.1e15, "-3.1000e+15"),
    ],
)
def test_numbers_have_five_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.0009999, "<0.001"), (0.001, "0.001"), (0.0496, "0.050"), (1.0, "1.000"), (0.0, "<0.001")]
)
def test_p_values_are_printed_as_in_journals(p: float, text: str) -> None:
    assert p_value(p) == cell(p, "p") == text


def test_cells_that_are_no_floats_are_exact() -> None:
    assert [cell(value) for value in (None, True, 10**20, Decimal("12.30"), "a")] == [
        "NULL",
        "true",
        "1" + "0" * 20,
        "12.30",
        "a",
    ]


def test_a_regression_is_printed_as_statisticians_expect() -> None:
    found = answer(SQL.linear("bmi ~ age + C(sex)", where="age >= 30"))
    text = summary(found, FACTS)
    lines = text.splitlines()
    assert lines[0].strip() == "Linear regression: bmi ~ age + C(sex)"
    assert len({line for line in lines if line.startswith("=")}) == 1  # one width
    header = next(line for line in lines if line.startswith("term"))
    assert header.split() == ["term", "estimate", "std_error", "t", "p", "95", "%", "interval"]
    rows = dict(zip((row[0] for row in found.table.rows), found.table.rows, strict=True))
    (age,) = (line for line in lines if line.startswith("age "))
    shown = age.replace("[", " ").replace("]", " ").replace(",", " ").split()
    assert shown[4] == "<0.001"
    for text_of, exact in zip(shown[1:4] + shown[5:], (*rows["age"][1:4], *rows["age"][5:]), strict=True):
        assert float(text_of) == pytest.approx(exact, rel=1e-3)
    assert "Note: the reference of sex is female" in lines
    assert "Not printed: covariance (9 rows)" in lines
    assert "Data:      A survey, where age >= 30" in lines
    assert "Hospitals: northside, riverside" in lines
    fit = dict(line.split() for line in lines if line.split()[0] in ("n", "r_squared", "f_p"))
    figures: dict[Any, Any] = dict(found.table.named("fit").rows)  # type: ignore[arg-type]
    assert (fit["n"], fit["f_p"]) == (str(int(figures["n"])), "<0.001")
    assert float(fit["r_squared"]) == pytest.approx(figures["r_squared"], rel=1e-4)


def test_the_heading_of_an_interval_is_its_own_level() -> None:
    table = answer(SQL.linear("bmi ~ age", confidence=0.9)).table
    assert cells_of(table, table)[0][-1] == "90 % interval"


def test_bounds_of_bins_are_not_taken_for_an_interval() -> None:
    table = answer(SQL.histogram("bmi", bins=8)).table
    assert cells_of(table, table)[0] == ["low", "high", "count"]
    cuts = answer(SQL.quantiles("bmi", 5)).table
    assert cells_of(cuts, cuts)[0] == ["bin", "low", "high", "count"]


def test_columns_are_aligned_words_left_and_numbers_right() -> None:
    table = ResultTable.of((("g", "category"), ("x", "number")), [("a", 1.5), ("long", 22.25), ("b", None)])
    assert lines_of(table, table) == [
        "g           x",
        "a      1.5000",
        "long  22.2500",
        "b        NULL",
    ]


def test_what_is_not_shown_is_said() -> None:
    found = answer(SQL.histogram("age", bins=40), minimum=15)
    assert found.table.suppressed
    assert f"Suppressed: {len(found.table.suppressed)} with too few people behind them, or nobody" in summary(found, FACTS)
    withheld = answer("SELECT sex, AVG(bmi) AS bmi FROM survey GROUP BY sex", minimum=1000)
    assert "Suppressed: 2" in summary(withheld, FACTS)


def test_a_result_without_numbers_says_why() -> None:
    found = answer(SQL.linear("bmi ~ age", where="age > 90"))
    assert tables_of(found.table) == []
    assert notes(found.table)[0].startswith("Note: ")
    assert notes(found.table)[0] in summary(found, FACTS)
    assert notes(found.table)[0].removeprefix("Note: ") in markup(found.table, "verified")


def test_html_is_escaped_and_has_every_table_and_note() -> None:
    inner = ResultTable.of((("name", "category"), ("value", "number")), [("<b>", 2.0)])
    table = ResultTable((("<i>", "category"),), (), (("<script>",),), (), (), "linear", (("fit & more", inner),), ("a < b",))
    text = markup(table, "verified <now>")
    for raw in ("<i>", "<b>", "<script>", "fit & more", "a < b", "<now>"):
        assert raw not in text
    for escaped in ("&lt;i&gt;", "&lt;b&gt;", "&lt;script&gt;", "fit &amp; more", "a &lt; b", "&lt;now&gt;", "<td>2</td>"):
        assert escaped in text

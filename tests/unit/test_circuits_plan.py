"""Plans: what is in them, what is shared, what is too complex, and that everybody gets the same one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from circuits.cells import Form
from circuits.columns import DIGIT_BASE
from circuits.errors import PlanTooComplex, SchemaInvalid
from circuits.explain import explain
from circuits.plan import Plan, compile_query
from circuits.query import Function
from circuits.schema import parse_schema
from circuits.sql import parse
from circuits.statistics.roles import Role
from protocol.parameters import MAX_CELLS, MAX_FACTORS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA_TEXT = """
name = "visits"
[[columns]]
name = "sex"
type = "category"
codes = ["m", "f"]
[[columns]]
name = "region"
type = "category"
codes = ["a", "b", "c"]
nullable = true
[[columns]]
name = "age"
type = "integer"
min = 10
max = 109
[[columns]]
name = "weight"
type = "decimal"
scale = 1
min = 0
max = 300
nullable = true
[[columns]]
name = "cost"
type = "integer"
min = 0
max = 100000000
[[columns]]
name = "dead"
type = "boolean"
"""
SCHEMA = parse_schema(SCHEMA_TEXT)


def plan(rest: str, outputs: str = "COUNT(*)") -> Plan:
    return compile_query(parse(f"SELECT {outputs} FROM visits {rest}", SCHEMA), SCHEMA)


def families(compiled: Plan) -> list[tuple[str, str | None, int]]:
    return [(str(family.role), family.column, family.cells) for family in compiled.families]


def test_family_0_counts_the_rows_of_each_group_whatever_is_asked() -> None:
    compiled = plan("GROUP BY region", "AVG(age)")
    assert families(compiled) == [("rows", None, 4), ("sum", "age", 4)]
    assert compiled.keys == (("a",), ("b",), ("c",), (None,))


def test_equal_polynomials_are_one_family() -> None:
    # age is never NULL: its COUNT is COUNT(*). weight may be, unless WHERE excludes it.
    assert families(plan("", "COUNT(age), AVG(age), VAR_POP(age), SUM(age)")) == [
        ("rows", None, 1),
        ("sum", "age", 1),
        ("squares", "age", 1),
    ]
    assert families(plan("", "COUNT(weight), AVG(weight)")) == [
        ("rows", None, 1),
        ("count", "weight", 1),
        ("sum", "weight", 1),
    ]
    assert families(plan("WHERE region = 'a'", "COUNT(region)")) == [("rows", None, 1)]


def test_conditions_over_one_column_are_one_factor() -> None:
    compiled = plan("WHERE age BETWEEN 20 AND 60 AND NOT age IN (30, 31) OR age = 100")
    (form,) = compiled.forms
    (family,) = compiled.families
    assert [term.coefficient for term in family.terms] == [1]
    weights = dict(form.digits)["age.0"]
    assert [10 + code for code, weight in enumerate(weights) if weight] == [*range(20, 30), *range(32, 61), 100]


def test_null_is_a_constant_on_present() -> None:
    (form,) = plan("WHERE region IS NULL").forms
    assert form == Form(1, (("region.0", (-1, -1, -1)),))
    (form,) = plan("WHERE region IS NOT NULL").forms
    assert form == Form(0, (("region.0", (1, 1, 1)),))
    (form,) = plan("").forms
    assert form == Form(1, ())


def test_a_range_over_two_digits_has_at_most_three_terms() -> None:
    assert len(plan("WHERE weight > 50").families[0].terms) == 2
    assert len(plan("WHERE weight BETWEEN 50 AND 100").families[0].terms) == 3
    assert len(plan(f"WHERE weight >= {DIGIT_BASE / 10 * 2}").families[0].terms) == 1


def test_or_over_columns_has_two_terms() -> None:
    assert len(plan("WHERE age < 30 OR dead OR sex = 'm'").families[0].terms) == 2


def test_values_of_several_digits_are_one_form() -> None:
    compiled = plan("", "SUM(weight)")
    form = compiled.forms[compiled.families[2].terms[0].factors[0]]
    assert [name for name, _ in form.digits] == ["weight.0", "weight.1"]
    assert dict(form.digits)["weight.1"] == tuple(DIGIT_BASE * value for value in range(47))
    squares = plan("", "VAR_POP(weight)").families[3].terms[0].factors
    assert squares[0] == squares[1]


def test_where_over_a_group_column_removes_its_cells() -> None:
    compiled = plan("WHERE region IN ('c', 'a') AND age > 50 GROUP BY region")
    assert compiled.groups[0].codes == (0, 2)
    assert not compiled.groups[0].null
    assert compiled.cells == 2
    assert all(name != "region.0" for form in compiled.forms for name, _ in form.digits)
    # In an OR it removes nothing.
    assert plan("WHERE region = 'a' OR dead GROUP BY region").cells == 4


def test_a_condition_that_is_never_true_has_no_terms() -> None:
    compiled = plan("WHERE age > 200 AND dead GROUP BY sex", "SUM(age)")
    assert all(family.terms == () and family.bound_per_row == 0 for family in compiled.families)


def test_groups_are_ordered_by_their_codes_with_null_last() -> None:
    compiled = plan("GROUP BY region, sex", "COUNT(*), SUM(weight)")
    assert compiled.keys[:3] == (("a", "m"), ("a", "f"), ("b", "m"))
    assert compiled.keys[-1] == (None, "f")
    assert [family.first for family in compiled.families] == [0, 8, 16]
    assert compiled.cells == 24


def test_cohorts_protect_their_cells() -> None:
    compiled = plan("GROUP BY sex", "SUM(weight)")
    own = [tuple(index for index, _ in cohorts) for cohorts in compiled.cohorts]
    assert own == [(0,), (1,), (0, 2), (1, 3), (0, 2), (1, 3)]


def test_columns_and_aggregates_used_are_those_of_the_query() -> None:
    compiled = plan("WHERE dead OR NOT dead GROUP BY sex", "sex, AVG(age), AVG(age) AS again, COUNT(*)")
    assert compiled.columns_used == ("age", "dead", "sex")
    assert compiled.columns_by_role == {"filter": ("dead",), "group": ("sex",), "aggregate": ("age",)}
    assert compiled.aggregates_used == ((Function.AVG, "age"), (Function.COUNT, None))


@pytest.mark.parametrize(
    ("rest", "outputs", "factors"),
    [
        ("", "COUNT(*)", 1),
        ("WHERE age > 50", "VAR_POP(age)", 1),
        ("GROUP BY sex", "COUNT(*)", 1),
        ("WHERE sex = 'm' OR dead GROUP BY sex", "COUNT(*)", 2),
        ("WHERE age > 50 AND dead GROUP BY sex, region", "SUM(weight)", 5),
        ("WHERE dead AND region = 'a' AND age > 30 AND sex = 'm'", "VAR_POP(weight)", 6),
        ("GROUP BY sex, region", "VAR_POP(weight)", 4),
    ],
)
def test_the_degree_counts_group_digits_and_their_factors_once(rest: str, outputs: str, factors: int) -> None:
    assert plan(rest, outputs).degree == factors


@pytest.mark.parametrize(
    ("rest", "outputs", "message"),
    [
        ("WHERE age > 50 AND dead AND region = 'a' AND sex = 'm'", "VAR_POP(cost), VAR_POP(weight)", None),
        ("WHERE age > 50 AND dead AND cost > 1", "COUNT(*)", "factors"),
        ("WHERE age > 50 AND dead AND sex = 'm' AND region = 'b' AND weight > 3 AND weight < 5", "AVG(weight)", "factors"),
        ("GROUP BY age, region, weight", "COUNT(*)", "cells"),
        ("GROUP BY cost", "COUNT(*)", "cells"),
        ("GROUP BY age, region, sex", "VAR_POP(weight), VAR_POP(cost)", "cells"),
        (f"WHERE cost IN ({', '.join(str(i * 97_003 + 11) for i in range(1000))})", "COUNT(*)", "products"),
    ],
)
def test_what_cannot_be_proved_is_refused_with_advice(rest: str, outputs: str, message: str | None) -> None:
    if message is None:
        assert plan(rest, outputs).degree == MAX_FACTORS
        return
    with pytest.raises(PlanTooComplex, match=message) as caught:
        plan(rest, outputs)
    assert caught.value.hint


def test_no_plan_exceeds_the_cells_of_the_protocol() -> None:
    compiled = plan("GROUP BY age, region, sex", "COUNT(*), SUM(age), SUM(weight)")
    assert compiled.cells == 4 * 100 * 4 * 2 <= MAX_CELLS


def test_bounds_are_those_of_one_row() -> None:
    bounds = {(str(f.role), f.column): f.bound_per_row for f in plan("", "VAR_POP(weight), VAR_POP(cost)").families}
    assert bounds["squares", "weight"] == 3000**2
    assert bounds["sum", "cost"] == 10**8
    assert bounds["squares", "cost"] == 10**16


def test_a_query_of_another_dataset_is_refused() -> None:
    query = parse("SELECT COUNT(*) FROM visits", SCHEMA)
    other = parse_schema(SCHEMA_TEXT.replace('"visits"', '"stays"'))
    with pytest.raises(SchemaInvalid):
        compile_query(query, other)


REFERENCE = "WHERE NOT (weight > 50 OR region = 'a') AND age IN (20, 40, 30) GROUP BY sex, region"
OUTPUTS = "sex, AVG(weight) AS w, VAR_SAMP(age), COUNT(*)"


def test_the_hash_is_stable_and_covers_query_and_schema() -> None:
    # A change of this value means that plans of this version of the protocol no longer mean the same.
    assert plan(REFERENCE, OUTPUTS).hash == "0100791ffdd27d49455773c71efa3ef57143b8b25325ab27b37ce387db88abe3"
    same = plan(f"\n{REFERENCE.lower().replace('not (', 'not  (')} -- again", OUTPUTS.replace("COUNT", "count"))
    assert same.hash == plan(REFERENCE, OUTPUTS).hash
    others = [
        plan(REFERENCE.replace("50", "50.1"), OUTPUTS),
        plan(REFERENCE.replace("sex, region", "region, sex"), OUTPUTS),
        plan(REFERENCE, OUTPUTS.replace("AS w", "AS v")),
        compile_query(parse(f"SELECT {OUTPUTS} FROM visits {REFERENCE}", SCHEMA), parse_schema(SCHEMA_TEXT + '\nunit = "x"')),
    ]
    assert len({plan(REFERENCE, OUTPUTS).hash, *(other.hash for other in others)}) == 5


def test_the_hash_is_the_same_in_every_process() -> None:
    program = (
        "from circuits.schema import parse_schema; from circuits.sql import parse; from circuits.plan import compile_query\n"
        f"schema = parse_schema({SCHEMA_TEXT!r})\n"
        f"print(compile_query(parse({f'SELECT {OUTPUTS} FROM visits {REFERENCE}'!r}, schema), schema).hash)"
    )
    for seed, locale in (("0", "C"), ("1", "tr_TR.UTF-8"), ("4242", "de_DE.UTF-8")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": "Asia/Kolkata", "PYTHONPATH": str(ROOT)}
        ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == plan(REFERENCE, OUTPUTS).hash


def test_explain_says_what_is_revealed_and_warns() -> None:
    query = parse(
        "SELECT sex, AVG(weight) FROM visits WHERE region IN ('a', 'aa') AND age < 5 AND weight <> 300.5 GROUP BY sex", SCHEMA
    )
    told = explain(query, compile_query(query, SCHEMA), SCHEMA)
    assert told["plan"] == compile_query(query, SCHEMA).hash
    assert told["columns"] == {"filter": ["age", "region", "weight"], "group": ["sex"], "aggregate": ["weight"]}
    assert told["warnings"] == [
        "'aa' is not a code of region; did you mean 'a'?",
        "5 is outside the domain of age, 10 to 109",
        "300.5 is outside the domain of weight, 0.0 to 300.0",
    ]
    assert sum(entry["cells"] for entry in told["revealed"]) == told["cells"]
    assert {Role(entry["sum"]) for entry in told["revealed"]} <= set(Role)

"""schema.toml: what is accepted, what is refused and where, digits, and a hash that covers everything."""

import re
from decimal import Context, Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.columns import DIGIT_BASE, scaled_decimal, scaled_integer
from circuits.errors import SchemaInvalid
from circuits.schema import load_schema, parse_schema

ROOT = Path(__file__).resolve().parents[2]
GOOD = """
name = "t"
[[columns]]
name = "sex"
type = "category"
codes = ["f", "m"]
labels = { f = "female" }
[[columns]]
name = "weight"
type = "decimal"
scale = 1
min = 0.5
max = 350
unit = "kg"
nullable = true
[[columns]]
name = "seen"
type = "date"
min = 2000-01-01
max = 2020-12-31
[[columns]]
name = "age"
type = "integer"
min = 0
max = 255
[[columns]]
name = "dead"
type = "boolean"
"""


def test_the_schema_of_the_specification_is_accepted() -> None:
    text = (ROOT / "docs" / "spec" / "02-tables-schema.md").read_text(encoding="utf-8")
    example, rules = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert [column.name for column in parse_schema(example).columns] == ["sex", "weight"]
    pressures = "".join(
        f'[[columns]]\nname = "{x}"\ntype = "integer"\nmin = 40\nmax = 200\n' for x in ("systolic", "diastolic")
    )
    ruled = parse_schema(example + pressures + '[[columns]]\nname = "pregnant"\ntype = "boolean"\n' + rules)
    assert [check.name for check in ruled.checks] == ["pressure_order", "pregnant_women"]


def test_digits_cover_each_domain_and_no_more() -> None:
    schema = parse_schema(GOOD)
    assert [(digit.name, digit.values, digit.weight) for digit in schema.digits] == [
        ("present", 1, 0),
        ("sex.0", 2, 1),
        ("weight.0", 64, 1),
        ("weight.1", 55, 64),
        ("seen.0", 64, 1),
        ("seen.1", 64, 64),
        ("seen.2", 2, 4096),
        ("age.0", 256, 1),
        ("dead.0", 2, 1),
    ]
    assert [digit.position for digit in schema.column("seen").digits] == [0, 1, 2]


@given(st.integers(257, 1 << 31))
def test_the_largest_code_has_the_largest_leading_digit(size: int) -> None:
    schema = parse_schema(f'name = "t"\n[[columns]]\nname = "x"\ntype = "integer"\nmin = 1\nmax = {size}\n')
    digits = schema.column("x").digits
    assert all(digit.values == DIGIT_BASE for digit in digits[:-1])
    assert (size - 1) // digits[-1].weight == digits[-1].values - 1
    assert digits[-1].values >= 2


CHANGES = [
    ('name = "t"', 'name = "u"'),
    ("female", "Female"),
    ('["f", "m"]', '["m", "f"]'),
    ('"kg"', '"g"'),
    ("scale = 1", "scale = 2"),
    ("max = 350", "max = 350.1"),
    ("nullable = true", ""),
    ("2020-12-31", "2020-12-30"),
    ('name = "dead"', 'name = "died"'),
    ('type = "boolean"', 'type = "boolean"\ndescription = "x"'),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_every_part_of_a_schema_is_in_its_hash(old: str, new: str) -> None:
    assert old in GOOD
    assert parse_schema(GOOD.replace(old, new)).hash != parse_schema(GOOD).hash


def test_spelling_is_not_in_the_hash() -> None:
    other = GOOD.replace("max = 350", "max = 350.0").replace('type = "boolean"', 'type="boolean"  # alive?')
    assert parse_schema(other).hash == parse_schema(GOOD).hash


COLUMN = 'name = "t"\n[[columns]]\nname = "x"\n'
BAD = [
    ("", "name"),
    ('name = "t"', "columns"),
    ('name = "t"\ncolumns = []', "columns"),
    ('name = "t"\ncolumns = 3', "columns"),
    ('name = "t"\n[columns.x]\ntype = "boolean"', "columns"),
    ('name = "1t"\n[[columns]]\nname = "x"\ntype = "boolean"', "name"),
    ('name = "t\\n"\n[[columns]]\nname = "x"\ntype = "boolean"', "name"),
    (COLUMN, "columns[0] (x)"),
    (COLUMN + 'type = "text"', "columns[0] (x)"),
    (COLUMN + 'type = "boolean"\nsize = 3', "columns[0].size (x)"),
    (COLUMN + 'type = "boolean"\nnullable = "yes"', "columns[0].nullable (x)"),
    (COLUMN + 'type = "boolean"\n[[columns]]\nname = "X"\ntype = "boolean"', "columns"),
    ('name = "t"\n[[columns]]\nname = "Present"\ntype = "boolean"', "columns[0].name (Present)"),
    (COLUMN + 'type = "category"\ncodes = []', "columns[0].codes (x)"),
    (COLUMN + 'type = "category"\ncodes = ["a", 1]', "columns[0].codes[1] (x)"),
    (COLUMN + 'type = "category"\ncodes = ["a", "a"]', "columns[0].codes (x)"),
    (COLUMN + 'type = "category"\ncodes = [""]', "columns[0].codes (x)"),
    (COLUMN + 'type = "category"\ncodes = ["a\\u0000"]', "columns[0].codes (x)"),
    (COLUMN + f'type = "category"\ncodes = ["{"a" * 129}"]', "columns[0].codes (x)"),
    (COLUMN + 'type = "category"\ncodes = ["a"]\nlabels = {b = "B"}', "columns[0] (x)"),
    (COLUMN + 'type = "integer"\nmin = 0', "columns[0].max (x)"),
    (COLUMN + 'type = "integer"\nmin = 1\nmax = 0', "columns[0] (x)"),
    (COLUMN + 'type = "integer"\nmin = 0\nmax = 2147483648', "columns[0] (x)"),
    (COLUMN + 'type = "integer"\nmin = 1000000000000001\nmax = 1000000000000002', "columns[0] (x)"),
    (COLUMN + 'type = "integer"\nmin = 0.0\nmax = 1', "columns[0].min (x)"),
    (COLUMN + 'type = "integer"\nmin = true\nmax = 1', "columns[0].min (x)"),
    (COLUMN + 'type = "decimal"\nmin = 0\nmax = 1', "columns[0].scale (x)"),
    (COLUMN + 'type = "decimal"\nscale = 10\nmin = 0\nmax = 1', "columns[0].scale (x)"),
    (COLUMN + 'type = "decimal"\nscale = 1\nmin = 0.05\nmax = 1', "columns[0].min (x)"),
    (COLUMN + 'type = "decimal"\nscale = 1\nmin = 0\nmax = inf', "columns[0].max (x)"),
    (COLUMN + 'type = "decimal"\nscale = 1\nmin = nan\nmax = 1', "columns[0].min (x)"),
    (COLUMN + 'type = "decimal"\nscale = 1\nmin = 0\nmax = 1e999999999', "columns[0].max (x)"),
    (COLUMN + 'type = "decimal"\nscale = 1\nmin = 0\nmax = "1"', "columns[0].max (x)"),
    (COLUMN + 'type = "date"\nmin = 2000-01-01\nmax = 2000-01-02T00:00:00', "columns[0].max (x)"),
    (COLUMN + 'type = "date"\nmin = "2000-01-01"\nmax = 2000-01-02', "columns[0].min (x)"),
    ("name = =", "line 1, column 8"),
]


@pytest.mark.parametrize(("text", "where"), BAD)
def test_a_bad_schema_is_refused_with_the_key_that_is_wrong(text: str, where: str) -> None:
    with pytest.raises(SchemaInvalid) as caught:
        parse_schema(text)
    assert caught.value.where == where
    assert len(str(caught.value)) < 400


def test_too_many_columns_and_too_long_texts_are_refused() -> None:
    columns = "".join(f'[[columns]]\nname = "c{i}"\ntype = "boolean"\n' for i in range(1025))
    with pytest.raises(SchemaInvalid, match="1024"):
        parse_schema('name = "t"\n' + columns)
    with pytest.raises(SchemaInvalid, match="longer"):
        parse_schema("#" * (5 << 20))
    with pytest.raises(SchemaInvalid):
        parse_schema("x = " + "[" * 100_000)


def test_a_schema_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "schema.toml"
    with pytest.raises(SchemaInvalid, match="cannot read"):
        load_schema(path)
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(SchemaInvalid, match="UTF-8"):
        load_schema(path)
    path.write_text(COLUMN)
    with pytest.raises(SchemaInvalid) as caught:
        load_schema(path)
    assert caught.value.where == f"{path}: columns[0] (x)"
    path.write_text(GOOD)
    assert load_schema(path) == parse_schema(GOOD)


def test_values_and_codes_correspond() -> None:
    for column in parse_schema(GOOD).columns:
        values = [column.value(code) for code in range(column.size)]
        assert len(set(values)) == column.size
        if column.type != "category":
            assert values == sorted(values)


@given(st.integers(-(10**20), 10**20), st.integers(0, 18))
def test_scaling_is_exact_in_every_decimal_context(integer: int, scale: int) -> None:
    with localcontext(Context(prec=3)):
        number = scaled_decimal(integer, scale)
        assert scaled_integer(number, scale) == integer
        assert scaled_integer(number, scale + 2) == integer * 100
    assert number == Decimal(integer).scaleb(-scale, Context(prec=60))
    if scale and integer % 10:
        assert scaled_integer(number, scale - 1) is None


@pytest.mark.parametrize("name", ["Visits", "_visits", "1visits", "vis-its", "", "v" * 64])
def test_a_table_name_that_cannot_be_registered_is_refused_at_once(name: str) -> None:
    with pytest.raises(SchemaInvalid):
        parse_schema(f'name = "{name}"\n[[columns]]\nname = "age"\ntype = "boolean"\n')

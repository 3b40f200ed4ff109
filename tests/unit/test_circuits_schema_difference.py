"""Two schemas of one dataset: what they disagree about is said, so that nobody has to compare hashes."""

import pytest

from circuits.schema import parse_schema
from circuits.schema_difference import difference

TEXT = """
name = "visits"
[[columns]]
name = "weight"
type = "decimal"
scale = 1
min = 0
max = 300
unit = "kg"
[[columns]]
name = "sex"
type = "category"
codes = ["f", "m"]
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('unit = "kg"', 'unit = "lb"', "column weight has another unit: 'lb' instead of 'kg'"),
        ('["f", "m"]', '["m", "f"]', "column sex has another codes: ['m', 'f'] instead of ['f', 'm']"),
        ("max = 300", "max = 400", "column weight has another max: '400.0' instead of '300.0'"),
        ('name = "sex"', 'name = "gender"', "it has no column sex"),
        ('name = "visits"', 'name = "visits"\ntitle = "Visits"', "it has another title: 'Visits' instead of ''"),
        ("unit", "unit", None),
    ],
)
def test_the_first_difference_is_named(old: str, new: str, expected: str | None) -> None:
    assert difference(parse_schema(TEXT), parse_schema(TEXT.replace(old, new))) == expected


def test_columns_more_and_in_another_order() -> None:
    more = TEXT + '[[columns]]\nname = "dead"\ntype = "boolean"\n'
    assert difference(parse_schema(TEXT), parse_schema(more)) == "it has a column dead more"
    head, *blocks = TEXT.split("[[columns]]")
    turned = "[[columns]]".join([head, *reversed(blocks)])
    assert difference(parse_schema(TEXT), parse_schema(turned)) == "its columns have another order"

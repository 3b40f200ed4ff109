"""A row passes admission if and only if it is the encoding of a row of the schema, or padding."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.admission import MAX_BOOLEAN, AdmissionPart, admission_parts, admission_relation
from circuits.columns import Digit
from circuits.encode import encode_chunks
from circuits.schema import Schema, parse_schema
from protocol.parameters import GROUP_ORDER, MAX_FACTORS
from tests.properties.admitted import admitted, padding, value
from tests.properties.onehot import OneHotRow, entries, row_of, row_value, shape
from tests.properties.visits import SCHEMA as VISITS
from tests.properties.visits import Rows, random_rows

ABSENT = 0xFFFF
# Digits of every kind: one value, few, several digits with a domain that ends inside each of them, and at the end of one.
SMALL = parse_schema("""
name = "t"
[[columns]]
name = "one"
type = "category"
codes = ["x"]
nullable = true
[[columns]]
name = "flag"
type = "boolean"
[[columns]]
name = "two"
type = "integer"
min = 0
max = 300
nullable = true
[[columns]]
name = "full"
type = "integer"
min = 1
max = 320
[[columns]]
name = "four"
type = "integer"
min = 0
max = 1000000
nullable = true
""")


def is_row(schema: Schema, row: OneHotRow) -> bool:
    """The definition: padding, or one code of the domain (or NULL, where that is allowed) in every column."""
    if not any(any(own) for own in row.values()):
        return True
    if row["present"] != (1,):
        return False
    for column in schema.columns:
        own = [row[digit.name] for digit in column.digits]
        if column.nullable and not any(any(values) for values in own):
            continue
        if any(sorted(values) != [0] * (len(values) - 1) + [1] for values in own):
            return False
        if sum(digit.weight * values.index(1) for digit, values in zip(column.digits, own, strict=True)) >= column.size:
            return False
    return True


def good_row(schema: Schema, rng: random.Random) -> OneHotRow:
    row: dict[str, tuple[int, ...]] = {"present": (1,)}
    for column in schema.columns:
        code = (
            None if column.nullable and rng.random() < 0.3 else rng.choice([0, column.size - 1, rng.randrange(column.size)])
        )
        for digit in column.digits:
            own = ABSENT if code is None else code // digit.weight % (digit.values if digit is column.digits[-1] else 64)
            row[digit.name] = entries(own, digit.values)
    return row


def changed(row: OneHotRow, digit: Digit, place: int, entry: int) -> OneHotRow:
    own = list(row[digit.name])
    own[place] = entry
    return {**row, digit.name: tuple(own)}


@pytest.mark.parametrize("seed", range(4))
def test_every_encoded_row_is_admitted_and_so_is_padding(seed: int) -> None:
    rng = random.Random(seed)
    (chunk,) = encode_chunks(Rows(random_rows(rng, 60)), VISITS, chunk_rows=1024)
    assert all(admitted(VISITS, row_of(chunk, index)) for index in (*range(62), chunk.rows - 1))
    assert all(admitted(SMALL, good_row(SMALL, rng)) for _ in range(60))
    assert admitted(SMALL, padding(SMALL))


def corruptions(schema: Schema, row: OneHotRow, rng: random.Random) -> Iterator[tuple[str, OneHotRow]]:
    yield "present cleared", changed(row, schema.digits[0], 0, 0)
    yield "present twice", changed(row, schema.digits[0], 0, 2)
    for column in schema.columns:
        for digit in column.digits:
            hot = [place for place, entry in enumerate(row[digit.name]) if entry]
            for place in {0, digit.values - 1, rng.randrange(digit.values)}:
                if place in hot:
                    yield "a value is missing", changed(row, digit, place, 0)
                    yield "a value counts twice", changed(row, digit, place, 2)
                elif hot:
                    yield "two values", changed(row, digit, place, 1)
                    yield "two values that add up to one", changed(changed(row, digit, place, -1), digit, hot[0], 2)
                    yield "a value and its negative", changed(row, digit, place, -1)
                else:
                    yield "NULL with a value", changed(row, digit, place, 1)
        largest = sum(digit.weight * (digit.values - 1) for digit in column.digits)
        for code in {column.size, largest, (column.size + largest + 1) // 2} if largest >= column.size else ():
            above = {d.name: entries(code // d.weight % d.values, d.values) for d in column.digits}
            yield f"code {code} of {column.name}", {**row, **above}


@pytest.mark.parametrize("schema", [SMALL, VISITS], ids=["small", "visits"])
def test_no_single_corruption_is_admitted(schema: Schema) -> None:
    rng = random.Random(3)
    seen = set()
    for _ in range(12):
        row = good_row(schema, rng)
        for what, bad in corruptions(schema, row, rng):
            if is_row(schema, bad):  # a one-digit column that may be NULL: another row, and a good one
                assert admitted(schema, bad), what
                continue
            assert not admitted(schema, bad), what
            seen.add(what.split(" of ")[-1])
    assert {"present cleared", "two values", "NULL with a value", "a value is missing"} <= seen


@given(st.data())
def test_admission_is_exactly_the_definition(data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 1 << 16)))
    row = data.draw(st.sampled_from([good_row(SMALL, rng), padding(SMALL)]))
    for _ in range(data.draw(st.integers(0, 5))):
        digit = data.draw(st.sampled_from(SMALL.digits))
        row = changed(row, digit, data.draw(st.integers(0, digit.values - 1)), data.draw(st.sampled_from([0, 1, 1, 2, -1])))
    assert admitted(SMALL, row) == is_row(SMALL, row)


@given(st.integers(0, 1 << 16), st.sampled_from([1, 2, GROUP_ORDER - 1, 7**80 % GROUP_ORDER]))
def test_the_relation_is_the_sum_of_the_constraints_with_powers_of_beta(seed: int, beta: int) -> None:
    rng = random.Random(seed)
    row = {digit.name: tuple(rng.choice([0, 0, 1, 2, -1]) for _ in range(digit.values)) for digit in SMALL.digits}
    for part in admission_parts(SMALL):
        values = [value(constraint, row) for constraint in part.constraints]
        expected = sum(pow(beta, place + 1, GROUP_ORDER) * own for place, own in enumerate(values)) % GROUP_ORDER
        assert row_value(admission_relation(part, beta), row) == expected
        # No constraint without a factor beta: nothing that beta does not move can cancel against broken booleanity.
        assert row_value(admission_relation(part, 0), row) == 0


def test_the_shape_of_an_admission_follows_from_the_schema_alone() -> None:
    for part in admission_parts(VISITS):
        relations = [admission_relation(part, beta) for beta in (0, 1, 5, GROUP_ORDER - 1)]
        assert all(shape(relation) == shape(relations[0]) for relation in relations)
        assert len({len(relation.encode()) for relation in relations}) == 1


def check_parts(schema: Schema, parts: tuple[AdmissionPart, ...]) -> None:
    assert [name for part in parts for name in part.boolean] == [digit.name for digit in schema.digits]
    for part in parts:
        assert len(part.boolean) <= MAX_BOOLEAN
        assert part.digits[0].name == "present"
        relation = admission_relation(part, 3)
        assert relation.digits == part.digits
        assert [relation.digits[index].name for index in relation.boolean] == list(part.boolean)
        assert relation.degree <= MAX_FACTORS
        assert relation.selector_bits == max((d.values - 1).bit_length() for d in part.digits if d.name in part.boolean)


def test_a_wide_table_is_admitted_in_parts_that_keep_columns_together() -> None:
    columns = "".join(f'[[columns]]\nname = "c{i}"\ntype = "integer"\nmin = 0\nmax = {1 << (i % 31)}\n' for i in range(100))
    schema = parse_schema(f'name = "wide"\n{columns}')
    parts = admission_parts(schema)
    assert len(parts) > 3
    check_parts(schema, parts)
    check_parts(SMALL, admission_parts(SMALL))
    for column in schema.columns:
        homes = [part for part in parts if any(name.startswith(f"{column.name}.") for name in part.boolean)]
        assert len(homes) == 1


def test_the_largest_domain_needs_six_factors() -> None:
    schema = parse_schema('name = "t"\n[[columns]]\nname = "x"\ntype = "integer"\nmin = 1\nmax = 2147000001\n')
    (part,) = admission_parts(schema)
    assert admission_relation(part, 3).degree == MAX_FACTORS

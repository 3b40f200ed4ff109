"""Rules: what encoding refuses, what DuckDB's CHECK refuses and what admission refuses are the same rows."""

import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from circuits.admission import admission_parts, admission_relation
from circuits.columns import Digit
from circuits.encode import encode_chunks
from circuits.errors import SchemaInvalid, ValueRefused
from circuits.rules import MAX_RULES
from circuits.schema import Schema, parse_schema
from protocol.parameters import GROUP_ORDER, MAX_FACTORS
from tests.properties.admitted import admitted, padding
from tests.properties.onehot import OneHotRow, entries, row_of, row_value
from tests.properties.visits import ARROW_TYPES, SCHEMA, RandomQuery, Rows, random_rows

ABSENT = 0xFFFF

# Two columns for each way in which they can be NULL, of different ranges, and wide enough for several digits.
PAIRS = """
name = "visits"
[[columns]]
name = "a"
type = "integer"
min = -2
max = 7
[[columns]]
name = "b"
type = "integer"
min = 0
max = 9
nullable = true
[[columns]]
name = "c"
type = "integer"
min = -5
max = 400
nullable = true
[[columns]]
name = "d"
type = "integer"
min = -300
max = 80
"""
Row = tuple[int | None, ...]
COMPARE = {
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
    "=": lambda x, y: x == y,
}


@cache
def compared(left: str, operator: str, right: str) -> Schema:
    return parse_schema(f'{PAIRS}[[rules]]\nname = "r"\ncheck = "{left} {operator} {right}"\n')


class Numbers:
    """Rows of integers in memory."""

    name = "numbers"

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        arrays = [pa.array([row[i] for row in self._rows], pa.int64()) for i in range(len(columns))]
        yield pa.record_batch(arrays, names=list(columns))


def numbers() -> st.SearchStrategy[Row]:
    def field(low: int, high: int, nullable: bool) -> st.SearchStrategy[int | None]:
        near = st.integers(max(low, -3), min(high, 8)) | st.integers(low, high) | st.sampled_from([low, high])
        return st.none() | near if nullable else near

    columns = parse_schema(PAIRS).columns
    return st.tuples(*(field(c.low, c.high, c.nullable) for c in columns if c.type == "integer"))


pairs = st.sampled_from([(x, y) for x in "abcd" for y in "abcd" if x != y])


@given(pairs, st.sampled_from(sorted(COMPARE)), numbers())
def test_encoding_refuses_exactly_the_rows_where_a_comparison_is_false(
    pair: tuple[str, str], operator: str, row: Row
) -> None:
    left, right = pair
    own = compared(left, operator, right)
    x, y = row["abcd".index(left)], row["abcd".index(right)]
    holds = x is None or y is None or COMPARE[operator](x, y)
    if not holds:
        with pytest.raises(ValueRefused, match="row 1, rule r"):
            list(encode_chunks(Numbers([row]), own, chunk_rows=1024))
        return
    (chunk,) = encode_chunks(Numbers([row]), own, chunk_rows=1024)
    assert admitted(own, row_of(chunk, 0))
    assert admitted(own, row_of(chunk, 1))


@given(pairs, st.sampled_from(sorted(COMPARE)), numbers(), st.randoms(use_true_random=False))
def test_no_digits_of_a_difference_make_a_row_that_breaks_the_rule_admissible(
    pair: tuple[str, str], operator: str, row: Row, rng: random.Random
) -> None:
    left, right = pair
    own = compared(left, operator, right)
    x, y = row["abcd".index(left)], row["abcd".index(right)]
    assume(x is not None and y is not None and not COMPARE[operator](x, y))
    plain = parse_schema(PAIRS)
    (chunk,) = encode_chunks(Numbers([row]), plain, chunk_rows=1024)
    base = row_of(chunk, 0)
    extra = own.digits[len(plain.digits) :]
    codes: list[Sequence[int]] = [[ABSENT] * len(extra), [0] * len(extra), [digit.values - 1 for digit in extra]]
    codes += [[rng.choice([ABSENT, rng.randrange(digit.values)]) for digit in extra] for _ in range(20)]
    for chosen in codes:
        assert not admitted(own, {**base, **hot(extra, chosen)})


@given(pairs, st.sampled_from(["<", "<=", ">", ">="]), numbers())
def test_a_difference_has_one_value(pair: tuple[str, str], operator: str, row: Row) -> None:
    own = compared(pair[0], operator, pair[1])
    try:
        (chunk,) = encode_chunks(Numbers([row]), own, chunk_rows=1024)
    except ValueRefused:
        assume(False)
    good = row_of(chunk, 0)
    extra = [digit for digit in own.digits if digit.column.startswith("rule:")]
    real = [good[digit.name].index(1) if any(good[digit.name]) else ABSENT for digit in extra]
    for place, digit in enumerate(extra):
        for other in {ABSENT, 0, digit.values - 1, (real[place] + 1) % digit.values} - {real[place]}:
            changed = [*real[:place], other, *real[place + 1 :]]
            assert not admitted(own, {**good, **hot(extra, changed)})
            # Nor may padding have one.
            assert not admitted(own, {**padding(own), **hot([digit], [0])})


def hot(digits: Sequence[Digit], codes: Sequence[int]) -> OneHotRow:
    return {digit.name: entries(code, digit.values) for digit, code in zip(digits, codes, strict=True)}


def with_rules(*checks: str) -> Schema:
    members: dict[str, Any] = {
        "name": SCHEMA.name,
        "columns": SCHEMA.columns,
        "rules": [{"name": f"r{i}", "check": check} for i, check in enumerate(checks)],
    }
    return Schema.model_validate(members)


def random_rule(rng: random.Random) -> tuple[str, Schema]:
    while True:
        check = RandomQuery(rng).condition(rng.randint(0, 3))
        try:
            return check, with_rules(check)
        except SchemaInvalid:
            continue


@pytest.mark.parametrize("seed", range(30))
def test_conditions_refuse_the_rows_that_check_refuses_in_duckdb(seed: int) -> None:
    rng = random.Random(seed)
    check, own = random_rule(rng)
    rows = random_rows(rng, 40)
    arrays = [pa.array([row[i] for row in rows], ARROW_TYPES[c.type]) for i, c in enumerate(SCHEMA.columns)]
    pool = pa.table(arrays, names=[c.name for c in SCHEMA.columns])  # noqa: F841  # DuckDB reads it by name
    false = [found for (found,) in duckdb.connect().execute(f"SELECT (({check}) IS FALSE) FROM pool").fetchall()]
    for row, refused in zip(rows, false, strict=True):
        (chunk,) = encode_chunks(Rows([row]), SCHEMA, chunk_rows=1024)
        assert admitted(own, row_of(chunk, 0)) is not refused, (check, row)
        assert admitted(own, row_of(chunk, 1))
        if refused:
            with pytest.raises(ValueRefused):
                list(encode_chunks(Rows([row]), own, chunk_rows=1024))
        else:
            (again,) = encode_chunks(Rows([row]), own, chunk_rows=1024)
            assert [d.codes[0] for d in again.digits] == [d.codes[0] for d in chunk.digits]


def test_many_rules_stay_within_what_an_argument_takes() -> None:
    rng = random.Random(11)
    rules = [random_rule(rng)[0] for _ in range(MAX_RULES)]
    own = with_rules(*rules)
    for part in admission_parts(own):
        relation = admission_relation(part, 7)
        assert relation.degree <= MAX_FACTORS
        assert len(relation.forms) + len(relation.boolean) <= 4095
    (chunk,) = encode_chunks(Rows(random_rows(rng, 3)), SCHEMA, chunk_rows=1024)
    for index in range(4):
        row = row_of(chunk, index)
        total = sum(row_value(admission_relation(part, pow(5, 90, GROUP_ORDER)), row) for part in admission_parts(own))
        assert (total % GROUP_ORDER == 0) == admitted(own, row)


def test_rules_are_proved_where_the_last_of_their_columns_is() -> None:
    columns = "".join(
        f'[[columns]]\nname = "c{i}"\ntype = "integer"\nmin = 0\nmax = 900\nnullable = true\n' for i in range(60)
    )
    rules = [("far", "c0 <= c59"), ("near", "c0 > 5 OR c1 < 3"), ("across", "c59 = c1")]
    text = "".join(f'[[rules]]\nname = "{name}"\ncheck = "{check}"\n' for name, check in rules)
    own = parse_schema(f'name = "wide"\n{columns}{text}')
    parts = admission_parts(own)
    assert [name for part in parts for name in part.boolean] == [digit.name for digit in own.digits]
    named = [[c.name for c in part.constraints if c.name.split()[-1] in ("near", "difference", "c1")] for part in parts]
    assert "rule near" in named[0]
    assert "c59 is c1" in named[-1]
    assert any("rule:far is the difference" in names for names in named)
    order = list(own.digits)
    for part in parts:
        places = [order.index(digit) for digit in part.digits]
        assert places == sorted(places)
        relation = admission_relation(part, 3)
        assert relation.digits == part.digits
        assert len(relation.boolean) == len(part.boolean) <= 48
    assert {"c0.0", "c1.0"} <= {digit.name for digit in parts[-1].digits}

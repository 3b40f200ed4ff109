"""Rules of a schema: what is accepted and refused, that they are part of the schema, and that rows are held to them."""

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from circuits.chunk import EncodedChunk, check_layout
from circuits.encode import encode_chunks
from circuits.errors import QueryUnknownName, QueryUnsupported, SchemaInvalid, ValueRefused
from circuits.explain import explain
from circuits.plan import compile_query
from circuits.registered_schema import read_schema
from circuits.schema import Schema, parse_schema
from circuits.sql import parse
from protocol import canonical

TABLE = """
name = "visits"
[[columns]]
name = "sex"
type = "category"
codes = ["male", "female"]
nullable = true
[[columns]]
name = "pregnant"
type = "boolean"
nullable = true
[[columns]]
name = "systolic"
type = "integer"
min = 40
max = 400
nullable = true
[[columns]]
name = "diastolic"
type = "integer"
min = 20
max = 200
[[columns]]
name = "fever"
type = "decimal"
scale = 1
min = 30
max = 45
[[columns]]
name = "seen"
type = "date"
min = 2020-01-01
max = 2020-12-31
[[columns]]
name = "left"
type = "date"
min = 2020-01-01
max = 2021-12-31
nullable = true
"""
PRESSURE = ("pressure_order", "systolic >= diastolic")
PREGNANT = ("pregnant_women", "NOT (pregnant AND sex = 'male')")
STAY = ("stay", "seen <= left")


def schema(*rules: tuple[str, str]) -> Schema:
    return parse_schema(TABLE + "".join(f"[[rules]]\nname = {name!r}\ncheck = '''{check}'''\n" for name, check in rules))


Row = tuple[Any, ...]
KINDS = (pa.string(), pa.bool_(), pa.int64(), pa.int64(), pa.decimal128(6, 1), pa.date32(), pa.date32())
DAY = datetime.date(2020, 5, 1)
GOOD: Row = ("female", True, 120, 80, 37, DAY, DAY)


class Rows:
    """Rows in memory, in batches of two."""

    name = "visits.csv"

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(self._rows), 2):
            part = self._rows[start : start + 2]
            yield pa.record_batch(
                [pa.array([row[i] for row in part], kind) for i, kind in enumerate(KINDS)], names=list(columns)
            )


def encoded(own: Schema, *rows: Row) -> EncodedChunk:
    (chunk,) = encode_chunks(Rows(rows), own, chunk_rows=1024)
    return chunk


def test_a_schema_without_rules_keeps_its_canonical_form() -> None:
    assert "rules" not in schema().canonical()
    assert schema().digits == schema(PREGNANT).digits


def test_rules_are_in_the_hash_in_one_spelling() -> None:
    assert schema(PREGNANT).hash != schema().hash
    assert schema(PREGNANT, PRESSURE).hash != schema(PRESSURE, PREGNANT).hash
    assert schema(("a", "systolic >= 50")).hash != schema(("b", "systolic >= 50")).hash
    same = [
        schema(("r", "diastolic<=\n systolic"), ("p", "not (Pregnant and (SEX = 'male')) -- as a check")),
        schema(("r", '"diastolic" <= "systolic"'), ("p", """(NOT ("pregnant" = TRUE AND "sex" = 'male'))""")),
    ]
    assert same[0].hash == same[1].hash


def test_a_registered_schema_has_its_rules() -> None:
    own = schema(
        PRESSURE, PREGNANT, STAY, ("same", "systolic = diastolic"), ("warm", "fever BETWEEN 34 AND 43 OR sex IS NULL")
    )
    read = read_schema(own.canonical())
    assert read.hash == own.hash
    assert read.checks == own.checks
    assert read.digits == own.digits
    assert canonical.encode(read.canonical()) == canonical.encode(own.canonical())


@pytest.mark.parametrize(
    "rules",
    [
        [{"name": "r", "check": "systolic >= diastolic"}],  # not as the canonical form writes it
        [{"name": "r", "check": '"systolic" >= "diastolic"', "more": "1"}],
        [{"name": "r"}],
        [],
        [3],
        "systolic >= diastolic",
        [{"name": "r", "check": '"systolic" >= "nothing"'}],
    ],
)
def test_a_registered_schema_with_other_rules_is_refused(rules: object) -> None:
    with pytest.raises(SchemaInvalid):
        read_schema({**schema().canonical(), "rules": rules})


REFUSED = [
    ("unique(systolic)", "several"),
    ("UNIQUE (systolic)", "several"),
    ("COUNT(*) = 1", "several"),
    ("systolic >= systolic", "itself"),
    ("systolic <> diastolic", "differ"),
    ("systolic != diastolic", "differ"),
    ("systolic >= fever", "cannot be compared"),
    ("sex = pregnant", "cannot be compared"),
    ("seen <= systolic", "cannot be compared"),
    ("systolic >= diastolic AND fever > 35", "comparing two columns"),
    ("systolic >= weight", "comparing two columns"),
    ("weight > 3", "no column"),
    ("systolic > 'a'", "type integer"),
    ("systolic", "type integer"),
    ("systolic + 3 > 5", "not supported"),
    ("systolic >= 40", "no row can break"),
    ("systolic IS NOT NULL OR systolic IS NULL", "no row can break"),
    ("diastolic > 300", "no row can obey"),
    ("diastolic IS NULL", "no row can obey"),
    ("", "at least 1 character"),
    ("sex = 'male') GROUP BY (sex", "GROUP BY"),
    ("sex = 'male') GROUP BY sex --", "not valid SQL"),
    ("sex = 'male'); SELECT COUNT(*) FROM visits WHERE (sex = 'male'", "second statement"),
    ("sex = 'male' /*", "unfinished"),
    ("sex = 'male' AND", "not valid SQL"),
]


@pytest.mark.parametrize(("check", "message"), REFUSED)
def test_a_rule_that_cannot_be_proved_or_says_nothing_is_refused(check: str, message: str) -> None:
    with pytest.raises(SchemaInvalid, match=message) as caught:
        schema(PREGNANT, ("r", check))
    assert caught.value.where == "rules[1].check (r)"


def test_a_rule_about_several_rows_says_what_to_do() -> None:
    with pytest.raises(SchemaInvalid) as caught:
        schema(("r", "unique (systolic)"))
    assert caught.value.hint is not None
    assert "not proved" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[rules]\nname = 'r'\ncheck = 'pregnant'", "rules"),
        ("[[rules]]\nname = 'r'", "rules[0].check (r)"),
        ("[[rules]]\nname = '1r'\ncheck = 'pregnant'", "rules[0].name (1r)"),
        ("[[rules]]\nname = 'r'\ncheck = 'pregnant'\nunit = 'x'", "rules[0].unit (r)"),
        ("[[rules]]\nname = 'r'\ncheck = 'pregnant'\n[[rules]]\nname = 'R'\ncheck = 'pregnant'", "rules[1].check (R)"),
        ("".join(f"[[rules]]\nname = 'r{i}'\ncheck = 'pregnant'\n" for i in range(33)), "rules"),
    ],
)
def test_bad_rules_are_refused_with_the_key_that_is_wrong(text: str, where: str) -> None:
    with pytest.raises(SchemaInvalid) as caught:
        parse_schema(TABLE + text)
    assert caught.value.where == where


def test_comparisons_that_the_domains_decide_are_refused() -> None:
    columns = "".join(
        f'[[columns]]\nname = "{name}"\ntype = "integer"\nmin = {low}\nmax = {high}\n'
        for name, low, high in [("low", 0, 9), ("next", 9, 20), ("high", 10, 20), ("wide", 1 - (1 << 30), 1 << 30)]
    )
    for check, message in [
        ("high >= low", "break"),
        ("low < high", "break"),
        ("low > high", "obey"),
        ("low = high", "obey"),
        ("low > next", "obey"),
        ("wide >= low", None),
        ("low >= next", None),
        ("low = next", None),
        ("next > low", None),
    ]:
        text = f'name = "t"\n{columns}[[rules]]\nname = "r"\ncheck = "{check}"\n'
        if message is None:
            assert parse_schema(text).checks
        else:
            with pytest.raises(SchemaInvalid, match=message):
                parse_schema(text)
    wider = f'[[columns]]\nname = "more"\ntype = "integer"\nmin = {1 << 30}\nmax = {(1 << 30) + 5}\n'
    with pytest.raises(SchemaInvalid, match="difference"):
        parse_schema(f'name = "t"\n{columns}{wider}[[rules]]\nname = "r"\ncheck = "more > wide"\n')


def test_a_rule_of_too_many_products_is_refused() -> None:
    column = 'name = "t"\n[[columns]]\nname = "x"\ntype = "integer"\nmin = 0\nmax = 4095\n[[rules]]\nname = "r"\n'
    for count, possible in [(10, True), (20, False)]:
        text = f"{column}check = 'x IN ({', '.join(str(i * 130) for i in range(count))})'"
        if possible:
            assert parse_schema(text).checks
        else:
            with pytest.raises(SchemaInvalid, match="products"):
                parse_schema(text)


def test_an_order_has_a_committed_difference_after_the_columns() -> None:
    own = schema(PREGNANT, PRESSURE, STAY)
    names = [(digit.name, digit.values) for digit in own.digits]
    assert names[: len(schema().digits)] == [(digit.name, digit.values) for digit in schema().digits]
    assert names[len(schema().digits) :] == [
        ("rule:pressure_order.0", 64),
        ("rule:pressure_order.1", 6),
        ("rule:stay.0", 64),
        ("rule:stay.1", 12),
    ]
    chunk = encoded(own, GOOD, ("female", None, None, 80, 37, DAY, None))
    check_layout(chunk, own)
    (low, high) = (chunk.by_name[f"rule:pressure_order.{i}"].codes[:2] for i in (0, 1))
    assert (int(low[0]) + 64 * int(high[0]), low[1], high[1]) == (40, 0xFFFF, 0xFFFF)
    stay = chunk.by_name["rule:stay.0"].codes
    assert (stay[0], stay[1]) == (0, 0xFFFF)


@pytest.mark.parametrize(
    ("rule", "bad", "unknown"),
    [
        (PRESSURE, {2: 79}, {2: None}),
        (("r", "diastolic < systolic"), {2: 80}, {2: None}),
        (("r", "systolic = diastolic"), {}, {2: None}),
        (PREGNANT, {0: "male"}, {0: None}),
        (STAY, {6: datetime.date(2020, 4, 30)}, {6: None}),
        (("r", "sex IS NOT NULL"), {0: None}, {1: None}),
        (("r", "pregnant OR fever < 38 AND systolic > 50"), {1: False, 4: 38}, {1: None, 4: 39}),
        (("r", "fever IN (37, 36.5) AND systolic < 300"), {4: 36}, {2: None}),
    ],
)
def test_the_first_row_that_breaks_a_rule_is_refused_and_nothing_else(
    rule: tuple[str, str], bad: dict[int, Any], unknown: dict[int, Any]
) -> None:
    own = schema(rule)
    good = GOOD if "=" not in rule[1].replace("<=", "").replace(">=", "") or rule == PREGNANT else (*GOOD[:2], 80, *GOOD[3:])
    neither = tuple(unknown.get(i, value) for i, value in enumerate(good))
    wrong = tuple(bad.get(i, value) for i, value in enumerate(GOOD))
    assert encoded(own, good, neither).real == 2
    with pytest.raises(ValueRefused) as caught:
        encoded(own, good, neither, neither, wrong, wrong)
    assert caught.value.where == f"visits.csv: row 4, rule {rule[0]}"
    assert not any(str(value) in str(caught.value) for value in ("male", "79", "38"))


def test_a_query_cannot_name_what_a_rule_commits_to() -> None:
    own = schema(PRESSURE)
    for name in ("rule", "pressure_order", '"rule:pressure_order"'):
        with pytest.raises((QueryUnknownName, QueryUnsupported)):
            parse(f"SELECT SUM({name}) FROM visits", own)


def test_explain_names_the_rules_about_the_columns_of_the_query() -> None:
    own = schema(PRESSURE, PREGNANT)
    query = parse("SELECT AVG(systolic) FROM visits WHERE fever > 38", own)
    assert explain(query, compile_query(query, own), own)["rules"] == [
        {"name": "pressure_order", "check": '"systolic" >= "diastolic"'}
    ]


def test_rules_change_no_plan_but_its_schema() -> None:
    plans = [
        compile_query(parse("SELECT AVG(systolic) FROM visits GROUP BY sex", own), own)
        for own in (schema(), schema(PRESSURE))
    ]
    assert plans[0].families == plans[1].families
    assert plans[0].hash != plans[1].hash
    assert plans[0].combination == plans[1].combination


def test_codes_of_rules_are_of_the_table_s_rows() -> None:
    own = schema(PRESSURE)
    rows = [("female", None, 80 + i, 80, 37, DAY, None) for i in range(101)]
    chunk = encoded(own, *rows)
    codes = [chunk.by_name[digit.name].codes[:101].astype(np.int64) * digit.weight for digit in own.digits[-2:]]
    assert (codes[0] + codes[1]).tolist() == list(range(101))

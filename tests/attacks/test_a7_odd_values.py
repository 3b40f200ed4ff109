"""A7: odd values and tables: what is encoded equals what was written, in exact arithmetic, or there is a named refusal."""

import csv
import datetime
import io
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuits.encode import EncodedChunk, encode_chunks
from circuits.evaluate import evaluate
from circuits.finish import finish
from circuits.plan import compile_query
from circuits.schema import parse_schema
from circuits.sql import parse
from mpc_nodes.data_source import open_source, parse_source_config
from protocol.errors import ProofwardError

SCHEMA = parse_schema("""
name = "t"
[[columns]]
name = "n"
type = "integer"
min = -1000
max = 1000000
nullable = true
[[columns]]
name = "d"
type = "decimal"
scale = 2
min = -10
max = 1000
nullable = true
""")
NUMBER = parse_schema('name = "t"\n[[columns]]\nname = "d"\ntype = "decimal"\nscale = 2\nmin = -10\nmax = 1000\n')
SUMS = "SELECT COUNT(*) c, COUNT(n) cn, SUM(n) n, COUNT(d) cd, SUM(d) d FROM t"

WORDS = """
    0 -0 00 007 1.0 1.00 -0.0 1e5 1E5 0x10 NaN nan inf -inf Infinity 1_000 1,5 ٣ １ +1 .5 5. -.5 -- - 9999999999999999999999
    null NULL None NA true 1970-01-01 =1+1 1/2 1000 1000.004 1000.00 999999.99 -1000 1000000 1000001
"""
ODD_TEXTS = st.sampled_from(WORDS.split()) | st.sampled_from(
    [" ", "1 ", " 1", "1\t", "\ufeff1", "1\u00a0", "1\x00", "", "1\n", "1\r"]
)
TEXTS = ODD_TEXTS | st.integers(-1100, 1_000_100).map(str) | st.decimals(-11, 1001, places=2).map(str) | st.text(max_size=5)


def exactly(text: str) -> Fraction | None:
    """The plain decimal number that a text writes, independently of the code under test."""
    body = text[1:] if text.startswith("-") else text
    whole, _, rest = body.partition(".")
    digits = set("0123456789")
    if not whole or set(whole) - digits or ("." in body and not rest) or set(rest) - digits or len(body) > 40:
        return None
    value = Fraction(int(whole + rest), 10 ** len(rest))
    return -value if text.startswith("-") else value


def fits(text: str, low: int, high: int, scale: int) -> bool:
    value = exactly(text)
    return value is not None and low <= value <= high and (value * 10**scale).denominator == 1


def read(tmp_path: Path) -> list[EncodedChunk] | None:
    """The chunks of t.csv; None if it is refused by a named error of data."""
    try:
        with open_source(parse_source_config({"kind": "csv", "path": "t.csv"}), root=tmp_path) as source:
            return list(encode_chunks(source, SCHEMA))
    except ProofwardError as error:
        if not error.code.startswith("data-"):
            raise
        return None


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_a_csv_of_odd_texts_is_exact_or_refused(tmp_path: Path, rows: list[tuple[str, str]], bom: bool, end: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(("n", "d"))
    writer.writerows(rows)
    (tmp_path / "t.csv").write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode("utf-8", "replace"))
    good = all((n == "" or fits(n, -1000, 1_000_000, 0)) and (d == "" or fits(d, -10, 1000, 2)) for n, d in rows)
    chunks = read(tmp_path)
    assert (chunks is not None) == good, rows
    if chunks is None:
        return
    plan = compile_query(parse(SUMS, SCHEMA), SCHEMA)
    (found,) = finish(plan, evaluate(plan, chunks)).rows
    ns = [exactly(n) for n, _ in rows if n]
    ds = [exactly(d) for _, d in rows if d]
    assert found[0] == len(rows)
    assert (found[1], found[2]) == (len(ns), sum(n for n in ns if n is not None) if ns else None)
    assert (found[3], found[4]) == (len(ds), sum(d for d in ds if d is not None) if ds else None)


class Array:
    """One Arrow column as a source."""

    name = "array"

    def __init__(self, fields: pa.Array) -> None:
        self._fields = fields

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([self._fields], names=list(columns))


def only_code(fields: pa.Array) -> int | None:
    """The code of the one field; None if it is refused."""
    try:
        (chunk,) = encode_chunks(Array(fields), NUMBER)
    except ProofwardError as error:
        if error.code != "data-value-refused":
            raise
        return None
    return sum(int(digit.codes[0]) * weight.weight for digit, weight in zip(chunk.digits, NUMBER.digits, strict=True))


ODD_DOUBLES = [math.nan, math.inf, -math.inf, -0.0, 5e-324, -5e-324, 1e308, 2.0**53, 2.0**63, 1000.004999, 0.1 + 0.2]


@settings(max_examples=1000)
@given(st.sampled_from(ODD_DOUBLES) | st.floats() | st.integers(-1100, 100_100).map(lambda n: n / 100), st.booleans())
def test_a_double_is_one_decimal_or_refused(value: float, single: bool) -> None:
    fields = pa.array([value], pa.float64())
    if single:
        fields = fields.cast(pa.float32(), safe=False)
        value = fields[0].as_py()
    code = only_code(fields)
    matches = []
    if math.isfinite(value) and abs(value) < 10_000:
        near = round(Fraction(value) * 100)
        candidates = [near - 1, near, near + 1]
        matches = [n for n in candidates if nearest(n, single) == value and -1000 <= n <= 100_000]
    assert (code is None) == (not matches)
    if code is not None:
        assert matches == [code - 1000]


def nearest(hundredths: int, single: bool) -> float:
    value = float(Fraction(hundredths, 100))
    return float(pa.array([value]).cast(pa.float32(), safe=False)[0].as_py()) if single else value


@given(st.integers(-(2**63), 2**64 - 1))
def test_an_integer_of_any_size_is_itself_or_refused(value: int) -> None:
    code = only_code(pa.array([value], pa.uint64() if value >= 2**63 else pa.int64()))
    assert code == ((value + 10) * 100 if -10 <= value <= 1000 else None)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=4))
def test_a_decimal_of_any_scale_is_itself_or_refused(value: Decimal) -> None:
    code = only_code(pa.array([value], pa.decimal128(38, 6)))
    scaled = Fraction(value) * 100
    inside = scaled.denominator == 1 and -1000 <= scaled <= 100_000
    assert code == (int(scaled) + 1000 if inside else None)


@pytest.mark.parametrize(
    "fields",
    [
        pa.array([datetime.datetime(2001, 2, 3, tzinfo=datetime.UTC)]),
        pa.array([datetime.time(1, 2)]),
        pa.array([datetime.timedelta(1)]),
        pa.array([b"5"]),
        pa.array([True]),
        pa.array([{"a": 1}]),
        pa.array([1.0], pa.float16()),
        pa.array([datetime.date(2001, 1, 1)]),
    ],
    ids=lambda fields: str(fields.type),
)
def test_a_type_that_is_no_number_is_refused(fields: pa.Array) -> None:
    assert only_code(fields) is None


def test_rows_that_are_alike_all_count(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,d\n" + "1,1.50\n" * 50)
    with open_source(parse_source_config({"kind": "csv", "path": "t.csv"}), root=tmp_path) as source:
        chunks = list(encode_chunks(source, SCHEMA))
    plan = compile_query(parse(SUMS, SCHEMA), SCHEMA)
    rows: Any = finish(plan, evaluate(plan, chunks)).rows
    assert rows == ((50, 50, 50, 50, Decimal("75.00")),)

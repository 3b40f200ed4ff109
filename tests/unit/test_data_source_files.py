"""CSV and Parquet: what is read, and what is refused with file, row and column."""

import datetime
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from circuits.encode import EncodedChunk, encode_chunks
from circuits.errors import ValueRefused
from circuits.evaluate import evaluate
from circuits.finish import finish
from circuits.plan import compile_query
from circuits.schema import parse_schema
from circuits.sql import parse
from mpc_nodes.data_errors import DataConfigInvalid, DataSourceChanged, DataSourceRefused
from mpc_nodes.data_source import open_source, parse_source_config
from protocol.errors import ProofwardError

SCHEMA = parse_schema("""
name = "visits"
[[columns]]
name = "sex"
type = "category"
codes = ["m", "f"]
[[columns]]
name = "age"
type = "integer"
min = -1
max = 120
nullable = true
[[columns]]
name = "weight"
type = "decimal"
scale = 2
min = -1.5
max = 300
nullable = true
[[columns]]
name = "seen"
type = "date"
min = 2000-01-01
max = 2020-12-31
nullable = true
[[columns]]
name = "dead"
type = "boolean"
nullable = true
""")
GOOD = "sex,age,weight,seen,dead\nm,5,1.25,2001-02-03,true\nf,,,,\nm,120,300,2020-12-31,false\n"


def read_csv(tmp_path: Path, body: str | bytes, **options: Any) -> list[EncodedChunk]:
    (tmp_path / "visits.csv").write_bytes(body if isinstance(body, bytes) else body.encode())
    config = parse_source_config({"kind": "csv", "path": "visits.csv", **options})
    with open_source(config, root=tmp_path) as source:
        return list(encode_chunks(source, SCHEMA))


def read_parquet(tmp_path: Path, table: pa.Table) -> list[EncodedChunk]:
    pq.write_table(table, tmp_path / "visits.parquet")
    config = parse_source_config({"kind": "parquet", "path": "visits.parquet"})
    with open_source(config, root=tmp_path) as source:
        return list(encode_chunks(source, SCHEMA))


def rows_of(chunks: list[EncodedChunk]) -> list[tuple[Any, ...]]:
    """The rows back from their digits."""
    rows = []
    for chunk in chunks:
        for index in range(chunk.real):
            row: list[Any] = []
            for column in SCHEMA.columns:
                codes = [int(chunk.by_name[digit.name].codes[index]) for digit in column.digits]
                if 0xFFFF in codes:
                    assert set(codes) == {0xFFFF}
                    row.append(None)
                else:
                    row.append(column.value(sum(c * d.weight for c, d in zip(codes, column.digits, strict=True))))
            rows.append(tuple(row))
    return rows


EXPECTED = [
    ("m", 5, Decimal("1.25"), datetime.date(2001, 2, 3), True),
    ("f", None, None, None, None),
    ("m", 120, Decimal("300.00"), datetime.date(2020, 12, 31), False),
]


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        GOOD.rstrip("\n"),
        GOOD + "\n\n",
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("f,,,,", 'f,"","","",""'),
        GOOD.replace("m,5", '"m","5"').replace("1.25", "1.250").replace("true", "TRUE"),
        GOOD.replace("120,300", "120.0,0300.00").replace("false", "0"),
    ],
    ids=["plain", "no-end", "blank-end", "bom", "crlf", "quoted-null", "quoted", "zeros"],
)
def test_csv_is_read_exactly(tmp_path: Path, body: str) -> None:
    assert rows_of(read_csv(tmp_path, body)) == EXPECTED


def test_columns_are_found_by_name_in_any_order_and_may_be_mapped(tmp_path: Path) -> None:
    body = "extra;dead;Gewicht;age;sex;seen\nx;1;2.5;7;f;2000-01-01\n"
    chunks = read_csv(tmp_path, body, delimiter=";", columns={"weight": "Gewicht"})
    assert rows_of(chunks) == [("f", 7, Decimal("2.50"), datetime.date(2000, 1, 1), True)]


BAD_FIELDS = [
    ("sex", ["x", "M", " m", "mm", "1"]),
    ("age", ["121", "-2", "5.5", "NaN", "inf", "-inf", "1e2", "0x10", " 5", "5 ", "+5", "٣", "5.", ".5", "1_0", "9" * 41]),
    ("weight", ["300.01", "-1.51", "1.255", "nan", "Infinity", "1e-1", "1,5", "--1", "1.2.3", "1" * 300]),
    ("seen", ["1999-12-31", "2021-01-01", "2001-02-30", "2001-2-3", "03.02.2001", "2001-02-03T00:00", "20010203"]),
    ("dead", ["yes", "2", "-1", "tru", "null", "NULL", "1.0"]),
]


@pytest.mark.parametrize(("column", "text"), [(column, text) for column, texts in BAD_FIELDS for text in texts])
def test_a_field_outside_its_domain_is_refused_with_row_and_column(tmp_path: Path, column: str, text: str) -> None:
    names = [c.name for c in SCHEMA.columns]
    good = ["m", "5", "1.25", "2001-02-03", "true"]
    bad = [f'"{text}"' if name == column else field for name, field in zip(names, good, strict=True)]
    body = "\n".join([",".join(names), ",".join(good), ",".join(bad), ",".join(good)])
    with pytest.raises(ValueRefused) as caught:
        read_csv(tmp_path, body)
    assert caught.value.where == f"visits.csv: row 2, column {column}"
    if len(text) > 3 and text.lower() not in ("null",):
        assert text not in str(caught.value)


def test_null_in_a_column_that_is_not_nullable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueRefused, match="not nullable") as caught:
        read_csv(tmp_path, GOOD.replace("f,,,,", ",,,,"))
    assert caught.value.where == "visits.csv: row 2, column sex"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "header|missing|no rows"),
        (b"sex,age,weight,seen,dead\n", "no rows"),
        (GOOD.replace("weight", "wieght").encode(), "missing"),
        (GOOD.replace("sex,age", "sex,sex").encode(), "same name"),
        (GOOD.encode() + b"m,5\n", "number of fields"),
        (GOOD.encode() + b"m,5,1.25,2001-02-03,true,1\n", "number of fields"),
        (GOOD.encode() + b'm,5,1.25,2001-02-03,"true\n', "not closed"),
        (GOOD.encode() + b'm,5,1.25,"2001"-02-03,true\n', "malformed"),
        (GOOD.replace("f,,,,", "\nf,,,,").encode(), "records"),
        (GOOD.replace("f,,,,", "\xff,,,,").encode("latin-1"), "not UTF-8"),
        (GOOD.encode("utf-16"), "NUL"),
        (GOOD.replace("f,,,,", "f,," + "x" * 2_000_000 + ",,").encode(), "longer than"),
        (GOOD.replace("f,,,,", 'f,,5"5,,').encode(), "not closed"),
    ],
)
def test_a_malformed_csv_is_refused(tmp_path: Path, body: bytes, message: str) -> None:
    with pytest.raises(DataSourceRefused, match=message) as caught:
        read_csv(tmp_path, body)
    assert "visits.csv" in str(caught.value)
    assert "2001-02-03" not in str(caught.value)
    assert caught.value.__cause__ is None or not isinstance(caught.value.__cause__, ValueError | OSError)


def test_a_missing_column_names_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(DataSourceRefused, match="Weight") as caught:
        read_csv(tmp_path, GOOD.replace("weight", "Weight"))
    assert caught.value.where == "visits.csv: column weight"


def test_more_rows_than_allowed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataSourceRefused, match="at most 2"):
        read_csv(tmp_path, GOOD, max_rows=2)


@pytest.mark.parametrize("change", ["append", "replace", "restore", "touch", "delete"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: str) -> None:
    path = tmp_path / "visits.csv"
    header, row = "sex,age,weight,seen,dead\n", "m,5,1.25,2001-02-03,true\n"
    path.write_text(header + row * 200_000)
    config = parse_source_config({"kind": "csv", "path": "visits.csv"})
    with open_source(config, root=tmp_path) as source:
        chunks = encode_chunks(source, SCHEMA)
        next(chunks)
        if change == "append":
            with path.open("a") as file:
                file.write(row)
        elif change == "replace":
            (tmp_path / "new.csv").write_text(header + row.replace("5", "6") * 200_000)
            os.replace(tmp_path / "new.csv", path)
        elif change == "restore":
            status = path.stat()
            path.write_text(header + row.replace("m,5", "m,6") * 200_000)
            path.write_text(header + row * 200_000)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        elif change == "touch":
            os.utime(path)
        else:
            path.unlink()
        with pytest.raises(DataSourceChanged):
            list(chunks)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text("sex,age,weight,seen,dead\n" + "m,5,1.25,2001-02-03,true\n" * 300_000)
    config = parse_source_config({"kind": "csv", "path": "visits.csv"})
    with open_source(config, root=tmp_path) as source:
        before = pa.total_allocated_bytes()
        peak = 0
        for chunk in encode_chunks(source, SCHEMA, chunk_rows=1 << 14):
            assert chunk.rows <= 1 << 14
            peak = max(peak, pa.total_allocated_bytes() - before)
    assert peak < 40_000_000


def test_parquet_types_are_converted_exactly(tmp_path: Path) -> None:
    for ages, weights in [
        (pa.array([5, None, 120], pa.int8()), pa.array([Decimal("1.25"), None, Decimal(300)], pa.decimal128(20, 4))),
        (pa.array([5, None, 120], pa.uint64()), pa.array([1.25, None, 300.0], pa.float64())),
        (pa.array([5.0, None, 120.0], pa.float32()), pa.array([1.25, None, 300.0], pa.float32())),
        (pa.array(["5", None, "120.0"]), pa.array(["1.25", None, "300"])),
    ]:
        table = pa.table(
            {
                "sex": pa.array(["m", "f", "m"]).dictionary_encode(),
                "age": ages,
                "weight": weights,
                "seen": pa.array([datetime.date(2001, 2, 3), None, datetime.date(2020, 12, 31)]),
                "dead": pa.array([True, None, False]),
            }
        )
        assert rows_of(read_parquet(tmp_path, table)) == EXPECTED


def one_row(**changed: pa.Array) -> pa.Table:
    fields = {
        "sex": pa.array(["m"]),
        "age": pa.array([5]),
        "weight": pa.array([1.25]),
        "seen": pa.array([datetime.date(2001, 2, 3)]),
        "dead": pa.array([True]),
    }
    return pa.table({**fields, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"age": pa.array([float("nan")])},
        {"age": pa.array([float("inf")])},
        {"age": pa.array([5.5])},
        {"age": pa.array([121])},
        {"age": pa.array([2**64 - 1], pa.uint64())},
        {"age": pa.array([-(2**63)])},
        {"age": pa.array([True])},
        {"age": pa.array([[5]])},
        {"weight": pa.array([1.255])},
        {"weight": pa.array([1e300])},
        {"weight": pa.array([1.1 + 2**-50])},
        {"weight": pa.array([5e-324])},
        {"weight": pa.array([Decimal("1.255")])},
        {"weight": pa.array([2**62])},
        {"sex": pa.array([""])},
        {"sex": pa.array([1.0])},
        {"sex": pa.array([b"m"])},
        {"seen": pa.array([datetime.datetime(2001, 2, 3)], pa.timestamp("us"))},
        {"seen": pa.array([datetime.date(1999, 12, 31)])},
        {"dead": pa.array([2])},
        {"dead": pa.array([0.5])},
    ],
    # Not the arrays' own text, which holds addresses: two workers would collect different tests.
    ids=lambda changed: "-".join(f"{name}-{array.type}-{array.to_pylist()[0]}" for name, array in changed.items()),
)
def test_parquet_values_outside_their_domain_are_refused(tmp_path: Path, changed: dict[str, pa.Array]) -> None:
    assert len(rows_of(read_parquet(tmp_path, one_row()))) == 1
    with pytest.raises((ValueRefused, DataSourceRefused)) as caught:
        read_parquet(tmp_path, one_row(**changed))
    assert next(iter(changed)) in str(caught.value.where)


def test_negative_zero_is_zero(tmp_path: Path) -> None:
    assert rows_of(read_parquet(tmp_path, one_row(weight=pa.array([-0.0]))))[0][2] == 0
    assert rows_of(read_csv(tmp_path, GOOD.replace("1.25", "-0.00")))[0][2] == 0


def test_every_double_nearest_to_a_decimal_is_that_decimal(tmp_path: Path) -> None:
    weights = [Decimal(n).scaleb(-2) for n in range(-150, 30_001)]
    table = pa.table(
        {
            "sex": pa.array(["m"] * len(weights)),
            "age": pa.nulls(len(weights)),
            "weight": pa.array([float(weight) for weight in weights]),
            "seen": pa.nulls(len(weights)),
            "dead": pa.nulls(len(weights)),
        }
    )
    assert [row[2] for row in rows_of(read_parquet(tmp_path, table))] == weights


def test_garbage_instead_of_parquet_is_refused(tmp_path: Path) -> None:
    pq.write_table(one_row(), tmp_path / "good.parquet")
    whole = (tmp_path / "good.parquet").read_bytes()
    rng = np.random.default_rng(5)
    config = parse_source_config({"kind": "parquet", "path": "visits.parquet"})
    refused = 0
    for attempt in range(60):
        data = bytearray(whole)
        if attempt % 3 == 0:
            data = data[: int(rng.integers(0, len(data)))]
        else:
            for _ in range(8):
                data[int(rng.integers(0, len(data)))] = int(rng.integers(0, 256))
        (tmp_path / "visits.parquet").write_bytes(data)
        try:
            with open_source(config, root=tmp_path) as source:
                list(encode_chunks(source, SCHEMA))
        except ProofwardError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"kind": "sqlite", "path": "x"},
        {"kind": "csv"},
        {"kind": "csv", "path": "x", "delimiter": "x"},
        {"kind": "csv", "path": "x", "extra": 1},
        {"kind": "csv", "path": 7},
        {"kind": "csv", "path": "x", "max_rows": 0},
    ],
)
def test_a_wrong_configuration_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(DataConfigInvalid):
        parse_source_config(members)


def test_from_file_to_result(tmp_path: Path) -> None:
    plan = compile_query(parse("SELECT sex, COUNT(*) n, SUM(weight) w FROM visits GROUP BY sex", SCHEMA), SCHEMA)
    table = finish(plan, evaluate(plan, read_csv(tmp_path, GOOD)))
    assert table.rows == (("m", 2, Decimal("301.25")), ("f", 1, None))

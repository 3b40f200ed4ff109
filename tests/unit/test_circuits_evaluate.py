"""Cells from chunks: exact for every width of integer, and independent of how rows are cut into chunks."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from circuits.chunk import EncodedChunk, EncodedDigit, check_layout, padded_rows
from circuits.encode import encode_chunks
from circuits.errors import CellsMismatch, ValueRefused
from circuits.evaluate import evaluate
from circuits.plan import compile_query
from circuits.schema import Schema, parse_schema
from circuits.sql import parse
from protocol.parameters import ABSENT_CODE, MAX_CHUNK_ROWS

SCHEMA = parse_schema("""
name = "t"
[[columns]]
name = "g"
type = "category"
codes = ["a", "b", "c"]
nullable = true
[[columns]]
name = "small"
type = "integer"
min = -3
max = 9
nullable = true
[[columns]]
name = "big"
type = "integer"
min = -5
max = 2147483642
nullable = true
[[columns]]
name = "key"
type = "integer"
min = 0
max = 299
nullable = true
""")
Row = tuple[str | None, int | None, int | None, int | None]


class Rows:
    """Rows in memory, in batches of any size."""

    name = "rows"

    def __init__(self, rows: Sequence[Row], batch: int = 1000) -> None:
        self._rows, self._batch = rows, batch

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(self._rows), self._batch):
            part = self._rows[start : start + self._batch]
            arrays = [pa.array([row[i] for row in part]) for i in range(4)]
            yield pa.record_batch(arrays, names=list(columns))


def some_rows(count: int, seed: int = 1) -> list[Row]:
    rng = random.Random(seed)

    def maybe(value: Any) -> Any:
        return None if rng.random() < 0.1 else value

    return [
        (
            maybe(rng.choice("abc")),
            maybe(rng.randint(-3, 9)),
            maybe(rng.choice([2147483642, rng.randint(-5, 2147483642)])),
            maybe(rng.randint(0, 299)),
        )
        for _ in range(count)
    ]


def cells(sql: str, chunks: list[EncodedChunk], schema: Schema = SCHEMA) -> list[int]:
    return evaluate(compile_query(parse(sql, schema), schema), chunks)


def test_squares_of_the_largest_domain_are_exact() -> None:
    rows = some_rows(5000)
    chunks = list(encode_chunks(Rows(rows), SCHEMA, chunk_rows=4096))
    values = [row[2] + 5 for row in rows if row[2] is not None]
    found = cells("SELECT VAR_POP(big) FROM t", chunks)
    assert found == [5000, len(values), sum(values), sum(v * v for v in values)]
    assert found[3] > 2**70
    grouped = cells("SELECT VAR_POP(big) FROM t WHERE small > 0 GROUP BY g", chunks)
    for index, key in enumerate(["a", "b", "c", None]):
        values = [r[2] + 5 for r in rows if r[0] == key and r[2] is not None and r[1] is not None and r[1] > 0]
        assert grouped[index + 8] == sum(values)
        assert grouped[index + 12] == sum(v * v for v in values)


def test_integers_beyond_64_bits_are_exact() -> None:
    # A disjunction has terms of opposite sign whose bound exceeds 2^62: the rows are summed in Python's integers.
    rows = some_rows(3000, seed=2)
    chunks = list(encode_chunks(Rows(rows), SCHEMA, chunk_rows=1024))
    for group in ("", " GROUP BY g"):
        found = cells(f"SELECT VAR_POP(big) FROM t WHERE small = 1 OR g = 'b'{group}", chunks)
        chosen = [r for r in rows if (r[1] == 1 or r[0] == "b") and r[2] is not None]
        keys = ["a", "b", "c", None] if group else [None]
        for index, key in enumerate(keys):
            values = [r[2] + 5 for r in chosen if r[2] is not None and (not group or r[0] == key)]
            assert found[len(keys) * 3 + index] == sum(v * v for v in values)


def test_groups_of_several_digits_and_null() -> None:
    rows = some_rows(4000, seed=3)
    chunks = list(encode_chunks(Rows(rows), SCHEMA, chunk_rows=1024))
    found = cells("SELECT SUM(small) FROM t GROUP BY key, g", chunks)
    assert len(found) == 3 * 301 * 4
    for index, (key, g) in enumerate((key, g) for key in [*range(300), None] for g in ["a", "b", "c", None]):
        mine = [row for row in rows if (row[3], row[0]) == (key, g)]
        assert found[index] == len(mine)
        assert found[2 * 1204 + index] == sum(row[1] + 3 for row in mine if row[1] is not None)


@pytest.mark.parametrize(("batch", "chunk_rows"), [(1, 1024), (700, 1024), (1024, 1024), (5000, 2048), (5000, 1 << 20)])
def test_cells_do_not_depend_on_batches_and_chunks(batch: int, chunk_rows: int) -> None:
    rows = some_rows(3000, seed=4)
    chunks = list(encode_chunks(Rows(rows, batch), SCHEMA, chunk_rows=chunk_rows))
    assert [chunk.rows for chunk in chunks[:-1]] == [chunk_rows] * (3000 // chunk_rows)
    assert chunks[-1].rows == padded_rows(3000 % chunk_rows)
    assert sum(chunk.real for chunk in chunks) == 3000
    sql = "SELECT VAR_POP(small), SUM(big) FROM t WHERE key < 200 OR small IS NULL GROUP BY g"
    expected = cells(sql, list(encode_chunks(Rows(rows), SCHEMA, chunk_rows=4096)))
    assert cells(sql, chunks) == expected
    for chunk in chunks:
        check_layout(chunk, SCHEMA)


def test_no_chunks_are_zero_cells() -> None:
    assert cells("SELECT SUM(big) FROM t GROUP BY g", []) == [0] * 12


def test_a_bad_row_is_named_by_its_number_in_the_table() -> None:
    rows = some_rows(3000, seed=5)
    rows[2345] = ("a", 10, 0, 0)
    with pytest.raises(ValueRefused) as caught:
        list(encode_chunks(Rows(rows, 900), SCHEMA, chunk_rows=1024))
    assert caught.value.where == "rows: row 2346, column small"


@pytest.mark.parametrize("chunk_rows", [0, 512, 1000, 1 << 21, -1024])
def test_chunk_sizes_are_powers_of_two_in_range(chunk_rows: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        next(encode_chunks(Rows(some_rows(1)), SCHEMA, chunk_rows=chunk_rows))


def one(name: str, values: int, codes: list[int], rows: int = 1024) -> EncodedDigit:
    return EncodedDigit(name, values, np.array(codes + [ABSENT_CODE] * (rows - len(codes)), dtype=np.uint16))


BAD_CHUNKS: list[tuple[int, int, tuple[EncodedDigit, ...]]] = [
    (1000, 1, (one("present", 1, [0], 1000),)),
    (512, 1, (one("present", 1, [0], 512),)),
    (MAX_CHUNK_ROWS * 2, 0, ()),
    (1024, 1025, (one("present", 1, [0] * 1024),)),
    (1024, -1, (one("present", 1, []),)),
    (1024, 1, ()),
    (1024, 1, (one("x.0", 2, [0]),)),
    (1024, 2, (one("present", 1, [0]),)),
    (1024, 1, (one("present", 1, [0, 0]),)),
    (1024, 1, (one("present", 1, [0]), one("x.0", 2, [2]))),
    (1024, 1, (one("present", 1, [0]), one("x.0", 2, [0, 1]))),
    (1024, 1, (one("present", 1, [0]), one("x.0", 2, [0], 2048))),
    (1024, 1, (one("present", 1, [0]), EncodedDigit("x.0", 2, np.zeros(1024, dtype=np.int64)))),
]


@pytest.mark.parametrize(("rows", "real", "digits"), BAD_CHUNKS, ids=range(len(BAD_CHUNKS)))
def test_a_chunk_that_does_not_fit_together_is_refused(rows: int, real: int, digits: tuple[EncodedDigit, ...]) -> None:
    with pytest.raises(CellsMismatch):
        EncodedChunk(rows, real, digits)


def test_a_chunk_of_another_schema_is_refused() -> None:
    (chunk,) = encode_chunks(Rows(some_rows(10)), SCHEMA)
    other = EncodedChunk(chunk.rows, chunk.real, chunk.digits[:-1])
    with pytest.raises(CellsMismatch):
        check_layout(other, SCHEMA)
    with pytest.raises(CellsMismatch):
        cells("SELECT SUM(key) FROM t", [other])


def test_patients_data_do_not_print() -> None:
    (chunk,) = encode_chunks(Rows(some_rows(10)), SCHEMA)
    assert "array" not in repr(chunk)
    assert "real" not in repr(chunk)

"""Rows to encoded chunks. Specification: `docs/spec/02-tables-schema.md`, "Chunks".

Memory is bounded by one chunk and one batch, whatever the size of the table.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from circuits.chunk import Codes, EncodedChunk, EncodedDigit, padded, padded_rows
from circuits.columns import DIGIT_BASE, PRESENT_DIGIT, Column
from circuits.errors import ValueRefused
from circuits.fields import MAX_FIELD_LENGTH, NULL, REFUSED, CodeArray, FieldReader
from circuits.rule_codes import broken_rows, difference_codes
from circuits.rules import Check, Difference, OrderCheck
from circuits.schema import Schema
from protocol.parameters import ABSENT_CODE, MAX_CHUNK_ROWS

__all__ = ["EncodedChunk", "EncodedDigit", "RowSource", "encode_chunks"]

DEFAULT_CHUNK_ROWS: Final = 1 << 16


class RowSource(Protocol):
    """Where rows come from: `mpc_nodes.data_source.Source`."""

    @property
    def name(self) -> str:
        """The file or table, for messages."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows in order, with exactly these columns in this order."""


def encode_chunks(source: RowSource, schema: Schema, *, chunk_rows: int = DEFAULT_CHUNK_ROWS) -> Iterator[EncodedChunk]:
    """Encode a table as chunks of `chunk_rows` rows, the last one padded to a power of two of its own.

    The source says only at the end of its rows that they did not change while they were read: nothing may be kept of
    the chunks unless the iteration ends without an error.

    Args:
        chunk_rows: a power of two, at most MAX_CHUNK_ROWS.

    Raises:
        ValueRefused: a field is outside its domain, or a row breaks a rule, with file, row and column or rule; and what
            the source raises.
    """
    if not (0 < chunk_rows <= MAX_CHUNK_ROWS and chunk_rows == padded_rows(chunk_rows)):
        raise ValueError(f"chunk_rows is {chunk_rows}, not an allowed power of two")
    readers = [(column, FieldReader(column)) for column in schema.columns]
    pending: list[list[Codes]] = []
    waiting = rows = 0
    for batch in source.batches([column.name for column in schema.columns]):
        for start in range(0, batch.num_rows, chunk_rows):
            part = batch.slice(start, chunk_rows)
            codes = _read(part, readers, source.name, rows)
            codes |= _apply_rules(schema.checks, codes, source.name, rows)
            pending.append([digit for column in schema.committed for digit in _digits(codes[column.name], column)])
            rows += part.num_rows
            waiting += part.num_rows
            while waiting >= chunk_rows:
                chunk, pending = _cut(pending, chunk_rows)
                waiting -= chunk_rows
                yield _chunk(chunk, schema)
    if waiting:
        yield _chunk(_cut(pending, waiting)[0], schema)


def _read(
    batch: pa.RecordBatch, readers: Iterable[tuple[Column, FieldReader]], name: str, before: int
) -> dict[str, CodeArray]:
    """The codes of each column, by its name."""
    read = {}
    for fields, (column, reader) in zip(batch.columns, readers, strict=True):
        codes = reader.read(fields)
        if codes is None:
            raise ValueRefused(
                f"the source gives {fields.type}, which cannot be read as {column.type}", where=f"{name}: {column.name}"
            )
        bad = codes == REFUSED if column.nullable else codes < 0
        if bad.any():
            _refuse(fields, codes, int(np.argmax(bad)), column, name, before)
        read[column.name] = codes
    return read


def _apply_rules(checks: Iterable[Check], codes: Mapping[str, CodeArray], name: str, before: int) -> dict[str, CodeArray]:
    """The codes of the columns that rules need. Raises ValueRefused for the first row that breaks a rule."""
    differences = {}
    for check in checks:
        broken = broken_rows(check, codes)
        if broken.any():
            raise ValueRefused(
                "the row breaks a rule of the schema",
                hint="correct the row; or the rule, together with the other hospitals",
                where=f"{name}: row {before + int(np.argmax(broken)) + 1}, rule {check.name}",
            )
        if isinstance(check, OrderCheck):
            differences[check.difference.name] = difference_codes(check.difference, codes)
    return differences


def _digits(codes: CodeArray, column: Column | Difference) -> Iterator[Codes]:
    absent = codes == NULL
    some = bool(absent.any())
    for digit in column.digits:
        values = codes if digit.weight == 1 else codes // digit.weight
        if digit is not column.digits[-1]:
            values = values % DIGIT_BASE
        narrow = values.astype(np.uint16)
        if some:
            narrow[absent] = ABSENT_CODE
        yield narrow


def _refuse(fields: pa.Array, codes: CodeArray, row: int, column: Column, name: str, before: int) -> None:
    if codes[row] == NULL:
        reason, hint = "NULL in a column that is not nullable", "set nullable = true in the schema, or correct the row"
    else:
        reason = f"not a {column.type} of the declared domain"
        hint = "correct the row, or the domain in the schema"
        text = fields[row].as_py()
        if isinstance(text, str) and len(text) > MAX_FIELD_LENGTH:
            reason = f"a field of more than {MAX_FIELD_LENGTH} characters"
    # The place is told, the value never: messages are logged and sent.
    raise ValueRefused(reason, hint=hint, where=f"{name}: row {before + row + 1}, column {column.name}")


def _cut(parts: list[list[Codes]], rows: int) -> tuple[list[Codes], list[list[Codes]]]:
    """The first `rows` rows of the parts, and the parts that remain."""
    whole = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    rest = [array[rows:] for array in whole]
    return [array[:rows] for array in whole], [rest] if len(rest[0]) else []


def _chunk(digits: Sequence[Codes], schema: Schema) -> EncodedChunk:
    real = len(digits[0])
    rows = padded_rows(real)
    present = padded(PRESENT_DIGIT, np.zeros(real, dtype=np.uint16), rows)
    others = (padded(digit, codes, rows) for digit, codes in zip(schema.digits[1:], digits, strict=True))
    return EncodedChunk(rows, real, (present, *others))

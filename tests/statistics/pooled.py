"""A table split over hospitals, asked in the clear: every round is evaluated, suppressed and finished as by nodes."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from attestation.statement import check_suppression
from circuits.columns import DateColumn
from circuits.encode import EncodedChunk, encode_chunks
from circuits.evaluate import evaluate
from circuits.finish import finish
from circuits.plan import Opened, Plan, compile_query, next_round
from circuits.result import ResultTable
from circuits.schema import Schema
from circuits.sql import parse
from privacy.disclosure import suppressed_cells

ARROW = {"category": pa.string(), "integer": pa.int64(), "boolean": pa.bool_(), "date": pa.date32()}


@dataclass(frozen=True)
class Rows:
    """Rows as a source. Each is a mapping of columns to values; None, NaN and missing columns are NULL."""

    schema: Schema
    rows: Sequence[dict[str, Any]] = field(repr=False)
    name: str = "rows"

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        arrays = []
        for name in columns:
            column = self.schema.column(name)
            values = [self._value(row.get(name), column) for row in self.rows]
            arrays.append(
                pa.array(values, pa.decimal128(38, column.scale) if column.type == "decimal" else ARROW[column.type])
            )
        yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def _value(self, value: Any, column: Any) -> Any:
        if value is None or value != value or str(value) == "<NA>":
            return None
        if column.type == "decimal":
            return Decimal(str(value)).quantize(Decimal(1).scaleb(-column.scale))
        if column.type == "integer":
            return int(value)
        if column.type == "boolean":
            return bool(value)
        if isinstance(column, DateColumn):
            return value
        return str(value)


@dataclass(frozen=True)
class Pool:
    """The hospitals' tables."""

    schema: Schema
    hospitals: tuple[tuple[EncodedChunk, ...], ...] = field(repr=False)

    @classmethod
    def of(cls, schema: Schema, parts: Iterable[Sequence[dict[str, Any]]]) -> "Pool":
        """One hospital a part."""
        encoded = (tuple(encode_chunks(Rows(schema, part), schema, chunk_rows=1024)) for part in parts)
        return cls(schema, tuple(encoded))

    @classmethod
    def split(cls, schema: Schema, rows: Sequence[dict[str, Any]], *, hospitals: int = 4, seed: int = 1) -> "Pool":
        """Rows at random hospitals."""
        rng = random.Random(seed)
        parts: list[list[dict[str, Any]]] = [[] for _ in range(hospitals)]
        for row in rows:
            rng.choice(parts).append(row)
        return cls.of(schema, parts)

    def plan(self, sql: str) -> Plan:
        """The plan of the first round."""
        return compile_query(parse(sql, self.schema), self.schema)

    def opened(self, plan: Plan, minimum: int) -> Opened:
        """What a round opens."""
        totals = [sum(cells) for cells in zip(*(evaluate(plan, chunks) for chunks in self.hospitals), strict=True)]
        hidden = set(suppressed_cells(plan, totals, minimum))
        shown = tuple(None if k in hidden else total for k, total in enumerate(totals))
        check_suppression(plan, shown, minimum)  # as an auditor does
        return Opened(shown, minimum)

    def rounds(self, sql: str, minimum: int = 1) -> list[tuple[Plan, Opened]]:
        """All rounds."""
        plan: Plan | None = self.plan(sql)
        done = []
        while plan is not None:
            opened = self.opened(plan, minimum)
            done.append((plan, opened))
            plan = next_round(plan, opened)
        return done

    def ask(self, sql: str, minimum: int = 1) -> ResultTable:
        """The answer."""
        plan, opened = self.rounds(sql, minimum)[-1]
        table = finish(plan, opened.cells, minimum)
        assert ResultTable.from_dict(table.to_dict()) == table
        return table

"""A table of every type, random rows of it and random queries of the whole accepted grammar."""

import datetime
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from circuits.schema import parse_schema

SCHEMA = parse_schema("""
name = "visits"
[[columns]]
name = "sex"
type = "category"
codes = ["male", "female", "other"]
[[columns]]
name = "region"
type = "category"
codes = ["n", "S", "east", "wést"]
nullable = true
[[columns]]
name = "age"
type = "integer"
min = -5
max = 120
nullable = true
[[columns]]
name = "stay"
type = "integer"
min = 0
max = 3
[[columns]]
name = "weight"
type = "decimal"
scale = 1
min = 1.5
max = 250
nullable = true
[[columns]]
name = "cost"
type = "integer"
min = -100000
max = 900000
nullable = true
[[columns]]
name = "smoker"
type = "boolean"
nullable = true
[[columns]]
name = "died"
type = "boolean"
[[columns]]
name = "seen"
type = "date"
min = 2010-01-01
max = 2013-12-31
nullable = true
""")
ARROW_TYPES = {
    "category": pa.string(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "decimal": pa.decimal128(18, 1),
}
Row = tuple[Any, ...]


class Rows:
    """A hospital's rows in memory."""

    name = "rows"

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        arrays = [
            pa.array([row[i] for row in self._rows], ARROW_TYPES[column.type]) for i, column in enumerate(SCHEMA.columns)
        ]
        yield pa.record_batch(arrays, names=list(columns))


def random_rows(rng: random.Random, count: int) -> list[Row]:
    rows = []
    for _ in range(count):
        row = []
        for column in SCHEMA.columns:
            code = rng.choice([0, column.size - 1, rng.randrange(column.size), rng.randrange(min(column.size, 40))])
            row.append(None if column.nullable and rng.random() < 0.2 else column.value(code))
        rows.append(tuple(row))
    return rows


class RandomQuery:
    """A random query of the accepted grammar, as text."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def text(self) -> str:
        rng = self._rng
        groupable = ["sex", "region", "age", "stay", "smoker", "died", "seen"]
        groups = rng.sample(groupable, rng.choice([0, 0, 1, 1, 1, 2, 2, 3]))
        outputs = [f"{name} AS k{i}" for i, name in enumerate(groups) if rng.random() < 0.95]
        for i in range(rng.randint(1, 4)):
            outputs.append(f"{self._aggregate()} AS a{i}")
        rng.shuffle(outputs)
        sql = f"SELECT {', '.join(outputs)} FROM visits"
        if rng.random() < 0.85:
            sql += f" WHERE {self.condition(rng.randint(0, 3))}"
        return sql + (f" GROUP BY {', '.join(groups)}" if groups else "")

    def _aggregate(self) -> str:
        numeric = ["age", "stay", "weight", "cost"]
        return self._rng.choice(
            [
                "COUNT(*)",
                f"COUNT({self._rng.choice([column.name for column in SCHEMA.columns])})",
                *(f"{f}({self._rng.choice(numeric)})" for f in ("SUM", "AVG", "VAR_SAMP", "VAR_POP", "STDDEV_SAMP")),
            ]
        )

    def condition(self, depth: int) -> str:
        """A random condition, nested up to `depth`."""
        kind = self._rng.random()
        if depth == 0 or kind < 0.3:
            return self._leaf()
        if kind < 0.5:
            return f"NOT ({self.condition(depth - 1)})"
        joiner = " AND " if kind < 0.75 else " OR "
        return "(" + joiner.join(self.condition(depth - 1) for _ in range(self._rng.randint(2, 3))) + ")"

    def _leaf(self) -> str:
        rng = self._rng
        column = rng.choice(SCHEMA.columns)
        if column.type == "boolean":
            forms = ["{c}", "{c} = TRUE", "{c} <> FALSE", "FALSE = {c}", "{c} IS NOT TRUE", "{c} IS FALSE", "{c} IS NULL"]
            return rng.choice(forms).format(c=column.name)
        kind = rng.random()
        if kind < 0.15:
            return f"{column.name} IS {rng.choice(['', 'NOT '])}NULL"
        if kind < 0.35:
            constants = ", ".join(self._constant(column) for _ in range(rng.randint(1, 6)))
            return f"{column.name} {rng.choice(['', 'NOT '])}IN ({constants})"
        if kind < 0.55:
            low, high = self._constant(column), self._constant(column)
            return f"{column.name} {rng.choice(['', 'NOT '])}BETWEEN {low} AND {high}"
        operator = rng.choice(["=", "<>", "!=", "<", "<=", ">", ">="])
        if rng.random() < 0.3:
            return f"{self._constant(column)} {operator} {column.name}"
        return f"{column.name} {operator} {self._constant(column)}"

    def _constant(self, column: Any) -> str:
        rng = self._rng
        value = column.value(rng.randrange(column.size))
        if column.type == "category":
            return f"'{rng.choice([value, value, value, 'zebra', 'N', ''])}'"
        if column.type == "date":
            value += datetime.timedelta(days=rng.choice([0, 0, 0, -2000, 2000]))
            return rng.choice([f"DATE '{value}'", f"'{value}'"])
        value = value + rng.choice([0, 0, 0, -1000000, 1000000])
        return str(value) + rng.choice(["", "", ".5", ".0"] if column.type == "integer" else ["", "", "5", "0"])

"""The table that a buyer gets, and its JSON form. Specification: `docs/spec/04-queries.md`, section "Results"."""

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Self

from circuits.columns import Value
from protocol.errors import MalformedInput

MAX_SAFE_INTEGER: Final = (1 << 53) - 1
TYPES: Final = ("category", "integer", "decimal", "boolean", "date", "number")

Cell = Value | float | None

_INTEGER: Final = re.compile(r"-?[0-9]{1,100}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?[0-9]{1,100}(\.[0-9]{1,18})?", re.ASCII)


@dataclass(frozen=True)
class ResultTable:
    """The finished statistics.

    Attributes:
        columns: (name, type) of each column; types are those of the schema, and `number` for doubles.
        key: (name, type) of each GROUP BY column, whether or not it is among the columns.
        rows: one row a group in the order of the group keys, NULL last; None is SQL's NULL or, where `withheld` says
            so, a value whose cohort is too small.
        suppressed: keys of the groups that are left out because their cohort is too small, empty groups among them.
        withheld: (group key, column name) of single values that are left out for the same reason.
        kind: `table` for the aggregates of a SELECT list, else that of the analysis.
        tables: further tables of an analysis, by name.
        notes: what a reader must know, in words.
    """

    columns: tuple[tuple[str, str], ...]
    key: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]
    suppressed: tuple[tuple[Value | None, ...], ...]
    withheld: tuple[tuple[tuple[Value | None, ...], str], ...]
    kind: str = "table"
    tables: tuple[tuple[str, "ResultTable"], ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, columns: Iterable[tuple[str, str]], rows: Iterable[Iterable[Cell]]) -> Self:
        """A table without groups."""
        return cls(tuple(columns), (), tuple(tuple(row) for row in rows), (), ())

    def named(self, name: str) -> "ResultTable":
        """The further table of this name. Raises KeyError."""
        return dict(self.tables)[name]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready members. Decimals and dates are strings, and so are integers that a double cannot hold."""
        return {
            "kind": self.kind,
            "columns": [{"name": name, "type": kind} for name, kind in self.columns],
            "key": [{"name": name, "type": kind} for name, kind in self.key],
            "rows": [[_to_json(cell) for cell in row] for row in self.rows],
            "suppressed": [[_to_json(value) for value in key] for key in self.suppressed],
            "withheld": [{"key": [_to_json(v) for v in key], "column": name} for key, name in self.withheld],
            "tables": [{"name": name, "table": table.to_dict()} for name, table in self.tables],
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, members: Any) -> Self:
        """The table whose `to_dict` is `members`. Raises MalformedInput for anything else."""
        try:
            columns, key = _header(members["columns"]), _header(members["key"])
            table = cls(
                columns,
                key,
                tuple(_cells(row, columns) for row in members["rows"]),
                tuple(_cells(values, key) for values in members["suppressed"]),
                tuple((_cells(entry["key"], key), entry["column"]) for entry in members["withheld"]),
                members["kind"],
                tuple((entry["name"], cls.from_dict(entry["table"])) for entry in members["tables"]),
                tuple(members["notes"]),
            )
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise MalformedInput("the result is not a table") from error
        if table.to_dict() != members:
            raise MalformedInput("the result is not in its one JSON form")
        return table


def _to_json(cell: Cell) -> Any:
    if isinstance(cell, bool) or cell is None:
        return cell
    if isinstance(cell, int):
        return cell if abs(cell) <= MAX_SAFE_INTEGER else str(cell)
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return cell.isoformat() if isinstance(cell, datetime.date) else cell


def _header(entries: Any) -> tuple[tuple[str, str], ...]:
    header = tuple((entry["name"], entry["type"]) for entry in entries)
    for name, kind in header:
        if not isinstance(name, str) or kind not in TYPES:
            raise MalformedInput("a result column has no name or an unknown type")
    return header


def _cells(values: Any, header: tuple[tuple[str, str], ...]) -> tuple[Any, ...]:
    return tuple(_from_json(cell, kind) for cell, (_, kind) in zip(values, header, strict=True))


def _from_json(cell: Any, kind: str) -> Cell:
    if cell is None:
        return None
    if kind == "boolean" and isinstance(cell, bool):
        return cell
    if kind == "integer" and isinstance(cell, int) and not isinstance(cell, bool):
        return cell
    if kind == "number" and isinstance(cell, int | float) and not isinstance(cell, bool):
        # RFC 8785 writes 2.0 as 2, which comes back as an integer.
        return float(cell)
    if isinstance(cell, str):
        if kind == "category":
            return cell
        if kind == "integer" and _INTEGER.fullmatch(cell):
            return int(cell)
        if kind == "decimal" and _DECIMAL.fullmatch(cell):
            return Decimal(cell)
        if kind == "date":
            return datetime.date.fromisoformat(cell)
    raise MalformedInput(f"a result cell is not of type {kind}")

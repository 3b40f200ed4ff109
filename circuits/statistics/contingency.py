"""Contingency tables: how many rows have each pair of values of two columns."""

from dataclasses import dataclass
from typing import Final

from circuits.analysis import Answer, Undefined
from circuits.columns import Column, Value
from circuits.errors import PlanTooComplex
from circuits.families import Families
from circuits.statistics.complete_cases import all_shown, values_of
from circuits.summand import ROWS

MAX_TABLE: Final = 1024  # cells: each is protected by every other one


@dataclass(frozen=True)
class Contingency:
    """A table of counts.

    Attributes:
        a, b: the values that its rows and columns stand for.
        counts: one tuple a row.
    """

    a: tuple[Value | None, ...]
    b: tuple[Value | None, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def total(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def row_totals(self) -> tuple[int, ...]:
        return tuple(map(sum, self.counts))

    @property
    def column_totals(self) -> tuple[int, ...]:
        return tuple(map(sum, zip(*self.counts, strict=True)))

    def without_empty(self) -> "Contingency":
        """Without the rows and columns that count nobody."""
        rows = [place for place, total in enumerate(self.row_totals) if total]
        columns = [place for place, total in enumerate(self.column_totals) if total]
        return Contingency(
            tuple(self.a[row] for row in rows),
            tuple(self.b[column] for column in columns),
            tuple(tuple(self.counts[row][column] for column in columns) for row in rows),
        )


def request_contingency(families: Families, a: Column, b: Column) -> None:
    """Ask for the cells; all are opened or none. Raises PlanTooComplex."""
    if a.size * b.size > MAX_TABLE:
        raise PlanTooComplex(
            f"a table of {a.name} and {b.name} has {a.size * b.size} cells, at most {MAX_TABLE} can be tested",
            hint="use columns with fewer values",
        )
    families.together(ROWS, families.grid((values_of(a), values_of(b))))


def contingency_of(answer: Answer, a: Column, b: Column) -> Contingency:
    """The whole table. Raises Withheld, Undefined."""
    rows, columns = values_of(a), values_of(b)
    cells = all_shown(answer.cells(ROWS, (rows, columns)), a, b)
    width = len(columns.values)
    counts = tuple(tuple(cells[start : start + width]) for start in range(0, len(cells), width))
    table = Contingency(rows.values, columns.values, counts)
    if not table.total:
        raise Undefined(f"no row has a value of {a.name} and {b.name}")
    return table

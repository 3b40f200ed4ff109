"""What a family of cells sums over rows: a product of simple functions of columns. Specification: docs/spec/04-queries.md.

Every statistic says what it needs in these terms, and reads what was opened by the same terms.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from circuits.codeset import CodeSet
from circuits.columns import Column, DecimalColumn, Digit, IntegerColumn
from circuits.errors import QueryType
from circuits.polynomial import Polynomial, code_power, product
from circuits.predicate import code_indicator
from circuits.table import Table


@dataclass(frozen=True, order=True)
class Code:
    """The code of a column; 0 where it is NULL."""

    column: str

    def __str__(self) -> str:
        return self.column


@dataclass(frozen=True, order=True)
class Value:
    """The value of a numeric column times 10^scale; 0 where it is NULL. Unlike a code it may be negative."""

    column: str

    def __str__(self) -> str:
        return f"value({self.column})"


@dataclass(frozen=True, order=True)
class Known:
    """1 where the column is not NULL, else 0."""

    column: str

    def __str__(self) -> str:
        return f"known({self.column})"


@dataclass(frozen=True, order=True)
class Within:
    """1 where the code of the column, or NULL, belongs to the set, else 0."""

    column: str
    codes: CodeSet

    def __str__(self) -> str:
        ranges = [str(low) if high == low + 1 else f"{low}-{high - 1}" for low, high in self.codes.intervals]
        return f"{self.column}[{','.join(ranges + ['NULL'] * self.codes.null)}]"


Factor = Code | Value | Known | Within


@dataclass(frozen=True)
class Summand:
    """The product of its factors; without factors it is 1."""

    factors: tuple[Factor, ...] = ()

    def __mul__(self, other: "Summand") -> "Summand":
        return Summand(self.factors + other.factors)

    def __str__(self) -> str:
        return " * ".join(map(str, self.factors)) or "1"

    @cached_property
    def support(self) -> "Summand":
        """1 for the rows that the sum is over: those in its sets whose columns are not NULL."""
        kept: dict[Factor, None] = {}
        for factor in self.factors:
            kept[factor if isinstance(factor, Within) else Known(factor.column)] = None
        return Summand(tuple(kept))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads, each once, in order."""
        return tuple(dict.fromkeys(factor.column for factor in self.factors))

    def polynomial(self, schema: Table, digits: Mapping[Digit, int]) -> Polynomial:
        """The function of a row. Raises PlanTooComplex."""
        return product(_polynomial(factor, schema.column(factor.column), digits) for factor in self.factors)

    def bound(self, schema: Table) -> int:
        """The largest magnitude that one row can have."""
        bound = 1
        for factor in self.factors:
            column = schema.column(factor.column)
            if isinstance(factor, Code):
                bound *= column.size - 1
            elif isinstance(factor, Value):
                numeric = numeric_column(column)
                bound *= max(abs(numeric.low), abs(numeric.high))
        return bound


ROWS = Summand()


def numeric_column(column: Column) -> IntegerColumn | DecimalColumn:
    """The column as one of numbers. Raises QueryType if it is not."""
    if not isinstance(column, IntegerColumn | DecimalColumn):
        raise QueryType(f"column {column.name} is of type {column.type}, a number is needed")
    return column


def _polynomial(factor: Factor, column: Column, digits: Mapping[Digit, int]) -> Polynomial:
    if isinstance(factor, Within):
        return code_indicator(column, factor.codes, digits)
    known = code_indicator(column, CodeSet(((0, column.size),), False), digits)
    if isinstance(factor, Known):
        return known
    code = code_power(column, digits, 1)
    if isinstance(factor, Code):
        return code
    low = numeric_column(column).low
    return code + known.scaled(low) if low else code

"""HISTOGRAM(c, ...): how many rows have values in each bin, and how many have none."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter
from circuits.cells import Bins, Group
from circuits.codeset import CodeSet, truth
from circuits.columns import Column, DecimalColumn, IntegerColumn
from circuits.errors import QueryType
from circuits.families import Families, keys_of
from circuits.query import Compare, Operator
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.summand import ROWS, numeric_column

DEFAULT_BINS = 20


@dataclass(frozen=True)
class Histogram:
    """A histogram of one numeric column, in each group.

    Attributes:
        bounds: the codes at which bins begin, ascending, and at last the size of the column.
    """

    column: IntegerColumn | DecimalColumn
    bounds: tuple[int, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column.name,)

    @property
    def known(self) -> tuple[str, ...]:
        return ()

    def request(self, families: Families) -> tuple[Search, ...]:
        families.family(ROWS, families.grid((*families.groups, bins(self.column, self.bounds))))
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        grid = (*answer.groups, bins(self.column, self.bounds))
        kind = self.column.type
        key = [(axis.column, axis.type) for axis in answer.groups if isinstance(axis, Group)]
        header = (*key, ("low", kind), ("high", kind))
        rows: list[tuple[Cell, ...]] = []
        suppressed: list[tuple[Cell, ...]] = []
        for values, cell in zip(keys_of(grid), answer.cells(ROWS, grid), strict=True):
            interval = values[-1]
            low, high = interval if isinstance(interval, tuple) else (None, None)
            row: tuple[Cell, ...] = (*(value for value in values[:-1] if not isinstance(value, tuple)), low, high)
            if cell is None:
                suppressed.append(row)
            else:
                rows.append((*row, cell))
        return ResultTable((*header, ("count", "integer")), header, tuple(rows), tuple(suppressed), (), "histogram")  # type: ignore[arg-type]


def bins(column: Column, bounds: Sequence[int]) -> Bins:
    """Bins that begin at these codes; a nullable column has one more for NULL."""
    sets = [CodeSet(((low, high),), False) for low, high in pairwise(bounds)]
    values: list[tuple[object, object] | None] = [
        (column.value(low), column.value(high - 1)) for low, high in pairwise(bounds)
    ]
    if column.nullable:
        sets.append(CodeSet((), True))
        values.append(None)
    return Bins(column.name, column.digits, column.size, tuple(sets), tuple(values))  # type: ignore[arg-type]


def equal_bounds(column: Column, number: int) -> tuple[int, ...]:
    """Bounds of `number` bins of equal width, or nearly: of a column of more than two digits they are multiples of an
    eighth of the second digit's weight, so that what is proved stays small."""
    unit = column.digits[-2].weight // 8 if len(column.digits) > 2 else 1
    pieces = -(-column.size // unit)
    number = min(number, pieces)
    return (*(index * pieces // number * unit for index in range(number)), column.size)


def bounds_at(column: Column, edges: Sequence[Decimal]) -> tuple[int, ...]:
    """Bounds at these values: a bin begins at each, the first before all of them. Edges outside the domain change nothing."""
    found = {0, column.size}
    for edge in edges:
        (below,) = truth(Compare(column.name, Operator.LT, edge), column, negated=False).intervals or ((0, 0),)
        found.add(below[1])
    return tuple(sorted(found))


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> Histogram:
    column = numeric_column(arguments.column("column"))
    numbers = arguments.numbers("bins")
    if len(numbers) > 1:
        if list(numbers) != sorted(set(numbers)):
            raise QueryType("the edges of a histogram must ascend")
        return Histogram(column, bounds_at(column, numbers))
    number = numbers[0] if numbers else Decimal(DEFAULT_BINS)
    if number != int(number) or not 1 <= number <= column.size:
        raise QueryType(f"a histogram of {column.name} has a whole number of bins, 1 to {column.size}")
    return Histogram(column, equal_bounds(column, int(number)))


HISTOGRAM = Analysis(
    name="HISTOGRAM",
    title="Histogram",
    kind="histogram",
    parameters=(
        Parameter("column", Kind.NUMERIC, "whose distribution"),
        Parameter(
            "bins", Kind.NUMBER, "how many bins of equal width (20), or two edges or more", optional=True, repeated=True
        ),
    ),
    prepare=_prepare,
    formula="The number of rows with `low` <= c <= `high`, for each bin; one more row counts those without a value.",
    source="Pearson (1895).",
    revealed="The count of each bin that reaches the minimum cohort.",
    limits="Columns with more than 4,096 values: bins begin at round steps, so that their widths differ a little.",
    opens_total=False,
    example='client.histogram("bmi", bins=20, where="age >= 18", by="sex")',
    grouped=True,
)

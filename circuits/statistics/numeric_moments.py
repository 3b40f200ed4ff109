"""Means, covariances and correlations of several numeric columns over the rows in which all have values.

With n rows and sums of values and of their products, the covariance of a and b is (n sum ab - sum a sum b) / (n (n - 1)).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from circuits.analysis import Answer, Arguments, Undefined
from circuits.columns import NumericColumn
from circuits.errors import QueryType
from circuits.statistics.cross_products import INTERCEPT, CrossProducts, DesignColumn, Shape, count_rows
from circuits.summand import numeric_column

MAX_COLUMNS = 20


@dataclass(frozen=True)
class NumericMoments:
    """The sample moments of columns: exact.

    Attributes:
        covariances: all of them, by the places of both columns.
    """

    rows: int
    means: tuple[Fraction, ...]
    covariances: tuple[tuple[Fraction, ...], ...]

    def varies(self, place: int) -> bool:
        """Whether a column has different values."""
        return self.covariances[place][place] != 0

    def squared_correlation(self, a: int, b: int) -> Fraction:
        """Of two columns that vary; its sign is that of the covariance."""
        return self.covariances[a][b] ** 2 / (self.covariances[a][a] * self.covariances[b][b])


def products_of(columns: Sequence[NumericColumn]) -> CrossProducts:
    """What the moments of the columns are made of."""
    return CrossProducts(Shape((column,)) for column in columns)


def read_moments(columns: Sequence[NumericColumn], answer: Answer) -> NumericMoments:
    """The moments from opened cells. Raises Withheld, and Undefined for fewer than two rows."""
    rows = count_rows(answer)
    if rows < 2:
        raise Undefined("there is only one row in which all columns have values")
    products = products_of(columns)
    design = [DesignColumn(column.name, (column,)) for column in columns]
    sums = [products.product(answer, column, INTERCEPT) for column in design]
    covariances = tuple(
        tuple(
            (products.product(answer, left, right) - sums[a] * sums[b] / rows) / (rows - 1) for b, right in enumerate(design)
        )
        for a, left in enumerate(design)
    )
    return NumericMoments(rows, tuple(total / rows for total in sums), covariances)


def several_columns(arguments: Arguments, analysis: str) -> tuple[NumericColumn, ...]:
    """The numeric columns of a call: two or more, all different."""
    columns = tuple(numeric_column(column) for column in arguments.columns("columns"))
    names = [column.name for column in columns]
    if not 2 <= len(columns) <= MAX_COLUMNS:
        raise QueryType(f"{analysis} takes 2 to {MAX_COLUMNS} columns", hint=f"write {analysis}(first, second)")
    for place, name in enumerate(names):
        if name in names[:place]:
            raise QueryType(f"{analysis} takes different columns, {name} is given twice", hint=f"name {name} once")
    return columns

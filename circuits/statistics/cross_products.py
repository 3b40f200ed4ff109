"""Sums over rows of products of two columns of a design: X'X, X'y and y'y, for regressions, correlations and components.

A column of a design is a product of numeric columns times the indicator of one category of each of some others. The products
of two such terms, for all their categories, are one family: the product of the numeric columns over the grid of the
categorical ones. All categories are asked for, so that any of them can be the reference.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations_with_replacement

from circuits.analysis import Answer, Undefined, Withheld
from circuits.cells import Grid
from circuits.codeset import CodeSet
from circuits.columns import Column, NumericColumn
from circuits.families import Families, plain_group
from circuits.summand import ROWS, Summand, Value


@dataclass(frozen=True)
class Shape:
    """What the columns of a term have in common: the numeric and the categorical columns that it is a product of."""

    numeric: tuple[NumericColumn, ...] = ()
    categorical: tuple[Column, ...] = ()


CONSTANT = Shape()


@dataclass(frozen=True)
class DesignColumn:
    """A product of values, over the rows of the given codes; without both it is 1.

    Attributes:
        codes: the code of each categorical column.
    """

    name: str
    numeric: tuple[NumericColumn, ...] = ()
    codes: Mapping[str, int] = field(default_factory=dict)


INTERCEPT = DesignColumn("Intercept")


class CrossProducts:
    """The products of all terms of these shapes, and of each with the constant."""

    def __init__(self, shapes: Iterable[Shape]) -> None:
        distinct: dict[tuple[tuple[str, ...], tuple[str, ...]], Shape] = {}
        for shape in (CONSTANT, *shapes):
            distinct.setdefault((_names(shape.numeric), _names(shape.categorical)), shape)
        self._shapes = tuple(distinct.values())
        self._columns = {column.name: column for shape in self._shapes for column in shape.categorical}

    def request(self, families: Families) -> None:
        """Ask for the cells. Raises PlanTooComplex."""
        for left, right in combinations_with_replacement(self._shapes, 2):
            names = {column.name for column in (*left.categorical, *right.categorical)}
            families.together(_summand((*left.numeric, *right.numeric)), families.grid(self._grid(names)))

    def product(self, answer: Answer, left: DesignColumn, right: DesignColumn) -> Fraction:
        """The sum over rows of left times right, exactly. Raises Withheld."""
        codes = dict(left.codes)
        if any(codes.setdefault(name, code) != code for name, code in right.codes.items()):
            return Fraction(0)
        numeric = (*left.numeric, *right.numeric)
        return Fraction(self._cell(answer, _summand(numeric), codes), 10 ** sum(column.scale for column in numeric))

    def rows(self, answer: Answer, codes: Mapping[str, int]) -> int:
        """How many rows have these codes, of columns that some term has together. Raises Withheld."""
        return self._cell(answer, ROWS, codes)

    def _cell(self, answer: Answer, summand: Summand, codes: Mapping[str, int]) -> int:
        place = 0
        for name in sorted(codes):
            place = place * self._columns[name].size + codes[name]
        cell = answer.cells(summand, self._grid(codes))[place]
        if cell is None:
            raise Withheld(*_small(sorted(codes)))
        return cell

    def _grid(self, names: Iterable[str]) -> Grid:
        columns = (self._columns[name] for name in sorted(names))
        return tuple(plain_group(column, CodeSet(((0, column.size),), False)) for column in columns)


def count_rows(answer: Answer) -> int:
    """How many rows count. Raises Withheld, and Undefined if there are none."""
    rows = answer.cell(ROWS)
    if rows == 0:
        raise Undefined("there is no row in which all columns have values")
    return rows


def _small(categorical: Sequence[str]) -> list[str]:
    """Which table of categories is withheld: opened whole or not at all, it does not show which of its cells is small."""
    if not categorical:
        return []
    of = "value" if len(categorical) == 1 else "combination"
    return [
        f"a {of} of {' and '.join(categorical)} has too few rows: see COUNT(*) with GROUP BY {', '.join(categorical)}, "
        "and exclude it with WHERE"
    ]


def _names(columns: Iterable[Column]) -> tuple[str, ...]:
    return tuple(sorted(column.name for column in columns))


def _summand(numeric: Iterable[Column]) -> Summand:
    return Summand(tuple(Value(name) for name in _names(numeric)))

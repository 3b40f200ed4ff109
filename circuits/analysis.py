"""A whole analysis as one statistic: what it takes, which cells it needs, and how it is finished from them.

An analysis stands alone in the SELECT list, for example `SELECT TTEST(bmi, sex) FROM survey WHERE age >= 18`. Each is one
file under `circuits/statistics/`; `circuits/catalogue.py` lists them. Specification: docs/spec/04-queries.md, "Analyses".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from circuits.cells import Grid
from circuits.columns import Column
from circuits.families import Families, keys_of
from circuits.result import ResultTable
from circuits.schema import Schema
from circuits.search import Bracket, Search
from circuits.summand import ROWS, Summand


class Kind(StrEnum):
    """What an argument is."""

    COLUMN = "a column"
    NUMERIC = "an integer or decimal column"
    DISCRETE = "a category, boolean or small integer column"
    BOOLEAN = "a boolean column, or one of two values"
    NUMBER = "a number"
    TEXT = "a text in quotes"


Read = Column | Decimal | str | None


@dataclass(frozen=True)
class Parameter:
    """One argument of an analysis.

    Attributes:
        repeated: takes all the arguments that are left, at least one; only the last parameter is.
    """

    name: str
    kind: Kind
    description: str
    optional: bool = False
    repeated: bool = False


@dataclass(frozen=True)
class Arguments:
    """The arguments of one call, by the names of the parameters, of their kinds."""

    values: Mapping[str, Read | tuple[Read, ...]]

    def column(self, name: str) -> Column:
        """A column that must be given."""
        value = self.values[name]
        if value is None or isinstance(value, str | Decimal | tuple):
            raise TypeError(f"{name} is no column")
        return value

    def optional_column(self, name: str) -> Column | None:
        """A column, or None if it was left out."""
        return None if self.values.get(name) is None else self.column(name)

    def columns(self, name: str) -> tuple[Column, ...]:
        """The columns of a repeated parameter."""
        values = self.values[name]
        if not isinstance(values, tuple):
            raise TypeError(f"{name} is not repeated")
        return tuple(value for value in values if value is not None and not isinstance(value, str | Decimal))

    def number(self, name: str, default: Decimal | int | None = None) -> Decimal:
        """A number, or the default if it was left out."""
        value = self.values.get(name)
        if value is None and default is not None:
            return Decimal(default)
        if not isinstance(value, Decimal):
            raise TypeError(f"{name} is no number")
        return value

    def numbers(self, name: str) -> tuple[Decimal, ...]:
        """The numbers of a repeated parameter; none if it was left out."""
        values = self.values.get(name)
        return tuple(value for value in values if isinstance(value, Decimal)) if isinstance(values, tuple) else ()

    def text(self, name: str, default: str = "") -> str:
        """A text, or the default if it was left out."""
        value = self.values.get(name)
        return value if isinstance(value, str) else default


class Withheld(Exception):
    """A cell that the analysis cannot do without was not opened, because its cohort is too small.

    An argument, if there is one, says which, for people.
    """


class Undefined(Exception):
    """The statistic does not exist for these data; the argument says why, for people."""


class Answer:
    """The opened cells of an analysis.

    Args:
        groups: the grid of GROUP BY.
        opened: the cells of the family of each summand, by grid.
        brackets: for each search of the analysis, what was found, by group.
    """

    def __init__(
        self,
        groups: Grid,
        opened: Mapping[tuple[Grid, Summand], Sequence[int | None]],
        brackets: Sequence[Mapping[int, tuple[Bracket, ...]]] = (),
    ) -> None:
        self.groups = groups
        self._opened = opened
        self.brackets = brackets

    def cells(self, summand: Summand = ROWS, grid: Grid | None = None) -> Sequence[int | None]:
        """The cells of a summand in the order of the keys of its grid, None where not opened.

        Args:
            grid: None is that of GROUP BY.
        """
        return self._opened[self.groups if grid is None else grid, summand]

    def table(self, summand: Summand = ROWS, grid: Grid | None = None) -> dict[tuple[object, ...], int | None]:
        """The same by key."""
        axes = self.groups if grid is None else grid
        return dict(zip(keys_of(axes), self.cells(summand, axes), strict=True))

    def cell(self, summand: Summand = ROWS) -> int:
        """The one cell of a summand without GROUP BY. Raises Withheld."""
        return shown(self.cells(summand)[0])


def shown(cell: int | None) -> int:
    """A cell that must be opened. Raises Withheld."""
    if cell is None:
        raise Withheld
    return cell


class Prepared(Protocol):
    """An analysis with its arguments."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it reads."""

    @property
    def known(self) -> tuple[str, ...]:
        """The columns of complete cases: rows where one of them is NULL do not count."""

    def request(self, families: Families) -> tuple[Search, ...]:
        """Ask for its cells, and begin its searches. Raises PlanTooComplex."""

    def finish(self, answer: Answer) -> ResultTable:
        """The result. Raises Withheld, Undefined."""


@dataclass(frozen=True)
class Analysis:
    """One entry of the catalogue.

    Attributes:
        name: in SQL, in capitals.
        kind: of its results, which tells how they are drawn.
        prepare: reads arguments that are of their parameters' kinds; raises QueryType, QueryUnsupported, QueryUnknownName.
        grouped: whether GROUP BY may stand beside it.
        opens_total: whether the number of all rows of a group is opened. Not, where parts of it may be withheld: one part
            that is withheld would follow from the total.
        formula, source, revealed, limits: for the generated documentation, Markdown.
        example: a call, in the form of the client.
    """

    name: str
    title: str
    kind: str
    parameters: tuple[Parameter, ...]
    prepare: Callable[[Arguments, Schema, tuple[str, ...]], Prepared]
    formula: str
    source: str
    revealed: str
    limits: str
    example: str
    grouped: bool = False
    opens_total: bool = True

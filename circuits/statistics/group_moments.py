"""Count, mean and variance of a numeric column in each group: what t-test and analysis of variance start from."""

from dataclasses import dataclass
from fractions import Fraction

from circuits.analysis import Answer, Undefined
from circuits.columns import Column, DecimalColumn, IntegerColumn
from circuits.columns import Value as Key
from circuits.families import Families
from circuits.result import Cell
from circuits.statistics.complete_cases import all_shown, values_of
from circuits.statistics.intervals import wald
from circuits.statistics.roots import root
from circuits.summand import ROWS, Summand, Value


@dataclass(frozen=True)
class GroupMoments:
    """One group that has rows.

    Attributes:
        mean: of the values.
        squares: the sum of the squared deviations from it.
    """

    value: Key | None
    count: int
    mean: Fraction
    squares: Fraction

    @property
    def variance(self) -> Fraction:
        """Of a sample, with count - 1 below; two rows are needed."""
        return self.squares / (self.count - 1)

    @property
    def row(self) -> tuple[Cell, ...]:
        """As `group_columns` says; a single row has no deviation and no interval."""
        if self.count == 1:
            return (self.value, 1, float(self.mean), None, None, None)
        interval = wald(self.mean, self.variance / self.count, Fraction(self.count - 1))
        return (self.value, self.count, float(self.mean), *interval, root(self.variance))


def group_columns(by: Column) -> tuple[tuple[str, str], ...]:
    """The columns of a table of groups; the estimate is the mean, with Student's interval."""
    numbers = ("estimate", "low", "high", "standard_deviation")
    return (("group", by.type), ("count", "integer"), *((name, "number") for name in numbers))


def request_moments(families: Families, value: Column, by: Column) -> None:
    """Ask for the cells; all groups are opened or none. Raises PlanTooComplex."""
    grid = families.grid((values_of(by),))
    for summand in _summands(value):
        families.together(summand, grid)


def moments_of(answer: Answer, value: IntegerColumn | DecimalColumn, by: Column) -> tuple[GroupMoments, ...]:
    """The groups that have rows, in the order of their values. Raises Withheld, Undefined."""
    grid = (values_of(by),)
    unit = 10**value.scale
    found = []
    cells = (all_shown(answer.cells(summand, grid), by) for summand in _summands(value))
    for key, count, total, squares in zip(grid[0].values, *cells, strict=True):
        if count > 0:
            mean = Fraction(total, count * unit)
            found.append(GroupMoments(key, count, mean, Fraction(squares, unit * unit) - count * mean * mean))
    if not found:
        raise Undefined(f"no row has a value of {value.name} and {by.name}")
    return tuple(found)


def _summands(value: Column) -> tuple[Summand, ...]:
    factor = Value(value.name)
    return ROWS, Summand((factor,)), Summand((factor, factor))

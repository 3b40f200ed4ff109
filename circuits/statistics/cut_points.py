"""Numbers of people below the cut points of a column, opened as finely as the minimum cohort allows.

The cut points stand in a balanced binary tree: the middle one first, then those in the middle of either side, and so on. A
cut point c has two coarser neighbours a < c < b, or the ends of the column. What is counted below c is opened only if at
least the minimum cohort of everything protected lies in [a, c), and in [c, b). So between any two cut points that are opened
there are that many: of the two, the finer one has the other, or a point in between, as a neighbour. Where people are many the
opened cut points are dense, where they are few a step is wide. What is counted in all is opened only if there are enough of
everything protected, too: nothing that is closed follows from what is opened. With a minimum of 1 every cut point is opened.

The counts of [a, c) and [c, b) are cells of the plan that are never opened themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from circuits.analysis import Answer
from circuits.cells import NEVER_OPENED, Bins, Cohort, Grid, Group, Protection
from circuits.codeset import CodeSet
from circuits.columns import Column
from circuits.families import Families, keys_of
from circuits.summand import Summand

SIDES: Final = 2  # of a cut point


@dataclass(frozen=True)
class Step:
    """What lies between two opened cut points.

    Attributes:
        low, high: codes in [low, high).
        counts: how many there are, of each thing that is counted.
        below: how many there are with smaller codes.
    """

    low: int
    high: int
    counts: tuple[int, ...]
    below: tuple[int, ...]

    @property
    def upto(self) -> tuple[int, ...]:
        """How many there are with codes below `high`."""
        return tuple(before + own for before, own in zip(self.below, self.counts, strict=True))


@dataclass(frozen=True)
class CutPoints:
    """Counts below the cut points of one column in each group.

    Attributes:
        bounds: 0, the cut points, and the size of the column, ascending.
        groups: the grid of the groups.
        counted: what is counted, or added up.
        protected: those of which a step has at least the minimum cohort; of others it may have fewer.
    """

    column: Column
    bounds: tuple[int, ...]
    groups: tuple[Group, ...]
    counted: tuple[Summand, ...]
    protected: tuple[Summand, ...]

    @staticmethod
    def cells(groups: int, bins: int, counted: int, protected: int) -> int:
        """How many cells are needed."""
        return groups * (bins - 1) * (counted + SIDES * protected) + groups * (counted + protected) + 2

    def request(self, families: Families) -> None:
        """Ask for the cells. Raises PlanTooComplex."""
        whole = self._protection(families, self.groups)
        for summand in self.counted:
            families.family(summand, families.grid(self.groups), cohorts=whole)
        if len(self.bounds) <= 2:
            return
        sides = [self._protection(families, (*self.groups, side)) for side in (self._left, self._right)]
        # After the hidden ones: of a single cut point, what is on its left is what is below it.
        for summand in self.counted:
            families.family(summand, families.grid(self._below), cohorts=[*sides[0], *sides[1]])

    def _protection(self, families: Families, axes: Grid) -> list[Cohort]:
        """Counts of what is protected, never opened themselves, to protect others."""
        grid = families.grid(axes)
        protectors = [families.family(summand, grid, cohorts=[NEVER_OPENED]) for summand in self.protected]
        return [Cohort(Protection.SUPPORT, families.first(family)) for family in protectors]

    def steps(self, answer: Answer) -> Iterator[tuple[tuple[object, ...], tuple[Step, ...] | None]]:
        """For each group its steps, which cover the column; None if what is counted in all is not opened."""
        totals = [answer.cells(summand, self.groups) for summand in self.counted]
        inner = len(self.bounds) - 2
        below = [answer.cells(summand, self._below) for summand in self.counted] if inner else []
        for group, key in enumerate(keys_of(self.groups)):
            total = [cells[group] for cells in totals]
            opened = [
                (bound, [cells[group * inner + place] for cells in below]) for place, bound in enumerate(self.bounds[1:-1])
            ]
            yield key, self._steps([*opened, (self.bounds[-1], total)])

    def _steps(self, points: Sequence[tuple[int, Sequence[int | None]]]) -> tuple[Step, ...] | None:
        steps: list[Step] = []
        low, before = 0, (0,) * len(self.counted)
        for bound, cells in points:
            counts = tuple(cell for cell in cells if cell is not None)
            if len(counts) == len(cells):
                steps.append(Step(low, bound, tuple(b - a for a, b in zip(before, counts, strict=True)), before))
                low, before = bound, counts
        return tuple(steps) if low == self.bounds[-1] else None

    @cached_property
    def _below(self) -> Grid:
        return (*self.groups, self._bins([(0, bound) for bound in self.bounds[1:-1]]))

    @cached_property
    def _left(self) -> Bins:
        return self._bins([(low, cut) for low, cut, _ in self._neighbours])

    @cached_property
    def _right(self) -> Bins:
        return self._bins([(cut, high) for _, cut, high in self._neighbours])

    @cached_property
    def _neighbours(self) -> list[tuple[int, int, int]]:
        """Each cut point, ascending, between its coarser neighbours."""
        found: list[tuple[int, int, int]] = []
        open_ranges = [(0, len(self.bounds) - 1)]
        while open_ranges:
            low, high = open_ranges.pop()
            middle = (low + high) // 2
            if middle > low:
                found.append((self.bounds[low], self.bounds[middle], self.bounds[high]))
                open_ranges += [(low, middle), (middle, high)]
        return sorted(found, key=lambda neighbours: neighbours[1])

    def _bins(self, intervals: Sequence[tuple[int, int]]) -> Bins:
        column = self.column
        sets = tuple(CodeSet((interval,), False) for interval in intervals)
        values = tuple((column.value(low), column.value(high - 1)) for low, high in intervals)
        return Bins(column.name, column.digits, column.size, sets, values)

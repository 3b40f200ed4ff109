"""Order statistics, found digit by digit: a round opens counts of values below some bounds, and the next looks closer.

A *bracket* is what is known of one order statistic of one group: its code is in [low, high). A round opens, for each bracket
that is still wide, how many values of the group are below each multiple of the next digit's weight inside it. The bracket of
rank k then shrinks to the one piece whose count below its lower end is less than k, and below its upper end at least k.

Counts that would tell about fewer than the minimum cohort at either end of the distribution are not opened; counts are
monotone, so the closed ones are known to be below all opened ones or above them. Specification: docs/spec/04-queries.md,
section "Order statistics".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final

from circuits.cells import Bins, Cohort, Group, Protection
from circuits.codeset import CodeSet
from circuits.columns import Column
from circuits.errors import PlanTooComplex
from circuits.families import Families, keys_of
from circuits.summand import ROWS, Known, Summand, Within

MAX_BRACKETS: Final = 64  # of all searches that take several rounds: each is a condition of its own in the next round
PIECES: Final = 128  # a round cuts a bracket into at most so many
MAX_PIECES: Final = 1024  # of all groups together, in a round that looks for where the values are
FINER: Final = 16


@dataclass(frozen=True)
class Quantile:
    """A point of the distribution of n values: between the values of rank floor(h) and ceil(h), h = 1 + (n - 1) q.

    Attributes:
        fraction: q, 0 to 1.
        interpolated: False takes the value of rank max(1, ceil(n q)) instead, which is a value of the table.
    """

    fraction: Fraction
    interpolated: bool

    def ranks(self, count: int) -> tuple[int, ...]:
        """The ranks that are needed, from 1, ascending."""
        if not self.interpolated:
            return (max(1, -(-count * self.fraction // 1)),)
        place = 1 + (count - 1) * self.fraction
        low = place // 1
        return (low,) if place == low else (low, low + 1)

    def weight(self, count: int) -> Fraction:
        """How far the point is from the lower rank to the upper."""
        return ((count - 1) * self.fraction) % 1 if self.interpolated else Fraction(0)


@dataclass(frozen=True)
class Bracket:
    """What is known of one order statistic.

    Attributes:
        rank: from 1.
        low, high: its code is in [low, high).
        below, upto: how many values have codes below `low`, and below `high`; None if that was not opened.
        spacing: that of the bounds at which it is cut next.
        settled: nothing more will be opened: it is found, or looking closer would tell about too few.
    """

    rank: int
    low: int
    high: int
    below: int | None
    upto: int | None
    spacing: int
    settled: bool

    def canonical(self) -> list[Any]:
        return [self.rank, self.low, self.high, self.below, self.upto, self.spacing, self.settled]

    @property
    def code(self) -> int | None:
        """The code, if it is found."""
        return self.low if self.high == self.low + 1 else None


@dataclass(frozen=True)
class Step:
    """Counts opened in one round: for each key of `grid`'s last axis, the values below a bound.

    Attributes:
        group: the group that they are about; None for all groups, one after the other.
        low, high: the bracket that they cut.
        spacing: of the bounds.
        bounds: ascending, within (low, high).
        first: index of the first cell.
    """

    group: int | None
    low: int
    high: int
    spacing: int
    bounds: tuple[int, ...]
    first: int

    def canonical(self) -> list[Any]:
        return [self.group, self.low, self.high, self.spacing, list(self.bounds), self.first]


@dataclass(frozen=True)
class Search:
    """The search for some quantiles of one column in every group.

    Attributes:
        disclosive: whether the ends of the distribution are opened too (MIN, MAX).
        count: index of the first cell of the number of values of each group.
        groups: how many groups there are.
        steps: what this round opens for it.
        brackets: what earlier rounds have found, by group.
    """

    column: Column
    quantiles: tuple[Quantile, ...]
    disclosive: bool
    count: int
    groups: int
    steps: tuple[Step, ...]
    brackets: Mapping[int, tuple[Bracket, ...]] = field(default_factory=dict)

    def canonical(self) -> dict[str, Any]:
        points = [[str(quantile.fraction), quantile.interpolated] for quantile in self.quantiles]
        return {
            "column": self.column.name,
            "quantiles": points,
            "disclosive": self.disclosive,
            "steps": [step.canonical() for step in self.steps],
            "brackets": [
                [group, [bracket.canonical() for bracket in brackets]] for group, brackets in sorted(self.brackets.items())
            ],
        }

    def found(self, cells: Sequence[int | None], minimum: int) -> dict[int, tuple[Bracket, ...]]:
        """The brackets of every group after this round; groups whose number of values is not opened, or 0, have none."""
        known = dict(self.brackets)
        for step in self.steps:
            for group in range(self.groups) if step.group is None else [step.group]:
                count = cells[self.count + group]
                if not count:
                    # After the first round that is no sum over the same tables; the search ends all the same.
                    known[group] = tuple(replace(bracket, settled=True) for bracket in known.get(group, ()))
                    continue
                first = step.first + (group * len(step.bounds) if step.group is None else 0)
                counts = cells[first : first + len(step.bounds)]
                before = known.get(group) or self._start(count, minimum)
                known[group] = tuple(
                    self._narrowed(bracket, step, counts, minimum)
                    if not bracket.settled
                    and (bracket.low, bracket.high, bracket.spacing) == (step.low, step.high, step.spacing)
                    else bracket
                    for bracket in before
                )
        return known

    def _start(self, count: int, minimum: int) -> tuple[Bracket, ...]:
        ranks = sorted({rank for quantile in self.quantiles for rank in quantile.ranks(count)})
        size = self.column.size
        closed = [size == 1 or not self._allowed(rank, count, minimum) for rank in ranks]
        spacing = spacing_of(self.column, size)
        return tuple(Bracket(rank, 0, size, 0, count, spacing, settled) for rank, settled in zip(ranks, closed, strict=True))

    def _allowed(self, rank: int, count: int, minimum: int) -> bool:
        # At these ranks every closed count is known to be on one side.
        return self.disclosive or minimum <= 1 or minimum <= rank <= count - minimum + 1

    def _narrowed(self, bracket: Bracket, step: Step, counts: Sequence[int | None], minimum: int) -> Bracket:
        opened = [place for place, count in enumerate(counts) if count is not None]
        if not opened:
            # Nearly all values are in one piece, and which one is not told: look everywhere, closer.
            finer = bracket.spacing // FINER
            wide = finer == 0 or (bracket.high - bracket.low) * self.groups > finer * MAX_PIECES
            return replace(bracket, spacing=max(finer, 1), settled=bracket.spacing == 1 or wide)
        bounds = (bracket.low, *step.bounds, bracket.high)
        known = (bracket.below, *counts, bracket.upto)
        # Closed counts before the first opened one are too small for the rank, those after the last one are not.
        above = next((place for place in opened if (counts[place] or 0) >= bracket.rank), opened[-1] + 1)
        low, high = above, above + 1  # in `bounds`
        population = (known[high] or 0) - (known[low] or 0)
        small = not self.disclosive and known[low] is not None and known[high] is not None and population < minimum
        return Bracket(
            bracket.rank,
            bounds[low],
            bounds[high],
            known[low],
            known[high],
            spacing_of(self.column, bounds[high] - bounds[low]),
            settled=small or bounds[high] == bounds[low] + 1,
        )


def begin(families: Families, column: Column, quantiles: tuple[Quantile, ...], *, disclosive: bool) -> Search:
    """The first round of a search: counts below each value of the leading digit, in every group."""
    count = families.first(families.family(Summand((Known(column.name),))))
    groups = len(keys_of(families.groups))
    # Later rounds have a factor for each digit, also where this one needs fewer: what begins can be finished.
    families.check_factors([*(families.schema.column(group.column) for group in families.groups), column])
    spacing = spacing_of(column, column.size)
    bounds, first = _bounds(0, column.size, spacing), 0
    if bounds:
        protection = Protection.TOTAL if disclosive else Protection.TAILS
        grid = families.grid((*families.groups, _below(column, bounds)))
        first = families.first(families.family(ROWS, grid, cohorts=[Cohort(protection, count, len(bounds))]))
    return Search(column, quantiles, disclosive, count, groups, (Step(None, 0, column.size, spacing, bounds, first),))


def check_size(searches: Sequence[Search]) -> None:
    """Check that whatever the first round opens, the next can be asked. Raises PlanTooComplex."""
    brackets = sum(search.groups * 2 * len(search.quantiles) for search in searches if rounds_of(search.column) > 1)
    if brackets > MAX_BRACKETS:
        raise PlanTooComplex(
            "these are too many groups and quantiles to search at once",
            hint=f"at most {MAX_BRACKETS // 2} groups times quantiles: GROUP BY fewer values, or restrict them with WHERE",
        )


def proceed(families: Families, search: Search, brackets: Mapping[int, tuple[Bracket, ...]]) -> Search:
    """The next round of a search: counts inside the brackets that are still wide."""
    column = search.column
    count = families.first(families.family(Summand((Known(column.name),))))
    protection = Protection.TOTAL if search.disclosive else Protection.TAILS
    keys = keys_of(families.groups)
    steps = []
    for group in sorted(brackets):
        for low, high, spacing in sorted({(b.low, b.high, b.spacing) for b in brackets[group] if not b.settled}):
            bounds = _bounds(low, high, spacing)
            grid = families.grid((_below(column, bounds),))
            cohorts = [Cohort(protection, count + group, len(bounds))]
            within = _group_condition(families.groups, keys[group])
            family = families.family(ROWS, grid, within=within, cohorts=cohorts)
            steps.append(Step(group, low, high, spacing, bounds, families.first(family)))
    return replace(search, count=count, steps=tuple(steps), brackets=dict(brackets))


def spacing_of(column: Column, width: int) -> int:
    """The smallest weight of a digit that cuts so many codes into at most PIECES pieces."""
    return next((digit.weight for digit in column.digits if digit.weight * PIECES >= width), column.digits[-1].weight)


def rounds_of(column: Column) -> int:
    """In how many rounds a value of the column is found, if none has to look everywhere."""
    rounds, width = 1, spacing_of(column, column.size)
    while width > 1:
        rounds, width = rounds + 1, spacing_of(column, width)
    return rounds


def _bounds(low: int, high: int, spacing: int) -> tuple[int, ...]:
    """The multiples of `spacing` in (low, high)."""
    return tuple(range((low // spacing + 1) * spacing, high, spacing))


def _below(column: Column, bounds: Sequence[int]) -> Bins:
    sets = tuple(CodeSet(((0, bound),), False) for bound in bounds)
    values = tuple((column.value(0), column.value(bound - 1)) for bound in bounds)
    return Bins(column.name, column.digits, column.size, sets, values)


def _group_condition(groups: Sequence[Group], key: Sequence[object]) -> Summand:
    """1 for the rows of one group."""
    factors = []
    for group, value in zip(groups, key, strict=True):
        place = group.values.index(value)
        codes = CodeSet((), True) if value is None else CodeSet(((group.codes[place], group.codes[place] + 1),), False)
        factors.append(Within(group.column, codes))
    return Summand(tuple(factors))

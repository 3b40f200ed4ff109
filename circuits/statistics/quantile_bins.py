"""QUANTILES(column, [k]): the k - 1 values that cut a column into k parts of about equal size, and how many are in each part.

The cut points are those of QUANTILE(column, i/k), exactly, found digit by digit (`circuits/search.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined, Withheld
from circuits.cells import Group
from circuits.columns import DecimalColumn, IntegerColumn
from circuits.columns import Value as ColumnValue
from circuits.errors import QueryType
from circuits.families import Families, keys_of
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Bracket, Quantile, Search, begin
from circuits.summand import Known, Summand, numeric_column

Key = tuple[ColumnValue | None, ...]

DEFAULT_PARTS: Final = 4
MAX_PARTS: Final = 20


@dataclass(frozen=True)
class QuantileBins:
    """Parts of about equal size, in each group."""

    column: IntegerColumn | DecimalColumn
    parts: int

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column.name,)

    @property
    def known(self) -> tuple[str, ...]:
        return ()

    def request(self, families: Families) -> tuple[Search, ...]:
        return (begin(families, self.column, self._quantiles, disclosive=False),)

    def finish(self, answer: Answer) -> ResultTable:
        rows: list[tuple[Cell, ...]] = []
        suppressed: list[Key] = []
        withheld: list[tuple[Key, str]] = []
        notes: list[str] = []
        counts = answer.cells(Summand((Known(self.column.name),)))
        for group, (values, count) in enumerate(zip(keys_of(answer.groups), counts, strict=True)):
            key: Key = values  # type: ignore[assignment]  # plain groups have plain values
            if count is None:
                suppressed += [(*key, place + 1) for place in range(self.parts)]
            elif count:
                cuts = self._cuts(count, answer.brackets[0].get(group, ()))
                for place, (low, high, between) in enumerate(_parts(cuts, count)):
                    own = (*key, place + 1)
                    rows.append((*own, self._value(low), self._value(high), between))
                    hidden = {"low": not low.known, "high": not high.known, "count": between is None}
                    withheld += [(own, name) for name, closed in hidden.items() if closed]
                notes += self._notes(cuts, key)
        if not rows and not answer.groups:
            if suppressed:
                raise Withheld
            raise Undefined(f"{self.column.name} has no values")
        kind = self.column.type
        header = (*((axis.column, axis.type) for axis in answer.groups if isinstance(axis, Group)), ("bin", "integer"))
        columns = (*header, ("low", kind), ("high", kind), ("count", "integer"))
        return ResultTable(columns, header, tuple(rows), tuple(suppressed), tuple(withheld), "quantiles", (), tuple(notes))

    @property
    def _quantiles(self) -> tuple[Quantile, ...]:
        return tuple(Quantile(Fraction(place, self.parts), interpolated=False) for place in range(1, self.parts))

    def _cuts(self, count: int, brackets: Sequence[Bracket]) -> list[Bracket]:
        by_rank = {bracket.rank: bracket for bracket in brackets}
        return [by_rank[quantile.ranks(count)[0]] for quantile in self._quantiles]

    def _value(self, cut: "_Cut") -> Cell:
        return None if cut.code is None else self.column.value(cut.code)

    def _notes(self, cuts: Sequence[Bracket], key: Key) -> list[str]:
        of = f" of group {', '.join(map(str, key))}" if key else ""
        return [
            f"cut point {place + 1}{of} lies between {self.column.value(cut.low)} and {self.column.value(cut.high - 1)}: "
            "closer, too few people are behind it"
            for place, cut in enumerate(cuts)
            if cut.code is None
        ]


@dataclass(frozen=True)
class _Cut:
    """A cut point, or an end of the column, which has no code.

    Attributes:
        upto: how many values are at most there.
        known: False if it is withheld.
    """

    code: int | None
    upto: int | None
    known: bool = True


def _parts(brackets: Sequence[Bracket], count: int) -> list[tuple[_Cut, _Cut, int | None]]:
    """Each part between two cut points, and how many values are in it; None where that is not opened."""
    inner = [
        _Cut(bracket.code, bracket.upto if bracket.code is not None else None, bracket.code is not None)
        for bracket in brackets
    ]
    return [
        (low, high, None if low.upto is None or high.upto is None else high.upto - low.upto)
        for low, high in pairwise([_Cut(None, 0), *inner, _Cut(None, count)])
    ]


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> QuantileBins:
    parts = arguments.number("k", DEFAULT_PARTS)
    if parts != int(parts) or not 2 <= parts <= MAX_PARTS:
        raise QueryType(f"QUANTILES takes a whole number of parts, 2 to {MAX_PARTS}")
    return QuantileBins(numeric_column(arguments.column("column")), int(parts))


QUANTILES = Analysis(
    name="QUANTILES",
    title="Quantile bins",
    kind="quantiles",
    parameters=(
        Parameter("column", Kind.NUMERIC, "what is cut"),
        Parameter("k", Kind.NUMBER, "into how many parts of about equal size (4)", optional=True),
    ),
    prepare=_prepare,
    formula=(
        "Cut point i of n values is the one of rank ceil(n i / k). Part i has the values above cut point i - 1 and up to cut "
        "point i; equal values are in one part, so that parts may differ in size."
    ),
    source="Hyndman and Fan (1996), definition 1.",
    revealed=(
        "How many values are below some bounds, digit by digit around each cut point, as for QUANTILE; not where fewer than "
        "the minimum cohort would be on one side."
    ),
    limits=(
        "A column of more than 256 values: at most 32 cut points over all groups. The smallest and the largest value stay "
        "closed."
    ),
    example='client.quantiles("bmi", k=5, by="sex")',
    grouped=True,
)

"""The parts of a plan: forms, terms, groups, families of cells and output columns. Specification: docs/spec/04-queries.md."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from circuits.codeset import CodeSet
from circuits.columns import Digit, Value
from circuits.query import Function
from circuits.statistics.roles import Role
from circuits.summand import Summand


@dataclass(frozen=True)
class Form:
    """phi(x) = constant * present(x) + sum_{d,t} weights[d][t] * b[d,t](x).

    Attributes:
        digits: (digit name, one weight for each of its values), in the order of the schema.
    """

    constant: int
    digits: tuple[tuple[str, tuple[int, ...]], ...]

    def bound(self) -> int:
        """The largest |phi(x)| of any row that is one-hot in every digit."""
        low = high = self.constant
        for _, weights in self.digits:
            low, high = low + min(0, *weights), high + max(0, *weights)
        return max(abs(low), abs(high))

    def canonical(self) -> dict[str, Any]:
        return {"constant": self.constant, "digits": [[name, list(weights)] for name, weights in self.digits]}


@dataclass(frozen=True)
class Term:
    """`coefficient` times the product of the forms with these indices in `Plan.forms`; an index twice is a square."""

    coefficient: int
    factors: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """One GROUP BY column. A row belongs to the key whose code it has.

    The indicator of code c is prod_d b[d, t_d](x) over its digits, c = sum_d t_d weight_d; that of NULL is
    prod_d (present - sum_t b[d,t])(x).

    Attributes:
        digits: the digits of the column, least significant first.
        codes: the codes that have a cell, ascending; a column of one digit leaves out codes that WHERE excludes.
        null: whether NULL has a cell; it comes last.
        values: the values of the keys in the order of the cells, None for NULL.
        type: the type of the column.
    """

    column: str
    digits: tuple[Digit, ...]
    codes: tuple[int, ...]
    null: bool
    values: tuple[Value | None, ...]
    type: str

    def canonical(self) -> dict[str, Any]:
        digits = [[digit.name, digit.values, digit.weight] for digit in self.digits]
        return {"column": self.column, "digits": digits, "codes": list(self.codes), "null": self.null}


Interval = tuple[Value, Value]  # the smallest and the largest value of a bin


@dataclass(frozen=True)
class Bins:
    """Keys that are sets of codes of one column. Sets may overlap: a row is counted in each that it belongs to.

    Attributes:
        digits: the digits of the column, least significant first.
        size: how many codes the column has.
        sets: one a key.
        values: the smallest and the largest value of each key; None for a key that is NULL.
    """

    column: str
    digits: tuple[Digit, ...]
    size: int
    sets: tuple[CodeSet, ...]
    values: tuple[Interval | None, ...]

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where codes may change keys: 0 and every end of an interval, ascending. NULL comes after the last piece."""
        return tuple(sorted({0, *(bound for codes in self.sets for interval in codes.intervals for bound in interval)}))

    @cached_property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """For each key, the pieces between `starts` that it consists of; piece `len(starts)` is NULL."""
        index = {start: piece for piece, start in enumerate(self.starts)}
        return tuple(
            (
                *(piece for low, high in codes.intervals for piece in range(index[low], index[high])),
                *([len(self.starts)] if codes.null else []),
            )
            for codes in self.sets
        )

    def canonical(self) -> dict[str, Any]:
        digits = [[digit.name, digit.values, digit.weight] for digit in self.digits]
        sets = [[[list(interval) for interval in codes.intervals], codes.null] for codes in self.sets]
        return {"column": self.column, "digits": digits, "size": self.size, "sets": sets}


Grid = tuple[Group | Bins, ...]  # one cell for each combination of keys, the first axis most significant


class Protection(StrEnum):
    """When a cell may be opened."""

    SUPPORT = "support"  # enough rows behind it
    TAILS = "tails"  # enough rows below and above: the cell counts those below, `base` all
    TOTAL = "total"  # enough rows in all, of which the cell may say something about one: disclosive
    NEVER = "never"  # it is not opened at all: it protects others


@dataclass(frozen=True)
class Cohort:
    """What must reach the minimum cohort before the cells of a family may be opened.

    Attributes:
        base: index of the first cell of the counts that protect the family; no matter if it is never opened.
        stride: cell k of the family is protected by count base + k // stride.
    """

    protection: Protection
    base: int
    stride: int = 1

    def canonical(self) -> list[Any]:
        return [str(self.protection), self.base, self.stride]


NEVER_OPENED = Cohort(Protection.NEVER, 0)


@dataclass(frozen=True)
class CellFamily:
    """One polynomial and its cells, one for each combination of the keys of a grid.

    Attributes:
        summand: what is summed over the rows that count.
        grid: index in `Plan.grids`.
        first: index of the first cell.
        cells: how many cells it has.
        bound_per_row: the largest magnitude of what one row adds to a cell.
        cohorts: each must be large enough.
    """

    summand: Summand
    grid: int
    first: int
    cells: int
    terms: tuple[Term, ...]
    bound_per_row: int
    cohorts: tuple[Cohort, ...]

    @property
    def role(self) -> Role:
        """The summand in the terms of SQL's aggregates."""
        return Role.of(self.summand)

    @property
    def column(self) -> str | None:
        """The columns of the summand, None for rows."""
        return " * ".join(self.summand.columns) or None

    def canonical(self) -> dict[str, Any]:
        return {
            "summand": str(self.summand),
            "grid": self.grid,
            "first": self.first,
            "cells": self.cells,
            "terms": [[term.coefficient, list(term.factors)] for term in self.terms],
            "bound_per_row": str(self.bound_per_row),
            "cohorts": [cohort.canonical() for cohort in self.cohorts],
        }


@dataclass(frozen=True)
class Output:
    """One column of the result.

    Attributes:
        type: category, integer, decimal, boolean or date; `number` for a double.
        function: the aggregate, or None for a group column.
        column: the column of the table; None for COUNT(*).
        group: index in `Plan.groups` for a group column.
        families: for each role that the aggregate needs, the index of the family that carries it.
        low, scale: the integer that code 0 of the column stands for, and the decimal places of its integers.
        other: the second column, of an aggregate of two, with its low and scale.
        search: index in `Plan.searches`, for an aggregate that is searched for round by round.
    """

    name: str
    type: str
    function: Function | None
    column: str | None
    group: int | None
    families: tuple[tuple[Role, int], ...]
    low: int
    scale: int
    other: tuple[str, int, int] | None = None
    search: int | None = None

    def canonical(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "function": None if self.function is None else str(self.function),
            "column": self.column,
            "group": self.group,
            "families": [[str(role), index] for role, index in self.families],
            "low": str(self.low),
            "scale": self.scale,
            "other": None if self.other is None else [self.other[0], str(self.other[1]), self.other[2]],
            "search": self.search,
        }

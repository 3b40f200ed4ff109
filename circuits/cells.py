"""The parts of a plan: forms, terms, groups, families of cells and output columns. Specification: docs/spec/04-queries.md."""

from dataclasses import dataclass
from typing import Any

from circuits.columns import Digit, Value
from circuits.query import Function
from circuits.statistics import Role


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


@dataclass(frozen=True)
class CellFamily:
    """One polynomial and its cells, one for each combination of group keys, the first group column most significant.

    Attributes:
        role: what is summed: rows, rows where `column` is not NULL, its codes, or their squares.
        column: None for rows.
        first: index of the first cell.
        cells: how many cells it has.
        bound_per_row: the most that one row adds to a cell; no row adds less than 0.
    """

    role: Role
    column: str | None
    first: int
    cells: int
    terms: tuple[Term, ...]
    bound_per_row: int

    def canonical(self) -> dict[str, Any]:
        return {
            "role": str(self.role),
            "column": self.column,
            "first": self.first,
            "cells": self.cells,
            "terms": [[term.coefficient, list(term.factors)] for term in self.terms],
            "bound_per_row": str(self.bound_per_row),
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
        low: the integer that code 0 of the column stands for.
        scale: decimal places of the column's integers.
    """

    name: str
    type: str
    function: Function | None
    column: str | None
    group: int | None
    families: tuple[tuple[Role, int], ...]
    low: int
    scale: int

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
        }

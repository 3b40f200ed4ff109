"""The typed query: what is left of SQL after `circuits/sql.py` has accepted it. Specification: `docs/spec/04-queries.md`.

`Query.canonical()` is SQL again, in one normal form; parsing it gives the same `Query`.
"""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Function(StrEnum):
    """Aggregate functions, by their canonical SQL names."""

    COUNT = "COUNT"
    SUM = "SUM"
    AVG = "AVG"
    VAR_SAMP = "VAR_SAMP"
    VAR_POP = "VAR_POP"
    STDDEV_SAMP = "STDDEV_SAMP"
    CORR = "CORR"
    COVAR_SAMP = "COVAR_SAMP"
    COVAR_POP = "COVAR_POP"
    WEIGHTED_AVG = "WEIGHTED_AVG"
    MIN = "MIN"
    MAX = "MAX"
    MEDIAN = "MEDIAN"
    QUANTILE = "QUANTILE"
    QUANTILE_CONT = "QUANTILE_CONT"


class Operator(StrEnum):
    """Comparisons, column on the left."""

    EQ = "="
    NE = "<>"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


NEGATED: Final = {
    Operator.EQ: Operator.NE,
    Operator.NE: Operator.EQ,
    Operator.LT: Operator.GE,
    Operator.GE: Operator.LT,
    Operator.GT: Operator.LE,
    Operator.LE: Operator.GT,
}
MIRRORED: Final = {
    Operator.EQ: Operator.EQ,
    Operator.NE: Operator.NE,
    Operator.LT: Operator.GT,
    Operator.GT: Operator.LT,
    Operator.LE: Operator.GE,
    Operator.GE: Operator.LE,
}

Constant = str | Decimal | bool | datetime.date  # of a category, number, boolean or date column


@dataclass(frozen=True)
class Compare:
    """`column operator constant`; unknown where the column is NULL."""

    column: str
    operator: Operator
    constant: Constant


@dataclass(frozen=True)
class In:
    """`column IN (constants)`; the constants are sorted and differ."""

    column: str
    constants: tuple[Constant, ...]


@dataclass(frozen=True)
class Is:
    """`column IS NULL`, `IS TRUE` or `IS FALSE`; never unknown."""

    column: str
    value: bool | None


@dataclass(frozen=True)
class Not:
    operand: "Predicate"


@dataclass(frozen=True)
class And:
    operands: tuple["Predicate", ...]


@dataclass(frozen=True)
class Or:
    operands: tuple["Predicate", ...]


Predicate = Compare | In | Is | Not | And | Or


@dataclass(frozen=True)
class Aggregate:
    """One aggregate of the SELECT list.

    Attributes:
        column: its argument; None for COUNT(*).
        name: the name of the output column.
        other: its second argument, if that is a column.
        parameter: its second argument, if that is a number.
    """

    function: Function
    column: str | None
    name: str
    other: str | None = None
    parameter: Decimal | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return tuple(column for column in (self.column, self.other) if column is not None)


@dataclass(frozen=True)
class GroupKey:
    """A GROUP BY column of the SELECT list."""

    column: str
    name: str


@dataclass(frozen=True)
class ColumnName:
    """An argument that names a column."""

    name: str


Argument = ColumnName | Constant | None


@dataclass(frozen=True)
class Call:
    """A whole analysis, which stands alone in the SELECT list.

    Attributes:
        name: of the analysis, in capitals.
        arguments: as many as it takes; None for those left out.
    """

    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Query:
    """SELECT `outputs` FROM `dataset` WHERE `where` GROUP BY `group_by`; names are spelled as in the schema.

    Attributes:
        call: the analysis, and then there are no outputs.
    """

    dataset: str
    outputs: tuple[Aggregate | GroupKey, ...]
    where: Predicate | None
    group_by: tuple[str, ...]
    call: Call | None = None

    def canonical(self) -> str:
        """The query as SQL in normal form: the bytes that a plan hash covers."""
        outputs = [_call(self.call)] if self.call is not None else list(map(_output, self.outputs))
        parts = ["SELECT", ", ".join(outputs), "FROM", _name(self.dataset)]
        if self.where is not None:
            parts += ["WHERE", predicate_text(self.where)]
        if self.group_by:
            parts += ["GROUP BY", ", ".join(map(_name, self.group_by))]
        return " ".join(parts)


def constant_text(constant: Constant) -> str:
    """A constant as SQL."""
    if isinstance(constant, bool):
        return "TRUE" if constant else "FALSE"
    if isinstance(constant, datetime.date):
        return f"DATE '{constant.isoformat()}'"
    if isinstance(constant, Decimal):
        return f"{constant:f}"
    return "'" + constant.replace("'", "''") + "'"


def predicate_text(predicate: Predicate) -> str:
    """A predicate as SQL, with parentheses around every AND, OR and NOT."""
    match predicate:
        case Compare(column, operator, constant):
            return f"{_name(column)} {operator} {constant_text(constant)}"
        case In(column, constants):
            return f"{_name(column)} IN ({', '.join(map(constant_text, constants))})"
        case Is(column, value):
            return f"{_name(column)} IS {'NULL' if value is None else str(value).upper()}"
        case Not(operand):
            return f"(NOT {predicate_text(operand)})"
        case And(operands):
            return f"({' AND '.join(map(predicate_text, operands))})"
        case Or(operands):
            return f"({' OR '.join(map(predicate_text, operands))})"


def _output(output: Aggregate | GroupKey) -> str:
    if isinstance(output, GroupKey):
        return f"{_name(output.column)} AS {_name(output.name)}"
    arguments = list(map(_name, output.columns)) or ["*"]
    if output.parameter is not None:
        arguments.append(constant_text(output.parameter))
    return f"{output.function}({', '.join(arguments)}) AS {_name(output.name)}"


def _call(call: Call) -> str:
    return f"{call.name}({', '.join(map(_argument, call.arguments))})"


def _argument(argument: Argument) -> str:
    if argument is None:
        return "NULL"
    return _name(argument.name) if isinstance(argument, ColumnName) else constant_text(argument)


def _name(name: str) -> str:
    return f'"{name}"'  # names match [A-Za-z_][A-Za-z0-9_]*, so there is nothing to escape


def columns_of(predicate: Predicate | None) -> set[str]:
    """Every column that a predicate names."""
    match predicate:
        case None:
            return set()
        case Not(operand):
            return columns_of(operand)
        case And(operands) | Or(operands):
            return {column for operand in operands for column in columns_of(operand)}
        case _:
            return {predicate.column}

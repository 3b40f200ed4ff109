"""Constants of a query, typed by the column they are compared with. Specification: `docs/spec/04-queries.md`."""

import datetime
import re
from decimal import Decimal
from typing import Final

from sqlglot import exp

from circuits.columns import BooleanColumn, CategoryColumn, Column, DateColumn
from circuits.errors import QueryType, QueryUnsupported
from circuits.query import Constant

MAX_NUMBER_LENGTH: Final = 40
_NUMBER: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def is_constant(node: exp.Expression) -> bool:
    """Whether the node is written as a constant (of any type, NULL included)."""
    if isinstance(node, exp.Neg):
        return isinstance(node.this, exp.Literal)
    if isinstance(node, exp.Cast):
        return isinstance(node.this, exp.Literal)
    return isinstance(node, exp.Literal | exp.Boolean | exp.Null)


def read_constant(node: exp.Expression, column: Column, where: str) -> Constant:
    """The constant that `node` writes, as the type of `column`.

    Raises:
        QueryType: it is not of that type.
        QueryUnsupported: NULL, or a number with an exponent.
    """
    if isinstance(node, exp.Null):
        raise QueryUnsupported("a comparison with NULL is never true", hint=f"write {column.name} IS [NOT] NULL", where=where)
    if isinstance(column, CategoryColumn):
        return _category(node, column, where)
    if isinstance(column, BooleanColumn):
        if isinstance(node, exp.Boolean):
            return bool(node.this)
        raise _wrong_type(column, "TRUE or FALSE", where)
    if isinstance(column, DateColumn):
        return _date(node, column, where)
    return _number(node, column, where)


def _category(node: exp.Expression, column: CategoryColumn, where: str) -> str:
    if isinstance(node, exp.Literal) and node.is_string:
        return str(node.this)
    raise _wrong_type(column, f"a code in quotes, such as '{column.codes[0]}'", where)


def _date(node: exp.Expression, column: DateColumn, where: str) -> datetime.date:
    if isinstance(node, exp.Cast):
        if not (node.to.this is exp.DataType.Type.DATE and not node.to.expressions):
            raise _wrong_type(column, f"a date such as DATE '{column.min.isoformat()}'", where)
        node = node.this
    if isinstance(node, exp.Literal) and node.is_string and _DATE.fullmatch(node.this):
        try:
            return datetime.date.fromisoformat(node.this)
        except ValueError:
            raise QueryType("there is no such day in the calendar", where=where) from None
    raise _wrong_type(column, f"a date such as DATE '{column.min.isoformat()}'", where)


def read_number(node: exp.Expression, where: str) -> Decimal | None:
    """The number that `node` writes; None if it is no number.

    Raises:
        QueryUnsupported: it is written with an exponent, or in too many digits.
    """
    negative = isinstance(node, exp.Neg)
    literal = node.this if isinstance(node, exp.Neg) else node
    if not isinstance(literal, exp.Literal) or literal.is_string:
        return None
    text = str(literal.this)
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > MAX_NUMBER_LENGTH or not (match[1] or match[2]):
        raise QueryUnsupported(
            "this way of writing a number is not supported",
            hint=f"write it out in decimal, in at most {MAX_NUMBER_LENGTH} digits",
            where=where,
        )
    # One spelling a number: no leading or trailing zeros, no negative zero.
    whole, fraction = match[1].lstrip("0") or "0", (match[2] or "").rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return Decimal(f"-{plain}" if negative and plain != "0" else plain)


def _number(node: exp.Expression, column: Column, where: str) -> Decimal:
    number = read_number(node, where)
    if number is None:
        raise _wrong_type(column, "a number without quotes", where)
    return number


def _wrong_type(column: Column, expected: str, where: str) -> QueryType:
    return QueryType(f"column {column.name} is of type {column.type} and compares with {expected}", where=where)

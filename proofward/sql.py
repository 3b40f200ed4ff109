"""The SQL of a question: names quoted, texts escaped, one clause a line, so that the place of an error is easy to find."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from circuits.analysis import Kind
from circuits.catalogue import ANALYSES
from circuits.errors import QueryUnsupported

Scalar = str | int | float | Decimal | None
Columns = str | Sequence[str] | None


@dataclass(frozen=True)
class Question:
    """What is asked, of a dataset yet to be named.

    Attributes:
        outputs: the SELECT list, SQL.
        where: a condition, SQL as the caller wrote it.
        by: the columns of GROUP BY.
    """

    outputs: tuple[str, ...]
    where: str | None = None
    by: Columns = None

    def sql(self, dataset: str) -> str:
        """The whole statement."""
        lines = [f"SELECT {', '.join(self.outputs)}", f"FROM {name(dataset)}"]
        if self.where is not None:
            lines.append(f"WHERE {self.where}")
        if self.by:
            lines.append(f"GROUP BY {', '.join(map(name, columns(self.by)))}")
        return "\n".join(lines)


def columns(given: Columns) -> tuple[str, ...]:
    """One column, several or none, as a tuple."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def name(identifier: str) -> str:
    """A column or a dataset. Whatever it contains, it stays a name."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text."""
    return "'" + value.replace("'", "''") + "'"


def number(value: int | float | Decimal) -> str:
    """A number, exactly as Python shows it. Raises ValueError if it is not finite."""
    if not math.isfinite(value):
        raise ValueError("infinity and NaN are no SQL numbers")
    return f"{Decimal(str(value)):f}"


_NULL: Final = "NULL"


def call(analysis: str, arguments: Sequence[Scalar]) -> str:
    """The call of an analysis.

    Args:
        analysis: its SQL name, in any case.
        arguments: in the order of its parameters: a name of a column or a text, whichever the parameter is; a number; or
            None for one that is left out.

    Raises:
        QueryUnsupported: there is no such analysis.
    """
    found = ANALYSES.get(analysis.upper())
    if found is None:
        raise QueryUnsupported(f"analysis {analysis[:63]!r} is not supported", hint=f"there are {', '.join(ANALYSES)}")
    written = []
    for place, value in enumerate(arguments):
        if value is None:
            written.append(_NULL)
        elif isinstance(value, str):
            parameter = found.parameters[min(place, len(found.parameters) - 1)] if found.parameters else None
            written.append(text(value) if parameter is not None and parameter.kind is Kind.TEXT else name(value))
        else:
            written.append(number(value))
    while written and written[-1] == _NULL:
        written.pop()
    return f"{found.name}({', '.join(written)})"

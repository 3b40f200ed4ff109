"""A schema as it stands in a registration: read back from its canonical form, which somebody else wrote.

Specification: docs/spec/02-tables-schema.md.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from circuits.errors import SchemaInvalid
from circuits.schema import Schema

_MAX_BOUND_CHARACTERS: Final = 32  # of a bound in a schema; enough for 15 digits, a sign, a point and places


def read_schema(table_schema: Mapping[str, Any]) -> Schema:
    """The schema whose canonical form is `table_schema`, which is untrusted. Raises SchemaInvalid."""
    try:
        columns = [_COLUMN_READERS[column["type"]](dict(column)) for column in table_schema["columns"]]
        members = {"name": table_schema["name"], "title": table_schema["title"], "columns": columns}
        if "rules" in table_schema:
            members["rules"] = [dict(rule) for rule in table_schema["rules"]]
        schema = Schema.model_validate(members)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise SchemaInvalid("the registered schema is not one that this version knows") from error
    if schema.canonical() != table_schema:
        raise SchemaInvalid("the registered schema is not in canonical form")
    return schema


def _as_is(column: dict[str, Any]) -> dict[str, Any]:
    return column


def _bounded_by(convert: Callable[[str], object]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Bounds are text in the canonical form, because RFC 8785 has only doubles."""

    def read(column: dict[str, Any]) -> dict[str, Any]:
        if not all(
            isinstance(column[bound], str) and len(column[bound]) <= _MAX_BOUND_CHARACTERS for bound in ("min", "max")
        ):
            raise TypeError
        return {**column, "min": convert(column["min"]), "max": convert(column["max"])}

    return read


_COLUMN_READERS: Final = {
    "category": _as_is,
    "boolean": _as_is,
    "integer": _bounded_by(int),
    "decimal": _bounded_by(Decimal),
    "date": _bounded_by(date.fromisoformat),
}

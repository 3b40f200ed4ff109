"""The schema of a table: `schema.toml` as a frozen model, its canonical form and its hash.

Specification: `docs/spec/02-tables-schema.md`. Column types and digits are in `circuits/columns.py`.
"""

import re
import tomllib
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError, field_validator

from circuits.columns import DIGIT_BASE, PRESENT_DIGIT, Column, Digit, Strict
from circuits.errors import SchemaInvalid
from protocol import canonical

MAX_COLUMNS: Final = 1024
MAX_TEXT_BYTES: Final = 4 << 20


class Schema(Strict):
    """A table that hospitals agree on: everything in it, texts and units included, enters its hash."""

    # Lower case: the name is also a dataset's identifier (protocol.identifiers.Name) wherever the table is registered.
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    title: Annotated[str, Field(max_length=200)] = ""
    columns: Annotated[tuple[Annotated[Column, Field(discriminator="type")], ...], Field(min_length=1)]

    @field_validator("columns", mode="before")
    @classmethod
    def _columns_from_list(cls, columns: object) -> object:
        return tuple(columns) if isinstance(columns, list) else columns

    @field_validator("columns")
    @classmethod
    def _names_differ(cls, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        if len(columns) > MAX_COLUMNS:
            raise ValueError(f"at most {MAX_COLUMNS} columns are supported")
        seen: set[str] = set()
        for column in columns:
            if column.name.lower() in seen:
                raise ValueError(f"two columns are called {column.name!r} (SQL does not distinguish case)")
            seen.add(column.name.lower())
        return columns

    def canonical(self) -> dict[str, Any]:
        """JSON-ready members from which the hash is taken."""
        return {
            "name": self.name,
            "title": self.title,
            "digit_base": DIGIT_BASE,
            "columns": [column.canonical() for column in self.columns],
        }

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form, hexadecimal."""
        return canonical.digest(self.canonical())

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """All digits in the order of the committed table: `present` first, then column by column."""
        return (PRESENT_DIGIT, *(digit for column in self.columns for digit in column.digits))

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name.lower(): column for column in self.columns}

    def find(self, name: str) -> Column | None:
        """The column of this name, in any case, as SQL compares names; None if there is none."""
        return self._by_name.get(name.lower())

    def column(self, name: str) -> Column:
        """The column of this exact name. Raises SchemaInvalid if there is none."""
        column = self.find(name)
        if column is None or column.name != name:
            raise SchemaInvalid(f"dataset {self.name} has no column {name}")
        return column


def load_schema(path: Path) -> Schema:
    """Read a `schema.toml`. Raises SchemaInvalid with the file and the key path that is wrong."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise SchemaInvalid(f"cannot read the schema: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise SchemaInvalid("the schema is not UTF-8", where=str(path)) from error
    try:
        return parse_schema(text)
    except SchemaInvalid as error:
        place = f"{path}: {error.where}" if error.where else str(path)
        raise SchemaInvalid(error.message, hint=error.hint, where=place) from error


def parse_schema(text: str) -> Schema:
    """Parse the text of a `schema.toml`. Raises SchemaInvalid; `where` is the key path or the line."""
    if len(text) > MAX_TEXT_BYTES:
        raise SchemaInvalid(f"the schema is longer than {MAX_TEXT_BYTES} characters")
    try:
        members = tomllib.loads(text, parse_float=_exact_number)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        place = re.search(r"\(at (line \d+, column \d+)\)", str(error))
        raise SchemaInvalid("not a TOML document", where=place.group(1) if place else None) from error
    if isinstance(members.get("columns"), dict):
        raise SchemaInvalid(
            "columns is a table, but columns have an order",
            hint='write one [[columns]] block a column, with name = "..." in it',
            where="columns",
        )
    try:
        return Schema.model_validate(members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        raise SchemaInvalid(message, where=_key_path(first["loc"], members)) from error


def _exact_number(text: str) -> Decimal:
    return Decimal(text.replace("_", ""))


def _key_path(location: tuple[int | str, ...], members: dict[str, Any]) -> str | None:
    # Pydantic puts the discriminator tag after the list index; it is not a key of the document.
    parts: list[str] = []
    for depth, part in enumerate(location):
        if isinstance(part, int):
            parts[-1] += f"[{part}]"
        elif not (depth > 1 and isinstance(location[depth - 1], int) and location[depth - 2] == "columns"):
            parts.append(part)
    path = ".".join(parts)
    if len(location) > 1 and location[0] == "columns" and isinstance(location[1], int):
        entry = members["columns"][location[1]]
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            path += f" ({entry['name'][:63]})"
    return path or None

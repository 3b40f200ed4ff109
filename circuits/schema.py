"""The schema of a table: `schema.toml` as a frozen model, its canonical form and its hash.

Specification: `docs/spec/02-tables-schema.md`. Column types and digits are in `circuits/columns.py`.
"""

import re
import tomllib
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError, field_validator, model_validator

from circuits.columns import DIGIT_BASE, PRESENT_DIGIT, Column, Digit
from circuits.errors import SchemaInvalid
from circuits.rules import Check, Difference, OrderCheck, Rule, read_rules
from circuits.table import MAX_COLUMNS, Table
from protocol import canonical

__all__ = ["MAX_COLUMNS", "Schema", "load_schema", "parse_schema"]

MAX_TEXT_BYTES: Final = 4 << 20


class Schema(Table):
    """A table that hospitals agree on: everything in it, texts and units included, enters its hash."""

    rules: tuple[Rule, ...] = ()

    @field_validator("rules", mode="before")
    @classmethod
    def _rules_from_list(cls, rules: object) -> object:
        return tuple(rules) if isinstance(rules, list) else rules

    @model_validator(mode="after")
    def _rules_can_be_proved(self) -> "Schema":
        read_rules(self.rules, self)  # raises SchemaInvalid now, not where a rule is first used
        return self

    def __hash__(self) -> int:
        return hash(self.hash)  # fields are compared; labels, which are a dictionary, cannot be hashed

    def canonical(self) -> dict[str, Any]:
        """JSON-ready members from which the hash is taken."""
        members = {
            "name": self.name,
            "title": self.title,
            "digit_base": DIGIT_BASE,
            "columns": [column.canonical() for column in self.columns],
        }
        if self.rules:
            members["rules"] = [{"name": check.name, "check": check.text} for check in self.checks]
        return members

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form, hexadecimal."""
        return canonical.digest(self.canonical())

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """What each rule demands of a row."""
        return read_rules(self.rules, self)

    @cached_property
    def committed(self) -> tuple[Column | Difference, ...]:
        """The columns that are committed to: those that are declared, then those that rules need."""
        return (*self.columns, *(check.difference for check in self.checks if isinstance(check, OrderCheck)))

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """All digits in the order of the committed table: `present` first, then column by column."""
        return (PRESENT_DIGIT, *(digit for column in self.committed for digit in column.digits))


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
    for key in ("columns", "rules"):
        if isinstance(members.get(key), dict):
            raise SchemaInvalid(
                f"{key} is a table, but {key} have an order",
                hint=f'write one [[{key}]] block for each, with name = "..." in it',
                where=key,
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
    if len(location) > 1 and location[0] in ("columns", "rules") and isinstance(location[1], int):
        entry = members[location[0]][location[1]]
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            path += f" ({entry['name'][:63]})"
    return path or None

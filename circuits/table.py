"""A table: its name and its columns. Specification: `docs/spec/02-tables-schema.md`.

What queries and rules are read against; a `Schema` is a table with rules (`circuits/schema.py`).
"""

from functools import cached_property
from typing import Annotated, Final

from pydantic import Field, field_validator

from circuits.columns import PRESENT_DIGIT, Column, Digit, Strict
from circuits.errors import SchemaInvalid

MAX_COLUMNS: Final = 1024


class Table(Strict):
    """Columns in order, whose names differ in more than case."""

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

    @cached_property
    def column_digits(self) -> tuple[Digit, ...]:
        """`present`, then the digits of column by column."""
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

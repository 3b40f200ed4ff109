"""What analyses of complete cases share: the values of a column as groups, and words for people."""

from collections.abc import Iterable

from circuits.analysis import Withheld
from circuits.cells import Group
from circuits.codeset import CodeSet
from circuits.columns import Column
from circuits.errors import QueryType
from circuits.families import plain_group


def values_of(column: Column) -> Group:
    """Each value of the column as a key, and none for NULL."""
    return plain_group(column, CodeSet(((0, column.size),), False))


def distinct(analysis: str, *columns: Column) -> None:
    """Refuse a column that is given twice. Raises QueryType."""
    if len({column.name for column in columns}) < len(columns):
        raise QueryType(f"{analysis} takes different columns, one is given twice")


def all_shown(cells: Iterable[int | None], *columns: Column) -> list[int]:
    """Cells that must all be opened, one for each value of the columns. Raises Withheld."""
    found = list(cells)
    opened = [cell for cell in found if cell is not None]
    if len(opened) < len(found):
        names = " with ".join(column.name for column in columns)
        raise Withheld(f"some {names} has few rows or none: leave rare values out with WHERE, or ask about more rows")
    return opened


def rows_note(count: int, columns: Iterable[str]) -> str:
    """How many rows were used."""
    return f"{count} rows have a value of {' and '.join(columns)}"


def text(value: object) -> str:
    """A value as SQL writes it, without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)

"""What two schemas of one dataset disagree about, in words: for hospitals that mean to register the same table."""

from typing import Any

from circuits.schema import Schema


def difference(one: Schema, other: Schema) -> str | None:
    """The first thing that `other` says differently than `one`; None if they are equal."""
    mine, theirs = ({column.name: column for column in schema.columns} for schema in (one, other))
    for name in mine:
        if name not in theirs:
            return f"it has no column {name}"
    for name in theirs:
        if name not in mine:
            return f"it has a column {name} more"
    for name, column in mine.items():
        found = _member(column.canonical(), theirs[name].canonical())
        if found is not None:
            return f"column {name} has {found}"
    if tuple(mine) != tuple(theirs):
        return "its columns have another order"
    found = _member(one.canonical(), other.canonical())
    return None if found is None else f"it has {found}"


def _member(one: dict[str, Any], other: dict[str, Any]) -> str | None:
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            return f"another {name}: {_shown(other.get(name))} instead of {_shown(one.get(name))}"
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

"""Drafts a `schema.toml` from a file: types, domains and nullability as seen, with comments on what the owner must check.

A draft describes these rows; a schema describes what rows may be, and it is public. Every column of the file is either
drafted or left out with its reason.
"""

import datetime
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

import pyarrow as pa

from circuits.columns import MAX_CODE_LENGTH, MAX_DOMAIN, MAX_MAGNITUDE, MAX_SCALE, scaled_decimal, scaled_integer
from circuits.schema import MAX_COLUMNS
from mpc_nodes.data_config import FileConfig
from mpc_nodes.data_errors import DataSourceRefused
from mpc_nodes.data_file import FileSource

MAX_DRAFT_CODES: Final = 256  # more distinct texts than one digit holds are taken for identifiers or free text
FEW_VALUES: Final = 12

_NUMBER: Final = re.compile(r"(-?[0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_WORDS: Final = {"true", "false", "t", "f"}
_HEAD: Final = """\
# Drafted from {file}. Check every line before hospitals agree on it:
# - Domains below are the extremes and codes of these rows. The schema is public: give the domain that the subject allows
#   (every age 0 to 120), not the one that your patients happen to span. Values outside it will be refused.
# - `nullable` says whether NULL was seen here; other hospitals may have some.
# - Add units, labels and descriptions; they are part of what is agreed on.
"""


@dataclass
class _Profile:
    """What has been seen of one column."""

    source: str
    nulls: bool = False
    unreadable: str | None = None
    texts: set[str] | None = field(default_factory=set)  # None: too many
    numeric: bool = True
    dates: bool = True
    scale: int = 0
    low: Decimal | None = None
    high: Decimal | None = None
    first: str = ""
    last: str = ""
    seen: bool = False

    def add(self, fields: pa.Array) -> None:
        if fields.null_count:
            self.nulls = True
        if self.unreadable or fields.null_count == len(fields):
            return
        kind = fields.type
        readable = (pa.types.is_string, pa.types.is_boolean, pa.types.is_integer, pa.types.is_decimal, pa.types.is_date32)
        if not any(is_kind(kind) for is_kind in readable) and not pa.types.is_floating(kind):
            self.unreadable = f"its type {kind} has no counterpart"
            return
        distinct = fields.cast(pa.string()).unique().drop_null().to_pylist()
        for text in distinct:
            self._add_text(text)

    def _add_text(self, text: str) -> None:
        self.first = min(self.first, text) if self.seen else text
        self.last = max(self.last, text) if self.seen else text
        self.seen = True
        if self.texts is not None:
            self.texts.add(text)
            if len(self.texts) > MAX_DRAFT_CODES:
                self.texts = None
        self.dates = self.dates and _is_date(text)
        match = _NUMBER.fullmatch(text) if self.numeric else None
        if match is None:
            self.numeric = False
            return
        self.scale = max(self.scale, len((match[2] or "").rstrip("0")))
        number = Decimal(text)
        self.low = number if self.low is None else min(self.low, number)
        self.high = number if self.high is None else max(self.high, number)

    def draft(self) -> tuple[list[str], str | None]:
        """The lines of the column's block after its name, and a remark; or no lines and why it is left out."""
        if self.unreadable or not self.seen:
            return [], self.unreadable or "it has no values"
        if self.texts is not None and {text.lower() for text in self.texts} <= _WORDS:
            return ['type = "boolean"'], None
        if self.dates:
            return ['type = "date"', f"min = {self.first}", f"max = {self.last}"], None
        if self.numeric and self.low is not None and self.high is not None:
            return self._number(self.low, self.high)
        if self.texts is None:
            return (
                [],
                f"it has more than {MAX_DRAFT_CODES} distinct texts (an identifier, or free text?)",
            )
        codes = sorted(self.texts)
        if not all(1 <= len(code) <= MAX_CODE_LENGTH and code.isprintable() for code in codes):
            return [], "some of its texts cannot be codes: empty, too long, or with control characters"
        return ['type = "category"', f"codes = [{', '.join(map(_quoted, codes))}]"], "codes in the order of their meaning?"

    def _number(self, low: Decimal, high: Decimal) -> tuple[list[str], str | None]:
        if self.scale > MAX_SCALE:
            return [], f"its numbers have more than {MAX_SCALE} decimal places"
        bounds = [scaled_integer(bound, self.scale) or 0 for bound in (low, high)]
        if max(map(abs, bounds)) > MAX_MAGNITUDE or bounds[1] - bounds[0] >= MAX_DOMAIN:
            return [], f"its numbers span more than {MAX_DOMAIN} values: round or shift them"
        lines = ['type = "decimal"', f"scale = {self.scale}"] if self.scale else ['type = "integer"']
        lines += [f"min = {scaled_decimal(bounds[0], self.scale)}", f"max = {scaled_decimal(bounds[1], self.scale)}"]
        if self.texts is not None and len(self.texts) <= FEW_VALUES and not self.scale:
            return lines, "few values: if they are codes, a category (or boolean) says what they mean"
        return lines, None


def infer_schema(path: Path, *, kind: str | None = None) -> str:
    """The text of a `schema.toml` that this CSV or Parquet file obeys.

    Args:
        kind: `csv` or `parquet`; taken from the name of the file if it is not given.

    Raises:
        DataConfigInvalid, DataSourceRefused, DataSourceChanged: the file cannot be read, or no column can be drafted.
    """
    suffix = (kind or path.suffix.lstrip(".")).lower()
    config = FileConfig(kind="parquet" if suffix in ("parquet", "pq") else "csv", path=path.name)
    with FileSource(config, path.parent) as source:
        profiles = [
            _Profile(name, unreadable="it holds lists or structures" if name in source.nested else None)
            for name in source.columns
        ]
        readable = [profile for profile in profiles if not profile.unreadable]
        for batch in source.batches([profile.source for profile in readable]):
            for profile, fields in zip(readable, batch.columns, strict=True):
                profile.add(fields)
        return _text(path, profiles)


def _text(path: Path, profiles: Iterable[_Profile]) -> str:
    parts = [_HEAD.format(file=_plain(path.name)), f"name = {_quoted(_identifier(path.stem, set()).lower())}", 'title = ""']
    taken = {"present"}
    drafted = 0
    for profile in profiles:
        lines, remark = profile.draft()
        if not lines or drafted == MAX_COLUMNS:
            reason = remark if not lines else f"a schema has at most {MAX_COLUMNS} columns"
            parts.append(f"\n# {_plain(profile.source)}: left out, because {reason}.")
            continue
        name = _identifier(profile.source, taken)
        drafted += 1
        notes = [remark] if remark else []
        if name != profile.source:
            notes.append(f"in the file {_plain(profile.source)}: map it under `columns` of the source")
        block = ["", "[[columns]]", *(f"# {note}" for note in notes), f"name = {_quoted(name)}", *lines]
        parts += [*block, *(["nullable = true"] if profile.nulls else [])]
    if not drafted:
        raise DataSourceRefused("no column of the file can be drafted", where=path.name)
    return "\n".join(parts) + "\n"


def _identifier(name: str, taken: set[str]) -> str:
    """A name that a schema accepts and that is not taken, in any case; `taken` grows."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")[:56]
    plain = plain if re.match(r"[A-Za-z_]", plain) else f"c_{plain}".rstrip("_")
    number, unique = 1, plain
    while unique.lower() in taken:
        number += 1
        unique = f"{plain}_{number}"
    taken.add(unique.lower())
    return unique


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string of printable characters is a TOML string


def _plain(text: str) -> str:
    # A comment ends at a line end: nothing from the file may end it.
    return "".join(character if character.isprintable() else "?" for character in text[:80])

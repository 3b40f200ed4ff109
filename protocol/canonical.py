"""Canonical JSON (RFC 8785) and digests: the only way an object becomes bytes that are hashed or signed.

`json.dumps(sort_keys=True)` is not canonical (number formats, escapes, surrogates) and is never used for that.
Integers outside the range of an IEEE double (2^53) do not exist in RFC 8785; documents carry them as decimal strings.
"""

import hashlib
import json
import re
from typing import Any, Final

import rfc8785

from protocol.errors import MalformedInput

MAX_DEPTH: Final = 64
# Of brackets, braces, commas, colons and quotes. A parsed value takes some hundred bytes and a microsecond however short its
# text is, so the length alone bounds neither; honest documents are large by their hexadecimal strings, and have few values.
MAX_MARKS: Final = 1 << 20

_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')  # unrolled: long strings cost one step, not one a character
_BRACKET: Final = re.compile(r"[\[\]{}]")


def encode(value: Any) -> bytes:
    """The RFC 8785 encoding of `value`. Raises MalformedInput if it has none (NaN, huge integer, bad key)."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise MalformedInput(f"value has no canonical JSON encoding: {type(error).__name__}") from error


def decode(data: bytes, *, limit: int) -> Any:
    """Parse `data`, which must be exactly the RFC 8785 encoding of its value.

    Args:
        data: untrusted bytes.
        limit: the largest accepted length in bytes.

    Raises:
        MalformedInput: too long, not UTF-8, not JSON, nested deeper than MAX_DEPTH, more than MAX_MARKS, a duplicate
            key, or not canonical.
    """
    value = decode_lenient(data, limit=limit)
    if encode(value) != data:
        raise MalformedInput("JSON is not in canonical form (RFC 8785)")
    return value


def decode_lenient(data: bytes, *, limit: int) -> Any:
    """Parse JSON written by people or by other programs: as `decode`, but white space and key order are free."""
    if len(data) > limit:
        raise MalformedInput(f"document has {len(data)} bytes, at most {limit} are accepted")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedInput("document is not UTF-8") from error
    _check_marks(text)
    _check_depth(text)
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, MalformedInput):
            raise
        raise MalformedInput("document is not JSON") from error


def digest(value: Any) -> str:
    """SHA-256 of the canonical encoding, as 64 lower-case hexadecimal digits."""
    return sha256_hex(encode(value))


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data`, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedInput("an object has the same key twice")
    return members


def _no_constant(name: str) -> Any:
    raise MalformedInput(f"{name} is not a JSON number")


def _check_marks(text: str) -> None:
    # In strings they count too: who separates the two has begun to parse.
    if sum(text.count(mark) for mark in '[]{},:"') > MAX_MARKS:
        raise MalformedInput("document has too many values")


def _check_depth(text: str) -> None:
    # The parser recurses once a level; a bound before parsing keeps hostile nesting from reaching it.
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise MalformedInput(f"document is nested deeper than {MAX_DEPTH} levels")

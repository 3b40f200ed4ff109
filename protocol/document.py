"""What every signed or stored document is: a strict, frozen model whose only encoding is canonical JSON.

A document has one byte string, so a digest or a signature over it has one meaning (`docs/spec/01-primitives.md`).
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from protocol import canonical
from protocol.errors import MalformedInput


class Document(BaseModel):
    """A document. Unknown members, wrong types and coercions are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_by_name=True, validate_by_alias=True)

    @classmethod
    def from_bytes(cls, data: bytes, *, limit: int) -> Self:
        """Parse untrusted `data` of at most `limit` bytes, which must be canonical.

        Raises:
            MalformedInput: not canonical JSON, or not this document.
        """
        canonical.decode(data, limit=limit)
        try:
            document = cls.model_validate_json(data)
        except ValidationError as error:
            raise MalformedInput(f"not a {cls.__name__}: {describe(error)}") from None
        # A member left out for its default, or named as in Python, would give one document two encodings.
        if document.encoded != data:
            raise MalformedInput(f"not the only encoding of a {cls.__name__}")
        return document

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, without the cached encoding and digest of the original."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("encoded", "digest"):
            copied.__dict__.pop(name, None)
        return copied

    @cached_property
    def encoded(self) -> bytes:
        """The canonical encoding."""
        return canonical.encode(self.model_dump(mode="json", by_alias=True))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `encoded`, in hexadecimal."""
        return canonical.sha256_hex(self.encoded)


def describe(error: ValidationError) -> str:
    """The first complaint of a validation, without the offending value (it may be secret)."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "document"
    return f"{place}: {first['msg']}"

"""The one family of errors. Every error that a person or a program can meet is a `ProofwardError` with a stable code.

A code never changes its meaning and has a page `docs/errors/<code>.md`; a test compares the two sets. A `kind` says what
sort of failure it is, so that the HTTP surface (`api/problems.py`) and the command line choose a status and an exit code
without knowing each error.

Messages never carry secrets or patient values: they go to logs, to the network and into bundles.
"""

from enum import StrEnum
from typing import ClassVar, Final


class Kind(StrEnum):
    """What sort of failure an error is."""

    INVALID = "invalid"  # the request or the input is wrong; repeating it will not help
    DENIED = "denied"  # a policy or a role forbids it
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"  # it contradicts what has already been done
    REFUSED = "refused"  # evidence was checked and is wrong: a proof, a signature, a share, a message
    UNAVAILABLE = "unavailable"  # somebody did not answer; repeating it later may help
    INTERNAL = "internal"  # a bug or a broken installation


REGISTRY: Final[dict[str, type["ProofwardError"]]] = {}


class ProofwardError(Exception):
    """Base of all errors.

    Args:
        message: one sentence that says what is wrong, for people.
        hint: what to do next, if there is something to do.
        where: the place in the input (`file:row:column`, `line 1, column 8`, a step of a verification), if there is one.
    """

    code: ClassVar[str] = "internal"
    kind: ClassVar[Kind] = Kind.INTERNAL

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            return
        if cls.code in REGISTRY:
            raise TypeError(f"error code {cls.code!r} is declared twice")
        REGISTRY[cls.code] = cls

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{advice} [{self.code}]"

    def to_dict(self) -> dict[str, str]:
        """The error as JSON-ready members: code, kind, message, and hint and where if present."""
        members = {"code": self.code, "kind": str(self.kind), "message": self.message}
        if self.hint is not None:
            members["hint"] = self.hint
        if self.where is not None:
            members["where"] = self.where
        return members


REGISTRY[ProofwardError.code] = ProofwardError


class MalformedInput(ProofwardError):
    """Untrusted bytes are not a canonical encoding of what they should be."""

    code = "malformed-input"
    kind = Kind.INVALID

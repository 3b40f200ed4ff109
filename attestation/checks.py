"""How a bundle is examined: numbered checks, each run at most once, each able to ask for the outcome of an earlier one.

`verify` stops at the first check that fails; `audit` goes on and reports a check as not made if an earlier one that it
needs has failed. Both run the same functions, so they cannot disagree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from attestation.chain_errors import ChainResponseInvalid
from attestation.errors import VerificationFailed
from attestation.trust import Trust
from protocol.errors import Kind, ProofwardError

T = TypeVar("T")


@dataclass(frozen=True)
class Check(Generic[T]):
    """One numbered check.

    Attributes:
        number: its place in the plan of `attestation.verify`.
        name: for programs; stable.
        claim: what is certain when it passes, as a sentence for people.
        run: returns what later checks may rely on, or raises a ProofwardError with the reason.
    """

    number: int
    name: str
    claim: str
    run: Callable[["Examination"], T]


class Refused(ProofwardError):
    """Why a check fails. It never leaves `Examination.of`, which makes a `VerificationFailed` of it: it has no code."""


def check(number: int, name: str, claim: str) -> Callable[[Callable[["Examination"], T]], Check[T]]:
    """Makes a numbered check of a function."""

    def make(run: Callable[["Examination"], T]) -> Check[T]:
        return Check(number, name, claim, run)

    return make


class Examination:
    """One bundle under examination: untrusted `data` and the `trust` to judge it by."""

    def __init__(self, data: bytes, trust: Trust) -> None:
        self.data = data
        self.trust = trust
        self._outcomes: dict[int, Any] = {}
        self._failures: dict[int, VerificationFailed] = {}

    def of(self, check: Check[T]) -> T:
        """The outcome of `check`. Raises the VerificationFailed of it or of a check that it needs."""
        if check.number in self._failures:
            raise self._failures[check.number]
        if check.number not in self._outcomes:
            try:
                self._outcomes[check.number] = check.run(self)
            except ProofwardError as error:
                self._failures[check.number] = _failure(check, error)
                raise self._failures[check.number] from error
        outcome: T = self._outcomes[check.number]
        return outcome


def _failure(check: Check[Any], error: ProofwardError) -> VerificationFailed:
    if isinstance(error, VerificationFailed):
        return error
    place = f"{error.where}: " if error.where else ""
    # An endpoint that answers nonsense says as little about the bundle as one that does not answer.
    undecided = error.kind is Kind.UNAVAILABLE or isinstance(error, ChainResponseInvalid)
    return VerificationFailed(check.number, check.name, place + error.message, undecided=undecided)

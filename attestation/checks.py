"""How a bundle is examined: numbered checks, each run at most once, each able to ask for the outcome of an earlier one.

`verify` stops at the first check that fails; `audit` goes on and reports a check as not made if an earlier one that it
needs has failed. Both run the same functions, so they cannot disagree.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import prover
from attestation.admitted import ADMITTED, Admitted
from attestation.chain_errors import ChainResponseInvalid
from attestation.errors import VerificationFailed
from attestation.trust import Trust
from protocol.errors import Kind, ProofwardError
from prover.backend import Backend

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


class Missing(ProofwardError):
    """Why a check cannot be made: something is not at hand. Like `Refused`, it never leaves `Examination.of`."""

    kind = Kind.UNAVAILABLE


def check(number: int, name: str, claim: str) -> Callable[[Callable[["Examination"], T]], Check[T]]:
    """Makes a numbered check of a function."""

    def make(run: Callable[["Examination"], T]) -> Check[T]:
        return Check(number, name, claim, run)

    return make


class Examination:
    """One bundle under examination.

    Args:
        data: a bundle or an evidence file, untrusted.
        trust: what to judge it by.
        datasets: dataset packages by root, untrusted too; an evidence file holds its own.
        backend: the mathematics: the kernel, or `prover.reference`. Every check uses this one and no other.
        threads: threads of the kernel.
        admitted: packages and contributions that need not be verified again.
    """

    def __init__(
        self,
        data: bytes,
        trust: Trust,
        datasets: Mapping[str, bytes] | None = None,
        *,
        backend: Backend = prover,
        threads: int = 1,
        admitted: Admitted = ADMITTED,
    ) -> None:
        self.data = data
        self.trust = trust
        self.datasets: Mapping[str, bytes] = datasets or {}
        self.backend = backend
        self.threads = threads
        self.admitted = admitted
        self._outcomes: dict[Check[Any], Any] = {}
        self._failures: dict[Check[Any], VerificationFailed] = {}

    def nested(self, data: bytes, datasets: Mapping[str, bytes]) -> "Examination":
        """The examination of a bundle inside this one, by the same trust and with the same packages and some more."""
        return Examination(
            data,
            self.trust,
            {**self.datasets, **datasets},
            backend=self.backend,
            threads=self.threads,
            admitted=self.admitted,
        )

    def of(self, check: Check[T]) -> T:
        """The outcome of `check`. Raises the VerificationFailed of it or of a check that it needs."""
        if check in self._failures:
            raise self._failures[check]
        if check not in self._outcomes:
            try:
                self._outcomes[check] = check.run(self)
            except ProofwardError as error:
                self._failures[check] = _failure(check, error)
                raise self._failures[check] from error
        outcome: T = self._outcomes[check]
        return outcome


def _failure(check: Check[Any], error: ProofwardError) -> VerificationFailed:
    if isinstance(error, VerificationFailed):
        return error
    place = f"{error.where}: " if error.where else ""
    # An endpoint that answers nonsense says as little about the bundle as one that does not answer.
    undecided = error.kind is Kind.UNAVAILABLE or isinstance(error, ChainResponseInvalid)
    return VerificationFailed(check.number, check.name, place + error.message, hint=error.hint, undecided=undecided)

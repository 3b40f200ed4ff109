"""The audit of a bundle: every numbered check with its verdict, for people and for programs.

It runs the checks of `attestation.verify`, so it cannot accept what the verifier refuses. With a live chain it adds three.
Specification: docs/spec/08-attestation.md, "Audit"; for people: docs/for-auditors.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final

import prover
from attestation.checks import Check, Examination
from attestation.checks_chain import LiveContract, live_checks
from attestation.errors import VerificationFailed
from attestation.trust import Trust
from attestation.verify import STEPS, VerifiedAttestation, conclude
from protocol.statement import Statement
from prover.backend import Backend


class Verdict(IntEnum):
    """The outcome of an audit, and the exit code of `proofward audit`."""

    VERIFIED = 0  # every check passed
    REFUSED = 1  # a check failed: do not use the result
    UNDECIDED = 2  # nothing is wrong, but a dataset package is not at hand, or the chain did not say what was asked


class Outcome(StrEnum):
    """The outcome of one check."""

    PASSED = "pass"
    FAILED = "fail"
    NOT_CHECKED = "not-checked"
    UNKNOWN = "cannot-tell"


_NOT_PROVEN: Final = (
    "that the data in a hospital's table are true and complete.",
    "protection by noise; the visible cells are exact.",
)


@dataclass(frozen=True)
class CheckReport:
    """One check of an audit.

    Attributes:
        claim: what is certain if it passed.
        reason: why it did not pass; empty if it did.
    """

    number: int
    name: str
    claim: str
    outcome: Outcome
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready members."""
        return {
            "number": self.number,
            "name": self.name,
            "claim": self.claim,
            "outcome": str(self.outcome),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class AuditReport:
    """What an audit found.

    Attributes:
        checks: all of them, in order.
        attestation: the verified attestation; None unless every offline check passed.
    """

    checks: tuple[CheckReport, ...]
    attestation: VerifiedAttestation | None

    @property
    def verdict(self) -> Verdict:
        """Refused if any check failed, undecided if one could not be made, verified otherwise."""
        outcomes = {check.outcome for check in self.checks}
        if Outcome.FAILED in outcomes:
            return Verdict.REFUSED
        if Outcome.UNKNOWN in outcomes:
            return Verdict.UNDECIDED
        return Verdict.REFUSED if self.attestation is None else Verdict.VERIFIED

    @property
    def exit_code(self) -> int:
        """0 verified, 1 refused, 2 cannot tell."""
        return int(self.verdict)

    @property
    def failed_step(self) -> CheckReport | None:
        """The first check that failed."""
        return next((check for check in self.checks if check.outcome is Outcome.FAILED), None)

    @property
    def not_proven(self) -> tuple[str, ...]:
        """What even a verified bundle of this protocol version does not establish, in sentences."""
        return () if self.attestation is None else _NOT_PROVEN

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready members. Without an attestation there is no `query` and no `result`: they would be unverified."""
        attested = self.attestation
        return {
            "verdict": self.verdict.name.lower(),
            "exit_code": self.exit_code,
            "checks": [check.to_dict() for check in self.checks],
            "query": None if attested is None else _query(attested),
            "result": None if attested is None else attested.result.to_dict(),
            "assurance": None if attested is None else attested.assurance.model_dump(mode="json"),
            "not_proven": list(self.not_proven),
        }

    def render(self) -> str:
        """The report as plain text, without colours."""
        marks = {Outcome.PASSED: "ok", Outcome.FAILED: "FAIL", Outcome.NOT_CHECKED: "-", Outcome.UNKNOWN: "?"}
        lines = []
        for check in self.checks:
            lines.append(f"{check.number:3}  {marks[check.outcome]:4}  {check.name:14}  {check.claim}")
            if check.reason:
                lines.append(f"{'':27}{check.reason}")
        lines += ["", *_summary(self.attestation)]
        lines += [f"Not proven: {sentence}" for sentence in self.not_proven]
        failed = self.failed_step
        at = "" if failed is None else f" at step {failed.number} ({failed.name})"
        lines.append(f"Verdict:    {self.verdict.name.lower()}{at}")
        return "\n".join(map(_printable, lines)) + "\n"


def audit(
    data: bytes,
    trust: Trust,
    connect: Callable[[], LiveContract[Any]] | None = None,
    *,
    datasets: Mapping[str, bytes] | None = None,
    confirmations: int = 1,
    backend: Backend = prover,
    threads: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> AuditReport:
    """Run every check on `data`, which is untrusted: a bundle or an evidence file.

    Args:
        connect: gives the contract on a live chain, for example
            `lambda: Ledger.connect(url, trust.chain.chain_id, trust.chain.contract, trust.terms)`. What it raises becomes
            the outcome of step 18. Without it the audit is offline and a function of `data`, `datasets` and `trust` alone.
        datasets: dataset packages by root, untrusted; an evidence file holds its own.
        confirmations: how many blocks, its own included, must confirm the posted attestation.
        backend: the compiled kernel, or `prover.reference`, which is pure Python and takes seconds.
        threads: threads of the kernel.
        progress: called with the name of each check before it is made.
    """
    examination = Examination(data, trust, datasets, backend=backend, threads=threads)
    steps = STEPS if connect is None else (*STEPS, *live_checks(connect, confirmations))
    checks = tuple(_report(examination, check, progress) for check in steps)
    return AuditReport(checks, _attestation(examination))


def _report(examination: Examination, check: Check[Any], progress: Callable[[str], None]) -> CheckReport:
    progress(check.name)
    outcome, reason = Outcome.PASSED, ""
    try:
        found = examination.of(check)
    except VerificationFailed as error:
        if error.number != check.number:
            outcome, reason = Outcome.NOT_CHECKED, f"needs step {error.number} ({error.step})"
        else:
            outcome = Outcome.UNKNOWN if error.undecided else Outcome.FAILED
            reason = error.message if error.hint is None else f"{error.message}; {error.hint}"
    else:
        if check.name == "record" and found is None:
            outcome, reason = Outcome.NOT_CHECKED, "not posted: the bundle has no record of a transaction"
    return CheckReport(check.number, check.name, check.claim, outcome, reason)


def _attestation(examination: Examination) -> VerifiedAttestation | None:
    try:
        return conclude(examination)
    except VerificationFailed:
        return None


def _printable(line: str) -> str:
    """SQL and reasons are of untrusted origin: a control character would move the reader's cursor."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in line)


def _query(attested: VerifiedAttestation) -> dict[str, Any]:
    statement: Statement = attested.statement
    predicate = statement.predicate
    return {
        "query_id": predicate.offer.query_id,
        "sql": predicate.offer.sql,
        "dataset": predicate.offer.dataset,
        "buyer": predicate.offer.buyer,
        "purpose": predicate.offer.purpose,
        "submitted_at": predicate.offer.submitted_at,
        "hospitals": [member.name for member in attested.participants],
        "left_out": [
            {"hospital": attested.consortium.member(entry.hospital).name, "reason": entry.reason}
            for entry in predicate.left_out
        ],
        "blamed": [
            {"hospital": attested.consortium.member(entry.hospital).name, "reason": entry.reason}
            for entry in predicate.blamed
        ],
        "signers": [member.name for member in attested.signers],
        "suppressed_cells": len(predicate.aggregate.suppressed),
        "transaction": None if attested.record is None else attested.record.attestation.hash,
    }


def _summary(attested: VerifiedAttestation | None) -> list[str]:
    if attested is None:
        return []
    query = _query(attested)
    lines = [
        f"Query:      {query['sql']}",
        f"Asked by:   {query['buyer']} for {query['purpose']}",
        f"Hospitals:  {', '.join(query['hospitals'])}",
        f"Signed by:  {', '.join(query['signers'])}",
    ]
    lines += [f"Left out:   {entry['hospital']} ({entry['reason']})" for entry in query["left_out"]]
    lines += [f"Blamed:     {entry['hospital']} ({entry['reason']})" for entry in query["blamed"]]
    return lines

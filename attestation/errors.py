"""Errors of attestations. Pages: `docs/errors/<code>.md`."""

from protocol.errors import Kind, ProofwardError


class VerificationFailed(ProofwardError):
    """A bundle is not what it claims to be. The only error that verification raises, whatever the bytes are.

    Attributes:
        number: the number of the failed step in `attestation.verify`.
        step: its name, for programs; stable.
        undecided: nothing is wrong, but somebody who had to be asked did not answer (a live chain; never offline).
    """

    code = "verification-failed"
    kind = Kind.REFUSED

    def __init__(self, number: int, step: str, reason: str, *, undecided: bool = False) -> None:
        super().__init__(reason, where=f"step {number} ({step})")
        self.number = number
        self.step = step
        self.undecided = undecided


class TrustInvalid(ProofwardError):
    """`trust.toml` is not a usable list of what the auditor trusts."""

    code = "trust-invalid"
    kind = Kind.INVALID


class AttestationIncomplete(ProofwardError):
    """The pieces at hand do not make a statement or a bundle: something is missing or belongs to another query."""

    code = "attestation-incomplete"
    kind = Kind.REFUSED


class AggregateImplausible(ProofwardError):
    """The opened total is one that no tables obeying the schema can have: a hospital contributed something else."""

    code = "aggregate-implausible"
    kind = Kind.REFUSED


class RecordInvalid(ProofwardError):
    """A transaction of the chain record is not the one that the statement needs, or not a canonical transaction."""

    code = "record-invalid"
    kind = Kind.REFUSED


class NotOnChain(ProofwardError):
    """The chain that was asked does not show what a bundle says that it should hold, or not deep enough."""

    code = "not-on-chain"
    kind = Kind.UNAVAILABLE

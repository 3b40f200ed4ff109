"""Errors of attestations. Pages: `docs/errors/<code>.md`."""

from protocol.errors import Kind, ProofwardError


class VerificationFailed(ProofwardError):
    """A bundle is not what it claims to be. The only error that verification raises, whatever the bytes are.

    Attributes:
        number: the number of the failed step in `attestation.verify`.
        step: its name, for programs; stable.
        undecided: nothing is wrong, but something is not at hand: a dataset package, or the answer of a live chain.
    """

    code = "verification-failed"
    kind = Kind.REFUSED

    def __init__(self, number: int, step: str, reason: str, *, hint: str | None = None, undecided: bool = False) -> None:
        super().__init__(reason, hint=hint, where=f"step {number} ({step})")
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


class SuppressionInvalid(ProofwardError):
    """A cell is shown that the rule for small cohorts hides, or hidden without reason."""

    code = "suppression-invalid"
    kind = Kind.REFUSED


class EvidenceInvalid(ProofwardError):
    """A file is not the one archive of a bundle and its dataset packages."""

    code = "evidence-invalid"
    kind = Kind.REFUSED


class RecordInvalid(ProofwardError):
    """A transaction of the chain record is not the one that the statement needs, or not a canonical transaction."""

    code = "record-invalid"
    kind = Kind.REFUSED


class NotOnChain(ProofwardError):
    """The chain that was asked does not show what a bundle says that it should hold, or not deep enough."""

    code = "not-on-chain"
    kind = Kind.UNAVAILABLE

"""Errors of attestations. Pages: `docs/errors/<code>.md`."""

from protocol.errors import Kind, ProofwardError


class VerificationFailed(ProofwardError):
    """A bundle is not what it claims to be. The only error that verification raises, whatever the bytes are.

    Attributes:
        number: the number of the failed step in `attestation.verify`.
        step: its name, for programs; stable.
    """

    code = "verification-failed"
    kind = Kind.REFUSED

    def __init__(self, number: int, step: str, reason: str) -> None:
        super().__init__(reason, where=f"step {number} ({step})")
        self.number = number
        self.step = step


class TrustInvalid(ProofwardError):
    """`trust.toml` is not a usable list of what the auditor trusts; `where` is the key."""

    code = "trust-invalid"
    kind = Kind.INVALID


class AttestationIncomplete(ProofwardError):
    """The pieces at hand do not make a statement or a bundle: something is missing or belongs to another query."""

    code = "attestation-incomplete"
    kind = Kind.REFUSED

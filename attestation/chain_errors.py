"""What can go wrong with a chain. Specification: docs/spec/08-chain.md, "Faults"."""

from protocol.errors import Kind, ProofwardError


class ChainUnavailable(ProofwardError):
    """The endpoint did not answer, answered an error of its own, or redirected."""

    code = "chain-unavailable"
    kind = Kind.UNAVAILABLE


class ChainResponseInvalid(ProofwardError):
    """The endpoint answered something that is not what was asked for."""

    code = "chain-response-invalid"
    kind = Kind.REFUSED


class ChainMismatch(ProofwardError):
    """The endpoint serves another chain, another contract or another consortium than the configured one."""

    code = "chain-mismatch"
    kind = Kind.REFUSED


class ChainArgumentInvalid(ProofwardError):
    """A value cannot be posted: wrong length, out of range, or too many."""

    code = "chain-argument-invalid"
    kind = Kind.INVALID


class ChainSignatureInvalid(ProofwardError):
    """An attestation signature is not a canonical 65-byte signature, or it recovers to no account."""

    code = "chain-signature-invalid"
    kind = Kind.REFUSED


class ChainReverted(ProofwardError):
    """The contract refused a call.

    Attributes:
        error_name: the contract's custom error, `Error`, `Panic`, or `unknown`.
        arguments: its decoded arguments as text.
        data: the raw revert data.
    """

    code = "chain-reverted"
    kind = Kind.REFUSED

    def __init__(self, error_name: str, arguments: tuple[str, ...] = (), data: bytes = b"") -> None:
        super().__init__(f"the contract refused the call: {error_name}({', '.join(arguments)})")
        self.error_name = error_name
        self.arguments = arguments
        self.data = data


class ChainRejected(ProofwardError):
    """A node did not take a transaction (nonce, fee, funds, size); it is in no block."""

    code = "chain-rejected"
    kind = Kind.REFUSED


class ChainConflict(ProofwardError):
    """The chain already says something else: another statement for the query, or another owner for the root."""

    code = "chain-conflict"
    kind = Kind.CONFLICT


class ChainUnconfirmed(ProofwardError):
    """A transaction was sent but has not been confirmed in time. It stays stored and is taken up again later."""

    code = "chain-unconfirmed"
    kind = Kind.UNAVAILABLE


class ChainJournalCorrupted(ProofwardError):
    """The embedded chain's journal is not the record of one chain: a damaged record, or blocks that replay differently."""

    code = "chain-journal-corrupted"
    kind = Kind.INTERNAL


class ChainJournalInUse(ProofwardError):
    """Another process has the embedded chain's journal open."""

    code = "chain-journal-in-use"
    kind = Kind.CONFLICT

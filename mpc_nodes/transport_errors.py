"""Errors of the transport, the hub's round broker, the databases and the configuration. Pages: docs/errors/<code>.md."""

from protocol.errors import Kind, ProofwardError


class DeadlineExceeded(ProofwardError):
    """A peer did not do in time what it had to do next."""

    code = "deadline-exceeded"
    kind = Kind.UNAVAILABLE


class HandshakeRefused(ProofwardError):
    """Hub and node do not agree on who they are or on what consortium this is, so nothing is exchanged."""

    code = "handshake-refused"
    kind = Kind.REFUSED


class CertificateInvalid(ProofwardError):
    """A TLS certificate does not name the member or the purpose that it is used for, is revoked, or TLS is too old."""

    code = "certificate-invalid"
    kind = Kind.REFUSED


class TransferInvalid(ProofwardError):
    """The parts of a transfer do not follow each other, are too large, or carry a document of a wrong kind."""

    code = "transfer-invalid"
    kind = Kind.REFUSED


class ConnectionReplaced(ProofwardError):
    """A newer connection of the same member took the place of this one."""

    code = "connection-replaced"
    kind = Kind.CONFLICT


class HubUnreachable(ProofwardError):
    """The stream to the hub could not be opened or broke."""

    code = "hub-unreachable"
    kind = Kind.UNAVAILABLE


class ReplyInvalid(ProofwardError):
    """A reply to a round is not one message of the member that sent it, in a round that it was asked for."""

    code = "reply-invalid"
    kind = Kind.REFUSED


class RoundConflict(ProofwardError):
    """A round is collected again with other inputs than the first time, or twice at the same time."""

    code = "round-conflict"
    kind = Kind.CONFLICT


class RegistrationConflict(ProofwardError):
    """A hospital registered the same epoch of a dataset before, with other contents."""

    code = "registration-conflict"
    kind = Kind.CONFLICT


class PackageTooLarge(ProofwardError):
    """The evidence about a table is larger than a transfer may be, so the table cannot be registered."""

    code = "package-too-large"
    kind = Kind.INVALID


class PackageQuota(ProofwardError):
    """A hospital's packages together would take more room than one hospital is given."""

    code = "package-quota"
    kind = Kind.REFUSED


class DatabaseUnusable(ProofwardError):
    """A database URL is not supported, the database cannot be opened, or others can read its file."""

    code = "database-unusable"
    kind = Kind.INTERNAL


class ConfigInvalid(ProofwardError):
    """A configuration file is missing, not TOML, or has a key that is unknown, missing or of a wrong type."""

    code = "config-invalid"
    kind = Kind.INVALID


class SecretExposed(ProofwardError):
    """A file with a secret key is readable or writable by others than its owner."""

    code = "secret-exposed"
    kind = Kind.DENIED


class SecretInvalid(ProofwardError):
    """A file does not hold the secret key that it should hold, or the key is not the one of this member."""

    code = "secret-invalid"
    kind = Kind.INVALID


class TrialExists(ProofwardError):
    """The directory for a new trial consortium exists; keys are never overwritten."""

    code = "trial-exists"
    kind = Kind.CONFLICT


class NodeRunning(ProofwardError):
    """Another process of this node runs already with the same state directory."""

    code = "node-running"
    kind = Kind.CONFLICT

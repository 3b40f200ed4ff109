"""Errors of data sources. Messages name file, row and column, never a value. Pages: `docs/errors/<code>.md`."""

from protocol.errors import Kind, ProofwardError


class DataConfigInvalid(ProofwardError):
    """The description of a data source is not usable; `where` is the key."""

    code = "data-config-invalid"
    kind = Kind.INVALID


class DataSourceRefused(ProofwardError):
    """The file or table is not what it should be: a column is missing, it is empty, malformed or too large."""

    code = "data-source-refused"
    kind = Kind.INVALID


class DataSourceChanged(ProofwardError):
    """The file changed while it was read; what was read of it is not one state of it."""

    code = "data-source-changed"
    kind = Kind.CONFLICT


class DataSourceUnavailable(ProofwardError):
    """The database does not answer or does not let us in."""

    code = "data-source-unavailable"
    kind = Kind.UNAVAILABLE

"""Errors of the front door."""

from protocol.errors import Kind, ProofwardError


class DemoDataMissing(ProofwardError):
    """The table that the demonstration splits is not there, or not the edition that it knows."""

    code = "demo-data-missing"
    kind = Kind.UNAVAILABLE


class DemoFailed(ProofwardError):
    """A step of the demonstration did not end as it must: a wrong number, an accepted forgery, a process that died."""

    code = "demo-failed"
    kind = Kind.INTERNAL


class FileUnusable(ProofwardError):
    """A file named on the command line cannot be read or written, or is not what the command takes."""

    code = "file-unusable"
    kind = Kind.INVALID

"""Errors of the Python client. What the service reports is raised as the class of its code (`api.errors.rebuild`)."""

from protocol.errors import Kind, ProofwardError


class ServiceUnreachable(ProofwardError):
    """The service did not answer, after several attempts."""

    code = "service-unreachable"
    kind = Kind.UNAVAILABLE


class ServiceResponseInvalid(ProofwardError):
    """The service answered something that this client does not understand, or tried to send it elsewhere."""

    code = "service-response-invalid"
    kind = Kind.REFUSED


class TrustRequired(ProofwardError):
    """The client was not told what to verify answers against."""

    code = "trust-required"
    kind = Kind.INVALID


class QuestionIncomplete(ProofwardError):
    """The caller left out something about the question that the client cannot find out."""

    code = "question-incomplete"
    kind = Kind.INVALID


class NothingToPlot(ProofwardError):
    """The result has no chart: it was withheld, is undefined, or is of a kind or shape that none is made for."""

    code = "nothing-to-plot"
    kind = Kind.INVALID


class AnswerMismatch(ProofwardError):
    """The service delivered a valid attestation of something else than what was asked."""

    code = "answer-mismatch"
    kind = Kind.REFUSED


class WaitExpired(ProofwardError):
    """The query was not finished in the time that the caller was willing to wait; it goes on without the caller."""

    code = "wait-expired"
    kind = Kind.UNAVAILABLE


class ExtraMissing(ProofwardError):
    """An optional package is not installed."""

    code = "extra-missing"
    kind = Kind.INVALID

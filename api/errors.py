"""The errors of the HTTP surface and of the pipeline. `api/problems.py` gives them their HTTP form.

This file imports nothing but the base class, so that the SDK can rebuild every error from its code without the server.
"""

import traceback
from collections.abc import Mapping
from typing import ClassVar

from protocol.errors import REGISTRY, Kind, ProofwardError


class ApiError(ProofwardError):
    """An error with an HTTP status that its kind alone does not determine, and perhaps a time to wait."""

    status: ClassVar[int | None] = None
    retry_after: int | None = None  # seconds


class AuthenticationRequired(ApiError):
    """No API key, or one that is malformed, unknown, wrong, revoked or expired: one answer, so that nothing is told apart."""

    code = "authentication-required"
    kind = Kind.DENIED
    status = 401


class RoleForbidden(ApiError):
    """The API key is good, but its role may not use this route."""

    code = "role-forbidden"
    kind = Kind.DENIED


class RouteNotFound(ApiError):
    """No such path."""

    code = "route-not-found"
    kind = Kind.NOT_FOUND


class MethodNotAllowed(ApiError):
    """The path exists, but not with this method."""

    code = "method-not-allowed"
    kind = Kind.INVALID
    status = 405


class RequestInvalid(ApiError):
    """The request does not have the form that the route documents."""

    code = "request-invalid"
    kind = Kind.INVALID


class BodyTooLarge(ApiError):
    """The request body is longer than the service accepts."""

    code = "body-too-large"
    kind = Kind.INVALID
    status = 413


class BodyTooSlow(ApiError):
    """The request body did not arrive in time."""

    code = "body-too-slow"
    kind = Kind.INVALID
    status = 408


class MediaTypeUnsupported(ApiError):
    """A request body that is not JSON."""

    code = "media-type-unsupported"
    kind = Kind.INVALID
    status = 415


class HeadersTooLarge(ApiError):
    """More or longer request headers than the service accepts."""

    code = "headers-too-large"
    kind = Kind.INVALID
    status = 431


class RateLimited(ApiError):
    """Too many requests with this API key or from this address."""

    code = "rate-limited"
    kind = Kind.UNAVAILABLE
    status = 429


class QueueFull(ApiError):
    """As many queries are waiting as the service accepts."""

    code = "queue-full"
    kind = Kind.UNAVAILABLE


class QueryNotFound(ApiError):
    """No such query, or it belongs to another buyer."""

    code = "query-not-found"
    kind = Kind.NOT_FOUND


class QueryUnfinished(ApiError):
    """The query has no result yet."""

    code = "query-unfinished"
    kind = Kind.CONFLICT


class QueryFailed(ApiError):
    """The query has no result: it failed. Why is in its status, under `failure`; `where` is that failure's code."""

    code = "query-failed"
    kind = Kind.CONFLICT


class IdempotencyConflict(ApiError):
    """The idempotency key was used before, for another request."""

    code = "idempotency-conflict"
    kind = Kind.CONFLICT


class DatasetNotFound(ApiError):
    """No hospital has registered a dataset of this name."""

    code = "dataset-not-found"
    kind = Kind.NOT_FOUND


class PackageNotFound(ApiError):
    """No dataset with this root is registered."""

    code = "package-not-found"
    kind = Kind.NOT_FOUND


class AttestationNotFound(ApiError):
    """No such attestation, or it is not visible to this API key."""

    code = "attestation-not-found"
    kind = Kind.NOT_FOUND


class ErrorPageNotFound(ApiError):
    """No error has this code."""

    code = "error-page-not-found"
    kind = Kind.NOT_FOUND


class ApiKeyNotFound(ApiError):
    """No API key has this id."""

    code = "api-key-not-found"
    kind = Kind.NOT_FOUND


class NotReady(ApiError):
    """The service runs but cannot answer queries at the moment."""

    code = "not-ready"
    kind = Kind.UNAVAILABLE


class SchemaDisagreement(ProofwardError):
    """The hospitals' registrations of a dataset do not have one schema."""

    code = "schema-disagreement"
    kind = Kind.CONFLICT


class OfferChanged(ProofwardError):
    """The stored offer no longer compiles to its plan: the hospitals have registered another schema since."""

    code = "offer-changed"
    kind = Kind.CONFLICT


class QueryExpired(ProofwardError):
    """The query was not answered before its expiry."""

    code = "query-expired"
    kind = Kind.UNAVAILABLE


class CohortTooSmall(ProofwardError):
    """Every cell of the answer is below the minimum cohort."""

    code = "cohort-too-small"
    kind = Kind.DENIED


def rebuild(members: Mapping[str, str]) -> ProofwardError:
    """The error that `ProofwardError.to_dict` described, as the class of its code if that class is known here.

    Subclasses may take other arguments than the base; the rebuilt error has the members of the base only.
    """
    kind = REGISTRY.get(members["code"], ReportedError)
    error = kind.__new__(kind)
    ProofwardError.__init__(error, members["message"], hint=members.get("hint"), where=members.get("where"))
    if isinstance(error, ReportedError):
        error.code, error.kind = members["code"], _kind(members.get("kind"))
    return error


class ReportedError(ProofwardError):
    """An error that another program reported, with a code that this one does not know. Code and kind are the report's."""

    code: str  # type: ignore[misc] # of each instance
    kind: Kind  # type: ignore[misc]


def _kind(text: str | None) -> Kind:
    try:
        return Kind(text or "")
    except ValueError:
        return Kind.INTERNAL


def places(error: BaseException) -> list[str]:
    """Where a bug is, for the log: the last frames, without message or values, which may quote what the code choked on."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}:{frame.name}" for frame in frames]

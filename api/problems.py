"""Problems (RFC 9457): the one form in which every failure leaves the service, whatever raised it.

A problem never echoes what was sent: a rejected value may be a secret that was pasted into the wrong field.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from api.errors import ApiError, MethodNotAllowed, RequestInvalid, RouteNotFound
from protocol.errors import Kind, ProofwardError

MEDIA_TYPE: Final = "application/problem+json"
CODES: Final = "x-codes"  # OpenAPI extension: the codes that a status can carry

_STATUS: Final = {
    Kind.INVALID: 422,
    Kind.DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.REFUSED: 502,  # somebody behind this service sent evidence that does not hold
    Kind.UNAVAILABLE: 503,
    Kind.INTERNAL: 500,
}
_RETRY_SECONDS: Final = 5


class Problem(BaseModel):
    """The body of every answer with a status of 400 or more."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="where the error's page is: /v1/errors/<code>")
    title: str = Field(description="the code in words")
    status: int
    detail: str = Field(description="what is wrong in this case")
    instance: str = Field(description="names this occurrence")
    code: str = Field(description="stable; programs decide by it")
    trace_id: str = Field(description="finds this request in the service's log")
    hint: str | None = Field(default=None, description="what to do next")
    where: str | None = Field(default=None, description="the place in the input")


def status_of(error: ProofwardError) -> int:
    """The HTTP status of an error: its own if it has one, else that of its kind."""
    own = error.status if isinstance(error, ApiError) else None
    return own or _STATUS[error.kind]


def problem_response(error: ProofwardError, trace_id: str) -> Response:
    """The response for `error`."""
    status = status_of(error)
    problem = Problem(
        type=f"/v1/errors/{error.code}",
        title=error.code.replace("-", " ").capitalize(),
        status=status,
        detail=error.message,
        instance=f"urn:proofward:request:{trace_id}",
        code=error.code,
        trace_id=trace_id,
        hint=error.hint,
        where=error.where,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True), status_code=status, headers=_headers(error, status), media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Give `app` the handlers that turn every exception it knows into a problem."""
    app.add_exception_handler(ProofwardError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def documented(*errors: type[ProofwardError]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route that can fail with `errors`."""
    codes: dict[int, set[str]] = {}
    for error in errors:
        own = getattr(error, "status", None)
        codes.setdefault(own or _STATUS[error.kind], set()).add(error.code)
    return {
        status: {
            "description": "problem: " + ", ".join(sorted(named)),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            CODES: sorted(named),
        }
        for status, named in sorted(codes.items())
    }


def merged(*responses: Mapping[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """The union of several `responses`, with the problem codes of a status joined."""
    union: dict[int | str, dict[str, Any]] = {}
    for each in responses:
        for status, entry in each.items():
            codes = sorted({*union.get(status, {}).get(CODES, ()), *entry.get(CODES, ())})
            union[status] = {**entry, "description": "problem: " + ", ".join(codes), CODES: codes} if codes else entry
    return union


def trace_id_of(request: Request) -> str:
    """The id that `api.boundary` gave to the request."""
    return str(request.scope["state"]["trace_id"])


def _headers(error: ProofwardError, status: int) -> Mapping[str, str]:
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="proofward"'
    if status in (429, 503):
        wait = error.retry_after if isinstance(error, ApiError) else None
        headers["Retry-After"] = str(wait or _RETRY_SECONDS)
    return headers


async def _on_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ProofwardError):
        raise error
    return problem_response(error, trace_id_of(request))


async def _on_invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    # Location and a fixed reason only. The last part of an extra field's location is a name that the caller chose.
    first = error.errors()[0]
    kind, location = str(first["type"]), list(first["loc"])
    if kind == "extra_forbidden":
        location, reason = location[:-1], "there is a field that is not known"
    elif kind == "json_invalid":
        location, reason = location[:1], "the body is not JSON"
    elif kind in ("value_error", "assertion_error"):
        reason = "the value is not accepted"
    else:
        reason = str(first["msg"])
    place = ".".join(str(part) for part in location)
    return problem_response(RequestInvalid(reason, where=place), trace_id_of(request))


async def _on_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    trace_id = trace_id_of(request)
    if isinstance(error.__cause__, ProofwardError):  # the framework wraps what reading the body raised
        return problem_response(error.__cause__, trace_id)
    if error.status_code == 404:
        return problem_response(RouteNotFound("there is nothing at this path"), trace_id)
    if error.status_code == 405:
        response = problem_response(MethodNotAllowed("the path does not take this method"), trace_id)
        allow = (error.headers or {}).get("Allow")
        if allow:
            response.headers["Allow"] = allow
        return response
    return problem_response(RequestInvalid("the request could not be understood"), trace_id)

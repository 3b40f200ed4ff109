"""The outermost layer of the service: what it refuses to read, what it writes to the log, and what it does with a bug.

Plain ASGI, so that a refusal costs neither routing nor parsing. Nothing logged here comes from the caller except the
method: paths are logged as route templates and headers not at all, since keys get pasted into both.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError, BodyTooLarge, BodyTooSlow, HeadersTooLarge, MediaTypeUnsupported, places
from api.problems import problem_response
from api.settings import Limits
from protocol.errors import ProofwardError

Observe = Callable[[str, str, int, float], None]  # method, route, status, seconds

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNREAD = ("http.disconnect",)

log = structlog.get_logger("api")


class Boundary:
    """ASGI middleware around the application.

    Args:
        app: the application inside.
        limits: sizes and times.
        observe: told of every finished request, for metrics.
    """

    def __init__(self, app: ASGIApp, *, limits: Limits, observe: Observe) -> None:
        self._app = app
        self._limits = limits
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # no route speaks WebSocket
            return
        await self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        trace_id = secrets.token_hex(16)
        scope.setdefault("state", {})["trace_id"] = trace_id
        started = perf_counter()
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *_FIXED_HEADERS, (b"trace-id", trace_id.encode())]}
            await send(message)

        async def refuse(error: ProofwardError) -> None:
            await problem_response(error, trace_id)(scope, receive, send_marked)

        with structlog.contextvars.bound_contextvars(trace_id=trace_id):
            try:
                self._check_head(scope)
                await self._app(scope, _bounded(receive, self._limits), send_marked)
            except ApiError as error:
                if status:
                    raise
                await refuse(error)
            except Exception as error:  # noqa: BLE001 - the last resort: a bug must answer as a problem too
                log.error("request.bug", error=type(error).__name__, at=places(error))
                if not status:
                    await refuse(ProofwardError("something went wrong inside the service"))
            finally:
                method = scope["method"] if scope["method"] in _METHODS else "other"
                route = getattr(scope.get("route"), "path", "none")
                seconds = perf_counter() - started
                self._observe(method, route, status, seconds)
                log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))

    def _check_head(self, scope: Scope) -> None:
        headers = scope["headers"]
        size = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > self._limits.headers or size > self._limits.header_bytes:
            limits = f"{self._limits.headers} headers and {self._limits.header_bytes} bytes"
            raise HeadersTooLarge(f"at most {limits} are accepted")
        declared, media_type, chunked = 0, b"", False
        for name, value in headers:
            if name == b"content-length":
                declared = int(value) if value.isdigit() and len(value) < 20 else self._limits.body_bytes + 1
            elif name == b"content-type":
                media_type = value.split(b";")[0].strip().lower()
            elif name == b"transfer-encoding":
                chunked = True
        if declared > self._limits.body_bytes:
            raise BodyTooLarge(f"a body has at most {self._limits.body_bytes} bytes")
        # Forms and multipart are refused before anything parses them: no route takes one (CVE-2024-47874, CVE-2024-24762).
        if (declared or chunked) and media_type != b"application/json":
            raise MediaTypeUnsupported("a body must be application/json")


def _bounded(receive: Receive, limits: Limits) -> Callable[[], Awaitable[Message]]:
    """`receive` that raises once the body is too long or too slow; after the body it waits without limit."""
    received = 0
    complete = False
    deadline = asyncio.get_running_loop().time() + limits.body_seconds

    async def bounded() -> Message:
        nonlocal received, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise BodyTooSlow(f"a body must arrive within {limits.body_seconds} seconds") from None
        received += len(message.get("body", b""))
        if received > limits.body_bytes:
            raise BodyTooLarge(f"a body has at most {limits.body_bytes} bytes")
        complete = message["type"] in _UNREAD or not message.get("more_body", False)
        return message

    return bounded


_FIXED_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)

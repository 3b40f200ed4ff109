"""One HTTP connection to the service: retries, typed errors, no redirects.

Everything that is sent here may be sent twice: reads change nothing, and a submission carries an idempotency key.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

from api.errors import rebuild
from proofward.client_errors import ServiceResponseInvalid, ServiceUnreachable
from protocol import canonical
from protocol.errors import MalformedInput, ProofwardError

MAX_ANSWER_BYTES: Final = 64 << 20
_RETRIED: Final = (429, 503)
_FIRST_WAIT: Final = 0.25  # seconds; doubles
_LONGEST_WAIT: Final = 30.0
_KINDS: Final = {401: "denied", 403: "denied", 404: "not-found", 409: "conflict", 502: "refused", 503: "unavailable"}

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Answer:
    """A complete answer. `content` is bounded, which `httpx.Response.read` would not see to."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def text(self) -> str:
        """The content as UTF-8. Raises ServiceResponseInvalid."""
        try:
            return self.content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ServiceResponseInvalid("the service's answer is not text") from error

    def json(self) -> Any:
        """The content as JSON. Raises ServiceResponseInvalid."""
        return parse(self.content)


class Connection:
    """Requests to one service with one API key.

    Args:
        url: where the service is, without `/v1`.
        api_key: sent in a header only. None for the public routes.
        timeout: seconds for a connection, and between two bytes of an answer.
        patience: seconds for which a request is tried again when the service is unreachable, busy or not ready.
        transport: how to reach it; None is the network.
        sleep: waits between attempts.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None,
        timeout: float,
        patience: float,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        headers = {"Accept": "application/json", "User-Agent": "proofward-python"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        # A redirect could carry the key to another host, so none is followed.
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/v1/",
            headers=headers,
            timeout=timeout,
            follow_redirects=False,
            transport=transport,
        )
        self._timeout = timeout
        self._patience = patience
        self._sleep = sleep
        self.url: Final = url.rstrip("/")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """The JSON at `path`. Raises ServiceUnreachable, ServiceResponseInvalid, or what the service reports."""
        return self.request("GET", path, params=params).json()

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        """The JSON answer to `body`. Raises as `get`."""
        return self.request("POST", path, json=body, headers=headers).json()

    def request(self, method: str, path: str, *, limit: int = MAX_ANSWER_BYTES, **options: Any) -> Answer:
        """A successful answer of at most `limit` bytes. Raises as `get`."""
        options = {name: value for name, value in options.items() if value}
        deadline = time.monotonic() + self._patience
        wait = _FIRST_WAIT
        while True:
            asked_to_wait: float | None = None
            try:
                with self._http.stream(method, path, **options) as response:
                    answer = _read(response, limit)
                if response.is_success:
                    return answer
                error = error_of(answer)
                if answer.status not in _RETRIED:
                    raise error
                asked_to_wait = _retry_after(answer)
            except httpx.TransportError as failure:
                error = unreachable(self.url, failure)
            pause = asked_to_wait if asked_to_wait is not None else wait * (500 + secrets.randbelow(500)) / 1000
            if time.monotonic() + pause > deadline:
                raise error
            self._sleep(pause)
            wait = min(2 * wait, _LONGEST_WAIT)

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str], patience: float | None = None) -> Iterator[Iterator[str]]:
        """The lines of an event stream. Raises as `get`, but tries once, and at most `patience` seconds between lines."""
        timeout = self._timeout if patience is None else min(self._timeout, patience)
        accept = {"Accept": "text/event-stream", **headers}
        try:
            with self._http.stream("GET", path, headers=accept, timeout=timeout) as response:
                if not response.is_success:
                    raise error_of(_read(response, MAX_ANSWER_BYTES))
                yield response.iter_lines()
        except httpx.TransportError as failure:
            raise unreachable(self.url, failure) from failure


def parse(content: bytes) -> Any:
    """JSON of untrusted origin. Raises ServiceResponseInvalid."""
    try:
        return canonical.decode_lenient(content, limit=MAX_ANSWER_BYTES)
    except MalformedInput as error:
        raise ServiceResponseInvalid("the service's answer is not JSON") from error


def error_of(answer: Answer) -> ProofwardError:
    """The error that an unsuccessful answer reports."""
    if answer.status < 400:
        return ServiceResponseInvalid("the service redirects, which this client does not follow", hint="check the URL")
    try:
        problem = answer.json()
        members = {"code": str(problem["code"]), "message": str(problem["detail"])[:2000]}
        members |= {name: str(problem[name])[:2000] for name in ("hint", "where") if problem.get(name)}
    except (ServiceResponseInvalid, KeyError, TypeError, AttributeError):
        return ServiceResponseInvalid(f"the service answered {answer.status} without saying why")
    members["kind"] = _KINDS.get(answer.status, "invalid" if answer.status < 500 else "internal")
    return rebuild(members)


def unreachable(url: str, failure: httpx.TransportError) -> ServiceUnreachable:
    """The error for a service that could not be talked to."""
    return ServiceUnreachable(f"{url} does not answer ({type(failure).__name__})", hint="is the hub running?")


def _read(response: httpx.Response, limit: int) -> Answer:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > limit:
            raise ServiceResponseInvalid(f"the answer is longer than {limit} bytes")
    return Answer(response.status_code, response.headers, bytes(content))


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("retry-after", "")
    return min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdigit() else None

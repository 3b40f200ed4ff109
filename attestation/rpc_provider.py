"""JSON-RPC over HTTP for web3: one URL is dialled and nothing else, and every answer is bounded.

web3's own HTTP provider follows redirects, obeys proxy variables and reads answers of any length; a hostile or careless
endpoint could use each of these. CCIP read (EIP-3668), by which a contract makes web3 fetch URLs, is switched off
(CVE-2026-40072). Tests: tests/attacks/test_a3_chain_ssrf.py.
"""

import json
import time
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from attestation.chain_errors import ChainArgumentInvalid, ChainResponseInvalid, ChainUnavailable
from protocol import canonical
from protocol.errors import MalformedInput

MAX_RESPONSE_BYTES: Final = 4 << 20
DEFAULT_TIMEOUT: Final = 10.0  # seconds, for the whole answer


class HttpProvider(JSONBaseProvider):
    """One endpoint. Thread-safe (httpx.Client is)."""

    global_ccip_read_enabled = False

    def __init__(self, url: str, *, timeout: float = DEFAULT_TIMEOUT, clock: Callable[[], float] = time.monotonic) -> None:
        """Dial `url` (http or https). Raises ChainArgumentInvalid."""
        super().__init__()
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ChainArgumentInvalid("the chain endpoint must be an http or https URL")
        self._url = url
        # Messages name the host only: paths and queries of hosted endpoints carry keys.
        self._where = parts.hostname
        self._timeout = timeout
        self._clock = clock
        self._client = httpx.Client(follow_redirects=False, trust_env=False, timeout=timeout)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request and its answer.

        Raises:
            ChainUnavailable: no answer in time, or an answer with another HTTP status than 200 (a redirect, too).
            ChainResponseInvalid: too long, not JSON, or not the answer to this request.
        """
        request = self.encode_rpc_request(method, params)
        body = self._post(request)
        try:
            answer = canonical.decode_lenient(body, limit=MAX_RESPONSE_BYTES)
        except MalformedInput as error:
            raise ChainResponseInvalid("the chain endpoint did not answer JSON", where=self._where) from error
        if not isinstance(answer, dict) or answer.get("id") != json.loads(request)["id"]:
            raise ChainResponseInvalid("the chain endpoint answered another request", where=self._where)
        fault = answer.get("error")
        if fault is None and "result" not in answer:
            raise ChainResponseInvalid("the chain endpoint answered neither a result nor an error", where=self._where)
        if fault is not None and not (isinstance(fault, dict) and isinstance(fault.get("message"), str)):
            raise ChainResponseInvalid("the chain endpoint answered a malformed error", where=self._where)
        return cast(RPCResponse, answer)

    def _post(self, request: bytes) -> bytes:
        deadline = self._clock() + self._timeout
        body = bytearray()
        try:
            headers = {"Content-Type": "application/json"}
            with self._client.stream("POST", self._url, content=request, headers=headers) as response:
                if response.status_code != httpx.codes.OK:
                    raise ChainUnavailable(
                        f"the chain endpoint answered HTTP status {response.status_code}", where=self._where
                    )
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MAX_RESPONSE_BYTES:
                        raise ChainResponseInvalid("the chain endpoint's answer is too long", where=self._where)
                    # httpx limits each read; an endpoint that drips bytes would hold the caller for ever.
                    if self._clock() > deadline:
                        raise ChainUnavailable("the chain endpoint answers too slowly", where=self._where)
        except httpx.HTTPError as error:
            raise ChainUnavailable(
                f"the chain endpoint does not answer: {type(error).__name__}", where=self._where
            ) from error
        return bytes(body)

"""A3, the chain's part: the client dials the configured URL and nothing else, whatever endpoint or contract say."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from web3 import Web3

from attestation.chain_client import ChainClient
from attestation.chain_errors import (
    ChainArgumentInvalid,
    ChainResponseInvalid,
    ChainReverted,
    ChainUnavailable,
)
from attestation.embedded_chain import EmbeddedChain
from attestation.embedded_rpc import EmbeddedProvider
from attestation.rpc_provider import MAX_RESPONSE_BYTES, HttpProvider
from attestation.transactions import Call
from tests.contracts.chains import FUNDED

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]


class Server:
    """A hostile endpoint, or the listener that must not be reached."""

    def __init__(self, answer: Answer) -> None:
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                outer.requests += 1
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, data = answer(json.loads(body or b"{}"))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_HEAD = _handle  # noqa: N815 (http.server's names)

            def log_message(self, format: str, *arguments: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    server = Server(answer)
    server.thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        server.thread.join()


def result(value: Any) -> Answer:
    return lambda request: (200, {}, json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": value}).encode())


@pytest.fixture
def listener() -> Iterator[Server]:
    """Counts who comes."""
    with serving(result("0x1")) as server:
        yield server


def test_ccip_read_is_off(tmp_path: Any) -> None:
    assert tuple(map(int, version("web3").split(".")[:2])) >= (8, 0)
    assert HttpProvider("http://127.0.0.1:1").global_ccip_read_enabled is False
    chain = EmbeddedChain(tmp_path / "journal", funded=FUNDED, clock=lambda: 0.0)
    provider = EmbeddedProvider(chain)
    assert provider.global_ccip_read_enabled is False
    provider.global_ccip_read_enabled = True
    client = ChainClient(provider, chain.chain_id)  # whoever hands over a provider with it on
    assert client.web3.provider.global_ccip_read_enabled is False
    chain.close()


def offchain_lookup(url: str) -> str:
    """EIP-3668 revert data: "ask this URL and call me back"."""
    arguments = encode(["address", "string[]", "bytes", "bytes4", "bytes"], ["0x" + "11" * 20, [url], b"", b"\x00" * 4, b""])
    return "0x" + (keccak(b"OffchainLookup(address,string[],bytes,bytes4,bytes)")[:4] + arguments).hex()


@pytest.fixture
def careless_web3(monkeypatch: pytest.MonkeyPatch) -> None:
    """web3 8 also refuses loopback addresses in CCIP URLs; without that, only the switch stands in the way."""
    for check in ("validate_ccip_url_scheme", "validate_ccip_url_host"):
        monkeypatch.setattr(f"web3.utils.exception_handling.{check}", lambda *args, **kwargs: None)


def looks_offchain(listener: Server) -> Answer:
    """An endpoint whose contract answers every call with "ask the listener"."""

    def answer(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if request["method"] == "eth_chainId":
            return result("0x1")(request)
        data = offchain_lookup(listener.url + "/{sender}/{data}")
        error = {"code": 3, "message": "execution reverted", "data": data}
        return 200, {}, json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode()

    return answer


@pytest.mark.usefixtures("careless_web3")
def test_a_contract_cannot_make_the_client_fetch_a_url(listener: Server) -> None:
    with serving(looks_offchain(listener)) as hostile:
        client = ChainClient.dial(hostile.url, 1)
        with pytest.raises(ChainReverted):
            client.call(Call("0x" + "11" * 20, b""))
    assert listener.requests == 0


@pytest.mark.usefixtures("careless_web3")
def test_the_listener_would_notice_ccip_read(listener: Server) -> None:
    """The test above can fail: with CCIP read on, web3 fetches the URL."""
    with serving(looks_offchain(listener)) as hostile:
        naive = Web3(Web3.HTTPProvider(hostile.url))
        with pytest.raises(Exception):  # noqa: B017 (whatever web3 makes of the listener's answer)
            naive.eth.call({"to": Web3.to_checksum_address("0x" + "11" * 20)}, ccip_read_enabled=True)
    assert listener.requests > 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(listener: Server, status: int) -> None:
    with serving(lambda request: (status, {"Location": listener.url}, b"")) as hostile:
        with pytest.raises(ChainUnavailable):
            ChainClient.dial(hostile.url, 1)
        assert hostile.requests == 1
    assert listener.requests == 0


def test_proxy_variables_are_not_read(listener: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, listener.url)
    with serving(result("0x5")) as honest:
        assert ChainClient.dial(honest.url, 5).chain_id == 5
        assert honest.requests == 1
    assert listener.requests == 0


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "127.0.0.1:8545", ""])
def test_only_http_is_dialled(url: str) -> None:
    with pytest.raises(ChainArgumentInvalid):
        HttpProvider(url)


def test_an_endless_answer_is_cut(listener: Server) -> None:
    padding = b" " * (MAX_RESPONSE_BYTES + 1)
    with serving(lambda request: (200, {}, padding)) as hostile, pytest.raises(ChainResponseInvalid, match="too long"):
        ChainClient.dial(hostile.url, 1)


def test_a_compressed_bomb_is_cut() -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    answer: Answer = lambda request: (200, {"Content-Encoding": "gzip"}, bomb)  # noqa: E731
    with serving(answer) as hostile, pytest.raises(ChainResponseInvalid, match="too long"):
        ChainClient.dial(hostile.url, 1)


def test_a_dripping_answer_is_cut() -> None:
    ticks = iter(range(10_000))
    with serving(result("0x1")) as slow:
        provider = HttpProvider(slow.url, timeout=0.5, clock=lambda: float(next(ticks)))
        with pytest.raises(ChainUnavailable, match="too slowly"):
            ChainClient(provider, 1)


def test_a_key_in_the_url_is_in_no_message() -> None:
    with serving(lambda request: (500, {}, b"")) as hostile, pytest.raises(ChainUnavailable) as refused:
        ChainClient.dial(hostile.url + "/v3/s3cr3t-key?token=s3cr3t", 1)
    assert "s3cr3t" not in str(refused.value) + json.dumps(refused.value.to_dict())

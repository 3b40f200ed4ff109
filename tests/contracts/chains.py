"""The two chains that the tests of the contract, the ledger and the publisher run on: embedded, and a real anvil."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from web3 import Web3
from web3.providers.base import BaseProvider

from attestation.chain_client import ChainClient
from attestation.embedded_chain import DEFAULT_CHAIN_ID, EmbeddedChain
from attestation.embedded_rpc import EmbeddedProvider
from attestation.rpc_provider import HttpProvider
from tests.databases import die_with_parent

ANVIL = Path(__file__).parents[2] / "attestation" / "contracts" / "node_modules" / ".bin" / "anvil"


def key(name: str) -> bytes:
    """A secret key for tests, from a name."""
    return bytes(Web3.keccak(text=f"proofward test key {name}"))


def account(name: str) -> str:
    """The account of `key(name)`, lower case."""
    return str(Account.from_key(key(name)).address).lower()


# Everybody in the tests who pays for gas.
FUNDED = (*(account(f"member {i}") for i in range(1, 8)), account("hub"), account("stranger"))


@dataclass
class TestChain:
    """A running chain."""

    name: str
    provider: BaseProvider
    chain_id: int = DEFAULT_CHAIN_ID
    url: str | None = None  # of a real node

    __test__ = False

    @property
    def client(self) -> ChainClient:
        return ChainClient(self.provider, self.chain_id)

    def control(self, method: str, *parameters: Any) -> Any:
        """A method of anvil's own (evm_mine, anvil_dropTransaction ...)."""
        answer = self.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
        assert "result" in answer, answer
        return answer["result"]


def anvil_missing() -> str | None:
    """Why anvil cannot run, or None."""
    if not ANVIL.exists():
        return "anvil is not installed: run `npm ci` in attestation/contracts (Linux on x86-64)"
    return None


@contextlib.contextmanager
def anvil(*options: str, chain_id: int = DEFAULT_CHAIN_ID) -> Iterator[TestChain]:
    """A fresh anvil on a free port of the loopback interface, with the accounts of the tests funded."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    process = subprocess.Popen(
        [str(ANVIL), "--port", "0", "--chain-id", str(chain_id), "--accounts", "1", *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment,
        start_new_session=True, preexec_fn=die_with_parent, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Listening on "):
                break
        else:
            raise RuntimeError("anvil did not start:\n" + "".join(lines))
        threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would stop it
        url = "http://" + line.removeprefix("Listening on ").strip()
        chain = TestChain("anvil", HttpProvider(url), chain_id, url)
        for address in FUNDED:
            chain.control("anvil_setBalance", address, hex(10**24))
        yield chain
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


@contextlib.contextmanager
def embedded(directory: Path, chain_id: int = DEFAULT_CHAIN_ID) -> Iterator[TestChain]:
    """A fresh embedded chain with the accounts of the tests funded."""
    chain = EmbeddedChain(directory / "chain.journal", funded=FUNDED, clock=time.time, chain_id=chain_id)
    try:
        yield TestChain("embedded", EmbeddedProvider(chain), chain_id)
    finally:
        chain.close()


@pytest.fixture(name="chain", scope="module", params=["embedded", "anvil"])
def running_chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestChain]:
    """One chain a module, embedded and anvil in turn."""
    if request.param == "embedded":
        with embedded(tmp_path_factory.mktemp("chain")) as running:
            yield running
        return
    missing = anvil_missing()
    if missing:
        pytest.skip(missing)
    with anvil() as running:
        yield running


@contextlib.contextmanager
def served(chain: EmbeddedChain) -> Iterator[str]:
    """The embedded chain over HTTP, the way a hub serves it; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(chain.handle_rpc(request)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

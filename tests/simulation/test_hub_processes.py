"""Nodes as real processes against a hub and a chain: register, connect, answer, end on signals, refuse to start twice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from attestation import artefact
from attestation.chain_client import ChainClient
from attestation.embedded_chain import EmbeddedChain
from attestation.embedded_rpc import EmbeddedProvider
from attestation.ledger import Ledger
from attestation.publish import Publisher
from attestation.transaction_store import SqlTransactionStore, create_tables
from attestation.transactions import Call
from mpc_nodes import tls
from mpc_nodes.chain_account import terms_of
from mpc_nodes.clock import SystemClock, ThreadWorker
from mpc_nodes.config import load_account_key, load_certificate, load_hub_config, load_tls
from mpc_nodes.database import create_engine
from mpc_nodes.hub import Hub
from mpc_nodes.hub_store import HubStore, hub_metadata
from mpc_nodes.relay_server import RelayServer
from mpc_nodes.trial import Trial, init_consortium
from protocol.messages import Round
from tests.simulation.direct import POLICY
from tests.simulation.members import Members

SCHEMA = """
name = "survey"
title = "A survey for tests"
[[columns]]
name = "sex"
type = "category"
codes = ["f", "m"]
"""

REGISTER = """
import sys
from pathlib import Path
from circuits.schema import parse_schema
from mpc_nodes.data_config import parse_source_config
from mpc_nodes.node_main import register_dataset
source = parse_source_config({"kind": "csv", "path": "survey.csv"})
print(register_dataset(Path(sys.argv[1]), schema=parse_schema(sys.argv[2]), source=source).registration.root)
"""

RUN = """
import sys
from pathlib import Path
from mpc_nodes.node_main import run_node
from protocol.errors import ProofwardError
try:
    run_node(Path(sys.argv[1]))
except ProofwardError as error:
    print(error.code, file=sys.stderr)
    sys.exit(1)
"""


# Not with `preexec_fn`: it makes Python fork, and gRPC's threads in this process do not survive that in the child.
def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture
def chain_url(tmp_path: Path) -> Iterator[tuple[str, list[EmbeddedChain]]]:
    """An HTTP endpoint over an embedded chain that the test makes later."""
    chains: list[EmbeddedChain] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(chains[0].handle_rpc(request)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/chain/rpc", chains
    server.shutdown()
    thread.join()
    server.server_close()


class RunningHub:
    """The hub of a trial: the relay on the configured port, the contract on the chain."""

    def __init__(self, trial: Trial, chains: list[EmbeddedChain], directory: Path) -> None:
        config = load_hub_config(trial.hub_config)
        accounts = [member.address for member in trial.consortium.members]
        chain = EmbeddedChain(directory / "journal", funded=[*accounts, trial.deployer], clock=time.time)
        chains.append(chain)
        self.chain = chain
        provider = EmbeddedProvider(chain)
        client = ChainClient(provider, trial.chain.chain_id)
        self.engine = create_engine(config.storage.database)
        hub_metadata.create_all(self.engine)
        create_tables(self.engine)
        terms = terms_of(trial.consortium)
        key = load_account_key(config.chain.deployer, trial.deployer)
        deployer = Publisher(client, key, SqlTransactionStore(self.engine), None, clock=time.monotonic, sleep=time.sleep)
        deployer.submit("deploy", lambda: Call(to=None, data=artefact.load().creation_code(terms)))
        self.ledger = Ledger(client, trial.chain.contract, terms)
        self.worker = ThreadWorker("hub")
        self.server = RelayServer(trial.consortium, clock=SystemClock(), worker=self.worker)
        self.store = HubStore(self.engine)
        self.hub = Hub(trial.consortium, self.store, SystemClock(), self.server, worker=self.worker)
        self.config = config

    async def __aenter__(self) -> "RunningHub":
        relay = self.config.relay
        credentials = tls.server_credentials(load_tls(relay.certificate, relay.key), load_certificate(relay.authority))
        await self.server.start(self.hub, relay.listen, credentials)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop(0)
        self.worker.close()
        self.engine.dispose()
        self.chain.close()


async def test_node_processes(tmp_path: Path, chain_url: tuple[str, list[EmbeddedChain]], free_port: int) -> None:
    url, chains = chain_url
    trial = init_consortium(
        tmp_path / "trial",
        hospitals=["alpha", "bravo", "charlie"],
        now=time.time(),
        hub_port=free_port,
        chain_rpc=url,
    )
    nodes = {name: trial.node_config(name) for name in ("alpha", "bravo", "charlie")}
    for path in nodes.values():
        (path.parent / "tables" / "survey.csv").write_text("sex\nf\nm\nf\n")
        (path.parent / "policy.toml").write_text(POLICY)
    with ExitStack() as stack:
        running: dict[str, subprocess.Popen[str]] = {}

        def run(name: str) -> subprocess.Popen[str]:
            process = running[name] = start(RUN, str(nodes[name]))
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        # Nodes wait for a hub that is not there yet; the order of starting does not matter.
        alpha = run("alpha")
        async with RunningHub(trial, chains, tmp_path) as hub:
            for name in ("bravo", "charlie"):
                run(name)
            members = Members(trial.consortium, {})
            while hub.server.connected() != {1, 2, 3}:
                assert all(process.poll() is None for process in running.values())
                await asyncio.sleep(0.05)
            ready = nodes["alpha"].parent / "state" / "ready"
            while not ready.exists():
                await asyncio.sleep(0.05)
            assert int(ready.read_text()) == alpha.pid

            # A second process on the same state is refused.
            second = start(RUN, str(nodes["alpha"]))
            _, errors = await asyncio.to_thread(second.communicate)
            assert second.returncode == 1
            assert "node-running" in errors

            # Registered beside the running node, posted on chain, told to the hub.
            registration = start(REGISTER, str(nodes["alpha"]), SCHEMA)
            root, errors = await asyncio.to_thread(registration.communicate)
            assert registration.returncode == 0, errors
            while not (stored := hub.store.registrations()):
                await asyncio.sleep(0.05)
            assert [signed.registration.root for signed in stored] == [root.strip()]
            assert hub.ledger.dataset(bytes.fromhex(root.strip())) is not None

            # The other nodes verify the table's package and keep it.
            while hub.store.admitted_by(root.strip()) != {1, 2, 3}:
                await asyncio.sleep(0.05)

            # Every node answers; without a fitting plan they refuse, each in its access log and signed.
            query = keccak(text="query").hex()
            result = await hub.hub.collect(
                query,
                Round.DECISION,
                offer=members.offer(query),
                inputs=(),
                members=(1, 2, 3),
                deadline=time.time() + 120,
            )
            assert sorted(result.messages) == [1, 2, 3]
            assert result.silent == ()

            # kill -9, and the node comes back and answers the next query.
            os.kill(alpha.pid, signal.SIGKILL)
            await asyncio.to_thread(alpha.communicate)
            run("alpha")
            query = keccak(text="another query").hex()
            again = await hub.hub.collect(
                query, Round.DECISION, offer=members.offer(query), inputs=(), members=(1,), deadline=time.time() + 120
            )
            assert sorted(again.messages) == [1]

            for name, number in (("alpha", signal.SIGTERM), ("bravo", signal.SIGINT)):
                running[name].send_signal(number)
                _, errors = await asyncio.to_thread(running[name].communicate)
                assert running[name].returncode == 0, errors
                assert not (nodes[name].parent / "state" / "ready").exists()
                lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
                assert {"node-started", "connected", "node-stopped"} <= {line["event"] for line in lines}
                for secret in (nodes[name].parent / "keys").iterdir():
                    assert secret.read_text().splitlines()[-1] not in errors

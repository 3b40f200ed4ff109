"""The hub process: the relay that nodes dial, the embedded chain, the pipeline and HTTP, on one event loop.

    1. Read the configuration; hub, consortium and trust files must agree.
    2. Lock the state directory; bring the database to its newest version.
    3. Open the chain and find the contract, which a trial deploys at the address that its configuration names.
    4. Listen for nodes and for HTTP; take up what the publisher and the pipeline left unfinished.
    5. Run until SIGTERM or SIGINT. What is running then stops where it is; the next start goes on with it.

A kill at any moment is as good as an orderly end: everything acknowledged is on disk, and step 4 finds it.
"""

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
import structlog
import uvicorn
from eth_account import Account
from pydantic import ValidationError

from api.app import create_app
from api.catalogue import Catalogue
from api.contract import ensure_contract
from api.jobs import Jobs
from api.keys import KeyStore, Role, new_key
from api.metrics import Metrics
from api.migrations import upgrade
from api.pipeline import Pipeline
from api.posting import Poster
from api.progress import Bell
from api.services import Services
from api.settings import Settings
from api.store import QueryStore
from attestation.chain_client import ChainClient
from attestation.chain_errors import ChainUnavailable
from attestation.embedded_chain import EmbeddedChain
from attestation.embedded_rpc import EmbeddedProvider
from attestation.ledger import Ledger
from attestation.publish import Patience, Publisher
from attestation.rpc_provider import HttpProvider
from attestation.transaction_store import SqlTransactionStore
from attestation.trust import Trust, load_trust
from mpc_nodes import process, tls
from mpc_nodes.clock import Clock, SystemClock, ThreadWorker
from mpc_nodes.config import HubFile, load_account_key, load_certificate, load_consortium, load_hub_config, load_tls
from mpc_nodes.database import create_engine
from mpc_nodes.hub import Hub
from mpc_nodes.hub_store import HubStore
from mpc_nodes.relay_server import RelayServer
from mpc_nodes.secret_files import check_private, write_secret
from mpc_nodes.transport_errors import ConfigInvalid
from protocol.document import describe
from protocol.errors import ProofwardError

OPERATOR_KEY_FILE: Final = "operator.key"  # in the state directory: the first API key, from which all others come
READY_FILE: Final = "ready"  # in the state directory: the process id, while the hub listens
_LOCK_FILE: Final = "lock"
_LAST_REQUESTS_SECONDS: Final = 3
_LAST_WORK_SECONDS: Final = 3.0
_RESUME_SECONDS: Final = 60.0  # between looks for transactions that a reorganisation removed

log = structlog.get_logger("hub")


def run_hub(config_path: Path) -> None:
    """Run the hub until SIGTERM or SIGINT. Raises ProofwardError if it cannot run."""
    config = load_hub_config(config_path)
    process.prepare(config.log.level)
    config.storage.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with process.locked(config.storage.directory / _LOCK_FILE, wait=False):
        worker = ThreadWorker("hub")
        ending = threading.Event()
        opened = open_hub(config, SystemClock(), worker, ending)
        try:
            process.run_until_signalled(lambda: serve(opened, ending))
        finally:
            ending.set()
            done = [each.close(_LAST_WORK_SECONDS) for each in (worker, opened.verifier)]
            opened.close()
            log.info("hub-stopped")
            if not all(done):
                os._exit(0)  # a thread that does not end must not keep the operator waiting; what counts is on disk


@dataclass(frozen=True)
class OpenHub:
    """A hub on its own state, not yet listening."""

    config: HubFile
    engine: sa.Engine
    chain: EmbeddedChain | None
    relay: RelayServer
    publisher: Publisher
    services: Services
    verifier: ThreadWorker  # of packages, which takes up to minutes: nothing else may wait for it

    def close(self) -> None:
        """Release journal and database."""
        if self.chain is not None:
            self.chain.close()
        self.engine.dispose()


def open_hub(config: HubFile, clock: Clock, worker: ThreadWorker, ending: threading.Event) -> OpenHub:
    """Build the hub that `config` describes. Raises ProofwardError for everything that is wrong with it."""
    trust = _trust(config)
    settings = _settings(config)
    key = load_account_key(config.chain.deployer)
    engine = create_engine(config.storage.database)
    chain: EmbeddedChain | None = None
    try:
        upgrade(engine)
        if config.chain.embedded is not None:
            chain = _embedded_chain(config, config.chain.embedded, trust, key, clock)
        client = ChainClient(EmbeddedProvider(chain) if chain else HttpProvider(str(config.chain.rpc)), config.chain.chain_id)

        def publisher(ledger: Ledger | None) -> Publisher:
            patience = Patience(confirmations=settings.confirmations, poll=0.05 if chain else 1.0, timeout=30)
            store = SqlTransactionStore(engine)
            return Publisher(client, key, store, ledger, clock=time.monotonic, sleep=_sleep(ending), patience=patience)

        ledger = ensure_contract(client, trust, publisher(None))
        relay = RelayServer(trust.consortium, clock=clock, worker=worker, revoked=frozenset(config.relay.revoked))
        hub_store, verifier = HubStore(engine), ThreadWorker("packages")
        hub = Hub(trust.consortium, hub_store, clock, relay, worker=worker, verifier=verifier)
        queries, bell, metrics = QueryStore(engine), Bell(), Metrics()
        posting = publisher(ledger)
        pipeline = Pipeline(
            trust=trust,
            hub=hub,
            catalogue=Catalogue(hub_store),
            packages=hub_store.package,
            queries=queries,
            poster=Poster(ledger, posting),
            clock=clock,
            settings=settings,
            bell=bell,
            metrics=metrics,
        )
        services = Services(
            settings=settings,
            clock=clock,
            trust=trust,
            hub=hub,
            transport=relay,
            chain=chain,
            catalogue=pipeline.catalogue,
            packages=hub_store.package,
            queries=queries,
            keys=KeyStore(engine),
            # The lock on the directory is what makes this name the successor of whoever had it before.
            jobs=Jobs(queries, pipeline.run, clock=clock, settings=settings, instance=_instance(config)),
            bell=bell,
            metrics=metrics,
        )
        _first_key(config, services)
    except BaseException:
        if chain is not None:
            chain.close()
        engine.dispose()
        raise
    return OpenHub(config, engine, chain, relay, posting, services, verifier)


async def serve(opened: OpenHub, ending: threading.Event) -> None:
    """Listen for nodes and for HTTP, and run queries, until cancelled."""
    config = opened.config
    # While the chain is away, each query that waits for it holds a thread; the default pool would soon be empty.
    threads = 16 + 2 * opened.services.settings.concurrent_queries
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="work"))
    ready = config.storage.directory / READY_FILE
    listener = _listen(config.http.listen)
    credentials = tls.server_credentials(
        load_tls(config.relay.certificate, config.relay.key), load_certificate(config.relay.authority)
    )
    relay_port = await opened.relay.start(opened.services.hub, config.relay.listen, credentials)
    try:
        async with _http(create_app(opened.services), listener) as serving:
            ready.write_text(f"{os.getpid()}\n")
            log.info("hub-ready", http=listener.getsockname()[1], relay=relay_port)
            await _until_one_ends(
                serving,
                asyncio.create_task(opened.services.jobs.serve()),
                asyncio.create_task(_resume_publishing(opened.publisher, opened.services.clock)),
            )
    finally:
        ready.unlink(missing_ok=True)
        ending.set()
        await opened.relay.stop()


class QuietServer(uvicorn.Server):
    """uvicorn without hands on the process's signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `process.run_until_signalled`."""
        yield


@contextlib.asynccontextmanager
async def _http(app: Any, listener: socket.socket) -> AsyncIterator["asyncio.Task[None]"]:
    """Serve `app` while inside; requests under way get a moment to end."""
    server = QuietServer(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # callers without a key are told apart by address: a header must not choose it
            timeout_keep_alive=10,
            timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
            h11_max_incomplete_event_size=64 << 10,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        yield serving
    finally:
        server.should_exit = True
        await asyncio.shield(serving)


async def _until_one_ends(serving: "asyncio.Task[None]", *tasks: "asyncio.Task[None]") -> None:
    """Return only by being cancelled. Raises what ended a task that should run for ever."""
    try:
        done, _ = await asyncio.wait((serving, *tasks), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        raise ProofwardError("a part of the hub has ended by itself")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _resume_publishing(publisher: Publisher, clock: Clock) -> None:
    while True:
        try:
            resumed = await asyncio.to_thread(publisher.resume)
            for purpose, error in resumed.failures:
                log.warning("publishing-waits", purpose=purpose, code=error.code)
        except ProofwardError as error:
            log.warning("chain-unavailable", code=error.code)
        await clock.sleep(_RESUME_SECONDS)


def _embedded_chain(config: HubFile, journal: Path, trust: Trust, key: bytes, clock: Clock) -> EmbeddedChain:
    deployer = str(Account.from_key(key).address)
    funded = [deployer, *(member.address for member in trust.consortium.members)]
    return EmbeddedChain(journal, funded=funded, clock=clock.now, chain_id=config.chain.chain_id)


def _trust(config: HubFile) -> Trust:
    trust, consortium = load_trust(config.trust), load_consortium(config.consortium)
    if trust.consortium != consortium:
        raise ConfigInvalid("the trust file is about another consortium than the consortium file", where=str(config.trust))
    if (trust.chain.chain_id, trust.chain.contract) != (config.chain.chain_id, config.chain.contract):
        raise ConfigInvalid("the trust file names another chain or contract", where=str(config.trust))
    return trust


def _settings(config: HubFile) -> Settings:
    try:
        return Settings.model_validate(config.api)
    except ValidationError as error:
        raise ConfigInvalid(f"api.{describe(error)}") from None


def _instance(config: HubFile) -> str:
    return f"hub:{config.storage.directory}"[-64:]


def _first_key(config: HubFile, services: Services) -> None:
    """Make the first operator key if there is none."""
    if any(record.role is Role.OPERATOR for record in services.keys.list()):
        return
    # The file comes first: after a crash between the two, a key in the database but in no file would lock everybody out.
    path = config.storage.directory / OPERATOR_KEY_FILE
    if path.exists():
        check_private(path)
    else:
        write_secret(path, new_key().encode() + b"\n")
    services.keys.issue(
        Role.OPERATOR, buyer=None, label="first", now=services.now, key=path.read_text(encoding="ascii").strip()
    )
    log.info("operator-key-written", path=str(path))


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        raise ConfigInvalid(f"http.listen: cannot listen on {address}: {error}", hint="is the port in use?") from error


def _sleep(ending: threading.Event) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        # A transaction may take minutes to be confirmed; an operator who ends the hub does not wait for it.
        if ending.wait(seconds):
            raise ChainUnavailable("the hub is ending; the transaction is stored and will be taken up again")

    return sleep

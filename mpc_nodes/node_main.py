"""The process of a hospital node, and the registration of a table beside it.

    1. Read the configuration; refuse secrets that others can read.
    2. Lock the state directory, open the database, build the node.
    3. Connect to the hub and stay connected; every round runs in one thread, so that the stream stays alive meanwhile.
    4. Beside it: put registered roots on chain, tell the hub, and delete the keys of queries that are over.

`register_dataset` may run at the same time in another process: it writes a new snapshot and one row.
"""

import asyncio
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import structlog

from circuits.schema import Schema
from mpc_nodes import process, tls
from mpc_nodes.chain_account import ChainAccount
from mpc_nodes.clock import Clock, SystemClock, ThreadWorker
from mpc_nodes.config import (
    NodeFile,
    load_account_key,
    load_certificate,
    load_consortium,
    load_node_config,
    load_signing_key,
    load_tls,
)
from mpc_nodes.data_config import SourceConfig
from mpc_nodes.data_source import open_source
from mpc_nodes.database import create_engine
from mpc_nodes.datasets import Datasets
from mpc_nodes.gatekeeper import Gatekeeper
from mpc_nodes.node import Node
from mpc_nodes.policy import load_policy
from mpc_nodes.relay_client import RelayClient
from mpc_nodes.session import Identity, NodeKeys
from mpc_nodes.store import NodeStore
from mpc_nodes.transport_errors import ConfigInvalid
from protocol.consortium import Consortium
from protocol.dataset import SignedRegistration
from protocol.errors import ProofwardError
from protocol.statement import ChainAnchor

READY_FILE: Final = "ready"  # in the state directory: the process id, once the node is connected
_LOCK_FILE: Final = "lock"
_REGISTER_LOCK_FILE: Final = "register.lock"
_LOOK_SECONDS: Final = 2.0  # between looks for new registrations
_LONGEST_LOOK_SECONDS: Final = 30.0  # while the chain does not answer
_FORGET_SECONDS: Final = 60.0
_LAST_WORK_SECONDS: Final = 3.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class OpenNode:
    """A node on its own state, not connected to anything."""

    config: NodeFile
    consortium: Consortium
    identity: Identity
    engine: sa.Engine
    node: Node

    @property
    def name(self) -> str:
        """Of the member."""
        return self.consortium.member(self.config.member).name


def open_node(config: NodeFile, clock: Clock) -> OpenNode:
    """Build the node that `config` describes. Raises ProofwardError for everything that is wrong with it."""
    consortium = load_consortium(config.consortium)
    if config.member > consortium.size:
        raise ConfigInvalid(f"the consortium has no member {config.member}", where=str(config.consortium))
    member = consortium.member(config.member)
    signing = load_signing_key(config.keys.signing, member)
    account = load_account_key(config.keys.account, member.address)
    chain = ChainAnchor(chain_id=config.chain.chain_id, contract=config.chain.contract)
    identity = Identity(consortium, member.index, chain, NodeKeys(signing=signing, attestation=account))
    config.storage.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(config.storage.database)
    try:
        store = NodeStore(engine)

        def now() -> int:
            return int(clock.now())

        # A registration in progress has a draft that a node starting up would take for the leavings of a crash.
        with process.locked(config.storage.directory / _REGISTER_LOCK_FILE, wait=True):
            datasets = Datasets(store, config.storage.directory, identity, clock=now, entropy=os.urandom)
        node = Node(
            identity,
            store=store,
            datasets=datasets,
            gatekeeper=Gatekeeper(load_policy(config.policy.file)),
            publish_root=ChainAccount(config.chain, consortium, account, engine).publish,
            clock=now,
            entropy=os.urandom,
            threads=config.compute.threads,
        )
    except BaseException:
        engine.dispose()
        raise
    return OpenNode(config, consortium, identity, engine, node)


def run_node(config_path: Path) -> None:
    """Run the node until SIGTERM or SIGINT. Raises ProofwardError if it cannot run, or must not go on."""
    config = load_node_config(config_path)
    process.prepare(config.log.level)
    with process.locked(_directory(config) / _LOCK_FILE, wait=False):
        worker, chain_worker = ThreadWorker("node"), ThreadWorker("chain")
        opened = open_node(config, SystemClock())
        ready = config.storage.directory / READY_FILE
        ready.unlink(missing_ok=True)
        log.info("node-started", member=opened.name, consortium=opened.consortium.digest)
        try:
            process.run_until_signalled(lambda: serve(opened, SystemClock(), worker, chain_worker))
        finally:
            ready.unlink(missing_ok=True)
            done = [each.close(_LAST_WORK_SECONDS) for each in (worker, chain_worker)]
            log.info("node-stopped", member=opened.name)
            if not all(done):
                # What a thread still computes is not yet on disk, and a kill at this point is as good as an end; to wait
                # for a long computation would keep the operator waiting for nothing.
                os._exit(0)
        opened.engine.dispose()


async def serve(opened: OpenNode, clock: Clock, worker: ThreadWorker, chain_worker: ThreadWorker) -> None:
    """Keep the node connected, its roots published and its old keys deleted, until cancelled or refused."""
    config, node = opened.config, opened.node
    certificate = load_tls(config.hub.certificate, config.hub.key)
    tls.check_validity(certificate.certificate, clock.now(), str(config.hub.certificate))
    client = RelayClient(
        opened.consortium,
        config.member,
        opened.identity.keys.signing,
        node,
        address=config.hub.address,
        credentials=tls.channel_credentials(certificate, load_certificate(config.hub.authority)),
        clock=clock,
        worker=worker,
        jitter=lambda: secrets.randbelow(1 << 32) / (1 << 32),
        on_connected=lambda: write_ready(config.storage.directory / READY_FILE),
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_announce(node, client, clock, chain_worker))
            tasks.create_task(_forget(node, clock, worker))
            tasks.create_task(client.run())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None  # one error ends the others, and only that one has something to say


def register_dataset(
    config_path: Path,
    *,
    schema: Schema,
    source: SourceConfig,
    epoch: int | None = None,
    threads: int = 1,
    progress: Callable[[int, str], None] | None = None,
) -> SignedRegistration:
    """Commit to a table, keep its snapshot and put its root on chain; a running node tells the hub within seconds.

    Args:
        source: of the rows; files are below `sources.root` of the configuration.
        epoch, threads, progress: as `Datasets.register`.

    Raises:
        NodeRunning: another registration is in progress.
        ProofwardError: of the table, and then nothing is registered; or of the chain, and then the node goes on from there.
    """
    config = load_node_config(config_path)
    process.prepare("warning")
    opened = open_node(config, SystemClock())
    try:
        with (
            process.locked(config.storage.directory / _REGISTER_LOCK_FILE, wait=False),
            open_source(source, root=config.sources.root) as rows,
        ):
            return opened.node.register_dataset(rows, schema, epoch=epoch, threads=threads, progress=progress)
    finally:
        opened.engine.dispose()


def write_ready(path: Path) -> None:
    """Tell a supervisor that the node has been connected: the file holds the process id."""
    draft = path.with_name(f".{path.name}")
    draft.write_text(f"{os.getpid()}\n")
    draft.replace(path)


async def _announce(node: Node, client: RelayClient, clock: Clock, worker: ThreadWorker) -> None:
    told = {signed.digest for signed in await worker.run(node.registrations)}  # the client sends these by itself
    pause = _LOOK_SECONDS
    while True:
        try:
            await worker.run(node.publish_pending)
            pause = _LOOK_SECONDS
        except ProofwardError as error:
            log.warning("roots-not-published", code=error.code, message=error.message)
            pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
        for signed in await worker.run(node.registrations):
            if signed.digest not in told:
                told.add(signed.digest)
                client.announce(signed)
        await clock.sleep(pause)


async def _forget(node: Node, clock: Clock, worker: ThreadWorker) -> None:
    while True:
        await worker.run(node.forget_expired)
        await clock.sleep(_FORGET_SECONDS)


def _directory(config: NodeFile) -> Path:
    with suppress(FileExistsError):
        config.storage.directory.mkdir(mode=0o700, parents=True)
    return config.storage.directory

"""A whole service in one process: the real application, pipeline, hub, four real nodes and the embedded chain.

Only the gRPC stream between hub and nodes is replaced, by a loopback that delivers the same documents.
"""

import asyncio
import contextlib
import copy
import dataclasses
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import rlp  # type: ignore[import-untyped]
import sqlalchemy as sa
from eth_account import Account
from eth_utils.crypto import keccak
from fastapi import FastAPI

import prover
from api.app import create_app
from api.catalogue import Catalogue
from api.contract import ensure_contract
from api.jobs import Jobs
from api.keys import KeyStore, Role
from api.metrics import Metrics
from api.migrations import upgrade
from api.pipeline import Pipeline
from api.posting import Poster
from api.progress import Bell
from api.services import Services
from api.settings import Limits, Rounds, Settings
from api.store import QueryStore
from attestation.chain_client import ChainClient
from attestation.embedded_chain import EmbeddedChain
from attestation.embedded_rpc import EmbeddedProvider
from attestation.ledger import Ledger
from attestation.publish import Patience, Publisher
from attestation.sign import register_call
from attestation.transaction_store import SqlTransactionStore
from attestation.transactions import Call
from attestation.trust import Trust, trust_in
from mpc_nodes.clock import Clock, ThreadWorker
from mpc_nodes.database import create_engine
from mpc_nodes.hub import Hub
from mpc_nodes.hub_store import HubStore
from protocol.relay import ExplainReply, ExplainRequest, RoundReply, RoundRequest
from protocol.statement import ChainAnchor
from tests.simulation.direct import World, make_world
from tests.simulation.loopback import Loopback

SQL = "SELECT sex, COUNT(*) AS n, SUM(score) AS total FROM survey GROUP BY sex"
SUBMISSION = {"sql": SQL, "purpose": "research"}
PATIENCE = Patience(poll=0.01, timeout=20)
FAST = Settings(
    rounds=Rounds(decision=20, deal=20, verdict=20, freeze=20, open=20, attest=20, grace=0.05),
    explain_seconds=5,
    retry_seconds=1,
)


class StepClock:
    """Real time, from the moment that the world's nodes have."""

    def __init__(self, world: World) -> None:
        self._offset = world.now + 1 - time.time()

    def now(self) -> float:
        return time.time() + self._offset

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def sleep_until(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - self.now()))


@dataclass
class Ground:
    """What survives a restart of the hub: nodes, chain, database, keys."""

    directory: Path
    world: World
    clock: Clock
    chain: EmbeddedChain
    trust: Trust
    hub_key: bytes
    engine: sa.Engine

    def restart(self, settings: Settings = FAST) -> "Running":
        """A hub process as after its start."""
        return Running(self, settings)

    def close(self) -> None:
        self.chain.close()
        self.engine.dispose()


def make_ground(directory: Path, database_url: str | None = None) -> Ground:
    """Four hospitals with registered and posted tables, and an empty hub."""
    world = make_world(directory)
    hub_key = secrets.token_bytes(32)
    deployer = Account.from_key(hub_key).address
    contract = "0x" + keccak(rlp.encode([bytes.fromhex(deployer[2:]), 0]))[12:].hex()
    clock = StepClock(world)
    members = [member.address for member in world.consortium.members]
    chain = EmbeddedChain(directory / "chain", funded=[deployer, *members], clock=clock.now)
    anchor = ChainAnchor(chain_id=chain.chain_id, contract=contract)
    for index, hospital in world.hospitals.items():
        hospital.identity = dataclasses.replace(hospital.identity, chain=anchor)
        world.reopen(index)
    engine = create_engine(database_url or f"sqlite:///{directory / 'hub.db'}")
    upgrade(engine)
    trust = trust_in(world.consortium, anchor, prover.generator_digest())
    ground = Ground(directory, world, clock, chain, trust, hub_key, engine)
    ledger = ensure_contract(_client(ground), trust, _publisher(ground, hub_key, None))
    for index, hospital in world.hospitals.items():
        for signed in world.node(index).registrations():
            root, store = signed.registration.root, HubStore(engine)
            store.add_registration(signed, hospital.datasets.package(root), clock.now())
            for other in world.indices:
                store.add_admission(root, other, clock.now())
            call = Call(contract, register_call(anchor, signed.registration).calldata)
            poster = _publisher(ground, hospital.identity.keys.attestation, ledger)
            poster.submit(f"register/{signed.registration.root}", partial(copy.copy, call))
    return ground


@dataclass
class Running:
    """One life of the hub process."""

    ground: Ground
    settings: Settings
    app: FastAPI = field(init=False)
    services: Services = field(init=False)
    pipeline: Pipeline = field(init=False)
    transport: Loopback = field(init=False)
    hub: Hub = field(init=False)

    def __post_init__(self) -> None:
        ground = self.ground
        self.worker = ThreadWorker("hub")
        # One node a thread at a time, as in its own process.
        self.transport = AsyncLoopback({index: self._answer(index) for index in ground.world.indices})
        hub_store = HubStore(ground.engine)
        self.hub = Hub(ground.world.consortium, hub_store, ground.clock, self.transport, worker=self.worker)
        self.transport.hub = self.hub
        client = _client(ground)
        ledger = Ledger(client, ground.trust.chain.contract, ground.trust.terms)
        queries, bell, metrics = QueryStore(ground.engine), Bell(), Metrics()
        self.pipeline = Pipeline(
            trust=ground.trust,
            hub=self.hub,
            catalogue=Catalogue(hub_store),
            packages=hub_store.package,
            queries=queries,
            poster=Poster(ledger, _publisher(ground, ground.hub_key, ledger)),
            clock=ground.clock,
            settings=self.settings,
            bell=bell,
            metrics=metrics,
        )
        jobs = Jobs(queries, self.pipeline.run, clock=ground.clock, settings=self.settings, instance="test")
        self.services = Services(
            settings=self.settings,
            clock=ground.clock,
            trust=ground.trust,
            hub=self.hub,
            transport=self.transport,
            chain=ground.chain,
            catalogue=self.pipeline.catalogue,
            packages=hub_store.package,
            queries=queries,
            keys=KeyStore(ground.engine),
            jobs=jobs,
            bell=bell,
            metrics=metrics,
        )
        self.app = create_app(self.services)

    def key(self, role: Role, buyer: str | None = None, *, expires_at: int | None = None) -> str:
        key, _ = self.services.keys.issue(role, buyer=buyer, label="test", now=self.services.now, expires_at=expires_at)
        return key

    def http(self, key: str | None = None, **options: Any) -> httpx.AsyncClient:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        return httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers, **options)

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator["Running"]:
        """While inside, queries are run."""
        serving = asyncio.create_task(self.services.jobs.serve())
        try:
            yield self
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving

    def _answer(self, index: int) -> Callable[[Any], Any]:
        def answer(document: RoundRequest | ExplainRequest) -> RoundReply | ExplainReply:
            node = self.ground.world.node(index)
            self.ground.world.now = int(self.ground.clock.now())
            return node.handle(document) if isinstance(document, RoundRequest) else node.explain(document)

        return answer


class AsyncLoopback(Loopback):
    """The loopback, with each node's work in a thread of its own process-to-be."""

    def __init__(self, answers: dict[int, Callable[[Any], Any]]) -> None:
        super().__init__(answers)
        self._workers = {index: asyncio.Lock() for index in answers}
        self.before: Callable[[int, Any], bool] = lambda member, document: True

    async def _deliver(self, member: int, document: RoundRequest | ExplainRequest) -> None:
        if not self.before(member, document):
            return
        async with self._workers[member]:
            answer = await asyncio.to_thread(self.answers[member], document)
        assert self.hub is not None
        if member not in self.up or answer is None:
            return
        if isinstance(answer, RoundReply):
            await self.hub.receive(member, answer)
        else:
            self.hub.receive_explanation(member, answer)


async def ended(client: httpx.AsyncClient, query_id: str, seconds: float = 60) -> dict[str, Any]:
    """The status of the query once it is done or has failed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status: dict[str, Any] = (await client.get(f"/v1/queries/{query_id}")).json()
        if status["state"] in ("done", "failed"):
            return status
        await asyncio.sleep(0.02)
    raise AssertionError(f"the query did not end: {status}")


async def submit(client: httpx.AsyncClient, key: str = "idempotency-1", **changes: Any) -> httpx.Response:
    return await client.post("/v1/queries", json={**SUBMISSION, **changes}, headers={"Idempotency-Key": key})


def tight(**limits: int) -> Settings:
    """Settings with other limits."""
    return FAST.model_copy(update={"limits": Limits(**limits)})


def _client(ground: Ground) -> ChainClient:
    return ChainClient(EmbeddedProvider(ground.chain), ground.chain.chain_id)


def _publisher(ground: Ground, key: bytes, ledger: Ledger | None) -> Publisher:
    store = SqlTransactionStore(ground.engine)
    return Publisher(_client(ground), key, store, ledger, clock=time.monotonic, sleep=time.sleep, patience=PATIENCE)

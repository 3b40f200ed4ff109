"""A real hub and real nodes over gRPC with mutual TLS on the loopback interface, in one process."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import grpc
import grpc.aio

from mpc_nodes import relay_options, tls
from mpc_nodes.clock import Clock, SystemClock, ThreadWorker
from mpc_nodes.database import create_engine
from mpc_nodes.hub import Hub
from mpc_nodes.hub_store import HubStore, hub_metadata
from mpc_nodes.relay_client import Handler, RelayClient
from mpc_nodes.relay_server import RelayServer, RelayTimes
from protocol import signing
from protocol.consortium import Consortium
from protocol.dataset import SignedRegistration
from protocol.messages import SignedMessage
from protocol.relay import Acknowledgement, ExplainReply, ExplainRequest, RoundReply, RoundRequest
from protocol.wire import relay_pb2, relay_pb2_grpc
from tests.simulation.members import Members, make_members

HOST = "127.0.0.1"

Stream = Any  # grpc.aio.StreamStreamCall of NodeFrame and HubFrame; the stubs give its `read` no useful type


class Authority(Protocol):
    """Who issues certificates: a `tls.CertificateAuthority`, or a forge."""

    certificate: bytes

    def issue_hub(self, hosts: Sequence[str]) -> tls.Issued: ...

    def issue_node(self, index: int) -> tls.Issued: ...


@dataclass
class Responder:
    """A node's `Handler` that answers every round at once and remembers what it saw.

    Its packages are not real; what it is sent, it admits.
    """

    members: Members
    index: int
    signed: Sequence[SignedRegistration] = ()
    seen: list[RoundRequest] = field(default_factory=list)
    last: list[SignedMessage | None] = field(default_factory=list)
    acknowledgements: list[Acknowledgement] = field(default_factory=list)
    admitted: dict[str, bytes] = field(default_factory=dict)

    def check_not_rolled_back(self, last_decision: SignedMessage | None) -> None:
        self.last.append(last_decision)

    def handle(self, request: RoundRequest) -> RoundReply:
        self.seen.append(request)
        return self.members.answer(self.index, request)

    def explain(self, request: ExplainRequest) -> ExplainReply:
        return ExplainReply(request_id=request.request_id, accept=True, refusal=None, minimum_cohort=10, minimum_hospitals=3)

    def registrations(self) -> Sequence[SignedRegistration]:
        return self.signed

    def package(self, root: str) -> bytes:
        return f"no package of {root}".encode()

    def acknowledged(self, acknowledgement: Acknowledgement) -> None:
        self.acknowledgements.append(acknowledgement)

    def wants(self, signed: SignedRegistration) -> bool:
        return signed.registration.root not in self.admitted

    def admit(self, signed: SignedRegistration, package: bytes) -> None:
        self.admitted[signed.registration.root] = package


@dataclass
class RelaySetting:
    """A listening hub, and what is needed to dial it in right and wrong ways."""

    members: Members
    authority: Authority
    hub: Hub
    store: HubStore
    server: RelayServer
    port: int
    clock: Clock = field(default_factory=SystemClock)
    clients: dict[int, RelayClient] = field(default_factory=dict)  # of the nodes that are running

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def credentials(self, index: int) -> grpc.ChannelCredentials:
        return tls.channel_credentials(self.authority.issue_node(index), self.authority.certificate)

    @contextlib.asynccontextmanager
    async def node(
        self,
        index: int,
        handler: Handler | None = None,
        *,
        clock: Clock | None = None,
        consortium: Consortium | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        on_connected: Callable[[], None] = lambda: None,
    ) -> AsyncIterator["asyncio.Future[None]"]:
        """A running relay client; the task ends only with an error."""
        worker = ThreadWorker(f"node-{index}")
        client = RelayClient(
            consortium or self.members.consortium,
            index,
            self.members.keys[index],
            handler or Responder(self.members, index),
            address=self.address,
            credentials=credentials or self.credentials(index),
            clock=clock or SystemClock(),
            worker=worker,
            jitter=lambda: 0.0,
            on_connected=on_connected,
        )
        self.clients[index] = client
        task = asyncio.ensure_future(client.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            worker.close()

    @contextlib.asynccontextmanager
    async def stream(
        self, index: int, credentials: grpc.ChannelCredentials | None = None, **options: Any
    ) -> AsyncIterator[Stream]:
        """A stream whose frames the test writes itself."""
        arguments = [*relay_options.CLIENT_OPTIONS, ("grpc.max_send_message_length", -1)]
        async with grpc.aio.secure_channel(
            self.address, credentials or self.credentials(index), options=arguments, **options
        ) as channel:
            call = relay_pb2_grpc.RelayStub(channel).Connect()  # type: ignore[no-untyped-call]
            try:
                yield call
            finally:
                call.cancel()

    def hello(self, index: int, challenge: relay_pb2.Challenge, **changes: Any) -> relay_pb2.NodeFrame:
        ours = self.members.consortium
        values: dict[str, Any] = {
            "protocol": ours.protocol,
            "consortium": bytes.fromhex(ours.digest),
            "members": ours.size,
            "threshold": ours.threshold,
            "member": index,
            "signature": self.members.keys[index].sign(signing.hello_bytes(ours.digest, index, challenge.nonce)),
        }
        return relay_pb2.NodeFrame(hello=relay_pb2.Hello(**{**values, **changes}))

    async def greet(self, call: Stream, index: int, **changes: Any) -> Any:
        """Go through the handshake by hand; the frame after the Hello."""
        frame = await call.read()
        await call.write(self.hello(index, frame.challenge, **changes))
        return await call.read()

    async def until_connected(self, *members: int) -> None:
        while not set(members) <= self.server.connected():
            await asyncio.sleep(0.01)

    async def until_disconnected(self, *members: int) -> None:
        while set(members) & self.server.connected():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def relay(
    directory: Path,
    *,
    members: Members | None = None,
    clock: Clock | None = None,
    times: RelayTimes | None = None,
    revoked: frozenset[str] = frozenset(),
    authority: Authority | None = None,
    port: int = 0,
) -> AsyncIterator[RelaySetting]:
    """A hub on a SQLite database in `directory`."""
    members = members or make_members()
    clock = clock or SystemClock()
    authority = authority or tls.CertificateAuthority(members.consortium.name, time.time())
    engine = create_engine(f"sqlite:///{directory / 'hub.db'}")
    hub_metadata.create_all(engine)
    worker = ThreadWorker("hub")
    server = RelayServer(members.consortium, clock=clock, worker=worker, times=times, revoked=revoked)
    store = HubStore(engine)
    verifier = ThreadWorker("packages")
    hub = Hub(members.consortium, store, clock, server, worker=worker, verifier=verifier)
    credentials = tls.server_credentials(authority.issue_hub([HOST, "localhost"]), authority.certificate)
    bound = await server.start(hub, f"{HOST}:{port}", credentials)
    try:
        yield RelaySetting(members, authority, hub, store, server, bound, clock)
    finally:
        await server.stop(0)
        worker.close()
        verifier.close()
        engine.dispose()


async def failure(call: Stream) -> tuple[grpc.StatusCode, str | None]:
    """Status and stable error code with which a stream ended."""
    code = await asyncio.wait_for(call.code(), 60)
    metadata = dict(await call.trailing_metadata() or ())
    value = metadata.get(relay_options.ERROR_CODE)
    return code, value if value is None else str(value)

"""The hub's end of the relay: one stream a member, which the member opened. No other service listens on the port.

    1. The TLS certificate names a member.                              `tls.peer_member`
    2. Challenge, with the hub's n, t, consortium digest and protocol.
    3. Hello within the time: the same values, the same member, and that member's signature on the challenge.
    4. Welcome, with the last decision that the hub has of the member.
    5. Transfers in both directions until an end fails, goes, or a newer stream of the member takes over.

Any doubt ends the stream with the code of a typed error. Specification: docs/spec/07-transport.md.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NoReturn, Protocol

import grpc
import grpc.aio
import structlog
from google.protobuf.message import DecodeError

from mpc_nodes import relay_options, tls, transfer
from mpc_nodes.clock import Clock, Worker, within
from mpc_nodes.exchange import Announcer, Intake
from mpc_nodes.transport_errors import ConnectionReplaced, HandshakeRefused, TransferInvalid
from protocol import signatures
from protocol.consortium import Consortium
from protocol.dataset import SignedRegistration
from protocol.errors import ProofwardError
from protocol.messages import Refusal, SignedMessage
from protocol.relay import (
    CHALLENGE_BYTES,
    FROM_NODE,
    Acknowledgement,
    ExplainReply,
    ExplainRequest,
    PackageFile,
    RelayDocument,
    RoundReply,
    RoundRequest,
)
from protocol.wire import relay_pb2, relay_pb2_grpc

QUEUE_LENGTH: Final = 256  # documents that wait for one member; more than there are rounds open at a time
_LAST_WRITE: Final = 1.0  # seconds for a frame that is under way when the stream ends

log = structlog.get_logger(__name__)

Context = grpc.aio.ServicerContext[relay_pb2.NodeFrame, relay_pb2.HubFrame]


class Broker(Protocol):
    """What the server does with documents: the methods of `Hub`."""

    async def last_decision(self, member: int) -> SignedMessage | None:
        """For the Welcome."""
        ...

    def member_connected(self, member: int) -> None:
        """The handshake is over; requests can be sent."""
        ...

    async def receive(self, member: int, reply: RoundReply) -> object:
        """Take a reply."""
        ...

    def receive_explanation(self, member: int, reply: ExplainReply) -> None:
        """Take an explanation."""
        ...

    @property
    def packages(self) -> "PackageBroker":
        """What the server does with registrations and packages."""
        ...


class PackageBroker(Protocol):
    """What the server does with registrations and packages: the methods of `HubPackages`."""

    async def wants(self, member: int, signed: SignedRegistration) -> bool:
        """Whether the package of a registration is to be sent."""
        ...

    async def admit(self, member: int, signed: SignedRegistration, package: bytes) -> None:
        """Take a package; durable on return."""
        ...

    async def to_announce(self, member: int) -> list[str]:
        """Roots that a member is told of when it connects."""
        ...

    async def registration(self, root: str) -> SignedRegistration | None:
        """What is announced."""
        ...

    async def package(self, root: str) -> bytes | None:
        """What is sent if it is wanted."""
        ...

    async def settled(self, member: int, root: str, refusal: Refusal | None) -> None:
        """A member has a package, or refuses it."""
        ...


@dataclass(frozen=True)
class RelayTimes:
    """Seconds that a peer has."""

    handshake: float = 10.0  # for its Hello, or the hub's Challenge and Welcome
    transfer: float = 120.0  # for all parts of a transfer after the first, and to take a document from us


@dataclass(frozen=True)
class _MemberShelf:
    """What the hub announces to one member."""

    packages: PackageBroker
    member: int

    async def registration(self, root: str) -> SignedRegistration | None:
        return await self.packages.registration(root)

    async def package(self, root: str) -> bytes | None:
        return await self.packages.package(root)

    async def settled(self, root: str, acknowledgement: Acknowledgement) -> None:
        await self.packages.settled(self.member, root, acknowledgement.refusal)


@dataclass(eq=False)
class _Stream:
    member: int
    announcer: Announcer | None = None
    intake: Intake = field(default_factory=Intake)
    incoming: asyncio.Queue[SignedRegistration | PackageFile] = field(default_factory=asyncio.Queue)  # one at most
    queue: asyncio.Queue[RelayDocument] = field(default_factory=lambda: asyncio.Queue(QUEUE_LENGTH))
    ended: asyncio.Future[NoReturn] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def end(self, error: ProofwardError) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
            self.ended.exception()  # it is not an accident if nobody waits for it any more


class _Frames:
    """The frames of one stream."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._writing: asyncio.Future[None] | None = None

    async def read(self) -> relay_pb2.NodeFrame | None:
        """The next frame; None if the node has ended its half of the stream. Raises TransferInvalid."""
        try:
            frame = await self._context.read()
        except DecodeError:
            raise TransferInvalid("bytes from the node are not a frame") from None
        return frame if isinstance(frame, relay_pb2.NodeFrame) else None

    async def write(self, frame: relay_pb2.HubFrame) -> None:
        """Send a frame. A cancelled caller stops waiting, but the frame stays on its way."""
        self._writing = asyncio.ensure_future(self._context.write(frame))
        self._writing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._writing)

    async def abort(self, error: ProofwardError) -> None:
        """End the stream with the code of `error`."""
        if self._writing is not None:
            # gRPC cannot send a status while a message is under way. A peer that does not read gets no status: its
            # stream is cut when this handler fails.
            await asyncio.wait((self._writing,), timeout=_LAST_WRITE)
        metadata = ((relay_options.ERROR_CODE, error.code),)
        await self._context.abort(relay_options.STATUS[error.kind], error.message, metadata)


class RelayServer(relay_pb2_grpc.RelayServicer):
    """The servicer, and the hub's `Transport`."""

    def __init__(
        self,
        consortium: Consortium,
        *,
        clock: Clock,
        worker: Worker,
        revoked: frozenset[str] = frozenset(),
        times: RelayTimes | None = None,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._consortium = consortium
        self._clock = clock
        self._worker = worker
        self._revoked = revoked
        self._times = times or RelayTimes()
        self._entropy = entropy
        self._greeting: dict[int, _Stream] = {}  # at most one stream a member before its Hello, and one after it
        self._streams: dict[int, _Stream] = {}
        self._broker: Broker | None = None
        self._server: grpc.aio.Server | None = None

    async def start(self, broker: Broker, address: str, credentials: grpc.ServerCredentials) -> int:
        """Listen on `address` (`host:port`, port 0 for any) and return the port. Raises OSError if it is taken."""
        self._broker = broker
        server = grpc.aio.server(
            options=list(relay_options.SERVER_OPTIONS), maximum_concurrent_rpcs=4 * self._consortium.size + 16
        )
        relay_pb2_grpc.add_RelayServicer_to_server(self, server)  # type: ignore[no-untyped-call]
        try:
            port = server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}") from error
        await server.start()
        self._server = server
        log.info("relay-listening", address=address, port=port)
        return port

    async def stop(self, grace: float = 1.0) -> None:
        """End all streams and close the port."""
        if self._server is not None:
            await self._server.stop(grace)
            self._server = None

    def connected(self) -> frozenset[int]:
        """The members whose stream passed the handshake."""
        return frozenset(self._streams)

    def send(self, member: int, document: RoundRequest | ExplainRequest) -> None:
        """Queue a document; dropped if the member is not connected."""
        stream = self._streams.get(member)
        if stream is not None:
            self._enqueue(stream, document)

    def announce(self, member: int, root: str) -> None:
        """Tell a member of a registration; dropped if it is not connected."""
        stream = self._streams.get(member)
        if stream is not None and stream.announcer is not None:
            stream.announcer.add(root)

    async def Connect(  # noqa: N802 - the name of the RPC
        self, request_iterator: AsyncIterator[relay_pb2.NodeFrame], context: Context
    ) -> None:
        """One stream, from its first byte to its last."""
        del request_iterator  # frames are read one by one instead, so that each can be given a time limit
        frames = _Frames(context)
        try:
            await self._serve(tls.peer_member(context.auth_context(), self._consortium, self._revoked), frames)
        except ProofwardError as error:
            log.warning("stream-ended", code=error.code, message=error.message)
            await frames.abort(error)

    async def _serve(self, member: int, frames: _Frames) -> None:
        stream = _Stream(member)
        try:
            _replace(self._greeting, stream)
            await _first(stream.ended, self._greet(stream, frames))
            _replace(self._streams, stream)
            del self._greeting[member]
            self._hub.member_connected(member)
            log.info("member-connected", member=member)
            works = self._read(stream, frames), self._write(stream, frames), self._announce(stream), self._take(stream)
            await _first(stream.ended, *works)
        finally:
            for streams in (self._greeting, self._streams):
                if streams.get(member) is stream:
                    del streams[member]
            log.info("member-disconnected", member=member)

    async def _greet(self, stream: _Stream, frames: _Frames) -> None:
        ours = self._consortium
        nonce = self._entropy(CHALLENGE_BYTES)
        challenge = relay_pb2.Challenge(
            nonce=nonce,
            protocol=ours.protocol,
            consortium=bytes.fromhex(ours.digest),
            members=ours.size,
            threshold=ours.threshold,
        )
        await frames.write(relay_pb2.HubFrame(challenge=challenge))
        frame = await within(self._clock, self._times.handshake, "Hello", frames.read())
        if frame is None or frame.WhichOneof("frame") != "hello":
            raise HandshakeRefused("the first frame of a node is its Hello", where=f"member {stream.member}")
        check_agreement(ours, frame.hello)
        if frame.hello.member != stream.member:
            raise HandshakeRefused(f"the certificate is member {stream.member}'s, the Hello is member {frame.hello.member}'s")
        signature = frame.hello.signature.hex()
        await self._worker.run(lambda: signatures.verify_hello(ours, stream.member, nonce, signature))
        last = await self._hub.last_decision(stream.member)
        welcome = relay_pb2.Welcome(last_decision=b"" if last is None else last.encoded)
        await frames.write(relay_pb2.HubFrame(welcome=welcome))

    async def _announce(self, stream: _Stream) -> None:
        shelf = _MemberShelf(self._hub.packages, stream.member)
        stream.announcer = Announcer(shelf, partial(self._enqueue, stream))  # before the roots are read: none is missed
        for root in await self._hub.packages.to_announce(stream.member):
            stream.announcer.add(root)
        await stream.announcer.run()

    async def _take(self, stream: _Stream) -> None:
        # Beside the reading, because a package takes long to verify and rounds must not wait for it.
        wants, admit = partial(self._hub.packages.wants, stream.member), partial(self._hub.packages.admit, stream.member)
        while True:
            self._enqueue(stream, await stream.intake.take(await stream.incoming.get(), wants, admit))

    async def _read(self, stream: _Stream, frames: _Frames) -> None:
        assembler = transfer.Assembler(FROM_NODE)
        end_of_transfer = 0.0
        while True:
            if assembler.in_progress:
                left = max(0.0, end_of_transfer - self._clock.now())
                frame = await within(self._clock, left, "rest of the transfer", frames.read())
            else:
                frame = await frames.read()
                end_of_transfer = self._clock.now() + self._times.transfer
            if frame is None:
                return
            if frame.WhichOneof("frame") != "part":
                raise TransferInvalid("after its Hello a node sends parts of transfers")
            stream.intake.check(frame.part)
            complete = assembler.add(frame.part)
            if complete is not None:
                await self._dispatch(stream, await self._worker.run(partial(transfer.parse, *complete)))

    async def _dispatch(self, stream: _Stream, document: RelayDocument) -> None:
        if isinstance(document, RoundReply):
            try:
                await self._hub.receive(stream.member, document)
            except ProofwardError:
                return  # the broker has logged and recorded it; other queries of the member are not affected
        elif isinstance(document, ExplainReply):
            self._hub.receive_explanation(stream.member, document)
        elif isinstance(document, SignedRegistration | PackageFile):
            stream.incoming.put_nowait(document)
        elif isinstance(document, Acknowledgement) and stream.announcer is not None:
            stream.announcer.answered(document)

    async def _write(self, stream: _Stream, frames: _Frames) -> None:
        number = 0
        while True:
            document = await stream.queue.get()
            number += 1
            what = "readiness to receive"
            await within(self._clock, self._times.transfer, what, _send(frames, number, document))

    @staticmethod
    def _enqueue(stream: _Stream, document: RelayDocument) -> None:
        try:
            stream.queue.put_nowait(document)
        except asyncio.QueueFull:
            stream.end(TransferInvalid("the member does not take what is sent to it", where=f"member {stream.member}"))

    @property
    def _hub(self) -> Broker:
        if self._broker is None:
            raise RuntimeError("the relay server has not been started")
        return self._broker


def check_agreement(ours: Consortium, theirs: relay_pb2.Hello | relay_pb2.Challenge) -> None:
    """Check that the other end has the same protocol, consortium, n and t. Raises HandshakeRefused naming what differs."""
    for what, mine, other in (
        ("protocol version", ours.protocol, theirs.protocol),
        ("threshold t", ours.threshold, theirs.threshold),
        ("number of members n", ours.size, theirs.members),
        ("consortium digest", ours.digest, theirs.consortium.hex()),
    ):
        if mine != other:
            hint = "compare consortium.json on both sides" if what != "protocol version" else "upgrade the older side"
            raise HandshakeRefused(f"the {what} differs: {mine} here, {str(other)[:80]} there", hint=hint)


def _replace(streams: dict[int, _Stream], stream: _Stream) -> None:
    old = streams.get(stream.member)
    if old is not None:
        old.end(ConnectionReplaced("a newer connection of this member took over", where=f"member {stream.member}"))
    streams[stream.member] = stream


async def _send(frames: _Frames, number: int, document: RelayDocument) -> None:
    for part in transfer.cut(number, document):
        await frames.write(relay_pb2.HubFrame(part=part))


async def _first(ended: asyncio.Future[NoReturn], *works: Coroutine[Any, Any, None]) -> None:
    """Return or raise as the first of these does; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    futures: list[asyncio.Future[Any]] = [ended, *tasks]
    try:
        done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

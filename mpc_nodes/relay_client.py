"""The node's end of the relay: it dials out, and dials again when the stream breaks.

A broken network is waited out, with exponential backoff and jitter. A hub that disagrees on the consortium, that refuses
this node's identity, or that knows of decisions which this node has forgotten, is a reason to stop: see `run`.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

import grpc
import grpc.aio
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import DecodeError

from mpc_nodes import relay_options, transfer
from mpc_nodes.clock import Clock, Worker, within
from mpc_nodes.exchange import Announcer, Intake
from mpc_nodes.relay_server import RelayTimes, check_agreement
from mpc_nodes.transport_errors import ConnectionReplaced, DeadlineExceeded, HandshakeRefused, HubUnreachable, TransferInvalid
from protocol import signing
from protocol.consortium import Consortium
from protocol.dataset import SignedRegistration
from protocol.errors import REGISTRY, Kind, ProofwardError
from protocol.messages import MAX_BODY_BYTES, SignedMessage
from protocol.relay import (
    CHALLENGE_BYTES,
    FROM_HUB,
    Acknowledgement,
    ExplainReply,
    ExplainRequest,
    PackageFile,
    RelayDocument,
    RoundReply,
    RoundRequest,
)
from protocol.wire import relay_pb2, relay_pb2_grpc

FIRST_DELAY: Final = 0.25  # seconds
LONGEST_DELAY: Final = 5.0
_LAST_WORD: Final = 2.0  # seconds in which our Hello can reach a hub that we leave anyway
_REQUESTS_HELD: Final = 4  # requests that wait for the node's thread; the stream is not read further meanwhile

log = structlog.get_logger(__name__)

Call = grpc.aio.StreamStreamCall[relay_pb2.NodeFrame, relay_pb2.HubFrame]


class Handler(Protocol):
    """What a node does with documents. Every method runs in the node's worker."""

    def check_not_rolled_back(self, last_decision: SignedMessage | None) -> None:
        """Compare the hub's memory with our own. Raises if ours is older."""
        ...

    def handle(self, request: RoundRequest) -> RoundReply:
        """Answer a round; the reply is durable when this returns."""
        ...

    def explain(self, request: ExplainRequest) -> ExplainReply:
        """Say what this node would decide."""
        ...

    def registrations(self) -> Sequence[SignedRegistration]:
        """What the hub must know of; announced whenever the node connects."""
        ...

    def package(self, root: str) -> bytes:
        """The package of one of them."""
        ...

    def acknowledged(self, acknowledgement: Acknowledgement) -> None:
        """The hub has a registration and its package on its disk, or refuses them."""
        ...

    def wants(self, signed: SignedRegistration) -> bool:
        """Whether the package of another member's registration is to be sent."""
        ...

    def admit(self, signed: SignedRegistration, package: bytes) -> None:
        """Verify and keep a package; durable when this returns."""
        ...


class _NodeShelf:
    """What this node announces to the hub."""

    def __init__(self, handler: Handler, worker: Worker) -> None:
        self._handler = handler
        self._worker = worker

    async def registration(self, root: str) -> SignedRegistration | None:
        registrations = await self._worker.run(self._handler.registrations)
        return next((signed for signed in registrations if signed.registration.root == root), None)

    async def package(self, root: str) -> bytes | None:
        try:
            return await self._worker.run(partial(self._handler.package, root))
        except ProofwardError as error:  # a damaged snapshot must not keep the node from its other duties
            log.error("package-unreadable", root=root, code=error.code, message=error.message)
            return None

    async def settled(self, root: str, acknowledgement: Acknowledgement) -> None:
        del root
        await self._worker.run(partial(self._handler.acknowledged, acknowledgement))


class RelayClient:
    """One node's connection to the hub."""

    def __init__(
        self,
        consortium: Consortium,
        member: int,
        signing_key: Ed25519PrivateKey,
        handler: Handler,
        *,
        address: str,
        credentials: grpc.ChannelCredentials,
        clock: Clock,
        worker: Worker,
        jitter: Callable[[], float],
        times: RelayTimes | None = None,
        on_connected: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            address: the hub, `host:port`; its certificate must name the host.
            jitter: random numbers in [0, 1), so that nodes do not come back in step.
            on_connected: called after each handshake.
        """
        self._consortium = consortium
        self._member = member
        self._signing_key = signing_key
        self._handler = handler
        self._address = address
        self._credentials = credentials
        self._clock = clock
        self._worker = worker
        self._jitter = jitter
        self._times = times or RelayTimes()
        self._on_connected = on_connected
        self._announcer: Announcer | None = None
        self._welcomed = False

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            HandshakeRefused, CertificateInvalid, SignatureInvalid: hub and node disagree on who they are.
            ProofwardError: whatever `check_not_rolled_back` raised.
        """
        delays = self._delays()
        while True:
            self._welcomed = False
            try:
                await self._connection()
                log.info("hub-ended-stream")
            except ProofwardError as error:
                # Once welcomed, nothing that goes wrong is a reason to stay away for good.
                if not self._welcomed and error.kind is not Kind.UNAVAILABLE and not isinstance(error, ConnectionReplaced):
                    raise
                log.warning("hub-connection-lost", code=error.code, message=error.message)
            if self._welcomed:
                delays = self._delays()
            await self._clock.sleep(next(delays))

    def announce(self, signed: SignedRegistration) -> None:
        """Tell the hub of a registration now, if connected; otherwise the next connection tells it."""
        if self._announcer is not None:
            self._announcer.add(signed.registration.root)

    def _delays(self) -> Iterator[float]:
        delay = FIRST_DELAY
        while True:
            yield delay * (0.5 + self._jitter() / 2)
            delay = min(2 * delay, LONGEST_DELAY)

    async def _connection(self) -> None:
        options = list(relay_options.CLIENT_OPTIONS)
        async with grpc.aio.secure_channel(self._address, self._credentials, options=options) as channel:
            stub = relay_pb2_grpc.RelayStub(channel)  # type: ignore[no-untyped-call]
            call: Call = stub.Connect()
            try:
                await self._greet(call)
                self._welcomed = True
                outgoing: asyncio.Queue[RelayDocument] = asyncio.Queue()
                announcer = Announcer(_NodeShelf(self._handler, self._worker), outgoing.put_nowait)
                self._announcer = announcer
                for signed in await self._worker.run(self._handler.registrations):
                    announcer.add(signed.registration.root)
                self._on_connected()
                log.info("connected", hub=self._address)
                requests: asyncio.Queue[RelayDocument] = asyncio.Queue(_REQUESTS_HELD)
                intake = Intake()
                await _first(
                    self._read(call, requests, intake),
                    self._answer(requests, outgoing, announcer, intake),
                    self._write(call, outgoing),
                    announcer.run(),
                )
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
                raise await _ended(call, error) from None
            finally:
                self._announcer = None
                call.cancel()

    async def _greet(self, call: Call) -> None:
        ours = self._consortium
        frame = await within(self._clock, self._times.handshake, "Challenge from the hub", _read(call))
        if frame.WhichOneof("frame") != "challenge" or len(frame.challenge.nonce) != CHALLENGE_BYTES:
            raise HandshakeRefused("the first frame of a hub is its Challenge")
        signature = self._signing_key.sign(signing.hello_bytes(ours.digest, self._member, frame.challenge.nonce))
        hello = relay_pb2.Hello(
            protocol=ours.protocol,
            consortium=bytes.fromhex(ours.digest),
            members=ours.size,
            threshold=ours.threshold,
            member=self._member,
            signature=signature,
        )
        # Sent even if ours and theirs differ, so that the hub's operator learns of it too; the signature is over our digest
        # and is worth nothing in another consortium. Our own comparison decides, whatever the hub says.
        await call.write(relay_pb2.NodeFrame(hello=hello))
        try:
            check_agreement(ours, frame.challenge)
        except HandshakeRefused:
            with suppress(DeadlineExceeded):
                await within(self._clock, _LAST_WORD, "refusal from the hub", call.code())
            raise
        frame = await within(self._clock, self._times.handshake, "Welcome from the hub", _read(call))
        if frame.WhichOneof("frame") != "welcome":
            raise HandshakeRefused("the second frame of a hub is its Welcome")
        data = frame.welcome.last_decision
        last = SignedMessage.from_bytes(data, limit=2 * MAX_BODY_BYTES) if data else None
        await self._worker.run(lambda: self._handler.check_not_rolled_back(last))

    async def _read(self, call: Call, requests: asyncio.Queue[RelayDocument], intake: Intake) -> None:
        assembler = transfer.Assembler(FROM_HUB)
        end_of_transfer = 0.0
        while True:
            if assembler.in_progress:
                left = max(0.0, end_of_transfer - self._clock.now())
                frame = await within(self._clock, left, "rest of the transfer", _read(call))
            else:
                frame = await _read(call)
                end_of_transfer = self._clock.now() + self._times.transfer
            if frame.WhichOneof("frame") != "part":
                raise TransferInvalid("after its Welcome a hub sends parts of transfers")
            intake.check(frame.part)
            complete = assembler.add(frame.part)
            if complete is not None:
                await requests.put(await self._worker.run(partial(transfer.parse, *complete)))

    async def _answer(
        self,
        requests: asyncio.Queue[RelayDocument],
        outgoing: asyncio.Queue[RelayDocument],
        announcer: Announcer,
        intake: Intake,
    ) -> None:
        # One after the other, as they came: a package that was sent before a request is admitted before it is answered.
        while True:
            document = await requests.get()
            if isinstance(document, RoundRequest):
                outgoing.put_nowait(await self._worker.run(partial(self._handler.handle, document)))
            elif isinstance(document, ExplainRequest):
                outgoing.put_nowait(await self._worker.run(partial(self._handler.explain, document)))
            elif isinstance(document, SignedRegistration | PackageFile):
                outgoing.put_nowait(await intake.take(document, self._wants, self._admit))
            elif isinstance(document, Acknowledgement):
                announcer.answered(document)

    async def _wants(self, signed: SignedRegistration) -> bool:
        return await self._worker.run(partial(self._handler.wants, signed))

    async def _admit(self, signed: SignedRegistration, package: bytes) -> None:
        await self._worker.run(partial(self._handler.admit, signed, package))

    async def _write(self, call: Call, outgoing: asyncio.Queue[RelayDocument]) -> None:
        number = 0
        while True:
            document = await outgoing.get()
            number += 1
            await within(self._clock, self._times.transfer, "readiness of the hub to receive", _send(call, number, document))


async def _read(call: Call) -> relay_pb2.HubFrame:
    try:
        frame = await call.read()
    except DecodeError:
        raise TransferInvalid("bytes from the hub are not a frame") from None
    if not isinstance(frame, relay_pb2.HubFrame):  # the end of the stream: its status says why
        raise await _ended(call, None)
    return frame


async def _send(call: Call, number: int, document: RelayDocument) -> None:
    for part in transfer.cut(number, document):
        await call.write(relay_pb2.NodeFrame(part=part))


async def _ended(call: Call, error: BaseException | None) -> ProofwardError:
    """The typed error behind the status of a stream that has ended."""
    if not call.done() and error is not None and not isinstance(error, grpc.aio.AioRpcError):
        return HubUnreachable(f"the stream to the hub broke: {type(error).__name__}")
    status = await call.code()
    details = (await call.details() or "")[:500]
    metadata = await call.trailing_metadata() or ()
    code = dict(metadata).get(relay_options.ERROR_CODE)
    known = REGISTRY.get(str(code))
    if known is not None:
        return known(f"the hub says: {details}")
    return HubUnreachable(f"the stream to the hub ended: {status.name} {details}".strip())


async def _first(*works: Coroutine[Any, Any, None]) -> None:
    """Raise as the first of these does; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

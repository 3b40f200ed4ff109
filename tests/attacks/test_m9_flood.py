"""M9: what a hostile member sends costs the hub little memory, ends its own stream only, and honest rounds still end.

The hub is a process of its own here, so that its memory can be measured without ours.
"""

import asyncio
import contextlib
import itertools
import json
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from mpc_nodes import tls
from protocol.relay import LIMITS, PART_BYTES, TransferKind
from protocol.wire import relay_pb2
from tests.simulation.members import make_members
from tests.simulation.relay import HOST, RelaySetting, Stream, failure

HUB = """
import asyncio, json, sys
from pathlib import Path
from mpc_nodes import process, tls
from mpc_nodes.clock import SystemClock, ThreadWorker
from mpc_nodes.config import load_consortium
from mpc_nodes.database import create_engine
from mpc_nodes.hub import Hub
from mpc_nodes.hub_store import HubStore, hub_metadata
from mpc_nodes.relay_server import RelayServer
from protocol.messages import Round
from protocol.query import Offer

async def main():
    here, clock, worker = Path(sys.argv[1]), SystemClock(), ThreadWorker("hub")
    consortium = load_consortium(here / "consortium.json")
    engine = create_engine(f"sqlite:///{here}/hub.db")
    hub_metadata.create_all(engine)
    server = RelayServer(consortium, clock=clock, worker=worker)
    hub = Hub(consortium, HubStore(engine), clock, server, worker=worker)
    issued = tls.Issued((here / "hub.pem").read_bytes(), (here / "hub.key").read_bytes())
    credentials = tls.server_credentials(issued, (here / "ca.pem").read_bytes())
    print(await server.start(hub, "127.0.0.1:0", credentials), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        offer = Offer.from_bytes(line.strip().encode(), limit=1 << 20)
        # Everybody is asked, as in a query: a node may have its Welcome before the hub counts it as connected, and is asked
        # as soon as it does. No deadline of ours: the test's own ends a round that the flood holds up.
        result = await hub.collect(
            offer.query_id, Round.DECISION, offer=offer, inputs=(), members=range(1, consortium.size + 1),
            deadline=offer.expires_at, enough=2, grace=0,
        )
        print(json.dumps(sorted(result.messages)), flush=True)
    await server.stop(0)
    worker.close()

process.prepare("error")
asyncio.run(main())
"""

MEBIBYTE = 1 << 20
# Above what the hub needs anyway: buffers of gRPC, and one reply of the largest size while it is parsed.
ALLOWANCE = 300 * MEBIBYTE


@dataclass
class FloodSetting:
    """A hub process, with two honest members connected to it; 3 and 4 are the attacker's."""

    relay: RelaySetting
    process: subprocess.Popen[str]

    def memory(self) -> int:
        """The most that the hub has had resident so far, bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    async def honest_round(self) -> None:
        """A round of the honest members, from asking to closing."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        offer = self.relay.members.offer(secrets.token_hex(32))
        self.process.stdin.write(offer.encoded.decode() + "\n")
        self.process.stdin.flush()
        line = await asyncio.to_thread(self.process.stdout.readline)
        assert {1, 2} <= set(json.loads(line))


@contextlib.asynccontextmanager
async def flood(directory: Path) -> AsyncIterator[FloodSetting]:
    members = make_members()
    authority = tls.CertificateAuthority("trial", time.time())
    issued = authority.issue_hub([HOST])
    (directory / "consortium.json").write_bytes(members.consortium.encoded)
    for name, data in (("hub.pem", issued.certificate), ("hub.key", issued.key), ("ca.pem", authority.certificate)):
        (directory / name).write_bytes(data)
    process = subprocess.Popen(
        [sys.executable, "-c", HUB, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        port = int(await asyncio.to_thread(process.stdout.readline))
        setting = RelaySetting(members, authority, None, None, None, port)  # type: ignore[arg-type]
        ready = [asyncio.Event(), asyncio.Event()]
        async with (
            setting.node(1, on_connected=ready[0].set),
            setting.node(2, on_connected=ready[1].set),
        ):
            await asyncio.gather(*(event.wait() for event in ready))
            yield FloodSetting(setting, process)
        assert process.poll() is None, "the hub died"
    finally:
        process.kill()
        process.communicate()


async def send_until_refused(setting: FloodSetting, frames: Iterable[relay_pb2.NodeFrame], **options: Any) -> str:
    """Connect as member 3, send frames until the hub ends the stream; the status, with the stable code if there is one."""
    async with setting.relay.stream(3, **options) as call:
        welcome = await setting.relay.greet(call, 3)
        assert welcome.WhichOneof("frame") == "welcome"
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            for frame in frames:
                await call.write(frame)
        status, code = await failure(call)
        return code or status.name


def part(**changes: Any) -> relay_pb2.NodeFrame:
    values: dict[str, Any] = {"transfer": 1, "index": 0, "count": 1, "kind": "reply", "data": b"{}"}
    return relay_pb2.NodeFrame(part=relay_pb2.Part(**{**values, **changes}))


FULL = bytes(PART_BYTES)
REPLY_PARTS = -(-LIMITS[TransferKind.REPLY] // PART_BYTES)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


FRAMES = {
    "part number": [part(index=1)],
    "transfer number": [part(transfer=2)],
    "transfer numbers repeat": [part(data=b"{}"), part(data=b"{}")],
    "no parts": [part(count=0)],
    "4 billion parts": [part(count=(1 << 32) - 1, data=FULL)],
    "one part more than the limit": [part(count=REPLY_PARTS + 1, data=FULL)],
    "count changes": [part(count=3, data=FULL), part(index=1, count=4, data=FULL)],
    "kind changes": [part(count=3, data=FULL), part(index=1, count=3, kind="registration", data=FULL)],
    "bytes beyond the limit": [part(index=i, count=REPLY_PARTS, data=FULL) for i in range(REPLY_PARTS)],
    "empty part": [part(data=b"")],
    "one-byte parts": [part(count=REPLY_PARTS, data=b"x")],
    "kind of the hub": [part(kind="request")],
    "unknown kind": [part(kind="gossip")],
    "explanation beyond its limit": [part(kind="explain-reply", data=bytes(17 << 10))],
    "second Hello": [relay_pb2.NodeFrame(hello=relay_pb2.Hello())],
    "empty frame": [relay_pb2.NodeFrame()],
}


async def test_transfers_that_are_not_well_formed(tmp_path: Path) -> None:
    async with flood(tmp_path) as setting:
        before = setting.memory()
        outcomes = {name: await send_until_refused(setting, frames) for name, frames in FRAMES.items()}
        # "{}" is a complete transfer, and no reply: it is refused as a document before the next part comes.
        expected = dict.fromkeys(FRAMES, "transfer-invalid") | {"transfer numbers repeat": "malformed-input"}
        assert outcomes == expected
        assert setting.memory() - before < ALLOWANCE
        await setting.honest_round()


REPLY_BYTES = LIMITS[TransferKind.REPLY]
DOCUMENTS = {
    "as many objects as there is room for": b"[" + b"{}," * ((REPLY_BYTES - 4) // 3) + b"{}]",
    "as many numbers as there is room for": b"[" + b"0," * ((REPLY_BYTES - 3) // 2) + b"0]",
    "as many strings as there is room for": b"[" + b'"",' * ((REPLY_BYTES - 4) // 3) + b'""]',
    "nested 100,000 deep": nested(100_000),
    "a million items": b"[" + b"0," * 500_000 + b"0]",
    "a million keys": b"{" + b",".join(b'"%06d":0' % i for i in range(100_000)) + b"}",
    "a huge number": b'{"type":' + b"9" * 1_000_000 + b"}",
    "not UTF-8": b"\xff" * 1000,
    "a query id of a megabyte": b'{"query_id":"' + b"0" * 1_000_000 + b'"}',
}


async def test_documents_that_are_costly_to_parse(tmp_path: Path) -> None:
    async with flood(tmp_path) as setting:
        before = setting.memory()
        for name, data in DOCUMENTS.items():
            parts = [data[i : i + PART_BYTES] for i in range(0, len(data), PART_BYTES)]
            frames = [part(index=i, count=len(parts), data=piece) for i, piece in enumerate(parts)]
            assert await send_until_refused(setting, frames) == "malformed-input", name
        assert setting.memory() - before < ALLOWANCE
        await setting.honest_round()


async def test_a_decompression_bomb_is_not_inflated(tmp_path: Path) -> None:
    bomb = part(data=bytes(256 * MEBIBYTE))  # zeros: about 256 KiB on the wire
    async with flood(tmp_path) as setting:
        before = setting.memory()
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            outcome = await send_until_refused(setting, [bomb], compression=compression)
            assert outcome in {"INTERNAL", "UNIMPLEMENTED", "RESOURCE_EXHAUSTED", "transfer-invalid"}
        assert setting.memory() - before < 32 * MEBIBYTE
        await setting.honest_round()


async def test_frames_that_are_too_large_or_no_frames(tmp_path: Path) -> None:
    repeated = b"\x9a\x06\x00" * 300_000  # field 99, empty, 300,000 times: unknown fields are kept by the parser
    async with flood(tmp_path) as setting:
        before = setting.memory()
        assert await send_until_refused(setting, [part(data=bytes(8 * MEBIBYTE))]) == "RESOURCE_EXHAUSTED"
        junk = [relay_pb2.NodeFrame.FromString(repeated)]
        assert await send_until_refused(setting, junk) == "transfer-invalid"
        async with grpc.aio.secure_channel(setting.relay.address, setting.relay.credentials(3)) as channel:
            call = channel.stream_stream("/proofward.relay.v1.Relay/Connect")()  # type: ignore[call-arg]
            await call.read()
            await call.write(b"\xff" * 1000)
            assert (await failure(call))[1] == "transfer-invalid"
        assert setting.memory() - before < ALLOWANCE
        await setting.honest_round()


async def test_ten_thousand_streams_opened_and_reset(tmp_path: Path) -> None:
    async with flood(tmp_path) as setting:
        before = setting.memory()
        credentials = setting.relay.credentials(3)
        async with grpc.aio.secure_channel(setting.relay.address, credentials) as channel:
            await channel.channel_ready()
            for _ in range(100):
                connect: Any = channel.stream_stream("/proofward.relay.v1.Relay/Connect")  # type: ignore[call-arg]
                calls = [connect() for _ in range(100)]
                await asyncio.sleep(0)
                for call in calls:
                    call.cancel()
            await setting.honest_round()
        assert setting.memory() - before < ALLOWANCE
        await setting.honest_round()


async def test_a_hundred_connections_that_say_nothing(tmp_path: Path) -> None:
    async with flood(tmp_path) as setting, contextlib.AsyncExitStack() as stack:
        before = setting.memory()
        calls = [await stack.enter_async_context(setting.relay.stream(3)) for _ in range(100)]

        async def end(call: Stream) -> object:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await call.read()  # its Challenge; a status comes only after what was sent before it
            return await failure(call)

        # A member has one stream before its Hello: each newer one ends the one before, so one is left.
        ends = [asyncio.ensure_future(end(call)) for call in calls]
        for first in itertools.islice(asyncio.as_completed(ends), len(ends) - 1):
            assert await first == (grpc.StatusCode.ABORTED, "connection-replaced")
        for each in ends:
            each.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
        await setting.honest_round()
        assert setting.memory() - before < ALLOWANCE


@pytest.mark.parametrize("members", [(3,), (3, 4)])
async def test_an_honest_round_ends_while_attackers_send_as_much_as_they_may(
    tmp_path: Path, members: tuple[int, ...]
) -> None:
    async with flood(tmp_path) as setting:
        before = setting.memory()
        sending = {index: asyncio.Event() for index in members}  # set by every part that is sent

        async def attack(index: int) -> None:
            count = REPLY_PARTS - 1
            while True:
                async with setting.relay.stream(index) as call:
                    await setting.relay.greet(call, index)
                    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                        for i in range(count):
                            await call.write(part(index=i, count=count, data=FULL))
                            sending[index].set()
                        # The status comes after the requests of the rounds: who does not read them waits for ever.
                        while isinstance(await call.read(), relay_pb2.HubFrame):
                            pass

        async with asyncio.TaskGroup() as attackers:  # an attack that fails, instead of going on, fails the test
            attacks = [attackers.create_task(attack(index)) for index in members]
            for _ in range(3):
                for event in sending.values():
                    event.clear()
                for event in sending.values():
                    await event.wait()
                await setting.honest_round()
            for each in attacks:
                each.cancel()
        assert setting.memory() - before < ALLOWANCE * len(members)

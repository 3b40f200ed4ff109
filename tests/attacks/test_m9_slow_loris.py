"""M9: a peer that sends one byte at a time holds nothing up, and its stream ends when its time is over."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from mpc_nodes.relay_server import RelayTimes
from protocol.messages import Round
from protocol.relay import PART_BYTES
from protocol.wire import relay_pb2
from tests.attacks.test_m10_peers import _PREFACE, _open_stream
from tests.simulation.fake_clock import ManualClock
from tests.simulation.relay import HOST, RelaySetting, failure, relay

TIMES = RelayTimes(handshake=10.0, transfer=120.0)


async def honest_round(setting: RelaySetting) -> None:
    query = secrets.token_hex(32)
    offer = setting.members.offer(query)
    result = await setting.hub.collect(query, Round.DECISION, offer=offer, inputs=(), members=(1,), deadline=4_000_000_000)
    assert sorted(result.messages) == [1]


@asynccontextmanager
async def raw(setting: RelaySetting, directory: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An HTTP/2 connection as member 3 with an open stream, below gRPC."""
    issued = setting.authority.issue_node(3)
    (directory / "node.pem").write_bytes(issued.key + issued.certificate)
    context = ssl.create_default_context(cadata=setting.authority.certificate.decode())
    context.load_cert_chain(directory / "node.pem")
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(HOST, setting.port, ssl=context, server_hostname=HOST)
    try:
        writer.write(_PREFACE + _open_stream())
        await writer.drain()
        yield reader, writer
    finally:
        writer.close()


async def read_until(reader: asyncio.StreamReader, text: bytes) -> None:
    received = b""
    while text not in received:
        data = await asyncio.wait_for(reader.read(1 << 16), 60)
        assert data, "the connection was closed without a word"
        received += data


async def test_a_hello_byte_by_byte(tmp_path: Path) -> None:
    clock = ManualClock()
    async with (
        relay(tmp_path, clock=clock, times=TIMES) as setting,
        setting.node(1, clock=clock),
        raw(setting, tmp_path) as (reader, writer),
    ):
        await setting.until_connected(1)
        await clock.until_asleep(TIMES.handshake)
        # A message of a thousand bytes, a byte in a DATA frame each; every byte is progress, and none is a Hello.
        for byte in bytes(1) + (1000).to_bytes(4, "big") + bytes(20):
            writer.write((1).to_bytes(3, "big") + b"\x00\x00" + (1).to_bytes(4, "big") + bytes([byte]))
            await writer.drain()
        await honest_round(setting)
        clock.advance(TIMES.handshake)
        await read_until(reader, b"deadline-exceeded")
        await honest_round(setting)


async def test_a_transfer_that_does_not_go_on(tmp_path: Path) -> None:
    clock = ManualClock()
    async with (
        relay(tmp_path, clock=clock, times=TIMES) as setting,
        setting.node(1, clock=clock),
        setting.stream(3) as loris,
    ):
        await setting.until_connected(1)
        await setting.greet(loris, 3)
        part = relay_pb2.Part(transfer=1, index=0, count=30, kind="reply", data=bytes(PART_BYTES))
        await loris.write(relay_pb2.NodeFrame(part=part))
        # Each part comes just in time for itself, but the time is for the whole transfer.
        for index in range(1, 4):
            await clock.until_asleep(TIMES.transfer - 30 * index)
            clock.advance(30)
            part = relay_pb2.Part(transfer=1, index=index, count=30, kind="reply", data=bytes(PART_BYTES))
            await loris.write(relay_pb2.NodeFrame(part=part))
            await honest_round(setting)
        clock.advance(30)
        assert await failure(loris) == (grpc.StatusCode.UNAVAILABLE, "deadline-exceeded")
        await honest_round(setting)


async def test_an_idle_node_is_not_a_loris(tmp_path: Path) -> None:
    clock = ManualClock()
    async with relay(tmp_path, clock=clock, times=TIMES) as setting, setting.node(1, clock=clock):
        await setting.until_connected(1)
        clock.advance(7 * 24 * 3600)
        await honest_round(setting)


@pytest.mark.parametrize("frame", ["none", "junk"])
async def test_a_hub_that_says_nothing_or_junk_is_left_alone(tmp_path: Path, frame: str) -> None:
    """The other way round: a node gives its hub a time too, and dials again later."""
    clock = ManualClock()
    async with relay(tmp_path, clock=clock, times=TIMES) as setting:
        greeted = asyncio.Event()

        async def hub(stream: object, frames: Any) -> None:
            greeted.set()
            if frame == "junk":
                await frames.write(relay_pb2.HubFrame(welcome=relay_pb2.Welcome()))
            await asyncio.Event().wait()

        setting.server._greet = hub  # type: ignore[method-assign]
        async with setting.node(1, clock=clock) as task:
            await asyncio.wait_for(greeted.wait(), 60)
            if frame == "junk":
                with pytest.raises(Exception, match="handshake-refused"):
                    await asyncio.wait_for(task, 60)
            else:
                await clock.until_asleep(TIMES.handshake)
                greeted.clear()
                while not greeted.is_set():  # time-out, pause, next attempt
                    clock.advance(TIMES.handshake)
                    await asyncio.sleep(0.05)
                assert not task.done()

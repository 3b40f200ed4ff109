"""Hub and nodes over real gRPC: rounds, registrations, reconnection, replacement."""

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import Sequence
from pathlib import Path

import grpc
import grpc.aio
import pytest

from mpc_nodes.hub import RoundResult
from mpc_nodes.hub_store import Outcome
from protocol.messages import Round
from protocol.relay import RoundReply, RoundRequest
from tests.simulation.fake_clock import ManualClock
from tests.simulation.relay import HOST, RelaySetting, Responder, failure, relay

QUERY = secrets.token_hex(32)


async def collect(setting: RelaySetting, members: Sequence[int] = (1, 2, 3, 4), query: str = QUERY) -> RoundResult:
    deadline = 4_000_000_000
    offer = setting.members.offer(query)
    return await setting.hub.collect(query, Round.DECISION, offer=offer, inputs=(), members=members, deadline=deadline)


async def test_a_round_over_the_wire(tmp_path: Path) -> None:
    async with relay(tmp_path) as setting, setting.node(1), setting.node(2), setting.node(3), setting.node(4):
        result = await collect(setting)
        assert sorted(result.messages) == [1, 2, 3, 4]
        explanation = await setting.hub.explain(setting.members.offer(QUERY), deadline=4_000_000_000)
        assert sorted(explanation.answers) == [1, 2, 3, 4]


async def test_a_member_that_connects_late_or_again_is_asked_again(tmp_path: Path) -> None:
    async with relay(tmp_path) as setting:
        slow = Responder(setting.members, 2)
        entered, leave = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def stuck(request: RoundRequest) -> RoundReply:
            loop.call_soon_threadsafe(entered.set)
            asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(60)
            return setting.members.answer(2, request)

        slow.handle = stuck  # type: ignore[method-assign] # the connection breaks while the node works
        async with setting.node(1):
            collecting = asyncio.ensure_future(collect(setting, (1, 2)))
            async with setting.node(2, slow) as task:
                await asyncio.wait_for(entered.wait(), 60)
                task.cancel()
                await setting.until_disconnected(2)
                leave.set()
            async with setting.node(2):
                assert sorted((await asyncio.wait_for(collecting, 60)).messages) == [1, 2]


async def test_a_node_behind_a_slow_line_connects(tmp_path: Path) -> None:
    hold = 2.0  # seconds that each connection is silent at first; a node that gives up sooner never gets through

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()

    async with relay(tmp_path) as setting:

        async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(hold)
            theirs, ours = await asyncio.open_connection(HOST, setting.port)
            await asyncio.gather(forward(reader, ours), forward(theirs, writer))

        async with await asyncio.start_server(line, HOST, 0) as proxy:
            slow = dataclasses.replace(setting, port=proxy.sockets[0].getsockname()[1])
            async with slow.node(1):
                await setting.until_connected(1)
                assert sorted((await collect(setting, (1,))).messages) == [1]


async def test_nodes_come_back_to_a_restarted_hub_with_backoff(tmp_path: Path) -> None:
    async with relay(tmp_path) as first:
        members, authority, port = first.members, first.authority, first.port
        clock = ManualClock()
        handler = Responder(members, 1)
        node = first.node(1, handler, clock=clock)
        await node.__aenter__()
        await first.until_connected(1)
        await collect(first, (1,))
    try:
        await clock.until_asleep(0.1)  # it waits before it dials again
        async with relay(tmp_path, members=members, authority=authority, port=port) as second:
            while 1 not in second.server.connected():
                clock.advance(1)
                await asyncio.sleep(0.05)
            result = await collect(second, (1,), secrets.token_hex(32))
            assert sorted(result.messages) == [1]
            assert handler.last[0] is None
            assert handler.last[-1] == members.decision(1, QUERY)  # the hub told what it remembers
    finally:
        await node.__aexit__(None, None, None)


async def test_a_newer_stream_takes_over(tmp_path: Path) -> None:
    async with relay(tmp_path) as setting, setting.stream(1) as old:
        await setting.greet(old, 1)
        await setting.until_connected(1)
        async with setting.stream(1) as new:
            await setting.greet(new, 1)
            assert await failure(old) == (grpc.StatusCode.ABORTED, "connection-replaced")
            result = asyncio.ensure_future(collect(setting, (1,)))
            assert (await new.read()).part.kind == "request"
            result.cancel()


async def test_a_newer_greeting_takes_over_an_older_one(tmp_path: Path) -> None:
    async with relay(tmp_path) as setting, setting.stream(1) as old:
        await old.read()
        async with setting.stream(1) as new:
            assert await failure(old) == (grpc.StatusCode.ABORTED, "connection-replaced")
            await setting.greet(new, 1)
            await setting.until_connected(1)


async def test_a_member_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    clock = ManualClock()
    async with relay(tmp_path, clock=clock) as setting, setting.stream(1) as deaf:
        await setting.greet(deaf, 1)
        await setting.until_connected(1)
        large = setting.members.decision(2, QUERY).model_copy(update={"body": "00" * (15 << 20)})
        collecting = asyncio.ensure_future(
            setting.hub.collect(QUERY, Round.VERDICT, offer=None, inputs=(large,), members=(1,), deadline=4_000_000_000)
        )
        await clock.until_asleep(100)  # the hub waits for the member to take the request
        while setting.server.connected():
            clock.advance(60)
            await asyncio.sleep(0.05)

        async def rest() -> None:
            while True:
                assert (await deaf.read()).part.index < 30

        with pytest.raises(grpc.aio.AioRpcError):  # what had arrived before can still be read
            await rest()
        collecting.cancel()


async def test_a_silent_greeting_cannot_push_out_a_connected_node(tmp_path: Path) -> None:
    async with relay(tmp_path) as setting, setting.node(1), setting.stream(1) as thief:
        await setting.until_connected(1)
        await thief.read()  # the Challenge; no Hello follows
        assert sorted((await collect(setting, (1,))).messages) == [1]


async def test_large_documents_cross_in_parts(tmp_path: Path) -> None:
    async with relay(tmp_path) as setting:
        handler = Responder(setting.members, 1)
        large = setting.members.decision(2, QUERY).model_copy(update={"body": "00" * (3 << 20)})
        async with setting.node(1, handler):
            offer = setting.members.offer(QUERY)
            result = await setting.hub.collect(
                QUERY, Round.DECISION, offer=offer, inputs=(large, large), members=(1,), deadline=4_000_000_000
            )
        assert handler.seen[0].inputs == (large, large)
        assert sorted(result.messages) == [1]


async def test_an_invalid_reply_does_not_end_the_stream(tmp_path: Path) -> None:
    async with relay(tmp_path) as setting:
        handler = Responder(setting.members, 1)
        handler.handle = lambda request: setting.members.answer(2, request)  # type: ignore[method-assign]
        async with setting.node(1, handler):
            collecting = asyncio.ensure_future(collect(setting, (1,)))
            while not setting.store.incidents(QUERY):
                await asyncio.sleep(0.01)
            handler.handle = lambda request: setting.members.answer(1, request)  # type: ignore[method-assign]
            await collect(setting, (1,), secrets.token_hex(32))  # the same stream goes on
            assert await setting.hub.receive(1, setting.members.reply(1, QUERY)) is Outcome.COUNTED
            assert sorted((await collecting).messages) == [1]


async def test_a_taken_port_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with relay(tmp_path / "a") as setting:
        with pytest.raises(OSError, match="cannot listen"):
            async with relay(tmp_path / "b", port=setting.port):
                pass

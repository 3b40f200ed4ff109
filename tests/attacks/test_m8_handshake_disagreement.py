"""M8: hub and node that differ in t, n, members or protocol exchange nothing, and both say why."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from mpc_nodes.transport_errors import HandshakeRefused
from protocol.consortium import Consortium
from protocol.wire import relay_pb2
from tests.simulation.members import Members, make_members
from tests.simulation.relay import Responder, failure, relay


def other_threshold(members: Members) -> Consortium:
    return members.consortium.model_copy(update={"threshold": 2})


def other_size(members: Members) -> Consortium:
    return members.consortium.model_copy(update={"members": members.consortium.members[:-1]})


def other_key(members: Members) -> Consortium:
    first, *rest = members.consortium.members
    changed = make_members(len(rest) + 1).consortium.member(1)
    return members.consortium.model_copy(update={"members": (first.model_copy(update={"address": changed.address}), *rest)})


def swapped(members: Members) -> Consortium:
    first, second, *rest = members.consortium.members
    pair = second.model_copy(update={"index": 1}), first.model_copy(update={"index": 2})
    return members.consortium.model_copy(update={"members": (*pair, *rest)})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (other_threshold, "threshold t"),
        (other_size, "number of members n"),
        (other_key, "consortium digest"),
        (swapped, "consortium digest"),
    ],
)
async def test_a_node_with_another_consortium(tmp_path: Path, change: Callable[[Members], Consortium], what: str) -> None:
    members = make_members(5)
    handler = Responder(members, 1, (members.registration(1),))
    with capture_logs() as logs:
        async with relay(tmp_path, members=members) as setting:
            # `model_copy` keeps the digest of the original in its cache; a document that was read has none yet.
            theirs = Consortium.model_validate(change(members).model_dump())
            async with setting.node(1, handler, consortium=theirs) as task:
                with pytest.raises(HandshakeRefused, match=what):
                    await asyncio.wait_for(task, 60)
            assert setting.server.connected() == frozenset()
            assert setting.store.registrations() == []
    assert handler.seen == []
    assert handler.last == []
    refused = [line for line in logs if line["event"] == "stream-ended"]
    assert [(line["code"], what in line["message"]) for line in refused] == [("handshake-refused", True)]


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "proofward/v2"},
        {"protocol": ""},
        {"consortium": b""},
        {"consortium": bytes(32)},
        {"members": 3},
        {"threshold": 0},
        {"threshold": 2},
        {"member": 2},
        {"member": 0},
        {"member": (1 << 32) - 1},
    ],
    ids=str,
)
async def test_a_hello_that_disagrees_in_one_field(tmp_path: Path, changes: dict[str, Any]) -> None:
    async with relay(tmp_path) as setting, setting.stream(1) as call:
        frame = await call.read()
        await call.write(setting.hello(1, frame.challenge, **changes))
        assert await failure(call) == (grpc.StatusCode.FAILED_PRECONDITION, "handshake-refused")
        assert setting.server.connected() == frozenset()


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "proofward/v2"},
        {"consortium": bytes(32)},
        {"members": 5},
        {"threshold": 2},
        {"nonce": b""},
        {"nonce": bytes(31)},
    ],
    ids=str,
)
async def test_a_node_judges_by_itself_whatever_the_hub_says(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A hub that announces other values, and would welcome the node all the same."""
    async with relay(tmp_path) as setting:
        greet = setting.server._greet

        async def lying(stream: Any, frames: Any) -> None:
            write = frames.write

            async def changed(frame: relay_pb2.HubFrame) -> None:
                if frame.WhichOneof("frame") == "challenge":
                    for field, value in changes.items():
                        setattr(frame.challenge, field, value)
                await write(frame)

            frames.write = changed
            await greet(stream, frames)

        setting.server._greet = lying  # type: ignore[method-assign]
        handler = Responder(setting.members, 1)
        async with setting.node(1, handler) as task:
            with pytest.raises(HandshakeRefused):
                await asyncio.wait_for(task, 60)
        assert handler.last == []


async def test_a_hello_that_does_not_come_first(tmp_path: Path) -> None:
    async with relay(tmp_path) as setting, setting.stream(1) as call:
        await call.read()
        await call.write(relay_pb2.NodeFrame(part=relay_pb2.Part(transfer=1, count=1, kind="reply", data=b"{}")))
        assert await failure(call) == (grpc.StatusCode.FAILED_PRECONDITION, "handshake-refused")

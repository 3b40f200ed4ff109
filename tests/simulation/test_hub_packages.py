"""Packages over real streams: everybody verifies every table, nobody sends what the other has, and nothing is half kept."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

import prover
from attestation.admitted import ADMITTED
from mpc_nodes import transfer
from mpc_nodes.database import create_engine
from mpc_nodes.hub_store import HubStore
from mpc_nodes.node import Node
from protocol.dataset import SignedRegistration
from protocol.messages import Round
from protocol.relay import Acknowledgement, PackageFile, RelayDocument
from protocol.wire import relay_pb2
from prover.package import MAGIC, decode_package
from tests.simulation.direct import Rows, World, make_world
from tests.simulation.liars import flipped
from tests.simulation.relay import RelaySetting, Responder, failure, relay

SECONDS = 60.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Four hospitals with tables that nobody else has seen."""
    world = make_world(tmp_path)
    world.forget_packages()
    return world


def roots(world: World) -> list[str]:
    return sorted(world.packages)


def root_of(world: World, index: int) -> str:
    return world.node(index).registrations()[-1].registration.root


@asynccontextmanager
async def everybody(setting: RelaySetting, world: World, *, without: int | None = None) -> AsyncIterator[None]:
    """All nodes are connected."""
    async with AsyncExitStack() as stack:
        for index in world.indices:
            if index != without:
                await stack.enter_async_context(setting.node(index, world.node(index)))
        yield


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


def admitted(store: HubStore, world: World) -> bool:
    """Whether the hub has heard of every member that it has every package."""
    return all(store.admitted_by(root) == set(world.indices) for root in roots(world))


async def test_every_table_reaches_everybody(tmp_path: Path, world: World) -> None:
    async with relay(tmp_path, members=world.members) as setting, everybody(setting, world):
        await until(lambda: admitted(setting.store, world))
        for root, data in world.packages.items():
            assert setting.store.package(root) == data
            owner = decode_package(data).registration.hospital
            for index in set(world.indices) - {owner}:
                assert world.hospitals[index].store.package(root) == data
        assert await setting.hub.packages.waited_for(roots(world)) == set()


async def test_a_table_that_is_registered_later_comes_too(tmp_path: Path, world: World) -> None:
    async with relay(tmp_path, members=world.members) as setting, everybody(setting, world):
        await until(lambda: admitted(setting.store, world))
        node = world.node(2)
        client = setting.clients[2]
        signed = await asyncio.to_thread(node.register_dataset, Rows([("f", 30, None)]), decode(world, 2).schema)
        client.announce(signed)
        await until(lambda: setting.store.admitted_by(signed.registration.root) == set(world.indices))


def decode(world: World, index: int) -> Any:
    return decode_package(world.packages[root_of(world, index)])


class Counting:
    """Counts what a node sends and takes."""

    def __init__(self, node: Node) -> None:
        self.sent: list[str] = []
        self.taken: list[str] = []
        package, admit = node.package, node.admit

        def count_sent(root: str) -> bytes:
            self.sent.append(root)
            return package(root)

        def count_taken(signed: SignedRegistration, data: bytes) -> None:
            self.taken.append(signed.registration.root)
            admit(signed, data)

        node.package = count_sent  # type: ignore[method-assign]
        node.admit = count_taken  # type: ignore[method-assign, assignment]


async def test_what_the_other_side_has_is_not_sent_again(tmp_path: Path, world: World) -> None:
    """Neither by a node that comes back, nor to one, nor after a restart of the hub."""
    counts = {index: Counting(world.node(index)) for index in world.indices}
    for _ in range(3):
        async with relay(tmp_path, members=world.members) as setting:
            for _ in range(2):
                async with everybody(setting, world):
                    await until(lambda: admitted(setting.store, world))
                    # Everything that is announced on connection has been answered when a later announcement has been.
                    await asyncio.sleep(0.2)
    for index, count in counts.items():
        assert count.sent == [root_of(world, index)]
        assert sorted(count.taken) == sorted(set(roots(world)) - {root_of(world, index)})


async def test_a_node_that_lost_its_database_is_sent_the_newest_again(tmp_path: Path, world: World) -> None:
    async with relay(tmp_path, members=world.members) as setting:
        async with everybody(setting, world):
            await until(lambda: admitted(setting.store, world))
        world.forget_packages()
        async with everybody(setting, world):
            store = world.hospitals[3].store
            await until(lambda: all(store.has_package(root) for root in roots(world) if root != root_of(world, 3)))


def change_proof(data: bytes) -> bytes:
    return flipped(data, len(data) - 1)


def change_commitment(data: bytes) -> bytes:
    start = len(MAGIC)
    length = int.from_bytes(data[start : start + 4], "big")
    return flipped(data, start + 4 + length + 4 + 100)


@pytest.mark.parametrize(
    "change",
    [change_proof, change_commitment, lambda data: data[:-1], lambda data: data + b"0", lambda data: b"nonsense"],
    ids=["proof", "commitment", "short", "long", "nonsense"],
)
async def test_a_changed_package_is_refused_and_a_good_one_is_taken_later(
    tmp_path: Path, world: World, change: Callable[[bytes], bytes]
) -> None:
    """By the hub, from a hospital; nothing of it is kept, and it does not stand in the way of the right one."""
    node, root = world.node(2), root_of(world, 2)
    answers: list[Acknowledgement] = []
    honest, node.acknowledged = node.package, answers.append  # type: ignore[method-assign, assignment]
    node.package = lambda root: change(honest(root))  # type: ignore[method-assign]
    async with relay(tmp_path, members=world.members) as setting:
        async with setting.node(2, node):
            await until(lambda: bool(answers))
        assert answers[0].refusal is not None
        assert answers[0].refusal.code == "package-invalid"
        assert setting.store.registrations() == []
        assert setting.store.package(root) is None
        node.package = honest  # type: ignore[method-assign]
        async with setting.node(2, node):
            await until(lambda: len(answers) == 2)
        assert answers[1].refusal is None
        assert setting.store.package(root) == honest(root)


@pytest.mark.parametrize("change", [change_proof, change_commitment], ids=["proof", "commitment"])
async def test_a_node_does_not_believe_the_hub(tmp_path: Path, world: World, change: Callable[[bytes], bytes]) -> None:
    """A hub that changes a package in its store: nobody keeps it, nobody waits for it."""
    async with relay(tmp_path, members=world.members) as setting:
        root = root_of(world, 2)
        (signed,) = world.node(2).registrations()
        setting.store.add_registration(signed, change(world.packages[root]), 1.0)
        async with everybody(setting, world, without=2):
            await setting.until_connected(1, 3, 4)
            await setting.hub.packages.until_admitted([root], SECONDS + setting.clock.now())
            assert await setting.hub.packages.waited_for([root]) == set()
        assert setting.store.admitted_by(root) == {2}
        assert not any(world.hospitals[index].store.has_package(root) for index in (1, 3, 4))


async def test_another_hospitals_package_is_refused(tmp_path: Path, world: World) -> None:
    """A hospital may not register for another, nor answer for its own table with another's."""
    node, answers = world.node(2), list[Acknowledgement]()
    foreign = world.node(3).registrations()[0]
    own = node.registrations()[0]
    node.acknowledged = answers.append  # type: ignore[method-assign, assignment]
    node.registrations = lambda: [own, foreign]  # type: ignore[method-assign]
    node.package = lambda root: world.packages[foreign.registration.root]  # type: ignore[method-assign]
    async with relay(tmp_path, members=world.members) as setting:
        async with setting.node(2, node):
            await until(lambda: len(answers) == 2)
        codes = {a.of: a.refusal.code if a.refusal else None for a in answers}
        assert codes == {own.digest: "package-invalid", foreign.digest: "reply-invalid"}
        assert setting.store.registrations() == []


async def test_a_package_that_was_sent_before_a_request_is_admitted_before_it_is_answered(
    tmp_path: Path, world: World
) -> None:
    async with relay(tmp_path, members=world.members) as setting:
        order: list[str] = []
        entered, leave = threading.Event(), threading.Event()

        class Slow(Responder):
            def admit(self, signed: SignedRegistration, package: bytes) -> None:
                entered.set()
                leave.wait(SECONDS)
                order.append("admitted")

            def handle(self, request: Any) -> Any:
                order.append("answered")
                return super().handle(request)

        async with setting.node(1, Slow(setting.members, 1)), setting.node(2, world.node(2)):
            await until(entered.is_set)
            query = "11" * 32
            collecting = asyncio.ensure_future(
                setting.hub.collect(
                    query,
                    Round.DECISION,
                    offer=setting.members.offer(query),
                    inputs=(),
                    members=(1,),
                    deadline=setting.clock.now() + SECONDS,
                )
            )
            await asyncio.sleep(0.2)
            leave.set()
            assert sorted((await collecting).messages) == [1]
        assert order[:2] == ["admitted", "answered"]


async def test_the_hub_answers_rounds_while_it_verifies_a_package(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> None:
        entered.set()
        leave.wait(SECONDS)

    monkeypatch.setattr("mpc_nodes.hub_packages.check_package", slow)
    async with relay(tmp_path, members=world.members) as setting, setting.node(2, world.node(2)):
        await until(entered.is_set)
        offer = setting.members.offer("11" * 32)
        result = await setting.hub.collect(
            offer.query_id, Round.DECISION, offer=offer, inputs=(), members=(2,), deadline=setting.clock.now() + SECONDS
        )
        assert sorted(result.messages) == [2] or sorted(result.refusals) == [2]
        leave.set()


def parts(number: int, *documents: RelayDocument) -> list[relay_pb2.NodeFrame]:
    return [
        relay_pb2.NodeFrame(part=part)
        for offset, document in enumerate(documents)
        for part in transfer.cut(number + offset, document)
    ]


async def test_a_package_that_nobody_asked_for_ends_the_stream(tmp_path: Path, world: World) -> None:
    async with relay(tmp_path, members=world.members) as setting, setting.stream(2) as call:
        await setting.greet(call, 2)
        (frame, *_) = parts(1, PackageFile(bytes(3 << 20)))
        await call.write(frame)
        assert await failure(call) == (grpc.StatusCode.FAILED_PRECONDITION, "transfer-invalid")


async def test_registrations_that_do_not_wait_for_their_answer_end_the_stream(tmp_path: Path, world: World) -> None:
    async with relay(tmp_path, members=world.members) as setting, setting.stream(2) as call:
        await setting.greet(call, 2)
        signed = world.node(2).registrations()[0]
        for frame in parts(1, *[signed] * 8):
            try:
                await call.write(frame)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                break
        assert await failure(call) == (grpc.StatusCode.FAILED_PRECONDITION, "transfer-invalid")


async def test_an_acknowledgement_of_nothing_ends_the_stream(tmp_path: Path, world: World) -> None:
    async with relay(tmp_path, members=world.members) as setting, setting.stream(2) as call:
        await setting.greet(call, 2)
        (frame,) = parts(1, Acknowledgement(of="11" * 32, wanted=False, refusal=None))
        await call.write(frame)
        assert await failure(call) == (grpc.StatusCode.FAILED_PRECONDITION, "transfer-invalid")


class Killed(BaseException):
    """As little as possible runs after this."""


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
async def test_a_node_dies_while_it_keeps_a_package(tmp_path: Path, world: World, after: bool) -> None:
    signed, data = world.node(2).registrations()[0], world.packages[root_of(world, 2)]
    hospital = world.hospitals[1]
    keep = hospital.store.add_package

    def dies(*arguments: Any) -> None:
        if after:
            keep(*arguments)
        raise Killed

    hospital.store.add_package = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        hospital.node.admit(signed, data)
    node = world.reopen(1)
    assert node.wants(signed) is not after
    if not after:
        node.admit(signed, data)
    assert hospital.store.package(signed.registration.root) == data


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
async def test_a_hub_dies_while_it_keeps_a_package(tmp_path: Path, world: World, after: bool) -> None:
    """Killed between two steps of the story, it either has the registration with its package, or neither."""
    signed, data = world.node(2).registrations()[0], world.packages[root_of(world, 2)]
    async with relay(tmp_path, members=world.members) as setting:
        keep = setting.store.add_registration

        def dies(*arguments: Any) -> None:
            if after:
                keep(*arguments)
            raise ConnectionError("killed")

        setting.store.add_registration = dies  # type: ignore[method-assign, assignment]
        assert await setting.hub.packages.wants(2, signed)
        with pytest.raises(ConnectionError):
            await setting.hub.packages.admit(2, signed, data)
    engine = create_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    store = HubStore(engine)
    assert (store.package(signed.registration.root) is not None) == (store.registrations() == [signed]) == after
    engine.dispose()
    async with relay(tmp_path, members=world.members) as setting, everybody(setting, world):
        await until(lambda: admitted(setting.store, world))


def test_a_package_is_verified_once_a_process(world: World) -> None:
    assert all(ADMITTED.holds(prover, data) for data in world.packages.values())

"""M9: what a hostile member can make the hub hold and do with packages. Bounds: docs/spec/07-transport.md, "Packages"."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import grpc.aio

from mpc_nodes import transfer
from protocol.dataset import SignedRegistration
from protocol.relay import LIMITS, PART_BYTES, Acknowledgement, PackageFile, TransferKind
from protocol.wire import relay_pb2
from tests.attacks.test_m9_flood import ALLOWANCE, FULL, FloodSetting, flood, part, send_until_refused
from tests.simulation.relay import Stream, failure

PARTS = LIMITS[TransferKind.PACKAGE] // PART_BYTES
TIMES = 4


def frames(number: int, document: SignedRegistration | PackageFile) -> Iterator[relay_pb2.NodeFrame]:
    for piece in transfer.cut(number, document):
        yield relay_pb2.NodeFrame(part=piece)


async def acknowledgement(call: Stream) -> Acknowledgement:
    """The next one; requests of rounds in between are read over."""
    while True:
        frame = await call.read()
        assert isinstance(frame, relay_pb2.HubFrame), "the hub ended the stream"
        if frame.part.kind == TransferKind.ACKNOWLEDGEMENT:
            return Acknowledgement.from_bytes(frame.part.data, limit=1 << 20)


async def announce(setting: FloodSetting, call: Stream, number: int, epoch: int) -> Acknowledgement:
    for frame in frames(number, setting.relay.members.registration(3, epoch)):
        await call.write(frame)
    return await acknowledgement(call)


async def test_packages_that_were_not_asked_for(tmp_path: Path) -> None:
    """The first part of each is refused; that of one too large even if it had been asked for."""
    async with flood(tmp_path) as setting:
        before = setting.memory()
        for count in (1, PARTS, PARTS + 1):
            assert await send_until_refused(setting, [part(kind="package", count=count, data=FULL)]) == "transfer-invalid"
        assert setting.memory() - before < ALLOWANCE
        await setting.honest_round()


async def test_the_largest_packages_of_nonsense_one_after_the_other(tmp_path: Path) -> None:
    """Each costs the sender its bytes and the hub a look; nothing is kept, and rounds go on in between."""
    nonsense = PackageFile(bytes(LIMITS[TransferKind.PACKAGE]))
    async with flood(tmp_path) as setting, setting.relay.stream(3) as call:
        await setting.relay.greet(call, 3)
        before = setting.memory()
        for epoch in range(1, TIMES + 1):
            number = 2 * epoch - 1
            assert (await announce(setting, call, number, epoch)).wanted
            for frame in frames(number + 1, nonsense):
                await call.write(frame)
            answer = await acknowledgement(call)
            assert answer.refusal is not None
            assert answer.refusal.code == "package-invalid"
            await setting.honest_round()
        assert setting.memory() - before < ALLOWANCE
        assert (tmp_path / "hub.db").stat().st_size < PART_BYTES


async def test_one_package_at_a_time(tmp_path: Path) -> None:
    """Who was asked for one package sends a second behind it: it is refused, whether or not the first is checked by then."""
    async with flood(tmp_path) as setting, setting.relay.stream(3) as call:
        await setting.relay.greet(call, 3)
        before = setting.memory()
        assert (await announce(setting, call, 1, 1)).wanted

        async def read_all() -> None:
            with contextlib.suppress(grpc.aio.AioRpcError):
                while isinstance(await call.read(), relay_pb2.HubFrame):
                    pass

        reading = asyncio.ensure_future(read_all())  # the status comes after what was sent before it
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            for frame in frames(2, PackageFile(bytes(LIMITS[TransferKind.PACKAGE]))):
                await call.write(frame)
            await call.write(part(transfer=3, kind="package", count=PARTS, data=FULL))
        await reading
        assert await failure(call) == (grpc.StatusCode.FAILED_PRECONDITION, "transfer-invalid")
        assert setting.memory() - before < ALLOWANCE
        await setting.honest_round()

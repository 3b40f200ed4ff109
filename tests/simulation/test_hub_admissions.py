"""Registrations, packages and admissions at the hub, under a virtual clock: what is durable, who is told and waited for."""

import asyncio

import pytest
import sqlalchemy as sa

from mpc_nodes import hub_store
from mpc_nodes.transport_errors import PackageQuota, RegistrationConflict, ReplyInvalid
from protocol import signatures
from protocol.messages import Refusal
from protocol.signatures import SignatureInvalid
from prover.errors import PackageInvalid
from tests.simulation.members import make_members
from tests.simulation.test_hub_rounds import Setting, run
from tests.simulation.test_hub_rounds import running_engine as running_engine


def test_registrations_are_durable_idempotent_and_final(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        signed, now = s.members.registration(2), s.clock.now()
        assert await s.hub.packages.wants(2, signed)
        s.store.add_registration(signed, b"evidence", now)
        s.store.add_registration(signed, b"evidence", now)
        assert not await s.hub.packages.wants(2, signed)
        with pytest.raises(RegistrationConflict):
            await s.hub.packages.wants(2, s.members.registration(2, text="other"))
        with pytest.raises(RegistrationConflict):
            s.store.add_registration(s.members.registration(2, text="other"), b"other", now)
        with pytest.raises(ReplyInvalid):
            await s.hub.packages.wants(1, signed)
        with pytest.raises(SignatureInvalid):
            await s.hub.packages.wants(3, s.members.registration(3, signer=2))
        registration = signed.registration
        for change in ({"consortium": make_members().consortium.digest}, {"generators": "11" * 32}):
            foreign = signatures.sign_registration(s.members.keys[2], registration.model_copy(update=change))
            with pytest.raises(PackageInvalid):
                await s.hub.packages.wants(2, foreign)
        s.store.add_registration(s.members.registration(2, epoch=2), b"more", now)
        s.restart()
        assert [r.registration.epoch for r in s.store.registrations()] == [1, 2]
        assert s.store.package(registration.root) == await s.hub.packages.package(registration.root) == b"evidence"
        assert s.store.package("11" * 32) is None
        assert s.store.registration("11" * 32) is None

    run(engine, test)


def test_who_admitted_a_package_is_durable_and_has_a_time(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        signed = s.members.registration(2)
        root, start = signed.registration.root, s.clock.now()
        s.store.add_registration(signed, b"evidence", start)
        await s.clock.sleep(10)
        await s.hub.packages.settled(1, root, None)
        await s.hub.packages.settled(1, root, None)
        await s.hub.packages.settled(1, "11" * 32, None)  # of nothing that the hub has
        s.restart()
        unknown: dict[str, frozenset[int]] = {"11" * 32: frozenset()}
        assert await s.hub.packages.admitted_by([root, "11" * 32]) == {root: {1, 2}, **unknown}
        assert await s.hub.packages.admitted_by([root, "11" * 32], at=start) == {root: {2}, **unknown}

    run(engine, test)


def test_a_member_is_told_what_it_has_not_admitted_and_the_newest(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        epochs = [s.members.registration(2, epoch=epoch) for epoch in (1, 2, 3)]
        roots = [signed.registration.root for signed in epochs]
        for signed in epochs:
            s.store.add_registration(signed, b"evidence", s.clock.now())
        assert await s.hub.packages.to_announce(2) == []
        assert await s.hub.packages.to_announce(1) == roots[::-1]
        s.store.add_admission(roots[1], 1, s.clock.now())
        assert await s.hub.packages.to_announce(1) == [roots[2], roots[0]]
        for root in roots:
            s.store.add_admission(root, 1, s.clock.now())
        assert await s.hub.packages.to_announce(1) == [roots[2]]  # in case that the member has lost it

    run(engine, test)


def test_one_hospital_may_not_fill_the_disk(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(s: Setting) -> None:
        s.store.add_registration(s.members.registration(2), bytes(60), s.clock.now())
        with pytest.raises(PackageQuota):
            s.store.add_registration(s.members.registration(2, epoch=2), bytes(41), s.clock.now())
        s.store.add_registration(s.members.registration(3), bytes(100), s.clock.now())
        s.store.add_registration(s.members.registration(2, epoch=2), bytes(40), s.clock.now())

    monkeypatch.setattr(hub_store, "QUOTA_BYTES", 100)
    run(engine, test)


def test_waiting_for_admissions_ends_when_all_have_answered_or_time_is_up(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        signed = s.members.registration(2)
        root, start = signed.registration.root, s.clock.now()
        s.store.add_registration(signed, b"evidence", start)
        s.wire.disconnect(4)
        assert await s.hub.packages.waited_for([root]) == {1, 3}
        await s.hub.packages.until_admitted([root], start + 30)
        assert s.clock.now() == start + 30
        waiting = asyncio.ensure_future(s.hub.packages.until_admitted([root], start + 90))
        await s.clock.sleep(5)
        await s.hub.packages.settled(1, root, None)
        await s.clock.sleep(5)
        assert not waiting.done()
        await s.hub.packages.settled(
            3, root, Refusal(code="package-invalid", message="no")
        )  # an answer too, though not a good one
        await waiting
        assert s.clock.now() == start + 40
        assert (await s.hub.packages.admitted_by([root]))[root] == {1, 2}
        assert await s.hub.packages.waited_for([]) == set()

    run(engine, test)

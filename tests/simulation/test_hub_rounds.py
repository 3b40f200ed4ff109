"""The round broker under a virtual clock: what closes a round, what survives a restart, what counts."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from mpc_nodes.database import create_engine
from mpc_nodes.errors import DealTooLarge
from mpc_nodes.hub import Enough, Hub, Progress, RoundResult, State
from mpc_nodes.hub_store import HubStore, Outcome, hub_metadata
from mpc_nodes.transport_errors import ReplyInvalid, RoundConflict, TransferInvalid
from protocol import signatures, signing
from protocol.errors import MalformedInput
from protocol.messages import MAX_BODY_BYTES, Round, SignedMessage, Verdict
from protocol.relay import LIMITS, ExplainReply, ExplainRequest, RoundReply, RoundRequest, TransferKind, max_deal_bytes
from protocol.signatures import SignatureInvalid
from tests.simulation.fake_clock import FakeClock, InlineWorker, simulate
from tests.simulation.loopback import Answer, Loopback
from tests.simulation.members import Members, make_members, refusal

QUERY = secrets.token_hex(32)


@pytest.fixture(name="engine")
def running_engine(database_url: str) -> Iterator[sa.Engine]:
    engine = create_engine(database_url)
    hub_metadata.create_all(engine)
    yield engine
    engine.dispose()


def honest(members: Members, index: int) -> Answer:
    return lambda request: members.answer(index, request) if isinstance(request, RoundRequest) else None


class Setting:
    """A hub with four members that answer at once; `restart` forgets everything but the database."""

    def __init__(self, clock: FakeClock, engine: sa.Engine, members: Members | None = None) -> None:
        self.clock = clock
        self.members = members or make_members()
        self.engine = engine
        self.offer = self.members.offer(QUERY)
        self.wire = Loopback({index: honest(self.members, index) for index in self.members.keys})
        self.restart()

    def restart(self) -> None:
        self.store = HubStore(self.engine)
        self.hub = Hub(self.members.consortium, self.store, self.clock, self.wire, worker=InlineWorker())
        self.wire.hub = self.hub

    async def collect(self, round_: Round = Round.DECISION, **changes: Any) -> RoundResult:
        arguments: dict[str, Any] = {
            "offer": self.offer,
            "inputs": (),
            "members": self.members.keys,
            "deadline": self.clock.now() + 60,
        }
        return await self.hub.collect(QUERY, round_, **{**arguments, **changes})


def say(reply: RoundReply, request: Any) -> RoundReply:
    return reply


def run(engine: sa.Engine, test: Callable[[Setting], Awaitable[None]]) -> None:
    async def main(clock: FakeClock) -> None:
        await test(Setting(clock, engine))

    simulate(main)


def test_a_round_closes_when_everybody_answered(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        started = s.clock.now()
        s.wire.answers[3] = lambda request: refusal(QUERY)
        result = await s.collect()
        assert sorted(result.messages) == [1, 2, 4]
        assert result.refusals[3].code == "dataset-inactive"
        assert result.silent == ()
        assert s.clock.now() == started

    run(engine, test)


def test_a_silent_member_is_waited_for_until_the_deadline(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        started = s.clock.now()
        s.wire.answers[2] = lambda request: None
        s.wire.disconnect(4)
        result = await s.collect()
        assert result.silent == (2, 4)
        assert 59 <= s.clock.now() - started <= 60

    run(engine, test)


@pytest.mark.parametrize("enough", [3, lambda messages: {1, 2, 3} <= set(messages)])
def test_with_enough_messages_only_the_grace_is_waited(engine: sa.Engine, enough: Enough) -> None:
    async def test(s: Setting) -> None:
        started = s.clock.now()
        s.wire.answers[4] = lambda request: None
        result = await s.collect(enough=enough, grace=5.0)
        assert result.silent == (4,)
        assert s.clock.now() - started == pytest.approx(5)

    run(engine, test)


def test_the_request_is_on_disk_before_it_is_sent_and_the_reply_before_it_counts(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        def answer(request: RoundRequest) -> RoundReply:
            stored = HubStore(s.engine).load_round(QUERY, Round.DECISION)
            assert stored is not None
            assert stored.request == request
            assert not stored.closed
            return s.members.answer(1, request)

        s.wire.answers[1] = answer

        def counted(messages: Mapping[int, SignedMessage]) -> bool:
            stored = HubStore(s.engine).load_round(QUERY, Round.DECISION)
            assert stored is not None
            assert set(messages) <= set(stored.replies)
            return False

        assert 1 in (await s.collect(enough=counted)).messages
        stored = HubStore(s.engine).load_round(QUERY, Round.DECISION)
        assert stored is not None
        assert stored.closed

    run(engine, test)


def test_a_closed_round_is_returned_after_a_restart_without_asking(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        s.wire.answers[2] = lambda request: None
        first = await s.collect()
        asked = len(s.wire.sent)
        s.wire.answers[2] = honest(s.members, 2)
        s.restart()
        assert await s.collect() == first
        assert len(s.wire.sent) == asked

    run(engine, test)


def test_an_open_round_goes_on_after_a_restart_and_keeps_its_deadline(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        s.wire.disconnect(3)
        deadline = int(s.clock.now() + 60)
        collecting = asyncio.ensure_future(s.collect())
        await s.clock.sleep(20)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        s.restart()
        s.wire.sent.clear()
        collecting = asyncio.ensure_future(s.collect())  # with a later deadline
        await s.clock.sleep(1)
        assert s.wire.sent == []  # 1, 2, 4 have answered, 3 is away
        s.wire.connect(3)
        result = await collecting
        assert sorted(result.messages) == [1, 2, 3, 4]
        assert [(member, request.deadline) for member, request in s.wire.sent if isinstance(request, RoundRequest)] == [
            (3, deadline)
        ]

    run(engine, test)


def test_a_reply_between_restart_and_collect_counts(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        s.wire.disconnect(3)
        collecting = asyncio.ensure_future(s.collect())
        await s.clock.sleep(1)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        s.restart()
        assert await s.hub.receive(3, s.members.reply(3, QUERY)) is Outcome.COUNTED
        assert sorted((await s.collect()).messages) == [1, 2, 3, 4]

    run(engine, test)


@pytest.mark.parametrize("change", ["offer", "inputs", "members"])
def test_another_request_for_a_round_is_refused(engine: sa.Engine, change: str) -> None:
    async def test(s: Setting) -> None:
        await s.collect()
        other: dict[str, Any] = {
            "offer": s.members.offer(QUERY),
            "inputs": (s.members.decision(1, QUERY),),
            "members": (1, 2, 3),
        }
        with pytest.raises(RoundConflict):
            await s.collect(**{change: other[change]})

    run(engine, test)


def test_a_round_is_not_collected_twice_at_a_time(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        s.wire.answers[1] = lambda request: None
        first = asyncio.ensure_future(s.collect())
        await s.clock.sleep(1)
        with pytest.raises(RoundConflict):
            await s.collect()
        assert (await first).silent == (1,)

    run(engine, test)


def test_inputs_that_do_not_fit_into_a_transfer_are_refused_before_anything_is_stored(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        large = s.members.decision(1, QUERY).model_copy(update={"body": "00" * (33 << 20)})
        with pytest.raises(TransferInvalid):
            await s.collect(inputs=(large,))
        assert s.store.load_round(QUERY, Round.DECISION) is None

    run(engine, test)


def test_equivocation_before_the_close_is_evidence_for_the_next_round(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        first, second, third = (s.members.reply(2, QUERY, Round.VERDICT, text) for text in ("a", "b", "c"))

        def twice(request: RoundRequest) -> None:
            async def send() -> None:
                assert await s.hub.receive(2, first) is Outcome.COUNTED
                assert await s.hub.receive(2, second) is Outcome.CONFLICTING
                assert await s.hub.receive(2, third) is Outcome.CONFLICTING  # one proof is enough

            s.wire.answers[2] = lambda request: None
            tasks.append(asyncio.ensure_future(send()))

        tasks: list[asyncio.Future[None]] = []
        s.wire.answers[2] = twice
        s.wire.disconnect(4)
        result = await s.collect(Round.VERDICT)
        await tasks[0]
        assert result.messages[2] == first.message
        assert result.conflicting == (second.message,)
        [incident] = s.store.incidents(QUERY)
        assert (incident.member, incident.code) == (2, "equivocation")
        assert first.message is not None
        assert second.message is not None
        assert incident.evidence == (first.message.encoded.decode(), second.message.encoded.decode())
        s.restart()
        assert await s.collect(Round.VERDICT) == result

    run(engine, test)


def test_equivocation_after_the_close_is_an_incident_and_changes_nothing(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        result = await s.collect(Round.VERDICT)
        other = s.members.reply(2, QUERY, Round.VERDICT, "other")
        assert await s.hub.receive(2, other) is Outcome.CONFLICTING
        s.restart()
        assert await s.collect(Round.VERDICT) == result
        assert [incident.code for incident in s.store.incidents()] == ["equivocation"]

    run(engine, test)


def test_bad_replies_are_incidents_and_do_not_count(engine: sa.Engine) -> None:
    good = make_members()

    async def main(clock: FakeClock) -> None:
        s = Setting(clock, engine, good)
        s.wire.up.clear()
        collecting = asyncio.ensure_future(s.collect())
        await s.clock.sleep(1)
        forger = make_members()
        message = s.members.decision(1, QUERY)
        for error, bad in (
            (ReplyInvalid, RoundReply(round=Round.DECISION, query_id=QUERY, message=None, refusal=None)),
            (ReplyInvalid, s.members.reply(2, QUERY)),
            (SignatureInvalid, forger.reply(1, QUERY)),
            (SignatureInvalid, RoundReply(round=Round.DEAL, query_id=QUERY, message=message, refusal=None)),
            (MalformedInput, s.members.reply(1, QUERY, Round.VERDICT).model_copy(update={"round": Round.DECISION})),
        ):
            if error is MalformedInput:  # a correct signature over a body of another round's type
                body = Verdict(offer="00" * 32, decisions="00" * 32, checks=())
                signed = signatures.sign_message(s.members.keys[1], s.members.consortium, QUERY, Round.DECISION, 1, body)
                bad = RoundReply(round=Round.DECISION, query_id=QUERY, message=signed, refusal=None)
            with pytest.raises(error):
                await s.hub.receive(1, bad)
        assert {incident.code for incident in s.store.incidents()} == {
            "reply-invalid",
            "signature-invalid",
            "malformed-input",
        }
        assert await s.hub.receive(1, s.members.reply(1, QUERY)) is Outcome.COUNTED
        result = await collecting
        assert sorted(result.messages) == [1]

    simulate(main)


def test_who_was_not_asked_does_not_count(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        result = await s.collect(members=(1, 2, 3))
        assert await s.hub.receive(4, s.members.reply(4, QUERY)) is Outcome.UNASKED
        assert await s.hub.receive(1, s.members.reply(1, secrets.token_hex(32))) is Outcome.UNASKED
        assert sorted(result.messages) == [1, 2, 3]

    run(engine, test)


def test_the_highest_decision_is_remembered(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        assert await s.hub.last_decision(1) is None
        for sequence in (5, 9, 7):
            query = secrets.token_hex(32)
            message = s.members.decision(1, query, sequence=sequence)
            reply = RoundReply(round=Round.DECISION, query_id=query, message=message, refusal=None)
            s.wire.answers[1] = partial(say, reply)
            offer = s.members.offer(query)
            deadline = s.clock.now() + 1
            await s.hub.collect(query, Round.DECISION, offer=offer, inputs=(), members=(1,), deadline=deadline)
            highest = message if sequence == 9 else None
            if highest is not None:
                expected = highest
        s.restart()
        assert await s.hub.last_decision(1) == expected

    run(engine, test)


def test_a_deal_that_would_push_out_the_others_is_not_taken(engine: sa.Engine) -> None:
    """Its signature and its form are right; a few such would make the next request too large for everybody."""

    async def test(s: Setting) -> None:
        size = max_deal_bytes(s.members.consortium.size)
        body = b"0" * (size + 1)
        digest = hashlib.sha256(body).hexdigest()
        data = signing.message_bytes(s.members.consortium.digest, QUERY, Round.DEAL, 2, digest)
        signature = s.members.keys[2].sign(data).hex()
        message = SignedMessage(query_id=QUERY, round=Round.DEAL, sender=2, body=body.hex(), signature=signature)
        reply = RoundReply(round=Round.DEAL, query_id=QUERY, message=message, refusal=None)
        s.wire.answers = dict.fromkeys(s.wire.answers, lambda request: None)
        collecting = asyncio.ensure_future(s.collect(Round.DEAL, offer=None))
        await s.clock.sleep(1)
        with pytest.raises(DealTooLarge):
            await s.hub.receive(2, reply)
        assert (await collecting).silent == (1, 2, 3, 4)
        assert [incident.code for incident in s.store.incidents()] == ["deal-too-large"]

    run(engine, test)


@pytest.mark.parametrize("members", [3, 4, 7, 64])
def test_the_deals_of_all_members_fit_into_one_request(members: int) -> None:
    size = max_deal_bytes(members)
    assert 400_000 < size <= MAX_BODY_BYTES
    signed = {"query_id": QUERY, "signature": "00" * 64}
    deal = SignedMessage(round=Round.DEAL, sender=64, body="00" * size, **signed)
    keys = 4 + 64 * 67
    decision = SignedMessage(round=Round.DECISION, sender=64, body="00" * (1000 + keys), **signed)
    empty = RoundRequest(round=Round.VERDICT, query_id=QUERY, offer=None, inputs=(), deadline=4_000_000_000)
    total = len(empty.encoded) + members * (len(deal.encoded) + len(decision.encoded) + 2)
    assert total <= LIMITS[TransferKind.REQUEST]


def test_explain_asks_who_is_connected_and_ends_at_the_deadline(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        def willing(request: ExplainRequest) -> ExplainReply:
            return ExplainReply(
                request_id=request.request_id, accept=True, refusal=None, minimum_cohort=10, minimum_hospitals=3
            )

        s.wire.answers |= {1: willing, 2: willing, 3: lambda request: None}
        s.wire.disconnect(4)
        started = s.clock.now()
        explanation = await s.hub.explain(s.offer, deadline=started + 5)
        assert sorted(explanation.answers) == [1, 2]
        assert explanation.silent == (3, 4)
        assert s.clock.now() == started + 5
        s.wire.answers[3] = willing
        assert (await s.hub.explain(s.offer, deadline=s.clock.now() + 5)).silent == (4,)
        assert s.clock.now() == started + 5
        s.hub.receive_explanation(1, willing(ExplainRequest(request_id="00" * 32, offer=s.offer)))  # nobody waits

    run(engine, test)


def test_progress_is_told_as_it_happens_and_again_after_a_restart(engine: sa.Engine) -> None:
    async def test(s: Setting) -> None:
        s.wire.answers[3] = lambda request: refusal(QUERY)
        s.wire.answers[4] = lambda request: None
        seen: list[Progress] = []
        async with s.hub.subscribe(QUERY) as steps:

            async def listen() -> None:
                async for step in steps:
                    seen.append(step)

            listener = asyncio.ensure_future(listen())
            await s.collect()
            await s.clock.sleep(1)
            listener.cancel()
        states = {member: [step.state for step in seen if step.member == member] for member in (1, 2, 3, 4)}
        assert states[1] == states[2] == [State.ASKED, State.ANSWERED]
        assert states[3] == [State.ASKED, State.REFUSED]
        assert states[4] == [State.ASKED, State.SILENT]
        s.restart()
        async with s.hub.subscribe(QUERY) as steps:
            again = {await anext(steps) for _ in seen}
        assert again == set(seen)

    run(engine, test)


def test_the_database_file_is_private(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    hub_metadata.create_all(engine)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "hub.db": 0o600,
        "hub.db-wal": 0o600,
        "hub.db-shm": 0o600,
    }
    engine.dispose()

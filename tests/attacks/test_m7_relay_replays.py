"""M7 at the relay: replayed, duplicated, late, misaddressed and foreign replies change no round."""

import asyncio
import secrets
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_nodes.database import create_engine
from mpc_nodes.hub import Hub, RoundResult
from mpc_nodes.hub_store import HubStore, Outcome, hub_metadata
from protocol.errors import ProofwardError
from protocol.messages import Round, SignedMessage
from protocol.relay import RoundReply, RoundRequest
from tests.simulation.fake_clock import FakeClock, InlineWorker, simulate
from tests.simulation.loopback import Loopback
from tests.simulation.members import Members, make_members, refusal
from tests.simulation.relay import Responder, relay

FIRST, SECOND = secrets.token_hex(32), secrets.token_hex(32)


def say(reply: RoundReply, request: RoundRequest) -> RoundReply:
    return reply


async def test_over_the_wire(tmp_path: Path) -> None:
    """Member 1 is an attacker that has recorded an earlier query, its own messages and those of member 2."""
    async with relay(tmp_path) as setting:
        hub, members = setting.hub, setting.members
        offers = {query: members.offer(query) for query in (FIRST, SECOND)}
        outcomes: asyncio.Queue[object] = asyncio.Queue()
        receive = hub.receive

        async def watched(member: int, reply: RoundReply) -> Outcome:
            try:
                outcome = await receive(member, reply)
            except ProofwardError as error:
                if member == 1:
                    outcomes.put_nowait(error.code)
                raise
            if member == 1:
                outcomes.put_nowait(outcome)
            return outcome

        hub.receive = watched  # type: ignore[method-assign]

        def collect(query: str) -> Coroutine[Any, Any, RoundResult]:
            offer = offers.setdefault(query, members.offer(query))
            return hub.collect(query, Round.DECISION, offer=offer, inputs=(), members=(1, 2), deadline=4_000_000_000)

        attacker = Responder(members, 1)
        async with setting.node(2), setting.node(1, attacker):
            first = await collect(FIRST)
            assert await outcomes.get() is Outcome.COUNTED
            old, theirs = first.messages[1], first.messages[2]
            for replay, expected in (
                (_reply(SECOND, old), "signature-invalid"),  # of another query
                (_reply(SECOND, old, Round.VERDICT), "signature-invalid"),  # of another round
                (_reply(FIRST, old), Outcome.DUPLICATE),  # word for word, after the round was closed
                (_reply(FIRST, members.decision(1, FIRST, text="late")), Outcome.CONFLICTING),
                (_reply(FIRST, theirs), "reply-invalid"),  # of another sender
                (_reply(secrets.token_hex(32), old), "signature-invalid"),  # of a query that nobody asked
            ):
                query = secrets.token_hex(32) if replay.query_id != SECOND else SECOND
                attacker.handle = partial(say, replay)  # type: ignore[method-assign]
                collecting = asyncio.ensure_future(collect(query))
                assert await outcomes.get() == expected
                while not (stored := setting.store.load_round(query, Round.DECISION)) or 2 not in stored.replies:
                    await asyncio.sleep(0.01)
                assert sorted(stored.replies) == [2]
                collecting.cancel()
                await asyncio.gather(collecting, return_exceptions=True)
        assert await collect(FIRST) == first


Operation = tuple[str, int, int]

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["honest", "duplicate", "reorder", "cross-query", "cross-round", "as-other", "second", "refuse", "close"]
        ),
        st.integers(1, 3),
        st.integers(0, 1),
    ),
    max_size=40,
)

MEMBERS = make_members(3)


class Model:
    """What a hub that never errs would hold: the first valid reply of each member while the round is open."""

    def __init__(self) -> None:
        self.open = {FIRST: True, SECOND: True}
        self.counted: dict[str, dict[int, RoundReply]] = {FIRST: {}, SECOND: {}}

    def expect(self, sender: int, reply: RoundReply) -> Outcome:
        held = self.counted[reply.query_id]
        if held.get(sender) == reply:
            return Outcome.DUPLICATE
        if sender in held:
            return Outcome.CONFLICTING
        if not self.open[reply.query_id]:
            return Outcome.LATE
        held[sender] = reply
        return Outcome.COUNTED


def _reply(query: str, message: SignedMessage, round_: Round = Round.DECISION) -> RoundReply:
    return RoundReply(round=round_, query_id=query, message=message, refusal=None)


async def _act(hub: Hub, members: Members, model: Model, operation: Operation) -> None:
    name, sender, which = operation
    query, other = (FIRST, SECOND) if which == 0 else (SECOND, FIRST)
    mine = members.decision(sender, query)
    good = {
        "honest": _reply(query, mine),
        "duplicate": _reply(query, mine),
        "reorder": _reply(other, members.decision(sender, other)),
        "second": _reply(query, members.decision(sender, query, text="second")),
        "refuse": refusal(query),
    }
    bad = {
        "cross-query": _reply(other, mine),
        "cross-round": _reply(query, mine, Round.VERDICT),
        "as-other": _reply(query, members.decision(sender % 3 + 1, query)),
    }
    if name in good:
        assert await hub.receive(sender, good[name]) is model.expect(sender, good[name])
    elif name in bad:
        with pytest.raises(ProofwardError):
            await hub.receive(sender, bad[name])


@given(operations=OPERATIONS)
def test_any_order_of_honest_and_hostile_replies(operations: list[Operation]) -> None:
    async def main(clock: FakeClock) -> None:
        engine = create_engine("sqlite://")
        hub_metadata.create_all(engine)
        store = HubStore(engine)
        silent = Loopback({index: lambda request: None for index in MEMBERS.keys})
        hub = silent.hub = Hub(MEMBERS.consortium, store, clock, silent, worker=InlineWorker())
        model = Model()
        offers = {query: MEMBERS.offer(query) for query in (FIRST, SECOND)}
        deadline = clock.now() + 100

        def collect(query: str) -> Coroutine[Any, Any, RoundResult]:
            return hub.collect(query, Round.DECISION, offer=offers[query], inputs=(), members=(1, 2, 3), deadline=deadline)

        collecting = {query: asyncio.ensure_future(collect(query)) for query in (FIRST, SECOND)}
        await clock.sleep(1)
        for operation in operations:
            if operation[0] == "close":
                await clock.sleep(101)
                model.open = {FIRST: False, SECOND: False}
            else:
                await _act(hub, MEMBERS, model, operation)
                await asyncio.sleep(0)
                for query in (FIRST, SECOND):
                    if len(model.counted[query]) == 3:  # everybody has answered
                        await collecting[query]
                        model.open[query] = False
        results = {query: await task for query, task in collecting.items()}
        for query, result in results.items():
            held = model.counted[query]
            assert result.messages == {m: r.message for m, r in held.items() if r.message is not None}
            assert result.refusals == {m: r.refusal for m, r in held.items() if r.refusal is not None}
            assert sorted([*result.messages, *result.refusals, *result.silent]) == [1, 2, 3]
            assert await collect(query) == result
        engine.dispose()

    simulate(main)

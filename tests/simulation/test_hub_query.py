"""Whole queries in one process: the hub's rounds over real nodes under a virtual clock, with members that come and go."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mpc_nodes.database import create_engine
from mpc_nodes.hub import Hub, RoundResult
from mpc_nodes.hub_store import HubStore, hub_metadata
from protocol.messages import Endorsement, Round, SignedMessage
from protocol.query import Offer
from protocol.relay import ExplainReply, ExplainRequest, RoundReply, RoundRequest
from protocol.signatures import open_message
from protocol.statement import Statement
from tests.simulation.direct import NOW, World, make_world
from tests.simulation.fake_clock import FakeClock, InlineWorker, simulate
from tests.simulation.loopback import Loopback

SQL = "SELECT COUNT(*) AS n, SUM(age) AS s FROM survey"
MEMBERS = (1, 2, 3, 4)
SECONDS = 60.0


class Simulation:
    """A hub over the nodes of a `World`."""

    def __init__(self, world: World, clock: FakeClock, directory: Path) -> None:
        self.world = world
        self.clock = clock
        self.engine = create_engine(f"sqlite:///{directory / 'hub.db'}")
        hub_metadata.create_all(self.engine)
        self.wire = Loopback({index: partial(self._answer, index) for index in MEMBERS})
        self.restart()

    def restart(self) -> None:
        """The hub forgets what is not on disk."""
        self.store = HubStore(self.engine)
        self.hub = Hub(self.world.consortium, self.store, self.clock, self.wire, worker=InlineWorker())
        self.wire.hub = self.hub

    def _answer(self, index: int, document: RoundRequest | ExplainRequest) -> RoundReply | ExplainReply:
        self.world.now = int(self.clock.now())
        node = self.world.node(index)
        return node.handle(document) if isinstance(document, RoundRequest) else node.explain(document)

    async def query(self, offer: Offer, before: Callable[[Round], None] = lambda round_: None) -> dict[Round, RoundResult]:
        """All rounds, as the pipeline asks them; rounds that were closed before are not asked again."""
        results: dict[Round, RoundResult] = {}
        inputs: Sequence[SignedMessage] = ()
        for round_ in Round:
            before(round_)
            results[round_] = await self.hub.collect(
                offer.query_id,
                round_,
                offer=offer if round_ is Round.DECISION else None,
                inputs=tuple(inputs),
                members=MEMBERS,
                deadline=self.clock.now() + SECONDS,
            )
            messages = list(results[round_].messages.values())
            # The deals go out with the decisions, for members that missed the deal round.
            inputs = [*inputs, *messages] if round_ is Round.DEAL else messages
        return results

    def statements(self, results: dict[Round, RoundResult]) -> set[str]:
        """What was endorsed, as hexadecimal payloads."""
        return {self._endorsement(message).statement for message in results[Round.ATTEST].messages.values()}

    def _endorsement(self, message: SignedMessage) -> Endorsement:
        return open_message(self.world.consortium, message, Round.ATTEST, message.query_id, Endorsement)


def run(tmp_path: Path, test: Callable[[Simulation], Any]) -> None:
    world = make_world(tmp_path)

    async def main(clock: FakeClock) -> None:
        simulation = Simulation(world, clock, tmp_path)
        try:
            await test(simulation)
        finally:
            simulation.engine.dispose()

    simulate(main, start=NOW + 100)


def check(simulation: Simulation, results: dict[Round, RoundResult]) -> Statement:
    """One statement, with the plain answer over the tables of the hospitals that take part."""
    [payload] = simulation.statements(results)
    statement = Statement.from_bytes(bytes.fromhex(payload), limit=1 << 24)
    rows = [row for part in statement.predicate.parts for row in simulation.world.tables[part.hospital - 1]]
    cells = statement.predicate.aggregate.cells
    assert (cells[0], cells[-1]) == (str(len(rows)), str(sum(age for _, age, _ in rows)))
    return statement


def test_everybody_answers_and_no_time_passes(tmp_path: Path) -> None:
    async def test(s: Simulation) -> None:
        started = s.clock.now()
        offer = s.world.offer(SQL, seconds=3600)
        assert sorted((await s.hub.explain(offer, deadline=started + 1)).answers) == [1, 2, 3, 4]
        results = await s.query(offer)
        assert len(check(s, results).predicate.parts) == 4
        assert s.clock.now() == started

    run(tmp_path, test)


@pytest.mark.parametrize("vanishes", [Round.VERDICT, Round.FREEZE, Round.OPEN, Round.ATTEST])
def test_a_node_vanishes_after_dealing(tmp_path: Path, vanishes: Round) -> None:
    async def test(s: Simulation) -> None:
        def before(round_: Round) -> None:
            if round_ is vanishes:
                s.wire.disconnect(2)

        results = await s.query(s.world.offer(SQL, seconds=3600), before)
        assert results[vanishes].silent == (2,)
        assert len(check(s, results).predicate.parts) == 4

    run(tmp_path, test)


@pytest.mark.parametrize("during", list(Round))
def test_the_hub_restarts_in_the_middle_of_a_round(tmp_path: Path, during: Round) -> None:
    """It is killed with two replies on disk. It asks only the others, and every node answers each round once."""

    async def test(s: Simulation) -> None:
        offer = s.world.offer(SQL, seconds=3600)

        def before(round_: Round) -> None:
            if round_ is during:
                s.wire.disconnect(3)
                s.wire.disconnect(4)

        first = asyncio.ensure_future(s.query(offer, before))
        await s.clock.sleep(1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        stored = s.store.load_round(offer.query_id, during)
        assert stored is not None
        assert (sorted(stored.replies), stored.closed) == ([1, 2], False)
        s.restart()
        s.wire.sent.clear()
        second = asyncio.ensure_future(s.query(offer))
        await s.clock.sleep(1)
        assert s.wire.sent == []
        s.wire.connect(3)
        s.wire.connect(4)
        results = await second
        assert len(check(s, results).predicate.parts) == 4
        assert {
            member for member, request in s.wire.sent if isinstance(request, RoundRequest) and request.round is during
        } == {
            3,
            4,
        }
        assert [incident.code for incident in s.store.incidents()] == []

    run(tmp_path, test)


@pytest.mark.parametrize("round_", list(Round))
def test_a_lost_reply_is_asked_for_again_and_is_the_same(tmp_path: Path, round_: Round) -> None:
    """The node answered, the reply was lost on the way, the node restarted: it sends the stored bytes again."""

    async def test(s: Simulation) -> None:
        lost: list[RoundReply] = []
        again: list[RoundReply] = []
        answer = s.wire.answers[2]

        def lossy(document: Any) -> RoundReply | ExplainReply | None:
            reply = answer(document)
            if document.round is not round_:
                return reply
            assert isinstance(reply, RoundReply)
            (again if lost else lost).append(reply)
            if not again:
                s.world.reopen(2)
                asyncio.get_running_loop().call_later(5, s.wire.connect, 2)
                s.wire.disconnect(2)
            return reply

        s.wire.answers[2] = lossy
        results = await s.query(s.world.offer(SQL, seconds=3600))
        assert lost == again
        assert len(lost) == 1
        assert len(check(s, results).predicate.parts) == 4

    run(tmp_path, test)

"""M7: messages are duplicated, reordered, dropped, moved between queries, rounds and senders, and nodes restart.

A hub driven by random operations plays two queries at once with four honest nodes. Whatever it does: a node never says
two things in one round of one query, refuses with a typed error, blames nobody, and what is endorsed is right.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_nodes.rounds.decision import usable
from protocol.errors import REGISTRY
from protocol.messages import Endorsement, Round, SignedMessage
from protocol.query import Offer
from protocol.signatures import open_message
from protocol.statement import Statement
from tests.simulation.direct import ROUNDS, World, changed, make_world

MEMBERS = (1, 2, 3, 4)
EXAMPLES = max(1, settings().max_examples // 10)  # each is two whole queries


@dataclass
class Adversary:
    """The hub's memory: what it was told, and everything that was ever said."""

    world: World
    offers: tuple[Offer, Offer]
    known: dict[tuple[int, Round], dict[int, SignedMessage]] = field(default_factory=dict)
    said: dict[tuple[int, Round, int], bytes] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)

    def inputs(self, query: int, round_: Round) -> tuple[SignedMessage, ...]:
        """What an honest hub would send now."""
        if round_ is Round.DECISION:
            return ()
        before = tuple(m for _, m in sorted(self.known.get((query, ROUNDS[ROUNDS.index(round_) - 1]), {}).items()))
        if round_ is Round.DEAL:
            return usable(self.world.consortium, self.offers[query], before)
        return (*self.inputs(query, Round.DEAL), *before) if round_ is Round.VERDICT else before

    def ask(
        self, query: int, round_: Round, member: int, inputs: Sequence[SignedMessage], *, dropped: bool = False
    ) -> str | None:
        """Ask, check that the member says what it said before, and remember unless the reply is lost."""
        request = self.world.request(self.offers[query], round_, inputs)
        reply = self.world.node(member).handle(request)
        if reply.message is None:
            assert reply.refusal is not None
            assert reply.refusal.code in REGISTRY
            assert reply.refusal.code not in {"internal", "state-rolled-back", "kernel-failed"}
            self.codes.add(reply.refusal.code)
            return reply.refusal.code
        assert (reply.message.query_id, reply.message.round, reply.message.sender) == (
            self.offers[query].query_id,
            round_,
            member,
        )
        encoded = reply.encoded
        assert self.said.setdefault((query, round_, member), encoded) == encoded
        if not dropped:
            self.known.setdefault((query, round_), {})[member] = reply.message
        return None

    def honest(self, query: int, round_: Round, member: int) -> str | None:
        return self.ask(query, round_, member, self.inputs(query, round_))

    def check_endorsements(self) -> int:
        """Everything endorsed for one query is the same statement, right and without blame; returns how many there are."""
        count = 0
        for query, offer in enumerate(self.offers):
            statements = set()
            for message in self.known.get((query, Round.ATTEST), {}).values():
                endorsement = open_message(self.world.consortium, message, Round.ATTEST, offer.query_id, Endorsement)
                assert endorsement.accused == ()
                statements.add(endorsement.statement)
                count += 1
            assert len(statements) <= 1
            for encoded in statements:
                predicate = Statement.from_bytes(bytes.fromhex(encoded), limit=1 << 24).predicate
                assert predicate.blamed == ()
                assert predicate.offer == offer
                rows = sum(len(self.world.tables[part.hospital - 1]) for part in predicate.parts)
                assert predicate.aggregate.cells == (str(rows),)
                assert len(predicate.parts) >= 3
        return count


query = st.integers(0, 1)
member = st.sampled_from(MEMBERS)
round_ = st.sampled_from(ROUNDS)
# Refused whenever they come, so they leave no trace.
hostile = st.one_of(
    st.tuples(st.just("repeat an input"), query, round_, member),
    st.tuples(st.just("other query"), query, round_, member),
    st.tuples(st.just("one of the other query"), query, round_, member),
    st.tuples(st.just("other sender"), query, round_, member, member),
    st.tuples(st.just("renamed query"), query, round_, member),
    st.tuples(st.just("cut"), query, round_, member),
    st.tuples(st.just("restart"), member),
)
# What a hub may do: it decides who is asked, when, and with which messages.
operation = st.one_of(
    st.tuples(st.just("everybody"), query, round_),
    st.tuples(st.just("everybody"), query, round_),
    st.tuples(st.just("ask"), query, round_, member),
    st.tuples(st.just("lose the reply"), query, round_, member),
    st.tuples(st.just("reorder"), query, round_, member),
    st.tuples(st.just("leave one out"), query, round_, member, st.integers(0, 7)),
    st.tuples(st.just("other round"), query, round_, member, round_),
    hostile,
)


def perform(hub: Adversary, op: tuple[object, ...]) -> None:
    match op:
        case "everybody", int(q), Round() as r:
            for index in MEMBERS:
                hub.honest(q, r, index)
        case "ask", int(q), Round() as r, int(m):
            hub.honest(q, r, m)
        case "lose the reply", int(q), Round() as r, int(m):
            hub.ask(q, r, m, hub.inputs(q, r), dropped=True)
        case "reorder", int(q), Round() as r, int(m):
            hub.ask(q, r, m, hub.inputs(q, r)[::-1])
        case "repeat an input", int(q), Round() as r, int(m):
            inputs = hub.inputs(q, r)
            if inputs:
                assert hub.ask(q, r, m, (*inputs, inputs[0])) is not None
        case "leave one out", int(q), Round() as r, int(m), int(which):
            inputs = hub.inputs(q, r)
            hub.ask(q, r, m, [message for position, message in enumerate(inputs) if position != which])
        case "other query", int(q), Round() as r, int(m):
            inputs = hub.inputs(1 - q, r)
            if inputs:
                assert hub.ask(q, r, m, inputs) is not None
        case "one of the other query", int(q), Round() as r, int(m):
            inputs, foreign = hub.inputs(q, r), hub.inputs(1 - q, r)
            if inputs and foreign:
                assert hub.ask(q, r, m, (*inputs[:-1], foreign[-1])) is not None
        case "other round", int(q), Round() as r, int(m), Round() as other:
            wanted, given_ = hub.inputs(q, r), hub.inputs(q, other)
            if given_ and {message.round for message in given_} - {message.round for message in wanted}:
                assert hub.ask(q, r, m, given_) is not None
        case "other sender", int(q), Round() as r, int(m), int(claimed):
            inputs = hub.inputs(q, r)
            if inputs and inputs[-1].sender != claimed:
                forged = changed(inputs[-1], sender=claimed)
                others = [message for message in inputs[:-1] if (message.sender, message.round) != (claimed, forged.round)]
                assert hub.ask(q, r, m, (*others, forged)) is not None
        case "renamed query", int(q), Round() as r, int(m):
            inputs = hub.inputs(1 - q, r)
            if inputs:
                renamed = [changed(message, query_id=hub.offers[q].query_id) for message in inputs]
                assert hub.ask(q, r, m, renamed) is not None
        case "cut", int(q), Round() as r, int(m):
            inputs = hub.inputs(q, r)
            if inputs:
                cut = changed(inputs[-1], body=inputs[-1].body[:-2])
                assert hub.ask(q, r, m, (*inputs[:-1], cut)) is not None
        case "restart", int(m):
            hub.world.reopen(m)


@given(st.lists(operation, max_size=40))
@settings(max_examples=EXAMPLES)
def test_no_order_of_messages_confuses_a_node(operations: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = make_world(Path(directory))
        sql = "SELECT COUNT(*) AS n FROM survey"
        hub = Adversary(world, (world.offer(sql), world.offer(sql)))
        for op in operations:
            perform(hub, op)
        hub.check_endorsements()


@given(st.data())
@settings(max_examples=EXAMPLES)
def test_an_honest_end_after_dishonest_beginnings(data: st.DataObject) -> None:
    """Two queries in full, with hostile requests before every round; those refused leave no trace, so both end well."""
    with tempfile.TemporaryDirectory() as directory:
        world = make_world(Path(directory))
        sql = "SELECT COUNT(*) AS n FROM survey"
        hub = Adversary(world, (world.offer(sql), world.offer(sql)))
        for r in ROUNDS:
            for op in data.draw(st.lists(hostile, max_size=8), label=r.value):
                perform(hub, op)
            for q in (0, 1):
                for index in MEMBERS:
                    assert hub.honest(q, r, index) is None
        assert hub.check_endorsements() == 8


def test_every_hostile_operation_is_refused_before_every_round() -> None:
    """The same without chance: each kind of hostile request, before and after each round was answered."""
    with tempfile.TemporaryDirectory() as directory:
        world = make_world(Path(directory))
        sql = "SELECT COUNT(*) AS n FROM survey"
        hub = Adversary(world, (world.offer(sql), world.offer(sql)))
        for r in ROUNDS:
            for answered in (False, True):
                for index in MEMBERS:
                    for kind in ("repeat an input", "other query", "one of the other query", "renamed query", "cut"):
                        perform(hub, (kind, 0, r, index))
                    perform(hub, ("other sender", 0, r, index, 1 + index % 4))
                    for other in ROUNDS:
                        perform(hub, ("other round", 0, r, index, other))
                if not answered:
                    for q in (0, 1):
                        for index in MEMBERS:
                            assert hub.honest(q, r, index) is None
        assert hub.check_endorsements() == 8
        assert {"signature-invalid", "round-inputs-invalid", "round-replayed"} <= hub.codes

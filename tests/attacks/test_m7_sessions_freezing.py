"""M7: a dishonest hub shows members different things and asks them in any way it likes; it never gets two certificates."""

import itertools
from collections import Counter
from pathlib import Path

import pytest

from mpc_nodes.store import NodeStore
from protocol.messages import Freeze, Round, SignedMessage
from protocol.signatures import open_message
from tests.simulation.direct import Answers, Run, World, make_world

SQL = "SELECT COUNT(*) AS n FROM survey"


def until_verdicts(world: World) -> Run:
    run = Run(world, world.offer(SQL))
    for round_ in (Round.DECISION, Round.DEAL, Round.VERDICT):
        run.step(round_)
    return run


def freezes(run: Run, messages: tuple[SignedMessage, ...]) -> Counter[Freeze]:
    return Counter(
        open_message(run.world.consortium, message, Round.FREEZE, run.offer.query_id, Freeze) for message in messages
    )


def test_two_halves_with_different_verdicts_get_no_two_certificates(tmp_path: Path) -> None:
    """All ways to show two sets of three verdicts to two halves, with member 4 corrupt and signing whatever helps."""
    world = make_world(tmp_path)
    verdict_sets = list(itertools.combinations(range(4), 3))
    for first, second in itertools.combinations(verdict_sets, 2):
        for half in itertools.combinations((1, 2, 3), 2):
            run = until_verdicts(world)
            verdicts = run.answers[Round.VERDICT].messages
            rest = {1, 2, 3} - set(half)
            left = world.ask(run.offer, Round.FREEZE, [verdicts[i] for i in first], half)
            right = world.ask(run.offer, Round.FREEZE, [verdicts[i] for i in second], rest)
            found = freezes(run, (*left.messages, *right.messages))
            assert len(found) == 2
            # The corrupt member adds its signature to both.
            assert sum(count + 1 >= world.consortium.quorum for count in found.values()) <= 1


def test_a_member_signs_one_set_whatever_it_is_asked(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run = until_verdicts(world)
    verdicts = run.answers[Round.VERDICT].messages
    first = world.ask(run.offer, Round.FREEZE, verdicts[:3], [1])
    assert len(first.messages) == 1
    for subset in ([0, 1, 3], [0, 1, 2, 3], [2, 1]):
        answer = world.ask(run.offer, Round.FREEZE, [verdicts[i] for i in subset], [1])
        assert answer.codes == {1: "round-replayed"}
    # The same verdicts in another order are the same request.
    assert world.ask(run.offer, Round.FREEZE, verdicts[2::-1], [1]) == first


def test_nobody_opens_for_less_than_a_quorum(tmp_path: Path) -> None:
    """With t+1 signatures a hub could freeze two sets and subtract the totals (docs/spec/06-rounds.md, "Freezing")."""
    world = make_world(tmp_path)
    run = until_verdicts(world)
    frozen = run.step(Round.FREEZE)
    for few in itertools.combinations(frozen.messages, world.consortium.threshold + 1):
        opened = world.ask(run.offer, Round.OPEN, few)
        assert opened.codes == dict.fromkeys(world.indices, "quorum-missing")
        twice = world.ask(run.offer, Round.OPEN, (*few, few[0]))
        assert twice.codes == dict.fromkeys(world.indices, "round-inputs-invalid")


def test_different_decisions_shown_to_two_halves_give_no_answer(tmp_path: Path) -> None:
    """Deals bound to different decisions do not mix; the hub gains nothing but a failed query."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    decisions = run.answers[Round.DECISION].messages
    replies = dict(world.ask(run.offer, Round.DEAL, decisions, [1, 2]).replies)
    replies |= world.ask(run.offer, Round.DEAL, decisions[1:], [3, 4]).replies
    deals = Answers(replies).messages
    assert len(deals) == 4
    whole = world.ask(run.offer, Round.VERDICT, (*decisions, *deals), [1, 2])
    part = world.ask(run.offer, Round.VERDICT, (*decisions[1:], *deals), [3, 4])
    assert not whole.codes
    assert not part.codes
    frozen = world.ask(run.offer, Round.FREEZE, (*whole.messages, *part.messages))
    assert set(frozen.codes.values()) == {"quorum-missing"}
    # Nor can a member be moved to the other half afterwards.
    moved = world.ask(run.offer, Round.VERDICT, (*decisions[1:], *deals), [1])
    assert moved.codes == {1: "round-replayed"}


def test_a_dealer_is_held_to_the_decisions_it_dealt_on(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    run.step(Round.DEAL)
    decisions, deals = run.answers[Round.DECISION].messages, run.answers[Round.DEAL].messages
    assert world.ask(run.offer, Round.VERDICT, (*decisions[:3], *deals), [1]).codes == {1: "decisions-differ"}
    assert world.ask(run.offer, Round.VERDICT, deals, [1]).codes == {}


def test_a_deal_withheld_from_one_member(tmp_path: Path) -> None:
    """Three hold it, so it is in the answer; the fourth will not sign for what it cannot open."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    run.step(Round.DEAL)
    everything = run.inputs(Round.VERDICT)
    without = [message for message in everything if (message.sender, message.round) != (3, Round.DEAL)]
    replies = dict(world.ask(run.offer, Round.VERDICT, everything, [1, 2, 3]).replies)
    replies |= world.ask(run.offer, Round.VERDICT, without, [4]).replies
    run.answers[Round.VERDICT] = Answers(replies)
    run.step(Round.FREEZE)
    assert run.answers[Round.FREEZE].codes == {4: "share-missing"}
    run.finish(Round.OPEN, members=lambda _: (1, 2, 3))
    assert run.statement().predicate.aggregate.cells == ("100",)


def test_a_deal_withheld_from_two_members(tmp_path: Path) -> None:
    """Fewer than a quorum hold it: it is left out, and nobody is blamed."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    run.step(Round.DEAL)
    everything = run.inputs(Round.VERDICT)
    without = [message for message in everything if (message.sender, message.round) != (3, Round.DEAL)]
    replies = dict(world.ask(run.offer, Round.VERDICT, everything, [1, 2]).replies)
    replies |= world.ask(run.offer, Round.VERDICT, without, [3, 4]).replies
    run.answers[Round.VERDICT] = Answers(replies)
    predicate = run.finish(Round.FREEZE).statement().predicate
    assert [(entry.hospital, entry.reason) for entry in predicate.left_out] == [(3, "no-answer")]
    assert predicate.blamed == ()
    assert predicate.aggregate.cells == ("75",)


@pytest.mark.parametrize("liar", [1, 4])
def test_a_store_refuses_a_second_answer_by_itself(tmp_path: Path, liar: int) -> None:
    """Even if two threads passed the check, the primary key lets only one reply of a round in."""
    world = make_world(tmp_path)
    run = until_verdicts(world)
    store: NodeStore = world.hospitals[liar].store
    reply = run.answers[Round.VERDICT].replies[liar]
    with pytest.raises(Exception, match="UNIQUE"), store.writing() as connection:
        store.add_round(connection, "00" * 32, (), reply)

"""A node dies inside a round, just before or just after its transaction is on disk (docs/spec/06-rounds.md, "Crashes")."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from mpc_nodes import access_log
from protocol.messages import Deal, Round, SignedMessage
from protocol.relay import RoundReply
from protocol.signatures import open_message
from tests.simulation.direct import ROUNDS, Run, World, make_world

SQL = "SELECT COUNT(*) AS n FROM survey"
VICTIM = 2


class Killed(BaseException):
    """As little as possible of the node runs after this."""


def dies(world: World, *, after: bool) -> None:
    """The transaction in which the victim stores its next reply is its last, and is lost unless `after`."""
    store = world.hospitals[VICTIM].store
    writing, add_round = store.writing, store.add_round
    stored: list[object] = []

    @contextmanager
    def last_writing() -> Iterator[sa.Connection]:
        with writing() as connection:
            yield connection
            if stored and not after:
                raise Killed
        if stored:
            raise Killed

    def last_round(*arguments: Any) -> None:
        add_round(*arguments)
        stored.append(arguments)

    store.writing = last_writing  # type: ignore[method-assign]
    store.add_round = last_round  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("round_", ROUNDS)
def test_death_in_a_round(tmp_path: Path, round_: Round, after: bool) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    for earlier in ROUNDS[: ROUNDS.index(round_)]:
        run.step(earlier)
    dies(world, after=after)
    request = world.request(run.offer, round_, run.inputs(round_))
    with pytest.raises(Killed):
        world.node(VICTIM).handle(request)
    node = world.reopen(VICTIM)
    record = world.hospitals[VICTIM].store.round(run.offer.query_id, round_)
    assert (record is not None) == after
    reply = node.handle(request)
    assert reply.refusal is None
    if record is not None:
        assert reply == record.reply
    run.finish(round_)
    assert run.answers[round_].replies[VICTIM] == reply
    assert run.statement().predicate.aggregate.cells == ("100",)
    with world.hospitals[VICTIM].store.reading() as connection:
        assert len(list(access_log.entries(connection))) == 1


def test_a_deal_that_was_lost_is_dealt_with_fresh_randomness(tmp_path: Path) -> None:
    """I6: nothing of the lost deal was sent, and nothing of it is used again."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    lost: list[SignedMessage] = []
    node = world.node(VICTIM)
    honest = node._reply

    def reply(*arguments: Any) -> RoundReply:
        made = honest(*arguments)
        assert made.message is not None
        lost.append(made.message)
        return made

    node._reply = reply  # type: ignore[method-assign, assignment]
    dies(world, after=False)
    with pytest.raises(Killed):
        node.handle(world.request(run.offer, Round.DEAL, run.inputs(Round.DEAL)))
    world.reopen(VICTIM)
    run.step(Round.DEAL)
    sent = run.answers[Round.DEAL].replies[VICTIM].message
    assert sent is not None
    first, second = (
        open_message(world.consortium, message, Round.DEAL, run.offer.query_id, Deal) for message in (lost[0], sent)
    )
    points = [
        {deal.contribution.contribution.commitment, *deal.contribution.contribution.sharing} for deal in (first, second)
    ]
    assert not points[0] & points[1]
    assert not {share[:64] for share in first.shares} & {share[:64] for share in second.shares}
    assert run.finish(Round.VERDICT).statement().predicate.aggregate.cells == ("100",)

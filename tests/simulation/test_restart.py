"""A node loses everything but its directory between any two rounds, and goes on as if nothing had happened."""

from pathlib import Path

import pytest

from mpc_nodes.session import Session
from protocol.messages import Round
from protocol.relay import RoundReply
from tests.simulation.direct import ROUNDS, Rows, Run, make_world

SQL = "SELECT sex, COUNT(*) AS n, SUM(age) AS s FROM survey GROUP BY sex"


@pytest.mark.parametrize("after", list(Round))
def test_restart_after_a_round(tmp_path: Path, after: Round) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    for round_ in ROUNDS:
        run.step(round_)
        if round_ is after:
            for index in world.indices:
                world.reopen(index)
        # The same request gives the same bytes, from memory and from disk: nothing is dealt or signed a second time.
        again = world.ask(run.offer, round_, run.inputs(round_))
        assert _bytes(again.replies) == _bytes(run.answers[round_].replies)
    assert sum(int(cell or 0) for cell in run.statement().predicate.aggregate.cells[:2]) == 100


def _bytes(replies: object) -> dict[int, bytes]:
    assert isinstance(replies, dict)
    return {index: reply.encoded for index, reply in replies.items() if isinstance(reply, RoundReply)}


def test_restart_of_one_node_before_every_round(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    for round_ in ROUNDS:
        world.reopen(2)
        assert run.step(round_).codes == {}
    run.statement()


def test_a_rebuilt_state_is_the_live_state(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    for round_ in ROUNDS[:-1]:
        run.step(round_)
        for index in world.indices:
            live: Session = (
                world.node(index)._live[run.offer.query_id]
                if round_ is not Round.DECISION
                else (world.node(index)._session(run.offer.query_id))
            )
            assert world.node(index)._rebuild(run.offer) == live


def test_more_queries_than_fit_in_memory(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    runs = [Run(world, world.offer(SQL)) for _ in range(18)]
    for round_ in ROUNDS:
        for run in runs:
            assert run.step(round_).codes == {}
    assert len({run.statement().predicate.aggregate.cells for run in runs}) == 1


def test_nothing_secret_is_left_after_the_end(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    keys = {index: world.hospitals[index].store.keys(run.offer.query_id) for index in world.indices}
    assert all(len(each) == 4 for each in keys.values())
    run.finish(Round.DEAL)
    for index, hospital in world.hospitals.items():
        assert hospital.store.keys(run.offer.query_id) == ()
        stored = b"".join(path.read_bytes() for path in hospital.directory.glob("node.db*"))
        assert not [key for key in keys[index] if key in stored]


def test_a_node_on_any_database(tmp_path: Path, database_url: str) -> None:
    """One member keeps its state in SQLite or PostgreSQL, is registered there, and restarts before every round."""
    world = make_world(tmp_path)
    hospital = world.hospitals[3]
    hospital.url = database_url
    world.reopen(3)
    world.register(3, Rows(world.tables[2]))
    world.now += 1
    run = Run(world, world.offer(SQL))
    for round_ in ROUNDS:
        assert run.step(round_).codes == {}
        world.reopen(3)
        assert world.ask(run.offer, round_, run.inputs(round_), [3]).replies[3] == run.answers[round_].replies[3]
    assert sum(int(cell or 0) for cell in run.statement().predicate.aggregate.cells[:2]) == 100
    assert hospital.store.keys(run.offer.query_id) == ()

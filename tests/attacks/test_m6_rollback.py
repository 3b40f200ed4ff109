"""M6: a node whose database was restored from a backup notices, and says nothing more."""

import secrets
import shutil
from pathlib import Path

import pytest

from mpc_nodes.errors import StateRolledBack
from mpc_nodes.node import Node
from protocol.messages import Round, SignedMessage
from protocol.relay import ExplainRequest
from protocol.signatures import SignatureInvalid
from tests.simulation.direct import ROUNDS, Run, World, changed, make_world

SQL = "SELECT COUNT(*) AS n FROM survey"
VICTIM = 2


def backup(world: World, tmp_path: Path) -> Path:
    place = tmp_path / "backup"
    shutil.copytree(world.hospitals[VICTIM].directory, place)
    return place


def restore(world: World, place: Path) -> Node:
    directory = world.hospitals[VICTIM].directory
    shutil.rmtree(directory)
    shutil.copytree(place, directory)
    return world.reopen(VICTIM)


def last(run: Run, round_: Round) -> SignedMessage:
    message = run.answers[round_].replies[VICTIM].message
    assert message is not None
    return message


def check_silent(world: World) -> None:
    """The node answers nothing, also after a restart."""
    offer = world.offer(SQL)
    for _ in range(2):
        assert world.ask(offer, Round.DECISION, members=[VICTIM]).codes == {VICTIM: "state-rolled-back"}
        explained = world.node(VICTIM).explain(ExplainRequest(request_id=secrets.token_hex(32), offer=offer))
        assert explained.refusal == "state-rolled-back"
        with pytest.raises(StateRolledBack):
            world.node(VICTIM).check_not_rolled_back(None)
        world.reopen(VICTIM)


def test_the_hub_remembers_a_decision_that_the_node_forgot(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    Run(world, world.offer(SQL)).finish()
    place = backup(world, tmp_path)
    run = Run(world, world.offer(SQL)).finish()
    node = restore(world, place)
    with pytest.raises(StateRolledBack):
        node.check_not_rolled_back(last(run, Round.DECISION))
    check_silent(world)


def test_another_head_at_the_same_position(tmp_path: Path) -> None:
    """After the restore the node decided on another query: its log has as many entries, but not the same."""
    world = make_world(tmp_path)
    place = backup(world, tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    node = restore(world, place)
    Run(world, world.offer(SQL)).step(Round.DECISION)
    with pytest.raises(StateRolledBack):
        node.check_not_rolled_back(last(run, Round.DECISION))
    check_silent(world)


@pytest.mark.parametrize("saved_before", ROUNDS[:-1])
def test_a_restore_in_the_middle_of_a_query(tmp_path: Path, saved_before: Round) -> None:
    """The next request holds a message that the node signed and does not remember."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    place = None
    following = ROUNDS[ROUNDS.index(saved_before) + 1]
    for round_ in ROUNDS[: ROUNDS.index(following)]:
        if round_ is saved_before:
            place = backup(world, tmp_path)
        run.step(round_)
    assert place is not None
    restore(world, place)
    assert run.step(following, [VICTIM]).codes == {VICTIM: "state-rolled-back"}
    check_silent(world)


@pytest.mark.parametrize("round_", ROUNDS)
def test_any_forgotten_message_will_do(tmp_path: Path, round_: Round) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    for earlier in ROUNDS[: ROUNDS.index(round_)]:
        run.step(earlier)
    place = backup(world, tmp_path)
    run.step(round_)
    with pytest.raises(StateRolledBack):
        restore(world, place).check_not_rolled_back(last(run, round_))


def test_an_empty_database_under_old_keys(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL)).finish()
    for path in world.hospitals[VICTIM].directory.glob("node.db*"):
        path.unlink()
    node = world.reopen(VICTIM)
    with pytest.raises(StateRolledBack):
        node.check_not_rolled_back(last(run, Round.DECISION))


def test_a_node_that_lost_nothing_goes_on(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL)).finish()
    node = world.reopen(VICTIM)
    node.check_not_rolled_back(None)
    for round_ in ROUNDS:
        node.check_not_rolled_back(last(run, round_))
    assert Run(world, world.offer(SQL)).finish().statement().predicate.aggregate.cells == ("100",)


def test_nobody_else_can_stop_a_node(tmp_path: Path) -> None:
    """A hub without the node's key cannot make it believe that it forgot something."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    message = last(run, Round.DECISION)
    other = world.offer(SQL)
    forged = [
        changed(message, query_id=other.query_id),
        changed(message, body=run.answers[Round.DECISION].messages[0].body),
        changed(message, signature="00" * 64),
        changed(run.answers[Round.DECISION].messages[0], sender=VICTIM),
    ]
    for forgery in forged:
        with pytest.raises(SignatureInvalid):
            world.node(VICTIM).check_not_rolled_back(forgery)
        # Nor as an input of a round.
        inputs = [forgery if each.sender == VICTIM else each for each in run.answers[Round.DECISION].messages]
        assert world.ask(run.offer, Round.DEAL, inputs, [VICTIM]).codes == {VICTIM: "signature-invalid"}
    assert run.finish(Round.DEAL).statement().predicate.left_out == ()

"""Members that refuse, are silent, or vanish: the answer comes without them, or a typed failure does."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from mpc_nodes.policy import parse_policy
from protocol.messages import Round
from tests.simulation.direct import POLICY, ROUNDS, Run, make_world

SQL = "SELECT COUNT(*) AS n, SUM(age) AS s FROM survey"
EVERYBODY = (1, 2, 3, 4)


def left_out(run: Run) -> dict[int, str]:
    return {entry.hospital: entry.reason for entry in run.statement().predicate.left_out}


def check_answer(run: Run, hospitals: Iterable[int]) -> None:
    rows = [row for index in hospitals for row in run.world.tables[index - 1]]
    cells = run.statement().predicate.aggregate.cells
    assert (cells[0], cells[-1]) == (str(len(rows)), str(sum(age for _, age, _ in rows)))


@pytest.mark.parametrize("last", [Round.DEAL, Round.VERDICT, Round.FREEZE, Round.OPEN])
@pytest.mark.parametrize("gone", [1, 3])
def test_one_node_vanishes_after_dealing(tmp_path: Path, gone: int, last: Round) -> None:
    """Its table is in the answer: after the deal nobody can withdraw."""
    world = make_world(tmp_path)
    present = [index for index in EVERYBODY if index != gone]
    run = Run(world, world.offer(SQL))
    run.finish(members=lambda round_: EVERYBODY if ROUNDS.index(round_) <= ROUNDS.index(last) else present)
    check_answer(run, EVERYBODY)
    assert left_out(run) == {}


@pytest.mark.parametrize("silent", [1, 4])
def test_one_hospital_is_silent_from_the_start(tmp_path: Path, silent: int) -> None:
    world = make_world(tmp_path)
    present = [index for index in EVERYBODY if index != silent]
    run = Run(world, world.offer(SQL)).finish(members=lambda _: present)
    check_answer(run, present)
    assert left_out(run) == {silent: "no-answer"}
    assert [entry.hospital for entry in run.statement().predicate.logs] == present


def test_one_hospital_decides_and_does_not_deal(tmp_path: Path) -> None:
    """It missed a deadline, comes back, and serves on the committee: it learns the decisions with the deals."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.finish(members=lambda round_: (1, 2, 3) if round_ is Round.DEAL else EVERYBODY)
    check_answer(run, (1, 2, 3))
    assert left_out(run) == {4: "no-answer"}
    assert len(run.answers[Round.ATTEST].messages) == 4


def test_one_hospital_refuses_and_serves_on_the_committee(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.hospitals[2].policy = parse_policy("")
    world.reopen(2)
    run = Run(world, world.offer(SQL)).finish(members=lambda round_: (1, 3, 4) if round_ is Round.DEAL else EVERYBODY)
    check_answer(run, (1, 3, 4))
    assert left_out(run) == {2: "policy-buyer"}
    assert len(run.answers[Round.ATTEST].messages) == 4


def test_a_hospital_that_refused_does_not_deal_even_if_asked(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.hospitals[2].policy = parse_policy("")
    world.reopen(2)
    run = Run(world, world.offer(SQL)).finish()
    assert run.answers[Round.DEAL].codes == {2: "hospital-declined"}
    check_answer(run, (1, 3, 4))


def test_a_refusal_and_a_node_that_vanishes(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.hospitals[2].policy = parse_policy("")
    world.reopen(2)
    run = Run(world, world.offer(SQL))
    dealt = (Round.DECISION, Round.DEAL)
    run.finish(members=lambda round_: EVERYBODY if round_ in dealt else (1, 2, 3))
    check_answer(run, (1, 3, 4))


def test_fewer_hospitals_than_the_policies_ask_for(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    for index in (1, 2):
        world.hospitals[index].policy = parse_policy("")
        world.reopen(index)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    assert run.step(Round.DEAL, (3, 4)).codes == {3: "too-few-hospitals", 4: "too-few-hospitals"}


def test_hospitals_lost_after_the_decision(tmp_path: Path) -> None:
    """Four accept, two deal: the freeze is refused, and nothing is opened."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    run.step(Round.DEAL, (1, 2))
    run.step(Round.VERDICT)
    assert run.step(Round.FREEZE).codes == dict.fromkeys(EVERYBODY, "too-few-hospitals")


def test_one_careful_hospital(tmp_path: Path) -> None:
    """The largest minimum of those that are in the answer counts, not that of one which is left out."""
    world = make_world(tmp_path)
    world.hospitals[4].policy = parse_policy(POLICY.replace("minimum_hospitals = 3", "minimum_hospitals = 4"))
    world.reopen(4)
    run = Run(world, world.offer(SQL)).finish(members=lambda round_: (1, 2, 3) if round_ is Round.DEAL else EVERYBODY)
    check_answer(run, (1, 2, 3))
    other = Run(world, world.offer(SQL))
    other.step(Round.DECISION)
    other.step(Round.DEAL, (2, 3, 4))
    other.step(Round.VERDICT)
    assert set(other.step(Round.FREEZE).codes.values()) == {"too-few-hospitals"}


def test_one_hospital_cannot_stop_the_others_by_asking_for_too_much(tmp_path: Path) -> None:
    """Five accept, one wants all five, four deal: it is left out, and the three that are content answer."""
    world = make_world(tmp_path, hospitals=5)
    world.hospitals[5].policy = parse_policy(POLICY.replace("minimum_hospitals = 3", "minimum_hospitals = 5"))
    world.reopen(5)
    run = Run(world, world.offer(SQL)).finish(members=lambda r: (1, 2, 3, 5) if r is Round.DEAL else None)
    check_answer(run, (1, 2, 3))
    assert left_out(run) == {4: "no-answer", 5: "too-few-hospitals"}
    assert run.statement().predicate.blamed == ()


def test_two_members_gone_is_too_many_for_a_quorum(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    run.step(Round.DEAL)
    run.step(Round.VERDICT, (1, 2))
    assert run.step(Round.FREEZE, (1, 2)).codes == {1: "quorum-missing", 2: "quorum-missing"}
    early = Run(world, world.offer(SQL))
    early.step(Round.DECISION, (1, 2))
    assert early.step(Round.DEAL, (1, 2)).codes == {1: "quorum-missing", 2: "quorum-missing"}


def test_a_query_that_expires_is_forgotten(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL, seconds=100))
    for round_ in (Round.DECISION, Round.DEAL, Round.VERDICT):
        run.step(round_)
    world.now += 101
    again = world.ask(run.offer, Round.VERDICT, run.inputs(Round.VERDICT))
    assert again == run.answers[Round.VERDICT]  # what was said is said again; nothing new is
    assert run.step(Round.FREEZE).codes == dict.fromkeys(EVERYBODY, "offer-expired")
    assert world.node(1).forget_expired() == [run.offer.query_id]
    assert world.hospitals[1].store.keys(run.offer.query_id) == ()
    assert world.node(1).forget_expired() == []

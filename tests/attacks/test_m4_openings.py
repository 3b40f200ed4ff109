"""M4: a member opens a wrong sum of shares. Every honest member names it, and the answer comes all the same."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mpc_nodes.session import Frozen, Opened
from protocol.messages import Endorsement, Opening, Round
from protocol.signatures import open_message
from tests.simulation import liars
from tests.simulation.direct import Run, changed, make_world

SQL = "SELECT COUNT(*) AS n, SUM(age) AS s FROM survey"


def accusations(run: Run) -> dict[int, set[tuple[int, str]]]:
    """Who accuses whom, by accuser."""
    found = {}
    for message in run.answers[Round.ATTEST].messages:
        endorsement = open_message(run.world.consortium, message, Round.ATTEST, run.offer.query_id, Endorsement)
        found[message.sender] = {(entry.hospital, entry.reason) for entry in endorsement.accused}
    return found


def check(run: Run, liar: int, reason: str = "share-sum-invalid") -> None:
    world = run.world
    cells = run.statement().predicate.aggregate.cells
    assert (cells[0], cells[-1]) == (str(len(world.pooled)), str(sum(age for _, age, _ in world.pooled)))
    for accuser, accused in accusations(run).items():
        assert accused == (set() if accuser == liar else {(liar, reason)})


@pytest.mark.parametrize("liar", [1, 2, 3, 4])
@pytest.mark.parametrize("change", [liars.wrong_value, liars.wrong_blinding, liars.both_wrong])
def test_a_wrong_sum(tmp_path: Path, liar: int, change: Callable[[bytes], bytes]) -> None:
    world = make_world(tmp_path)
    world.reopen(liar, liars.opens(lambda state: change(state.frozen.share_sum)))
    check(Run(world, world.offer(SQL)).finish(), liar)


@pytest.mark.parametrize("liar", [1, 4])
def test_the_sum_of_an_earlier_query(tmp_path: Path, liar: int) -> None:
    world = make_world(tmp_path)
    sums: list[bytes] = []

    def older(state: Opened) -> bytes:
        sums.append(state.frozen.share_sum)
        return sums[0]

    world.reopen(liar, liars.opens(older))
    Run(world, world.offer(SQL)).finish()
    check(Run(world, world.offer(SQL)).finish(), liar)
    assert sums[0] != sums[-1]


@pytest.mark.parametrize("liar", [1, 3])
def test_the_sum_of_another_member(tmp_path: Path, liar: int) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))

    def stolen(state: Opened) -> bytes:
        victim = world.node(2)._session(run.offer.query_id)
        assert isinstance(victim, Frozen | Opened)
        return victim.share_sum if isinstance(victim, Frozen) else victim.frozen.share_sum

    world.reopen(liar, liars.opens(stolen))
    check(run.finish(), liar)


@pytest.mark.parametrize("change", [lambda sum_: sum_[:-32], lambda sum_: sum_ + bytes(32), lambda sum_: b""])
def test_a_sum_of_another_length(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    world = make_world(tmp_path)
    world.reopen(2, liars.opens(lambda state: change(state.frozen.share_sum)))
    check(Run(world, world.offer(SQL)).finish(), 2)


def test_a_ciphertext_of_another_query(tmp_path: Path) -> None:
    """A replayed opening is sealed to keys that no longer exist."""
    world = make_world(tmp_path)
    kept: list[Opening] = []

    def replay(_: object, state: Opened, honest: Opening) -> Opening:
        kept.append(honest)
        return changed(kept[0], freeze=honest.freeze)

    world.reopen(2, liars.says(Opened, replay))
    Run(world, world.offer(SQL)).finish()
    check(Run(world, world.offer(SQL)).finish(), 2)


def test_an_opening_of_another_set_is_not_used_and_proves_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.reopen(2, liars.says(Opened, lambda _node, _state, honest: changed(honest, freeze="11" * 32)))
    run = Run(world, world.offer(SQL)).finish()
    assert run.statement().predicate.aggregate.cells[0] == "100"
    assert set().union(*accusations(run).values()) == set()


def test_two_wrong_sums_with_threshold_two(tmp_path: Path) -> None:
    world = make_world(tmp_path, hospitals=7, threshold=2)
    for liar in (2, 5):
        world.reopen(liar, liars.opens(lambda state: liars.both_wrong(state.frozen.share_sum)))
    run = Run(world, world.offer(SQL)).finish()
    assert run.statement().predicate.aggregate.cells[0] == "175"
    for accuser, accused in accusations(run).items():
        assert {who for who, _ in accused} == {2, 5} - {accuser}


def test_a_slanderer_changes_nothing_but_its_own_endorsement(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.reopen(3, liars.Slanderer)
    run = Run(world, world.offer(SQL)).finish()
    assert run.statement().predicate.aggregate.cells[0] == "100"
    assert {accuser for accuser, accused in accusations(run).items() if accused} == {3}


def test_too_few_good_sums_are_refused_and_more_may_follow(tmp_path: Path) -> None:
    """With only a liar's sum there is no answer; the node waits for a better request instead of opening nonsense."""
    world = make_world(tmp_path)
    world.reopen(2, liars.opens(lambda state: liars.wrong_value(state.frozen.share_sum)))
    run = Run(world, world.offer(SQL))
    for round_ in list(Round)[:-1]:
        run.step(round_)
    openings = {message.sender: message for message in run.inputs(Round.ATTEST)}
    alone = world.ask(run.offer, Round.ATTEST, [openings[2]], [1])
    assert alone.codes == {1: "shares-insufficient"}
    assert world.ask(run.offer, Round.ATTEST, [openings[2], openings[3]], [1]).codes == {}


def test_a_wrong_set_is_in_no_certificate(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.reopen(2, liars.freezes(lambda freeze: changed(freeze, qualified=freeze.qualified[:-1])))
    run = Run(world, world.offer(SQL)).finish()
    assert run.answers[Round.OPEN].codes == {}
    assert [m.sender for m in run.answers[Round.ATTEST].messages if m.sender != 2] == [1, 3, 4]
    for message in run.answers[Round.OPEN].messages:
        opening = open_message(world.consortium, message, Round.OPEN, run.offer.query_id, Opening)
        if message.sender != 2:
            assert opening.shares[2 - 1] == ""

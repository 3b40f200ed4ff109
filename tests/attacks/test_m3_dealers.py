"""M2, M3: a dealer gives bad shares, two different deals, or polynomials of another degree.

Honest members name the dealer, leave it out, and the answer over the others is right.
"""

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from mpc_nodes.node import Node
from protocol.messages import Round, SignedMessage
from protocol.signatures import sign_message
from tests.simulation import liars
from tests.simulation.direct import Answers, Run, World, make_world

SQL = "SELECT COUNT(*) AS n, SUM(age) AS s FROM survey"
LIAR = 2


def expected(world: World, hospitals: list[int]) -> tuple[str, ...]:
    rows = [row for index in hospitals for row in world.tables[index - 1]]
    return str(len(rows)), str(sum(age for _, age, _ in rows))


def check_named(run: Run, reason: str, *, liar: int = LIAR) -> None:
    """The liar is left out and blamed; nobody else is; the answer is that of the others."""
    others = [index for index in run.world.indices if index != liar]
    predicate = run.statement().predicate
    assert [(entry.hospital, entry.reason) for entry in predicate.blamed] == [(liar, reason)]
    assert [(entry.hospital, entry.reason) for entry in predicate.left_out] == [(liar, reason)]
    assert predicate.aggregate.cells[:1] + predicate.aggregate.cells[-1:] == expected(run.world, others)


@pytest.mark.parametrize("victim", [1, 2, 4])
@pytest.mark.parametrize("change", [liars.wrong_value, liars.wrong_blinding, liars.both_wrong])
def test_a_share_off_the_polynomials(tmp_path: Path, victim: int, change: Callable[[bytes], bytes]) -> None:
    world = make_world(tmp_path)
    world.reopen(LIAR, liars.deals_wrong_share(victim, change))
    check_named(Run(world, world.offer(SQL)).finish(), "share-invalid")


def test_a_ciphertext_that_does_not_open(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.reopen(LIAR, liars.deals_noise(victim=3))
    check_named(Run(world, world.offer(SQL)).finish(), "share-invalid")


BAD_DEALS: dict[str, type[Node]] = {
    "one coefficient too few": liars.deals_degree(0),
    "one coefficient too many": liars.deals_degree(2),
    "leading coefficients zero": liars.LeadingIdentity,
    "no deal at all": liars.Nonsense,
    "another dataset": liars.deals_with(root="11" * 32),
    "another plan": liars.deals_with(plan_hash="11" * 32),
    "another query": liars.deals_with(query_id="11" * 32),
    "another nonce": liars.deals_with(nonce="11" * 32),
    "another offer": liars.deals_with(offer="11" * 32),
    "another schema": liars.deals_with(schema_hash="11" * 32),
    "another consortium": liars.deals_with(consortium="11" * 32),
    "other generators": liars.deals_with(generators="11" * 32),
    "in the name of another": liars.deals_with(hospital=3),
    "a point off the curve": liars.deals_with(commitment="00" * 63 + "01"),
    "a share missing": liars.deals_shares(lambda shares: shares[:-1]),
    "a share too many": liars.deals_shares(lambda shares: (*shares, shares[0])),
    "a share cut short": liars.deals_shares(lambda shares: (shares[0][:-2], *shares[1:])),
    "a share empty": liars.deals_shares(lambda shares: ("", *shares[1:])),
}


@pytest.mark.parametrize("name", BAD_DEALS)
def test_a_deal_that_is_wrong_for_everybody(tmp_path: Path, name: str) -> None:
    world = make_world(tmp_path)
    world.reopen(LIAR, BAD_DEALS[name])
    run = Run(world, world.offer(SQL)).finish()
    check_named(run, "deal-invalid")


@pytest.mark.parametrize("degree", [1, 3, 4])
def test_other_degrees_with_threshold_two(tmp_path: Path, degree: int) -> None:
    """t-1, t+1 and 2t coefficients (attacks.md M2)."""
    world = make_world(tmp_path, hospitals=5, threshold=2)
    world.reopen(LIAR, liars.deals_degree(degree))
    check_named(Run(world, world.offer(SQL)).finish(), "deal-invalid")


def second_deal(world: World, run: Run, dealer: int) -> SignedMessage:
    """Another deal of the same dealer, as valid as the first."""
    node = world.node(dealer)
    state = node._session(run.offer.query_id)
    deal = node._answer(state)
    identity = world.hospitals[dealer].identity
    return sign_message(identity.keys.signing, identity.consortium, run.offer.query_id, Round.DEAL, dealer, deal)


@pytest.mark.parametrize("deceived", [[1], [1, 3], [3, 4], [4]])
def test_two_deals_of_one_dealer(tmp_path: Path, deceived: list[int]) -> None:
    """Some members see one deal, the others another; comparing what they cite names the dealer."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    run.step(Round.DEAL)
    honest = run.inputs(Round.VERDICT)
    other = second_deal(world, run, LIAR)
    changed = tuple(other if (message.sender, message.round) == (LIAR, Round.DEAL) else message for message in honest)
    replies = dict(world.ask(run.offer, Round.VERDICT, changed, deceived).replies)
    replies |= world.ask(run.offer, Round.VERDICT, honest, set(world.indices) - set(deceived)).replies
    run.answers[Round.VERDICT] = Answers(replies)
    assert len(run.answers[Round.VERDICT].messages) == 4
    check_named(run.finish(Round.FREEZE), "equivocation")


@pytest.mark.parametrize(
    "key",
    [
        lambda state: state.dealt.decided.keys[3 - 1].hex(),  # the right key, which opens a good share
        lambda state: state.dealt.decided.keys[1 - 1].hex(),  # another of its keys
        lambda state: secrets.token_hex(32),  # any key
    ],
    ids=["right key", "key for another dealer", "made-up key"],
)
def test_a_false_complaint_names_the_complainant(tmp_path: Path, key: Callable[..., str]) -> None:
    world = make_world(tmp_path)
    world.reopen(LIAR, liars.complains(dealer=3, key=key))
    run = Run(world, world.offer(SQL)).finish()
    predicate = run.statement().predicate
    assert [(entry.hospital, entry.reason) for entry in predicate.blamed] == [(LIAR, "complaint-false")]
    assert predicate.left_out == ()
    assert predicate.aggregate.cells[:1] + predicate.aggregate.cells[-1:] == expected(world, [1, 2, 3, 4])


def test_a_citation_of_a_deal_that_was_never_made(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.reopen(LIAR, liars.cites(dealer=3))
    run = Run(world, world.offer(SQL)).finish()
    predicate = run.statement().predicate
    assert [(entry.hospital, entry.reason) for entry in predicate.blamed] == [(LIAR, "citation-invalid")]
    assert predicate.left_out == ()


def test_two_dealers_lie_to_different_members_with_threshold_two(tmp_path: Path) -> None:
    world = make_world(tmp_path, hospitals=7, threshold=2)
    world.reopen(2, liars.deals_wrong_share(5, liars.wrong_value))
    world.reopen(6, liars.deals_noise(1))
    predicate = Run(world, world.offer(SQL)).finish().statement().predicate
    assert {entry.hospital: entry.reason for entry in predicate.blamed} == {2: "share-invalid", 6: "share-invalid"}
    assert predicate.aggregate.cells[:1] + predicate.aggregate.cells[-1:] == expected(world, [1, 3, 4, 5, 7])

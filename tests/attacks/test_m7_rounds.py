"""M7: a hub that continues a query otherwise than its rounds tell is refused by every node.

What a later round asks is a function of what was opened; otherwise a hub could steer a search to whatever it likes.
"""

from collections.abc import Callable

import pytest

from protocol.messages import Decision, Round, SignedMessage
from protocol.query import Offer
from protocol.signatures import open_message
from tests.simulation.direct import Run, World, changed, make_world

SQL = "SELECT MEDIAN(score) AS m FROM survey"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("rounds"))


@pytest.fixture
def first(world: World) -> Run:
    return Run(world, world.offer(SQL)).finish()


def steered(offer: Offer) -> Offer:
    """The cells said to be others, so that the search goes elsewhere."""
    (earlier,) = offer.earlier
    cells = tuple(None if cell is None else str(int(cell) // 2) for cell in earlier.cells)
    return changed(offer, earlier=(changed(earlier, cells=cells),))


LIES: dict[str, Callable[[Offer], Offer]] = {
    "cells": steered,
    "another query id": lambda offer: changed(offer, query_id="12" * 32),
    "another nonce": lambda offer: changed(offer, nonce="34" * 32),
    "another buyer": lambda offer: changed(offer, buyer="emca"),
    "another purpose": lambda offer: changed(offer, purpose="billing"),
    "a later expiry": lambda offer: changed(offer, expires_at=offer.expires_at + 1),
    "another minimum cohort": lambda offer: changed(offer, earlier=(changed(offer.earlier[0], minimum_cohort=9),)),
    "no parts": lambda offer: changed(offer, earlier=(changed(offer.earlier[0], parts=()),)),
    "the round twice": lambda offer: changed(offer, earlier=offer.earlier * 2),
    "nothing earlier": lambda offer: changed(offer, earlier=()),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_offer_that_does_not_follow_is_refused(world: World, first: Run, lie: str) -> None:
    second = first.following()
    assert second is not None
    told = LIES[lie](second.offer)
    answers = Run(world, told, earlier=second.earlier).step(Round.DECISION)
    assert [message.sender for message in answers.messages] == list(world.indices)
    refusals = {
        index: (decision.accept, decision.refusal, decision.keys)
        for index, decision in ((m.sender, _decision(world, told, m)) for m in answers.messages)
    }
    for accept, refusal, keys in refusals.values():
        assert not accept
        assert not keys
        # Other cells give another plan, which is noticed even before the statement is looked at.
        assert refusal in ("rounds-invalid", "offer-plan-differs")


def test_a_statement_of_too_few_members_continues_nothing(world: World, first: Run) -> None:
    second = first.following()
    assert second is not None
    assert second.earlier is not None
    few = changed(second.earlier, signatures=second.earlier.signatures[:1] * 2)
    answers = Run(world, second.offer, earlier=few).step(Round.DECISION)
    assert {_decision(world, second.offer, message).refusal for message in answers.messages} == {"rounds-invalid"}


def test_without_a_statement_nothing_is_continued(world: World, first: Run) -> None:
    second = first.following()
    assert second is not None
    answers = Run(world, second.offer).step(Round.DECISION)
    assert {_decision(world, second.offer, message).refusal for message in answers.messages} == {"rounds-invalid"}


def test_an_earlier_statement_beside_a_first_offer_is_refused(world: World, first: Run) -> None:
    offer = world.offer(SQL)
    answers = Run(world, offer, earlier=first.attested()).step(Round.DECISION)
    assert {_decision(world, offer, message).refusal for message in answers.messages} == {"rounds-invalid"}


def _decision(world: World, offer: Offer, message: SignedMessage) -> Decision:
    return open_message(world.consortium, message, Round.DECISION, offer.query_id, Decision)

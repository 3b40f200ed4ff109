"""P8 over several rounds: a whole consortium that lies about its rounds is refused by the offline auditor.

Every lie is signed by all members, so that only what follows from the cells stands against it.
"""

from collections.abc import Callable
from functools import cache

import pytest

from attestation.bundle import Bundle, with_earlier
from attestation.errors import VerificationFailed
from attestation.rounds import next_offer
from attestation.verify import verify_bundle
from circuits.offered import plan_of
from protocol.query import Offer
from tests.vectors.bundles.table import rows_of
from tests.vectors.bundles.world import Answer, World

WORLD = World(patients=60)
SQL = "SELECT MEDIAN(glucose) AS m FROM patients"


@cache
def rounds(sql: str = SQL, label: str = "median") -> tuple[Answer, ...]:
    """All rounds of an honest query."""
    answers = [WORLD.ask(sql, label=label, minimum_cohort=1)]
    while (following := answers[-1].following) is not None:
        answers.append(following)
    return tuple(answers)


def refusal(bundle: Bundle) -> tuple[int, str, str]:
    with pytest.raises(VerificationFailed) as caught:
        verify_bundle(bundle, WORLD.trust, WORLD.datasets)
    return caught.value.number, caught.value.step, caught.value.message


def told(answer: Answer, change: Callable[[Offer], Offer]) -> Bundle:
    """The last round, made on another offer than the one that follows, by everybody together."""
    offer = change(answer.offer)
    lying = Answer(WORLD, answer.sql, label="lie", minimum_cohort=1, before=answer.before, offered=offer)
    return lying.bundle


def test_an_honest_query_of_two_rounds_is_verified_and_exact() -> None:
    first, last = rounds()
    columns = [rows_of(index, WORLD.patients).batch.column("glucose").to_pylist() for index in WORLD.indices]
    values = sorted(value for column in columns for value in column if value is not None)
    middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    verified = verify_bundle(last.bundle, WORLD.trust, WORLD.datasets)
    ((found,),) = verified.result.rows
    assert found == pytest.approx(float(middle), rel=1e-12)
    assert last.bundle.earlier == with_earlier(last.bundle, [first.bundle]).earlier


def test_a_round_that_is_not_the_last_is_no_answer() -> None:
    assert refusal(rounds()[0].bundle) == (16, "result", "the query has another round, which is missing")


def test_earlier_rounds_cannot_be_left_out_or_repeated() -> None:
    first, last = rounds()
    alone = last.bundle_of(last.statement)
    for earlier in ((), (first.bundle, first.bundle)):
        number, step, message = refusal(with_earlier(alone, earlier))
        assert (number, step) == (16, "result"), message


def test_the_rounds_of_another_query_continue_nothing() -> None:
    other = rounds("SELECT MEDIAN(glucose) AS m FROM patients", "another median")
    _, last = rounds()
    assert refusal(with_earlier(last.bundle, [other[0].bundle]))[:2] == (16, "result")


def test_a_steered_search_is_refused() -> None:
    """All hospitals agree to look where the first round did not send them."""
    _, last = rounds()

    def steer(offer: Offer) -> Offer:
        (earlier,) = offer.earlier
        cells = tuple(str(int(cell or 0) // 2) for cell in earlier.cells)
        steered = offer.model_copy(update={"earlier": (earlier.model_copy(update={"cells": cells}),)})
        return steered.model_copy(update={"plan_hash": plan_of(steered, WORLD.schema).hash})

    assert refusal(told(last, steer))[:2] == (16, "result")


@pytest.mark.parametrize("field", ["query_id", "nonce"])
def test_what_names_a_later_round_is_not_chosen(field: str) -> None:
    _, last = rounds()
    assert refusal(told(last, lambda offer: offer.model_copy(update={field: "ab" * 32})))[:2] == (16, "result")


def test_a_later_round_of_other_hospitals_is_refused() -> None:
    first, last = rounds()
    fewer = Answer(
        WORLD, SQL, label="fewer", minimum_cohort=1, before=(first,), offered=last.offer, dropped={4: "share-invalid"}
    )
    assert refusal(fewer.bundle) == (16, "result", "round 2 is about other tables than round 1")


def test_a_forged_proof_in_an_earlier_round_is_found() -> None:
    """The number of the earlier round's failed step is told."""

    def spoiled(_: int, proof: bytes) -> bytes:
        return proof[:-32] + bytes(31) + bytes([proof[-1] ^ 1])

    first = WORLD.ask(SQL, label="spoiled", minimum_cohort=1, prove=spoiled)
    offer = next_offer(first.statement, first.plan)
    assert offer is not None
    last = Answer(WORLD, SQL, label="spoiled, next", minimum_cohort=1, before=(first,), offered=offer)
    number, step, message = refusal(last.bundle)
    assert (number, step) == (16, "result")
    assert message.startswith("round 1, step 12 (proofs)")

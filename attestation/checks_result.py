"""Check 16: the table follows from the cells of all rounds.

The evidence of each earlier round is a bundle like any other, examined by the same checks; a query has one round unless it
searches for order statistics. Specification: docs/spec/08-attestation.md, "Rounds".
"""

from typing import Any, Final

from attestation.bundle import Bundle, as_bundle
from attestation.checks import Check, Examination, Missing, Refused, check
from attestation.checks_identity import consortium, contents, form, parameters, signatures, statement
from attestation.checks_outcome import aggregate, disclosure, freeze
from attestation.checks_proof import admission, contributions, proofs
from attestation.checks_query import datasets, offer, participants, plan
from attestation.errors import VerificationFailed
from attestation.rounds import earlier_round, next_offer
from attestation.statement import table_digest
from circuits.finish import finish
from circuits.offered import plan_of
from circuits.result import ResultTable
from protocol.statement import Statement

_RESULT: Final = "The table is computed from the cells by public formulas, round by round, and it is the statement's subject."


@check(16, "result", _RESULT)
def rounds(examination: Examination) -> None:
    """The first half of check 16: every round is attested, and its offer follows from the round before."""
    last, bundle, schema = examination.of(statement), examination.of(form), examination.of(datasets)
    attested = [_earlier(examination, number, as_bundle(inner)) for number, inner in enumerate(bundle.earlier, start=1)]
    if last.predicate.offer.earlier != tuple(map(earlier_round, attested)):
        raise Refused("the earlier rounds are not those that the offer continues")
    for number, (before, after) in enumerate(zip(attested, [*attested[1:], last], strict=False), start=1):
        if next_offer(before, plan_of(before.predicate.offer, schema)) != after.predicate.offer:
            raise Refused(f"the offer of round {number + 1} does not follow from what round {number} opened")
        if earlier_round(before).parts != earlier_round(after).parts:
            raise Refused(f"round {number + 1} is about other tables than round {number}")
    if next_offer(last, examination.of(plan)) is not None:
        raise Refused("the query has another round, which is missing")


def _earlier(examination: Examination, number: int, bundle: Bundle) -> Statement:
    """The statement of an earlier round, after all checks of its own."""
    nested = examination.nested(bundle.encoded, examination.of(contents).datasets)
    try:
        for step in (*ROUND_STEPS, own_result):
            nested.of(step)
    except VerificationFailed as error:
        kind = Missing if error.undecided else Refused
        raise kind(f"round {number}, step {error.number} ({error.step}): {error.message}", hint=error.hint) from error
    return nested.of(statement)


@check(16, "result", _RESULT)
def result(examination: Examination) -> ResultTable:
    examination.of(rounds)
    return examination.of(own_result)


@check(16, "result", _RESULT)
def own_result(examination: Examination) -> ResultTable:
    """The second half of check 16: what this round alone shows."""
    compiled, cells = examination.of(plan), examination.of(disclosure)
    # The formulas are for what tables can hold, and only now are these cells sums over rows that obey the schema.
    examination.of(proofs)
    examination.of(aggregate)
    stated = examination.of(statement)
    minimum = stated.predicate.minimum_cohort
    table = finish(compiled, cells, minimum)
    if table_digest(table) != stated.subject[0].result.sha256:
        raise Refused("the table that follows from the cells is not the subject of the statement")
    return table


# Steps 1 to 15, which every round has: one list, so that no check of a last round can be missing for an earlier one.
ROUND_STEPS: Final[tuple[Check[Any], ...]] = (
    form,
    consortium,
    statement,
    parameters,
    signatures,
    offer,
    participants,
    datasets,
    admission,
    plan,
    contributions,
    proofs,
    freeze,
    disclosure,
    aggregate,
)

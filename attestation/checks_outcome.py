"""Checks 13 to 15: what was frozen, and that the cells are what the hospitals committed to."""

from attestation.checks import Examination, Refused, check
from attestation.checks_identity import consortium, form, statement
from attestation.checks_query import check_senders, offer, plan
from attestation.statement import (
    check_suppression,
    decisions_digest,
    representation_indices,
    total_commitment,
    visible_cells,
)
from protocol.messages import Freeze, Round
from protocol.signatures import open_message


@check(13, "freeze", "A quorum signed the same set of hospitals before anything was opened: no other set can be frozen.")
def freeze(examination: Examination) -> Freeze:
    bundle, pinned, asked = examination.of(form), examination.of(consortium), examination.of(offer)
    predicate = examination.of(statement).predicate
    if len(bundle.freezes) < pinned.quorum:
        raise Refused(f"{len(bundle.freezes)} members froze the set, a quorum is {pinned.quorum}")
    check_senders(bundle.freezes, pinned, "freezes")
    for message in bundle.freezes:
        frozen = open_message(pinned, message, Round.FREEZE, asked.query_id, Freeze)
        if frozen.digest != predicate.freeze:
            raise Refused(f"member {message.sender} froze another set than the statement says")
    # A quorum is at least two, and all of them have the digest in the statement: `frozen` is what each of them signed.
    stated = {
        "offer": frozen.offer == asked.digest,
        "set of decisions": frozen.decisions == decisions_digest(bundle.decisions),
        "set of hospitals": frozen.qualified == tuple(part.hospital for part in predicate.parts),
        "set of contributions": frozen.contributions == tuple(part.contribution for part in predicate.parts),
        "set of members left out": frozen.left_out == predicate.left_out,
        "set of members blamed": frozen.blamed == predicate.blamed,
        "minimum cohort": frozen.minimum_cohort == predicate.minimum_cohort,
    }
    for what, agrees in stated.items():
        if not agrees:
            raise Refused(f"the freeze has another {what} than the statement")
    return frozen


@check(14, "disclosure", "The cells are those of the plan, and small cohorts are suppressed by the rule.")
def disclosure(examination: Examination) -> list[int | None]:
    predicate, compiled = examination.of(statement).predicate, examination.of(plan)
    aggregate = predicate.aggregate
    cells = visible_cells(aggregate)
    if len(cells) != compiled.cells:
        raise Refused(f"{len(cells)} cells are given, the plan has {compiled.cells}")
    if aggregate.suppressed != tuple(k for k, cell in enumerate(cells) if cell is None):
        raise Refused("the cells that are null are not those that are said to be suppressed")
    check_suppression(compiled, cells, predicate.minimum_cohort)
    return cells


@check(15, "aggregate", "The hospitals' commitments add up to a commitment to exactly these cells, whoever signed.")
def aggregate(examination: Examination) -> None:
    predicate = examination.of(statement).predicate
    opened, cells, backend = predicate.aggregate, examination.of(disclosure), examination.backend
    total = total_commitment([part.commitment for part in predicate.parts], backend)
    if not opened.suppressed:
        if opened.blinding is None or opened.representation is not None:
            raise Refused("an aggregate without suppressed cells is opened by its blinding")
        backend.check_outputs(total, [cell for cell in cells if cell is not None], bytes.fromhex(opened.blinding))
        return
    if opened.blinding is not None or opened.representation is None:
        raise Refused("an aggregate with suppressed cells is opened by a proof, never by its blinding")
    # What is left of the total when the visible cells are taken away must be made of U_0 and the suppressed cells alone.
    visible = backend.commit_outputs([cell or 0 for cell in cells], bytes(32))
    backend.verify_representation(
        backend.subtract(total, visible),
        representation_indices(opened.suppressed),
        context=bytes.fromhex(predicate.freeze),
        proof=bytes.fromhex(opened.representation),
    )

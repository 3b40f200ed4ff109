"""Queries of several rounds: each later offer is a function of the statement before it, which everybody computes again.

Nothing in a later offer is chosen by the hub. Specification: docs/spec/08-attestation.md, "Rounds".
"""

from attestation.bundle import MAX_BUNDLE_BYTES
from attestation.sign import recover_signer
from attestation.statement import visible_cells
from circuits.errors import RoundsInvalid
from circuits.offered import plan_of
from circuits.plan import Opened, Plan, next_round
from circuits.schema import Schema
from protocol import canonical
from protocol.consortium import Consortium
from protocol.query import EarlierRound, Offer, RoundPart
from protocol.statement import Attested, Statement


def earlier_round(statement: Statement) -> EarlierRound:
    """What later offers say of the round that `statement` is about."""
    predicate = statement.predicate
    return EarlierRound(
        statement=statement.digest,
        query_id=predicate.offer.query_id,
        cells=predicate.aggregate.cells,
        minimum_cohort=predicate.minimum_cohort,
        parts=tuple(RoundPart(hospital=part.hospital, root=part.root) for part in predicate.parts),
    )


def next_offer(statement: Statement, plan: Plan) -> Offer | None:
    """The offer of the round after the one that `statement` is about; None if that was the last.

    Args:
        plan: of the statement's offer.

    Raises:
        RoundsInvalid: the statement's cells are not those of its offer's plan.
    """
    offer, done = statement.predicate.offer, earlier_round(statement)
    opened = Opened(tuple(visible_cells(statement.predicate.aggregate)), done.minimum_cohort)
    following_plan = next_round(plan, opened)
    if following_plan is None:
        return None
    following = {
        "query_id": canonical.digest({"query-id-after": statement.digest}),
        # From the nonce alone, which is not on chain: like the first, it cannot be guessed.
        "nonce": canonical.digest({"nonce-after": offer.nonce}),
        "plan_hash": following_plan.hash,
        "earlier": (*offer.earlier, done),
    }
    return Offer(**{name: getattr(offer, name) for name in Offer.model_fields} | following)


def check_continues(consortium: Consortium, offer: Offer, attested: Attested | None, schema: Schema) -> None:
    """Check that an offer is what follows from a statement that more than t members signed.

    One of them is honest, and has checked the rounds before that one in the same way.

    Raises:
        RoundsInvalid: it is not, or there is no such statement, or the offer continues nothing and comes with one.
    """
    if attested is None:
        if offer.earlier:
            raise RoundsInvalid("an offer that continues a query comes with the statement that it continues")
        return
    data = bytes.fromhex(attested.statement)
    statement = Statement.from_bytes(data, limit=MAX_BUNDLE_BYTES)
    addresses = {member.address for member in consortium.members}
    signers = {recover_signer(statement, bytes.fromhex(signature)) for signature in attested.signatures}
    count, needed = len(signers & addresses), consortium.threshold + 1
    if count < needed:
        raise RoundsInvalid(f"{count} members signed the earlier round, {needed} are needed")
    if next_offer(statement, plan_of(statement.predicate.offer, schema)) != offer:
        raise RoundsInvalid("the offer is not the one that follows from the earlier round")

"""The plan of an offer: its SQL, compiled for the round that it is about."""

from circuits.plan import Opened, Plan, compile_query
from circuits.schema import Schema
from circuits.sql import parse
from protocol.query import Offer


def plan_of(offer: Offer, schema: Schema) -> Plan:
    """The plan that the offer is about, whatever plan hash it names.

    Raises:
        RoundsInvalid: its query has no such round.
        QuerySyntax and the other errors of `parse` and `compile_query`.
    """
    earlier = [
        Opened(tuple(None if cell is None else int(cell) for cell in round_.cells), round_.minimum_cohort)
        for round_ in offer.earlier
    ]
    return compile_query(parse(offer.sql, schema), schema, earlier)

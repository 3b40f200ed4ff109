"""The plan of an offer: its SQL, compiled for the round that it is about."""

from functools import lru_cache
from typing import Final

from circuits.plan import Opened, Plan, compile_query
from circuits.schema import Schema
from circuits.sql import parse
from protocol.query import Offer

_KEPT: Final = 32  # plans: each step of a query needs its plan again, and a large one takes a tenth of a second


@lru_cache(maxsize=_KEPT)
def compile_sql(sql: str, schema: Schema, earlier: tuple[Opened, ...] = ()) -> Plan:
    """The plan of `sql` for the round after those that have opened `earlier`.

    Raises:
        RoundsInvalid: the query has no such round.
        QuerySyntax and the other errors of `parse` and `compile_query`.
    """
    return compile_query(parse(sql, schema), schema, earlier)


def plan_of(offer: Offer, schema: Schema) -> Plan:
    """The plan that the offer is about, whatever plan hash it names. Raises as `compile_sql`."""
    earlier = tuple(
        Opened(tuple(None if cell is None else int(cell) for cell in round_.cells), round_.minimum_cohort)
        for round_ in offer.earlier
    )
    return compile_sql(offer.sql, schema, earlier)

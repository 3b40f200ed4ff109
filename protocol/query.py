"""The offer of a query: what the hub asks every hospital, word for word what the statement later says was asked."""

from typing import Annotated, Literal

from pydantic import Field

from protocol.document import Document
from protocol.identifiers import Decimal, Hex32, Name
from protocol.parameters import MAX_CELLS, MAX_MEMBERS, PROTOCOL_VERSION

MAX_SQL_CHARACTERS = 10_000
MAX_EARLIER_ROUNDS = 16

Publication = Literal["digest", "aggregate"]  # what reaches the chain: a salted digest, or the opened cells, checked there


class RoundPart(Document):
    """One hospital's part in an earlier round."""

    hospital: int
    root: Hex32  # dataset root


class EarlierRound(Document):
    """What an earlier round of the same query opened: the plan of the next one is a function of it."""

    statement: Hex32  # digest of the attested statement
    query_id: Hex32
    cells: Annotated[tuple[Decimal | None, ...], Field(max_length=MAX_CELLS)]
    minimum_cohort: int
    parts: Annotated[tuple[RoundPart, ...], Field(max_length=MAX_MEMBERS)]  # the same hospitals and tables answer every round


class Offer(Document):
    """One round of a query as offered to the hospitals; most queries have one. Its digest names it in every later message."""

    type: Literal["proofward/offer/v1"] = "proofward/offer/v1"
    protocol: Literal["proofward/v1"] = PROTOCOL_VERSION
    consortium: Hex32
    query_id: Hex32  # random; the contract accepts one attestation for it
    nonce: Hex32  # random and not on chain: it salts the statement, so that its digest cannot be guessed back
    buyer: Name
    purpose: Name
    dataset: Name
    sql: Annotated[str, Field(min_length=1, max_length=MAX_SQL_CHARACTERS)]
    plan_hash: Hex32
    schema_hash: Hex32
    publication: Publication
    submitted_at: Annotated[int, Field(ge=0)]  # Unix seconds
    expires_at: Annotated[int, Field(ge=0)]  # Unix seconds; no node answers a round of this query afterwards
    earlier: Annotated[tuple[EarlierRound, ...], Field(max_length=MAX_EARLIER_ROUNDS)] = ()  # first to last

    @property
    def first_query_id(self) -> str:
        """The query id of the first round, by which buyers know the query."""
        return self.earlier[0].query_id if self.earlier else self.query_id

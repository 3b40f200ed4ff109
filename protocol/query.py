"""The offer of a query: what the hub asks every hospital, word for word what the statement later says was asked."""

from typing import Annotated, Literal

from pydantic import Field

from protocol.document import Document
from protocol.identifiers import Hex32, Name
from protocol.parameters import PROTOCOL_VERSION

MAX_SQL_CHARACTERS = 10_000

Publication = Literal["digest", "aggregate"]  # what reaches the chain: a salted digest, or the opened cells, checked there


class Offer(Document):
    """One query as offered to the hospitals. Its digest names it in every later message."""

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

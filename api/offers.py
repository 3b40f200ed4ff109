"""From what a buyer submits to the offer that hospitals are asked. The offer is fixed once and stored with the query."""

import secrets
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.catalogue import Compiled
from protocol import canonical
from protocol.consortium import Consortium
from protocol.identifiers import Name
from protocol.query import MAX_SQL_CHARACTERS, Offer

_EFFECTS = {
    "digest": "The chain gets a salted digest of the statement; nothing about query or answer can be read from it.",
    "aggregate": "The chain gets the opened cells in the clear and checks them against the hospitals' commitments.",
}


class Submission(BaseModel):
    """What a buyer asks for. Who asks is not in it: that comes from the API key."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sql: Annotated[str, Field(min_length=1, max_length=MAX_SQL_CHARACTERS)]
    purpose: Name
    publication: Literal["digest", "aggregate"] = "digest"
    dataset: Name | None = Field(default=None, description="found out from the query if it is left out")

    @property
    def digest(self) -> str:
        """What an idempotency key is bound to."""
        return canonical.digest(self.model_dump())


def make_offer(
    consortium: Consortium, submission: Submission, compiled: Compiled, *, buyer: str, now: int, lifetime: int
) -> Offer:
    """A new offer, with a query id and a nonce that nobody can foresee."""
    return Offer(
        consortium=consortium.digest,
        query_id=secrets.token_hex(32),
        nonce=secrets.token_hex(32),
        buyer=buyer,
        purpose=submission.purpose,
        dataset=compiled.dataset.name,
        sql=submission.sql,
        plan_hash=compiled.plan_hash,
        schema_hash=compiled.plan.schema_hash,
        publication=submission.publication,
        submitted_at=now,
        expires_at=now + lifetime,
    )


def publication_effect(publication: str) -> str:
    """What the choice of publication means, for people."""
    return _EFFECTS[publication]

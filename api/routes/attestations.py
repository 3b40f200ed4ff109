"""Attestations: what was answered and posted. The evidence itself is the bundle of the query."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.authorize import GuardedRoute, own, principal_of
from api.errors import AttestationNotFound
from api.problems import documented
from api.routes import is_hex32
from api.services import services_of
from api.store import QueryRecord
from attestation.bundle import MAX_BUNDLE_BYTES, Bundle
from protocol import canonical

router = APIRouter(prefix="/v1/attestations", tags=["attestations"], route_class=GuardedRoute)


class AttestationSummary(BaseModel):
    """One attestation. `id` is the digest under which the chain knows the statement."""

    id: str
    query_id: str
    dataset: str
    publication: str
    finished_at: int | None
    bundle_sha256: str | None


class AttestationPage(BaseModel):
    """Newest first. `next` is the `before` of the following page."""

    attestations: list[AttestationSummary]
    next: int | None


class AttestationDetail(AttestationSummary):
    """An attestation with its statement, as in the bundle, and the transaction that posted it."""

    statement: dict[str, Any]
    transaction: str | None = Field(description="hash of the posting transaction")


@router.get("")
def list_attestations(
    request: Request,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> AttestationPage:
    """The caller's attestations; an auditor sees those of all buyers."""
    records = services_of(request).queries.page(
        buyer=own(principal_of(request)), before=before, limit=limit, attested_only=True
    )
    return AttestationPage(
        attestations=[AttestationSummary(**_summary(record)) for record in records],
        next=records[-1].position if len(records) == limit else None,
    )


@router.get("/{attestation_id}", responses=documented(AttestationNotFound))
def get_attestation(request: Request, attestation_id: str) -> AttestationDetail:
    """One attestation, by the digest of its statement."""
    queries = services_of(request).queries
    record = queries.by_statement(attestation_id, buyer=own(principal_of(request))) if is_hex32(attestation_id) else None
    data = queries.bundle(record.id) if record is not None else None
    if record is None or data is None:
        raise AttestationNotFound("there is no attestation with this id")
    bundle = Bundle.from_bytes(data, limit=MAX_BUNDLE_BYTES)
    return AttestationDetail(
        **_summary(record),
        statement=canonical.decode(bundle.payload, limit=MAX_BUNDLE_BYTES),
        transaction=bundle.record.attestation.hash if bundle.record is not None else None,
    )


def _summary(record: QueryRecord) -> dict[str, Any]:
    return {
        "id": record.statement or "",
        "query_id": record.id,
        "dataset": record.offer.dataset,
        "publication": record.offer.publication,
        "finished_at": record.finished_at,
        "bundle_sha256": record.bundle_sha256,
    }

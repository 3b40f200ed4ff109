"""Queries: submit, explain, follow, fetch."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from api.authorize import GuardedRoute, own, principal_of
from api.errors import (
    AuthenticationRequired,
    DatasetNotFound,
    IdempotencyConflict,
    QueryFailed,
    QueryNotFound,
    QueryUnfinished,
    QueueFull,
    SchemaDisagreement,
)
from api.offers import Submission, make_offer, publication_effect
from api.problems import documented
from api.progress import Progress, view
from api.routes import is_hex32
from api.services import Services, services_of
from api.store import QueryRecord, State
from circuits.errors import PlanTooComplex, QuerySyntax, QueryTooLarge, QueryType, QueryUnknownName, QueryUnsupported
from circuits.explain import disclosure, nearest_allowed

router = APIRouter(prefix="/v1/queries", tags=["queries"], route_class=GuardedRoute)

_COMPILE_ERRORS = (
    PlanTooComplex,
    DatasetNotFound,
    SchemaDisagreement,
    QuerySyntax,
    QueryTooLarge,
    QueryType,
    QueryUnknownName,
    QueryUnsupported,
)
_IDEMPOTENCY_KEY = r"^[\x21-\x7e]{8,200}$"


class Accepted(BaseModel):
    """The same for every submission with one idempotency key, byte for byte."""

    model_config = ConfigDict(extra="forbid")

    id: str
    offer: str = Field(description="digest of the offer that the hospitals are shown")
    submitted_at: int
    expires_at: int


class QueryStatus(BaseModel):
    """A query. `failure` has the members of a problem's error: code, kind, message, and hint and where if present."""

    model_config = ConfigDict(extra="forbid")

    id: str
    state: State
    buyer: str
    purpose: str
    dataset: str
    sql: str
    publication: str
    submitted_at: int
    expires_at: int
    finished_at: int | None
    failure: dict[str, str] | None
    attestation: str | None
    bundle_sha256: str | None
    progress: Progress | None = None


class QueryPage(BaseModel):
    """Newest first. `next` is the `before` of the following page."""

    queries: list[QueryStatus]
    next: int | None


class HospitalAnswer(BaseModel):
    """What one hospital would decide now."""

    hospital: str
    registered: bool
    answer: Literal["accept", "refuse", "silent"]
    reason: str | None = None
    minimum_cohort: int | None = None
    minimum_hospitals: int | None = None
    nearest: str | None = Field(default=None, description="what could be asked instead, if it refuses")


class Disclosure(BaseModel):
    """What the opened numbers can tell about single people."""

    risk: Literal["low", "medium", "high"]
    why: list[str]


class ExplainedQuery(BaseModel):
    """What a query would ask for; nothing is run, logged or spent."""

    dataset: str
    plan_hash: str
    schema_hash: str
    cells: int
    rounds: int = Field(description="how often hospitals are asked, one after the other")
    groups: int
    disclosure: Disclosure
    columns: list[str]
    aggregates: list[str]
    result_columns: list[str]
    publication: str
    publication_effect: str
    hospitals: list[HospitalAnswer]
    willing: int
    enough: bool = Field(description="whether as many would accept as each of them asks for")


class Result(BaseModel):
    """The finished statistics, computed from cells whose attestation has been verified."""

    query_id: str
    attestation: str
    bundle_sha256: str
    result: dict[str, object] = Field(description="columns, rows, suppressed, withheld")
    hospitals: list[str]
    left_out: list[dict[str, str]]
    minimum_cohort: int
    assurance: dict[str, str]


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented(IdempotencyConflict, QueueFull, *_COMPILE_ERRORS),
)
async def submit(
    request: Request,
    submission: Submission,
    idempotency_key: Annotated[str, Header(pattern=_IDEMPOTENCY_KEY)],
) -> Accepted:
    """Submit a query. The same idempotency key with the same body is the same query, however often it is sent."""
    services = services_of(request)
    record = await services.off_loop(_submit, services, submission, _buyer(request), idempotency_key)
    services.jobs.wake()
    return Accepted(
        id=record.id,
        offer=record.offer.digest,
        submitted_at=record.offer.submitted_at,
        expires_at=record.offer.expires_at,
    )


@router.post("/explain", responses=documented(*_COMPILE_ERRORS))
async def explain(request: Request, submission: Submission) -> ExplainedQuery:
    """Say what a query would ask for and what each hospital would answer, without running it."""
    services = services_of(request)
    consortium = services.trust.consortium
    compiled = await services.off_loop(services.catalogue.compile, submission.sql, submission.dataset)
    plan, dataset = compiled.plan, compiled.dataset
    offer = make_offer(consortium, submission, compiled, buyer=_buyer(request), now=services.now, lifetime=60)
    explanation = await services.hub.explain(offer, deadline=services.clock.now() + services.settings.explain_seconds)
    registered = {registration.hospital for registration in dataset.registrations}
    answers = []
    for member in consortium.members:
        reply = explanation.answers.get(member.index)
        answer = HospitalAnswer(hospital=member.name, registered=member.index in registered, answer="silent")
        if reply is not None:
            answer = HospitalAnswer(
                hospital=member.name,
                registered=member.index in registered,
                answer="accept" if reply.accept else "refuse",
                reason=reply.refusal,
                nearest=None if reply.refusal is None else nearest_allowed(plan, reply.refusal),
                minimum_cohort=reply.minimum_cohort if reply.accept else None,
                minimum_hospitals=reply.minimum_hospitals if reply.accept else None,
            )
        answers.append(answer)
    willing = [answer for answer in answers if answer.answer == "accept"]
    asked_for = max((answer.minimum_hospitals or 1 for answer in willing), default=1)
    return ExplainedQuery(
        dataset=dataset.name,
        plan_hash=compiled.plan_hash,
        schema_hash=plan.schema_hash,
        cells=plan.cells,
        rounds=plan.rounds,
        groups=plan.group_cells,
        disclosure=Disclosure(**disclosure(plan)),
        columns=sorted(plan.columns_used),
        aggregates=[f"{function}({column or '*'})" for function, column in plan.aggregates_used],
        result_columns=[output.name for output in plan.outputs],
        publication=submission.publication,
        publication_effect=publication_effect(submission.publication),
        hospitals=answers,
        willing=len(willing),
        enough=len(willing) >= asked_for and consortium.size - len(explanation.silent) >= consortium.quorum,
    )


@router.get("")
def list_queries(
    request: Request,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> QueryPage:
    """The caller's queries; an operator sees those of all buyers."""
    records = services_of(request).queries.page(buyer=own(principal_of(request)), before=before, limit=limit)
    return QueryPage(
        queries=[_status(record) for record in records],
        next=records[-1].position if len(records) == limit else None,
    )


@router.get("/{query_id}", responses=documented(QueryNotFound))
def get_query(request: Request, query_id: str) -> QueryStatus:
    """Where the query is, hospital by hospital."""
    services = services_of(request)
    record = find(services, request, query_id)
    happened = services.queries.events(record.id)
    return _status(record, view(services.trust.consortium, record.state, happened))


@router.get("/{query_id}/result", response_model=Result, responses=documented(QueryNotFound, QueryUnfinished, QueryFailed))
def get_result(request: Request, query_id: str) -> Response:
    """The finished statistics."""
    services = services_of(request)
    record = find(services, request, query_id)
    check_done(record)
    return Response(services.queries.result(record.id), media_type="application/json")


@router.get(
    "/{query_id}/bundle",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {}}, "description": "the exact bytes of the bundle"},
        304: {"description": "the caller has these bytes"},
        **documented(QueryNotFound, QueryUnfinished, QueryFailed),
    },
)
def get_bundle(
    request: Request, query_id: str, if_none_match: Annotated[str | None, Header(max_length=200)] = None
) -> Response:
    """The bundle, without the dataset packages that it rests on. Its ETag is its SHA-256."""
    services = services_of(request)
    record = find(services, request, query_id)
    check_done(record)
    headers = {"ETag": f'"{record.bundle_sha256}"', "Cache-Control": "private, immutable, max-age=31536000"}
    if if_none_match is not None and headers["ETag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="{record.id}.bundle.json"'
    return Response(services.queries.bundle(record.id), media_type="application/json", headers=headers)


def find(services: Services, request: Request, query_id: str) -> QueryRecord:
    """The query, if the caller may see it. To a buyer, another buyer's query does not exist."""
    if not is_hex32(query_id):
        raise QueryNotFound("there is no query with this id")
    return services.queries.get(query_id, buyer=own(principal_of(request)))


def _submit(services: Services, submission: Submission, buyer: str, idempotency_key: str) -> QueryRecord:
    known = services.queries.find_submission(buyer, idempotency_key, submission.digest)
    if known is not None:
        return known
    if len(services.queries.unfinished()) >= services.settings.queued_queries:
        raise QueueFull("as many queries are waiting as this service accepts", hint="submit again later")
    compiled = services.catalogue.compile(submission.sql, submission.dataset)
    offer = make_offer(
        services.trust.consortium,
        submission,
        compiled,
        buyer=buyer,
        now=services.now,
        lifetime=services.settings.rounds.query_lifetime,
    )
    return services.queries.submit(offer, idempotency_key=idempotency_key, request=submission.digest)


def _buyer(request: Request) -> str:
    buyer = principal_of(request).buyer
    if buyer is None:
        raise AuthenticationRequired("a buyer's key is required")
    return buyer


def check_done(record: QueryRecord) -> None:
    """Raises QueryFailed or QueryUnfinished unless the query has a result."""
    if record.state is State.FAILED and record.failure is not None:
        raise QueryFailed(record.failure["message"], hint=record.failure.get("hint"), where=record.failure["code"])
    if record.state is not State.DONE:
        raise QueryUnfinished("the query is not finished", hint="follow its events")


def _status(record: QueryRecord, progress: Progress | None = None) -> QueryStatus:
    offer = record.offer
    return QueryStatus(
        id=record.id,
        state=record.state,
        buyer=offer.buyer,
        purpose=offer.purpose,
        dataset=offer.dataset,
        sql=offer.sql,
        publication=offer.publication,
        submitted_at=offer.submitted_at,
        expires_at=offer.expires_at,
        finished_at=record.finished_at,
        failure=record.failure,
        attestation=record.statement if record.state is State.DONE else None,
        bundle_sha256=record.bundle_sha256,
        progress=progress,
    )

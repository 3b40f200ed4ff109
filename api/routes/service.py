"""About the service itself: health, readiness, metrics, error pages, its own description, and whom to trust."""

import asyncio
import re
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from api.authorize import GuardedRoute
from api.errors import ErrorPageNotFound, NotReady
from api.metrics import MEDIA_TYPE
from api.problems import documented
from api.services import services_of
from attestation.trust import render_trust

router = APIRouter(prefix="/v1", tags=["service"], route_class=GuardedRoute)

# docs/ lies beside the packages, in the repository as in an installed wheel.
_PAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "errors"
_CODE: Final = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class Readiness(BaseModel):
    """Queries can be answered: enough nodes are connected and a dataset is registered."""

    connected: int
    members: int
    quorum: int
    datasets: list[str]


@router.get("/health")
async def health() -> Health:
    """Whether the process lives. Says nothing about nodes, chain or database."""
    return Health()


@router.get("/ready", responses=documented(NotReady))
async def ready(request: Request) -> Readiness:
    """Whether a query would be answered."""
    services = services_of(request)
    consortium = services.trust.consortium
    connected = len(services.transport.connected())
    datasets = await asyncio.to_thread(services.catalogue.names)
    if connected < consortium.quorum:
        raise NotReady(f"{connected} nodes are connected, {consortium.quorum} are needed")
    if not datasets:
        raise NotReady("no hospital has registered a dataset yet")
    return Readiness(connected=connected, members=consortium.size, quorum=consortium.quorum, datasets=datasets)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Metrics in the exposition format of Prometheus."""
    services = services_of(request)
    connected = len(services.transport.connected())
    body = await asyncio.to_thread(services.metrics.render, services.queries.counts, connected)
    return Response(body, media_type=MEDIA_TYPE)


@router.get(
    "/errors/{code}",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/markdown": {}}, "description": "the page"}, **documented(ErrorPageNotFound)},
)
def error_page(code: str) -> Response:
    """What an error code means and what to do."""
    # The name is looked up among the pages that exist; no path is made of what was asked.
    page = _pages().get(code) if _CODE.fullmatch(code) else None
    if page is None:
        raise ErrorPageNotFound("no error has this code")
    return Response(page.read_text(encoding="utf-8"), media_type="text/markdown; charset=utf-8")


@router.get("/consortium", response_class=JSONResponse)
async def consortium(request: Request) -> Response:
    """The consortium's public document and where it posts: names, addresses, public keys, threshold."""
    trust = services_of(request).trust
    body: dict[str, Any] = {
        "consortium": trust.consortium.model_dump(mode="json"),
        "digest": trust.consortium_digest,
        "generators": trust.generators,
        "chain": trust.chain.model_dump(mode="json"),
    }
    return JSONResponse(body)


@router.get(
    "/trust",
    response_class=PlainTextResponse,
    responses={200: {"content": {"application/toml": {}}, "description": "a trust.toml"}},
)
async def trust(request: Request) -> Response:
    """A `trust.toml` as this service sees it. Who uses it trusts this service; compare it with a member by another way."""
    return Response(render_trust(services_of(request).trust), media_type="application/toml")


@router.get("/openapi.json", response_class=JSONResponse)
async def openapi(request: Request) -> Response:
    """This description."""
    return JSONResponse(request.app.openapi())


def _pages() -> dict[str, Path]:
    return {page.stem: page for page in _PAGES.glob("*.md")}

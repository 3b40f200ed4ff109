"""Evidence for auditors: the bundle of a query with the dataset packages it rests on, and each package by itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from api.authorize import GuardedRoute
from api.errors import PackageNotFound, QueryFailed, QueryNotFound, QueryUnfinished, RateLimited
from api.packages import evidence_of, package_at
from api.problems import documented
from api.routes import is_hex32
from api.routes.queries import check_done, find
from api.services import Services, services_of
from attestation.bundle import MAX_BUNDLE_BYTES, Bundle

router = APIRouter(prefix="/v1", tags=["evidence"], route_class=GuardedRoute)

_PIECE: Final = 1 << 20  # bytes that are handed to the connection at once
_UNCHANGING: Final = {"Cache-Control": "private, immutable, max-age=31536000"}


@router.get(
    "/queries/{query_id}/evidence",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/zip": {}}, "description": "bundle.json and datasets/ROOT.dataset of every part"},
        304: {"description": "the caller has these bytes"},
        **documented(QueryNotFound, QueryUnfinished, QueryFailed, RateLimited),
    },
)
async def get_evidence(
    request: Request, query_id: str, if_none_match: Annotated[str | None, Header(max_length=200)] = None
) -> Response:
    """The evidence file: all that an auditor needs, in one file."""
    services = services_of(request)
    record = await asyncio.to_thread(find, services, request, query_id)
    check_done(record)
    headers = {"ETag": f'"evidence-{record.bundle_sha256}"', **_UNCHANGING}
    if if_none_match is not None and headers["ETag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    data = await asyncio.to_thread(services.queries.bundle, record.id)
    bundle = Bundle.from_bytes(data or b"", limit=MAX_BUNDLE_BYTES)
    headers["Content-Disposition"] = f'attachment; filename="{record.id}.evidence.zip"'
    return _stream(services, evidence_of(bundle, services.packages), "application/zip", headers)


@router.get(
    "/datasets/roots/{root}/package",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "the exact bytes of the package"},
        304: {"description": "the caller has these bytes"},
        **documented(PackageNotFound, RateLimited),
    },
)
async def get_package(
    request: Request, root: str, if_none_match: Annotated[str | None, Header(max_length=200)] = None
) -> Response:
    """The package of one registered dataset: its registration, commitments and admission proofs. It never changes."""
    services = services_of(request)
    if not is_hex32(root):
        raise PackageNotFound("no hospital has registered a dataset with this root")
    headers = {"ETag": f'"{root}"', **_UNCHANGING}
    if if_none_match is not None and headers["ETag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    package = await asyncio.to_thread(package_at, root, services.packages)
    headers["Content-Disposition"] = f'attachment; filename="{root}.dataset"'
    return _stream(services, iter([package]), "application/octet-stream", headers)


def _stream(services: Services, pieces: Iterator[bytes], media_type: str, headers: dict[str, str]) -> Response:
    if services.downloads.under_way >= services.settings.limits.downloads:
        raise RateLimited("as many downloads are under way as this service allows", hint="try again in a moment")

    async def body() -> AsyncIterator[bytes]:
        with services.downloads.place():
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                for start in range(0, len(piece), _PIECE):
                    yield piece[start : start + _PIECE]

    return StreamingResponse(body(), media_type=media_type, headers=headers)

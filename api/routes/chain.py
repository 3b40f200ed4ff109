"""JSON-RPC to the embedded chain, so that nodes and auditors of a trial need no chain process.

The methods are an allow-list (`attestation/embedded_rpc.py`): nothing signs, mines or travels in time. Who writes to the
chain proves that by the signature of the transaction, as on every chain; so the route needs no API key.
"""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.authorize import GuardedRoute
from api.errors import RequestInvalid, RouteNotFound
from api.problems import documented
from api.services import services_of
from attestation.embedded_chain import EmbeddedChain
from protocol import canonical

router = APIRouter(prefix="/chain", tags=["chain"], route_class=GuardedRoute)


@router.post(
    "/rpc",
    response_class=JSONResponse,
    responses=documented(RouteNotFound),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
)
async def rpc(request: Request) -> JSONResponse:
    """One JSON-RPC 2.0 request, or a batch of them."""
    services = services_of(request)
    if services.chain is None:
        raise RouteNotFound("this service has no embedded chain; ask the configured one")
    limits = services.settings.limits
    asked = canonical.decode_lenient(await request.body(), limit=limits.body_bytes)
    if isinstance(asked, list) and not 0 < len(asked) <= limits.rpc_batch:
        raise RequestInvalid(f"a batch holds 1 to {limits.rpc_batch} requests")
    return JSONResponse(await asyncio.to_thread(_answer, services.chain, asked))


def _answer(chain: EmbeddedChain, asked: Any) -> Any:
    if isinstance(asked, list):
        return [chain.handle_rpc(each) for each in asked]
    return chain.handle_rpc(asked)

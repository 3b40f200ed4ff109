"""A query's events as they happen: server-sent events (WHATWG HTML, section 9.2), resumable by `Last-Event-ID`."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from api.authorize import GuardedRoute
from api.errors import QueryNotFound, RateLimited
from api.problems import documented
from api.routes.queries import find
from api.services import Services, services_of
from api.store import State, StoredEvent

router = APIRouter(prefix="/v1/queries", tags=["queries"], route_class=GuardedRoute)

_HEARTBEAT: Final = 15.0  # seconds; proxies close silent connections
_LONGEST: Final = 300.0  # seconds; then the follower comes back, and is authorised anew


@router.get(
    "/{query_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "one message an event; `id` is its sequence number"},
        **documented(QueryNotFound, RateLimited),
    },
)
async def follow(
    request: Request, query_id: str, last_event_id: Annotated[str | None, Header(max_length=20)] = None
) -> StreamingResponse:
    """The events of a query, first those after `Last-Event-ID`. The stream ends with the query."""
    services = services_of(request)
    record = await asyncio.to_thread(find, services, request, query_id)
    after = int(last_event_id) if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit() else 0
    if services.bell.followers >= services.settings.limits.event_streams:
        raise RateLimited("as many event streams are open as this service accepts", hint="ask for the status instead")
    return StreamingResponse(
        _stream(services, record.id, after), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _stream(services: Services, query_id: str, after: int) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    until = loop.time() + _LONGEST
    with services.bell.follow(query_id) as follower:
        while True:
            # The state first: if the query is finished by now, its last event is among those read afterwards.
            record = await asyncio.to_thread(services.queries.get, query_id)
            news = await asyncio.to_thread(services.queries.events, query_id, after=after)
            for event in news:
                after = event.sequence
                yield _message(event)
            if record.state in (State.DONE, State.FAILED) or loop.time() >= until:
                return
            if not news:
                yield b": waiting\n\n"
                await follower.wait(_HEARTBEAT)


def _message(event: StoredEvent) -> bytes:
    data = json.dumps({"at": event.at, **event.data}, separators=(",", ":"))
    return f"id: {event.sequence}\nevent: {event.data['kind']}\ndata: {data}\n\n".encode()

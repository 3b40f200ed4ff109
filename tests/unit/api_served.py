"""The service on a real port of the loopback interface, so that streams are streams and the Python client is a client."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

from api.server import QuietServer
from tests.unit.api_support import Running


@contextlib.asynccontextmanager
async def served(running: Running) -> AsyncIterator[str]:
    """The URL of `running` while it is served and runs queries."""
    listener = socket.create_server(("127.0.0.1", 0))
    async with running.working(), listening(running.app, listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.asynccontextmanager
async def listening(app: Any, listener: socket.socket) -> AsyncIterator[None]:
    """Serve any ASGI application."""
    server = QuietServer(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await serving

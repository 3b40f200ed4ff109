"""What the routes work with. Built once by the hub process (`api/server.py`) or by a test, and passed in."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar, cast

from fastapi import Request

from api.catalogue import Catalogue
from api.jobs import Jobs
from api.keys import KeyStore
from api.metrics import Metrics
from api.packages import Downloads, Packages
from api.progress import Bell
from api.settings import Settings
from api.store import QueryStore
from attestation.embedded_chain import EmbeddedChain
from attestation.trust import Trust
from mpc_nodes.clock import Clock
from mpc_nodes.hub import Hub, Transport

T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    """The parts of a running hub that HTTP reaches. `chain` is None if the chain is somebody else's."""

    settings: Settings
    clock: Clock
    trust: Trust
    hub: Hub
    transport: Transport
    chain: EmbeddedChain | None
    catalogue: Catalogue
    packages: Packages
    queries: QueryStore
    keys: KeyStore
    jobs: Jobs
    bell: Bell
    metrics: Metrics
    downloads: Downloads = field(default_factory=Downloads)
    # Compiling is pure Python: more than one at a time would only make everything wait for the interpreter lock.
    compiler: Executor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="compiler"))

    async def off_loop(self, work: Callable[..., T], *arguments: object) -> T:
        """The result of `work`, which may compile SQL."""
        return await asyncio.get_running_loop().run_in_executor(self.compiler, work, *arguments)

    @property
    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock.now())


def services_of(request: Request) -> Services:
    """The services of the application that serves `request`."""
    return cast(Services, request.app.state.services)

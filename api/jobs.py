"""Runs the pipeline for every unfinished query: some at once, each by one runner only, again after a crash.

There is no queue beside the table of queries: what is unfinished there is the work. A runner claims a query in the database
and renews the claim while it runs; in one process a query is in `_running` at most once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from api.errors import places
from api.settings import Settings
from api.store import QueryStore
from mpc_nodes.clock import Clock

_IDLE: Final = 60.0  # seconds between looks when nothing happens; another process may have left something

log = structlog.get_logger("jobs")


class NotNow(Exception):
    """The pipeline cannot go on at the moment and has lost nothing."""


class Jobs:
    """The runner of queries.

    Args:
        queries: the table of queries.
        run: the pipeline, for one query id. It returns when the query is finished, and raises NotNow otherwise.
        clock: for claims and retries.
        settings: how many at once, and the times.
        instance: who claims; the same after a restart, so that a dead process's claims are at once its successor's.
    """

    def __init__(
        self,
        queries: QueryStore,
        run: Callable[[str], Awaitable[None]],
        *,
        clock: Clock,
        settings: Settings,
        instance: str,
    ) -> None:
        self._queries = queries
        self._run = run
        self._clock = clock
        self._settings = settings
        self._instance = instance
        self._running: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There may be a new query. Call on the event loop."""
        self._news.set()

    async def serve(self) -> None:
        """Run queries until cancelled. What is running then stops where it is; the next start goes on with it."""
        try:
            while True:
                self._news.clear()
                await self._start_what_fits()
                await self._pause()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _start_what_fits(self) -> None:
        now = self._clock.now()
        self._not_before = {query: at for query, at in self._not_before.items() if at > now}
        for query_id in await asyncio.to_thread(self._queries.unfinished):
            if len(self._running) >= self._settings.concurrent_queries:
                return
            if query_id in self._running or query_id in self._not_before:
                continue
            if await self._claim(query_id):
                task = asyncio.create_task(self._supervise(query_id), name=f"query {query_id[:8]}")
                self._running[query_id] = task
                task.add_done_callback(partial(self._ended, query_id))

    async def _supervise(self, query_id: str) -> None:
        renewing = asyncio.create_task(self._renew(query_id))
        running = asyncio.ensure_future(self._run(query_id))
        try:
            await asyncio.wait((renewing, running), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                log.warning("claim-lost", query=query_id)
                return
            running.result()
        except NotNow:
            self._not_before[query_id] = self._clock.now() + self._settings.retry_seconds
        except Exception as error:  # noqa: BLE001 - one query's bug must not stop the others; the query stays unfinished
            log.error("pipeline-bug", query=query_id, error=type(error).__name__, at=places(error))
            self._not_before[query_id] = self._clock.now() + self._settings.retry_seconds
        finally:
            for task in (renewing, running):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def _renew(self, query_id: str) -> None:
        while True:
            await self._clock.sleep(self._settings.claim_seconds / 3)
            if not await self._claim(query_id):
                return

    async def _claim(self, query_id: str) -> bool:
        now = int(self._clock.now())
        until = now + self._settings.claim_seconds
        return await asyncio.to_thread(self._queries.claim, query_id, owner=self._instance, now=now, until=until)

    async def _pause(self) -> None:
        waits = [at - self._clock.now() for at in self._not_before.values()]
        alarm = asyncio.ensure_future(self._clock.sleep(max(0.0, min([_IDLE, *waits]))))
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait((alarm, news), return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
            news.cancel()

    def _ended(self, query_id: str, _: asyncio.Task[None]) -> None:
        del self._running[query_id]
        self._news.set()

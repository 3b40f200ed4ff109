"""Time and the place where blocking work runs, passed in so that a whole consortium runs under a test's clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Protocol, TypeVar

from mpc_nodes.transport_errors import DeadlineExceeded

T = TypeVar("T")

_LONGEST_SLEEP = 30.0  # seconds; the wall clock may be stepped while we sleep on the monotonic one


class Clock(Protocol):
    """Wall-clock time in Unix seconds."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...

    async def sleep_until(self, moment: float) -> None:
        """Return when `now()` is at least `moment`."""
        ...


class SystemClock:
    """The operating system's clock."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)

    async def sleep_until(self, moment: float) -> None:
        """Return when `now()` is at least `moment`."""
        while (left := moment - self.now()) > 0:
            await asyncio.sleep(min(left, _LONGEST_SLEEP))


async def within(clock: Clock, seconds: float, what: str, awaitable: Awaitable[T]) -> T:
    """The result of `awaitable`, which is cancelled after `seconds`.

    Raises:
        DeadlineExceeded: naming `what` was waited for.
    """
    task = asyncio.ensure_future(awaitable)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise DeadlineExceeded(f"no {what} within {seconds:g} s")
    finally:
        for each in (task, alarm):
            each.cancel()
        await asyncio.gather(task, alarm, return_exceptions=True)


async def until(clock: Clock, changed: asyncio.Event, done: Callable[[], bool], deadline: float) -> None:
    """Return when `done()`, which is asked again at every change, or at the deadline, Unix seconds."""
    alarm = asyncio.ensure_future(clock.sleep_until(deadline))
    try:
        while not done() and not alarm.done():
            changed.clear()
            change = asyncio.ensure_future(changed.wait())
            try:
                await asyncio.wait((change, alarm), return_when=asyncio.FIRST_COMPLETED)
            finally:
                change.cancel()
    finally:
        alarm.cancel()


class Worker(Protocol):
    """Where work runs that would block the event loop: databases, signatures, cryptography."""

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, or its exception."""
        ...


class ThreadWorker:
    """One thread of its own, so that pieces of work never overlap."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._unfinished: set[Future[Any]] = set()

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, or its exception. Cancelling the caller does not stop work that has begun."""
        future = self._executor.submit(work)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return await asyncio.wrap_future(future)

    def close(self, seconds: float | None = None) -> bool:
        """Drop what has not begun and wait up to `seconds` for the work in hand; whether it is done."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        return not wait(list(self._unfinished), seconds).not_done

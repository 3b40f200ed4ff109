"""Clocks for tests. `simulate` runs a coroutine on an event loop whose time is virtual; `ManualClock` moves when told.

Under `simulate` nothing waits: when no callback is ready the loop jumps to its next timer. Together with `InlineWorker`
and loopback transports everything runs in one thread in one order, so a run is a function of its inputs.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START = 1_800_000_000.0  # Unix seconds


class FakeClock:
    """A `Clock` on the virtual time of the running loop, or on real time under a usual loop."""

    def __init__(self, start: float = START) -> None:
        self._start = start

    def now(self) -> float:
        return self._start + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def sleep_until(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - self.now()))


class InlineWorker:
    """A `Worker` that works at once, where it is called."""

    async def run(self, work: Callable[[], T]) -> T:
        return work()


class Deadlock(AssertionError):
    """The simulation waits for something that can never happen."""


class _VirtualTime(selectors.SelectSelector):
    """A selector that, instead of waiting, moves the time of its loop."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Deadlock("nothing is ready and no timer is set")
        self.time += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while there is work and jumps when there is none."""

    def __init__(self) -> None:
        self._virtual = _VirtualTime()
        super().__init__(self._virtual)
        # Sums of rounded steps may fall a little short of a timer, which must fire all the same.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._virtual.time


def simulate(main: Callable[[FakeClock], Coroutine[Any, Any, T]], *, start: float = START) -> T:
    """The result of `main` under a virtual clock that begins at `start`, Unix seconds."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main(FakeClock(start)))


class ManualClock:
    """A `Clock` for tests with real I/O: it stands still until `advance`."""

    def __init__(self, start: float = START) -> None:
        self._now = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self._now + seconds)

    async def sleep_until(self, moment: float) -> None:
        if moment <= self._now:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (moment, self._count, future))
        await future

    def advance(self, seconds: float) -> None:
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)

    async def until_asleep(self, seconds: float) -> None:
        """Return when somebody sleeps until `seconds` from now or later, but not at the end of time."""
        while not any(not f.done() and m >= self._now + seconds for m, _, f in self._sleepers):
            await asyncio.sleep(0.005)

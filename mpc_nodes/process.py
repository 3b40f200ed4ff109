"""What every long-running process of ours does first and last: private files, no core dumps, JSON logs, orderly ends."""

import asyncio
import fcntl
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from mpc_nodes.transport_errors import NodeRunning

_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


def prepare(level: str) -> None:
    """Make new files private, keep secrets out of core dumps, and log JSON lines to standard error from `level` on."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    shared: list[Callable[..., Any]] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    # Libraries log through `logging`; their tracebacks may show values, so only the message is kept.
    handler.setFormatter(_MessageOnly())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def run_until_signalled(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `main` until it ends or raises, or until SIGTERM or SIGINT, which cancel it."""

    async def supervise() -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(main())
        signalled: list[int] = []

        def end(number: int) -> None:
            signalled.append(number)
            task.cancel()

        for number in _ENDING:
            loop.add_signal_handler(number, end, number)
        try:
            await task
        except asyncio.CancelledError:
            if not signalled:
                raise
        finally:
            for number in _ENDING:
                loop.remove_signal_handler(number)

    asyncio.run(supervise())


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which is created; it is released however the process ends.

    Raises:
        NodeRunning: another process holds it, and we are not to wait.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise NodeRunning("another process works with this state directory", where=str(path)) from None
        yield
    finally:
        os.close(descriptor)


class _MessageOnly(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        members = {"event": record.getMessage(), "level": record.levelname.lower(), "logger": record.name}
        return str(structlog.processors.JSONRenderer()(None, "", members))

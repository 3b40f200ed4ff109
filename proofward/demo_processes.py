"""The demonstration's processes: started with a log file and a lifeline each, watched, and stopped together."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from proofward.errors import DemoFailed

_STOP_SECONDS: Final = 8.0
_LOG_TAIL: Final = 1500


@dataclass
class Running:
    """One process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Stopped(BaseException):
    """A signal asked the demonstration to stop. Not an Exception: nothing on the way may take it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Processes:
    """A set of processes that outlives neither its `with` block nor this process."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._running: list[Running] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, command: Sequence[str]) -> Running:
        """Start `proofward COMMAND` as `name`, its output in `name.log`."""
        log = self._logs / f"{name}.log"
        with log.open("ab") as output:
            process = self._popen(command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT)
        running = Running(name, process, log)
        self._running.append(running)
        return running

    def run(self, commands: Mapping[str, Sequence[str]], *, seconds: float) -> dict[str, subprocess.CompletedProcess[str]]:
        """Run `proofward COMMAND` for each name, all at the same time, and wait for them.

        Raises:
            DemoFailed: one takes longer than `seconds`, or a process of `start` ends meanwhile.
        """
        begun: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name, command in commands.items():
                with self._output(name, "out").open("wb") as output, self._output(name, "err").open("wb") as errors:
                    begun[name] = self._popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
            self.wait_until(lambda: all(each.poll() is not None for each in begun.values()), ", ".join(commands), seconds)
        finally:
            for process in begun.values():
                if process.poll() is None:
                    _signal(process, signal.SIGKILL)
                    process.wait()
        return {
            name: subprocess.CompletedProcess(
                list(commands[name]),
                process.returncode,
                self._output(name, "out").read_text(encoding="utf-8", errors="replace"),
                self._output(name, "err").read_text(encoding="utf-8", errors="replace"),
            )
            for name, process in begun.items()
        }

    def check(self) -> None:
        """Raises DemoFailed if a process has ended."""
        for running in self._running:
            code = running.process.poll()
            if code is not None:
                raise DemoFailed(f"{running.name} ended with code {code}: {tail(running.log)}", where=str(running.log))

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for a condition. Raises DemoFailed if it takes longer than `seconds` or a process ends meanwhile."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise DemoFailed(f"{what} took longer than {seconds:.0f} s")
            time.sleep(0.05)

    def _popen(self, command: Sequence[str], **streams: Any) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches this process only, which then stops the others in order.
        argv = [sys.executable, "-m", "proofward", *command]
        return subprocess.Popen(argv, start_new_session=True, env=self._environment, **streams)  # noqa: S603 - our own program

    def _output(self, name: str, what: str) -> Path:
        return self._logs / f"{name}.{what}"

    def stop(self) -> None:
        """Ask every process to end, then end what has not."""
        running, self._running = self._running, []
        for each in running:
            _signal(each.process, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for each in running:
            try:
                each.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(each.process, signal.SIGKILL)
                each.process.wait()
            if each.process.stdin is not None:
                each.process.stdin.close()


def tail(log: Path) -> str:
    """The end of a log, in one line."""
    with contextlib.suppress(OSError):
        return " | ".join(log.read_text(errors="replace")[-_LOG_TAIL:].splitlines()[-6:])
    return "no log"


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise Stopped in the block, once; while it cleans up, more of them change nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    previous = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    # The whole group, in case a process has started one of its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)

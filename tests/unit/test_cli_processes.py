"""A set of processes ends with its block, and its members with the process that started them, kill -9 included."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from proofward.demo_processes import Processes, Stopped, stop_on_signals
from proofward.errors import DemoFailed
from tests.processes import state

_CHILD = (
    "import time; from proofward.lifeline import end_with_parent; end_with_parent(); print('up', flush=True); time.sleep(60)"
)
_STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _CHILD


def _gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while state(pid) not in {"", "Z"}:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(("program", "seconds"), [(_CHILD, 5), (_STUBBORN, 15)], ids=["obedient", "stubborn"])
def test_a_child_ends_when_its_parent_is_killed(program: str, seconds: float) -> None:
    parent = textwrap.dedent(
        f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", {program!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdout.readline()
        print(child.pid, flush=True)
        time.sleep(60)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert state(child) in {"R", "S", "D"}
    process.kill()
    process.wait()
    process.stdout.close()
    assert _gone(child, seconds)


def test_the_block_stops_every_process(tmp_path: Path) -> None:
    with Processes(tmp_path, os.environ) as processes:
        running = [processes.start(f"p{number}", ["--version"]) for number in range(3)]
        pids = [each.process.pid for each in running]
    assert all(state(pid) == "" for pid in pids)


def test_a_process_that_ends_early_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path, os.environ) as processes:
        processes.start("hub", ["no-such-command"])
        with pytest.raises(DemoFailed) as caught:
            processes.wait_until(lambda: False, "nothing", 60)
    assert "hub ended with code 2" in caught.value.message
    assert "no-such-command" in caught.value.message


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with Processes(tmp_path, os.environ) as processes, pytest.raises(DemoFailed, match="the moon took longer than 0 s"):
        processes.wait_until(lambda: False, "the moon", 0.2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_block_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    cleaned = False
    with pytest.raises(Stopped) as caught, stop_on_signals():  # noqa: PT012 - the block is what is tested
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), number)  # impatience changes nothing
            cleaned = True
    assert cleaned
    assert caught.value.number == number
    assert signal.getsignal(number) is before

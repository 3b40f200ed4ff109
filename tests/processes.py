"""Looking at processes from outside, through /proc. Elsewhere than on Linux there is nothing to see."""

import os
import signal
from pathlib import Path

# Python starts this one by itself, once a process, and ends it with the process.
_OWN = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


LASTING: set[int] = set()  # processes that belong to a fixture of a module or a session, not to a test


class LeftBehind(AssertionError):
    """A test left a process running."""


def children(pid: int) -> dict[int, str]:
    """The running children of a process, with their command lines. Zombies do not count."""
    found = {}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, _read(task).split()):
            command = _read(Path(f"/proc/{child}/cmdline")).replace("\0", " ").strip()
            if state(child) not in {"Z", "X", ""} and not any(own in command for own in _OWN):
                found[child] = command
    return found


def descendants(pid: int) -> dict[int, str]:
    """As `children`, with their children and so on."""
    found = {}
    for child, command in children(pid).items():
        found[child] = command
        found |= descendants(child)
    return found


def state(pid: int) -> str:
    """The state letter of a process (R, S, Z ...), empty if there is none."""
    return _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].strip()[:1]


def kill_tree(pid: int) -> None:
    """SIGKILL a process and its descendants."""
    for victim in (pid, *descendants(pid)):
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

"""What every test may ask for: a database, a port; and what every test must leave behind: no process."""

import ctypes
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings

from tests.databases import PostgresServer, postgres_binaries, postgres_server
from tests.demonstration import Demonstration, demonstration
from tests.processes import LASTING, LeftBehind, children, kill_tree

_PR_SET_CHILD_SUBREAPER = 36

# Timing depends on the machine, so no example has a deadline; pytest-timeout ends what hangs.
_COMMON = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _COMMON)
settings.register_profile("ci", _COMMON, derandomize=True)
settings.register_profile("soak", _COMMON, max_examples=5000)
settings.register_profile("quick", _COMMON, max_examples=10, phases=[Phase.explicit, Phase.reuse, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))


def pytest_configure(config: pytest.Config) -> None:
    # A grandchild whose parent dies becomes our child instead of init's, so the guard below sees it.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # A file is the unit that a worker takes, so the files that start processes and take minutes go first.
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)
    # Long campaigns run when they are asked for.
    if config.getoption("markexpr"):
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    if soak:
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server, one a test session (one a worker)."""
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed on this machine")
    with postgres_server(binaries) as server, _guarded(server.pid):
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database, once a SQLite file and once on a PostgreSQL server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.fresh_database() as name:
        yield server.url(name)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """A whole demonstration that has ended well and keeps running, one a worker."""
    with demonstration(tmp_path_factory.mktemp("demo") / "kept") as running, _guarded(running.process.pid):
        yield running


@pytest.fixture
def free_port() -> int:
    """A TCP port of the loopback interface that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


class _guarded:  # noqa: N801 - reads as a statement
    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> None:
        LASTING.add(self._pid)

    def __exit__(self, *_: object) -> None:
        LASTING.discard(self._pid)


@pytest.fixture(autouse=True)
def process_settings_restored() -> Iterator[None]:
    """What `mpc_nodes.process.prepare` changes for a process must not reach the next test: it would log to a closed file."""
    handlers, mask = logging.root.handlers[:], os.umask(0o022)
    os.umask(mask)
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    os.umask(mask)


@pytest.fixture(autouse=True)
def no_process_left_behind() -> Iterator[None]:
    """Fails a test that ends while a process that it started, or a descendant of one, still runs."""
    before = set(children(os.getpid()))
    yield
    deadline = time.monotonic() + 5
    while left := {pid: what for pid, what in children(os.getpid()).items() if pid not in before | LASTING}:
        if time.monotonic() > deadline:
            for pid in left:
                kill_tree(pid)
            raise LeftBehind(f"processes are still running: {left}")
        time.sleep(0.05)

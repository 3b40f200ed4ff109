"""A real PostgreSQL server for tests, where its binaries are installed: own data directory, unix socket only."""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

_PR_SET_PDEATHSIG = 1
_START_SECONDS = 60


def postgres_binaries() -> Path | None:
    """The directory of the newest installed server, or None."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if versions:
        return versions[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb and shutil.which("postgres") else None


class PostgresServer:
    """A running server. Everybody who can enter its directory (mode 0700) is its superuser `proofward`."""

    def __init__(self, directory: Path, pid: int) -> None:
        self.directory = directory
        self.pid = pid
        self._created = 0

    def url(self, database: str) -> str:
        """A SQLAlchemy URL."""
        return f"postgresql+psycopg://proofward@/{database}?host={self.directory}"

    def dsn(self, database: str) -> str:
        """A libpq connection string."""
        return f"host={self.directory} user=proofward dbname={database}"

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The name of an empty database, dropped afterwards together with whoever is still connected."""
        self._created += 1
        name = f"test_{self._created}"
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def postgres_server(binaries: Path) -> Iterator[PostgresServer]:
    """Start a server of `binaries`, stop it at the end. It also dies with this process."""
    # A short path: a unix socket's may not exceed 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="proofward-pg-", dir="/tmp"))
    account = _server_account()
    try:
        if account is not None:
            os.chown(directory, account.pw_uid, account.pw_gid)
        user = account.pw_uid if account else None
        group = account.pw_gid if account else None
        groups: list[int] | None = [] if account else None
        data = directory / "data"
        with (directory / "log").open("wb") as log:
            subprocess.run(
                [binaries / "initdb", "-D", data, "-U", "proofward", "-A", "trust", "-E", "UTF8", "--no-sync"],
                stdout=log, stderr=log, check=True, user=user, group=group, extra_groups=groups, cwd=directory,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            )  # fmt: skip
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-k", directory, "-h", "", "-F", "-c", "max_connections=200"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, user=user, group=group, extra_groups=groups,
                cwd=directory, preexec_fn=die_with_parent, env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            )  # fmt: skip
        server = PostgresServer(directory, process.pid)
        try:
            _wait_until_ready(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # fast shutdown: disconnects the clients
            process.wait(timeout=30)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def die_with_parent() -> None:
    """For `preexec_fn`: the kernel kills the child when the thread that started it ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _server_account() -> pwd.struct_passwd | None:
    # The server refuses to run as root; then the package's own account, or else nobody's, runs it.
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("no account to run PostgreSQL under")


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(server.dsn("postgres"), connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                log = (server.directory / "log").read_text(errors="replace")
                raise RuntimeError(f"PostgreSQL did not start:\n{log[-2000:]}") from error
            time.sleep(0.05)

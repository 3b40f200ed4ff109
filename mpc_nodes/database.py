"""Opening a database: SQLite by default, PostgreSQL by URL. Every commit is on disk when it returns.

Writers use `engine.begin()`. On SQLite it takes the write lock at once: a transaction that begins by reading and is
upgraded later fails with "database is locked" however long it waits. Readers use `reading(engine)`.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from mpc_nodes.transport_errors import DatabaseUnusable

_BUSY_TIMEOUT: Final = 30_000  # milliseconds to wait for another writer
_MIGRATION_LOCK: Final = 0x70726F6F66  # PostgreSQL advisory lock: one process upgrades, the others wait for it
_POSTGRES: Final = "postgresql+psycopg"


def create_engine(url: str) -> sa.Engine:
    """An engine for `url`: `sqlite:///path`, or `postgresql://...` (driver psycopg 3).

    A SQLite file is created with mode 0600, and its journals with it; WAL, full synchronisation and foreign keys are on.

    Raises:
        DatabaseUnusable: another kind of database, no connection, or a file that others can read.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnusable("the database URL cannot be parsed") from None  # the URL may hold a password
    if parsed.drivername in ("postgresql", "postgres", _POSTGRES):
        return _connected(sa.create_engine(parsed.set(drivername=_POSTGRES), pool_pre_ping=True, pool_recycle=1800))
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return _connected(_sqlite(parsed))
    raise DatabaseUnusable(f"{parsed.drivername} databases are not supported", hint="use sqlite:///path or postgresql://...")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for one consistent read, which never waits for a writer."""
    with engine.connect() as connection:
        yield connection.execution_options(proofward_read=True)
        connection.rollback()


def upgrade(engine: sa.Engine, script_location: str | Path) -> None:
    """Bring the database to the newest version of the Alembic scripts, in one transaction.

    Raises:
        DatabaseUnusable: the database is of a newer version than the scripts, or a migration failed.
    """
    config = Config()
    config.set_main_option("script_location", str(script_location).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseUnusable(f"the database cannot be upgraded: {error}", hint="use the newest version") from error
    except DBAPIError as error:
        raise DatabaseUnusable(f"a migration failed: {type(error.orig).__name__}") from error


def run_environment(metadata: sa.MetaData) -> None:
    """What the `env.py` of a script location does: run the migrations on the connection that `upgrade` opened."""
    connection: sa.Connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _sqlite(url: URL) -> sa.Engine:
    if url.query:
        raise DatabaseUnusable("a SQLite URL takes no options")
    if url.database in (None, "", ":memory:"):
        engine = sa.create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        _create_private(Path(url.database))
        engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", _on_connect)
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _create_private(path: Path) -> None:
    # SQLite gives the journals the mode of the file, so the mode must be right before the first connection.
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseUnusable(f"{path} cannot be opened: {error.strerror}") from error
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)
    if mode & 0o077:
        raise DatabaseUnusable(f"{path} is accessible to others (mode {mode:04o})", hint=f"chmod 600 {path}")


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself; `_on_begin` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA trusted_schema = OFF")
    cursor.close()


def _on_begin(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("proofward_read", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _connected(engine: sa.Engine) -> sa.Engine:
    try:
        with reading(engine) as connection:
            connection.execute(sa.select(1))
    except (DBAPIError, NoSuchModuleError) as error:
        reason = type(error.orig).__name__ if isinstance(error, DBAPIError) else type(error).__name__
        engine.dispose()
        raise DatabaseUnusable(f"the database does not answer: {reason}", hint="check the URL and the server") from None
    return engine

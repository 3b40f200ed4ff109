"""A PostgreSQL table or view, read in one read-only snapshot through a server-side cursor.

Names of tables and columns are looked up in the catalogue as values; what enters SQL is what the catalogue answered,
quoted by psycopg. Every column is read as the text that PostgreSQL itself writes, so that the exact rules for text apply
(`circuits/fields.py`) and no number passes through a double of ours.
"""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

import psycopg
import pyarrow as pa
from psycopg import sql

from mpc_nodes.data_config import PostgresConfig
from mpc_nodes.data_errors import DataConfigInvalid, DataSourceRefused, DataSourceUnavailable
from mpc_nodes.data_names import locate

BATCH_ROWS: Final = 1 << 14
MAX_FIELD_BYTES: Final = 4096  # a longer field is cut by the server before it is sent, and refused for its length

_FIND_TABLE: Final = """
    SELECT n.nspname, c.relname, c.oid
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_FIND_COLUMNS: Final = """
    SELECT attname FROM pg_catalog.pg_attribute
    WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


class PostgresSource:
    """An open connection with a frozen snapshot; all passes of `batches` see the same rows.

    Attributes:
        name: database, namespace and table, for messages.
        fingerprint: the snapshot's name; it says which state was read, not what was in it.
        columns: the names of the columns of the table.
    """

    def __init__(self, config: PostgresConfig) -> None:
        """Connect, begin the snapshot and look the table up.

        Raises:
            DataSourceUnavailable: no connection. DataSourceRefused: no such table, or not readable.
        """
        self._config = config
        self.name = f"{config.database}/{config.namespace}.{config.table}"
        self._connection = _connect(config, self.name)
        try:
            self._begin()
        except psycopg.Error as error:
            self.close()
            raise _failed(error, self.name) from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the transaction and the connection."""
        self._connection.close()

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows as text, in the order in which PostgreSQL gives them, with these columns of the schema.

        Raises:
            DataSourceRefused: a column is missing, the table is empty or too large, or reading fails.
        """
        chosen = [self.columns[position] for position in locate(columns, self._config, self.columns, self.name)]
        fields = (sql.SQL("left({}::text, {})").format(sql.Identifier(name), MAX_FIELD_BYTES) for name in chosen)
        query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(fields), sql.Identifier(*self._table))
        read = 0
        try:
            with self._connection.cursor(name="proofward_rows") as cursor:
                cursor.itersize = BATCH_ROWS
                cursor.execute(query)
                while rows := cursor.fetchmany(BATCH_ROWS):
                    read += len(rows)
                    if read > self._config.max_rows:
                        raise DataSourceRefused(f"the table has more than {self._config.max_rows} rows", where=self.name)
                    yield _batch(rows, columns)
        except psycopg.Error as error:
            raise _failed(error, self.name) from None
        if not read:
            raise DataSourceRefused("the table has no rows", where=self.name)

    def _begin(self) -> None:
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True
        timeout = sql.Literal(f"{self._config.statement_timeout_s}s")
        with self._connection.cursor() as cursor:
            cursor.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(timeout))
            # What text looks like must not depend on the settings of the server, the database or the role.
            cursor.execute("SET LOCAL datestyle = 'ISO, YMD'")
            cursor.execute("SET LOCAL extra_float_digits = 1")
            cursor.execute("SET LOCAL search_path = pg_catalog")
            cursor.execute(_FIND_TABLE, (self._config.namespace, self._config.table))
            found = cursor.fetchone()
            if found is None:
                raise DataSourceRefused("there is no such table or view", where=self.name)
            self._table = (str(found[0]), str(found[1]))
            cursor.execute(_FIND_COLUMNS, (found[2],))
            self.columns = tuple(str(row[0]) for row in cursor.fetchall())
            cursor.execute("SELECT pg_current_snapshot()::text")
            snapshot = cursor.fetchone()
            self.fingerprint = f"postgresql:{snapshot[0]}" if snapshot else "postgresql:"


def _connect(config: PostgresConfig, name: str) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        # Every parameter that matters is given, empty ones included: none is left to PG* variables.
        return psycopg.connect(
            host=config.host,
            hostaddr="",
            port=config.port,
            dbname=config.database,
            user=config.user,
            password=_password(config),
            passfile="/nonexistent/pgpass",  # an empty name would mean ~/.pgpass
            options="",
            sslmode="disable" if config.sslmode == "local-socket" else config.sslmode,
            sslrootcert=config.sslrootcert or "",
            gssencmode="disable",
            connect_timeout=config.connect_timeout_s,
            target_session_attrs="any",
            client_encoding="UTF8",
            application_name="proofward",
        )
    except psycopg.Error as error:
        raise _failed(error, name) from None


def _password(config: PostgresConfig) -> str:
    if config.password_file is None:
        return ""
    path = Path(config.password_file)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise DataConfigInvalid("others can read the password file", hint="chmod 600", where="password_file")
        return path.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataConfigInvalid("the password file cannot be read", where="password_file") from error


def _batch(rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> pa.RecordBatch:
    arrays = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    return pa.record_batch(arrays, names=list(columns))


def _failed(error: psycopg.Error, name: str) -> DataSourceRefused | DataSourceUnavailable:
    # The server's message may quote a value; its five-character state does not.
    state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    if isinstance(error, psycopg.OperationalError) and not isinstance(error, psycopg.errors.QueryCanceled):
        return DataSourceUnavailable(f"the database does not answer or does not let us in{state}", where=name)
    if isinstance(error, psycopg.errors.QueryCanceled):
        return DataSourceRefused("reading took longer than statement_timeout_s", where=name)
    return DataSourceRefused(f"the table cannot be read{state}", where=name)

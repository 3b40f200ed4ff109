"""CSV and Parquet files, read by a DuckDB that may open this one file and nothing else.

A file must be one state while it is read. It is not copied first: a second copy of patients' rows would have to be kept
safe and be destroyed. Instead its identity, size and times are compared before and after, and so is the SHA-256 of its
bytes, which is the fingerprint of the dataset's source; a change that restores the bytes still moves the change time.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import duckdb
import pyarrow as pa

from mpc_nodes.data_config import FileConfig, resolve_inside
from mpc_nodes.data_csv import MAX_LINE_BYTES, MAX_SOURCE_COLUMNS, RecordCounter, read_header
from mpc_nodes.data_errors import DataSourceChanged, DataSourceRefused
from mpc_nodes.data_names import locate

BATCH_ROWS: Final = 1 << 16
_MEMORY_LIMIT: Final = "512MB"
_BLOCK_BYTES: Final = 1 << 22
_NESTED: Final = frozenset({"list", "struct", "map", "array", "union", "variant"})


class FileSource:
    """An opened file. Use as a context manager; `batches` may be called again for another pass over the same bytes.

    Attributes:
        name: the file's name, for messages.
        fingerprint: SHA-256 of the file's bytes, hexadecimal.
        columns: the names of the columns in the file.
        nested: those of them that hold lists or structures and cannot be read.
    """

    def __init__(self, config: FileConfig, root: Path) -> None:
        """Open and fingerprint the file.

        Raises:
            DataConfigInvalid: the path is not acceptable. DataSourceRefused: empty, malformed or too large.
        """
        self._config = config
        self._path = resolve_inside(root, config.path)
        self.name = self._path.name
        self._identity = _identity(self._path, self.name)
        self.fingerprint, records = _digest(self._path, config.kind == "csv", self.name)
        self._connection = _hardened(self._path)
        try:
            if config.kind == "csv":
                self.columns = read_header(self._path, config.delimiter, self.name)
                self.nested: frozenset[str] = frozenset()
                self._rows = records - 1
            else:
                self.columns, self.nested, self._rows = self._parquet_header()
            if self._rows <= 0:
                raise DataSourceRefused("the file has no rows", where=self.name)
            if self._rows > config.max_rows:
                raise DataSourceRefused(
                    f"the file says it has {self._rows} rows, at most {config.max_rows} are accepted", where=self.name
                )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows in the order of the file, in Arrow batches with these columns of the schema, in this order.

        Only the end of the iteration says that the file was one state throughout.

        Raises:
            DataSourceRefused: a column is missing, or the file is malformed. DataSourceChanged: it is not the file that
            was opened.
        """
        positions = locate(columns, self._config, self.columns, self.name)
        for column, position in zip(columns, positions, strict=True):
            if self.columns[position] in self.nested:
                # Refused before it is read: the Arrow form of a type takes time exponential in its depth.
                raise DataSourceRefused("the column holds lists or structures", where=f"{self.name}: column {column}")
        read = 0
        try:
            # A cursor of its own, so that an abandoned pass does not stand in the way of the next.
            with self._connection.cursor() as cursor:
                for batch in self._relation(cursor, positions).to_arrow_reader(BATCH_ROWS):
                    read += batch.num_rows
                    if read > self._rows:
                        break
                    yield batch
        except (duckdb.Error, pa.ArrowException, OSError, UnicodeDecodeError) as error:
            # The cause is not chained: DuckDB quotes the line, and a line is a patient.
            self._check_unchanged()
            raise _refused(error, self.name) from None
        self._check_unchanged()
        if read != self._rows:
            raise DataSourceRefused(
                f"the file has {self._rows} records but {read} rows were read",
                hint="look for blank lines, stray quotes and rows that end early",
                where=self.name,
            )

    def _relation(self, cursor: duckdb.DuckDBPyConnection, positions: Sequence[int]) -> duckdb.DuckDBPyRelation:
        path = str(self._path)
        if self._config.kind == "parquet":
            chosen = ", ".join(_quoted(self.columns[position]) for position in positions)
            return cursor.sql(f"SELECT {chosen} FROM read_parquet(?)", params=[path])  # noqa: S608
        # Columns are numbered: no name from the file enters SQL.
        chosen = ", ".join(f"c{position}" for position in positions)
        types = {f"c{index}": "VARCHAR" for index in range(len(self.columns))}
        sql = (
            f"SELECT {chosen} FROM read_csv(?, auto_detect = false, header = true, delim = ?, quote = '\"', "  # noqa: S608
            "escape = '\"', nullstr = '', allow_quoted_nulls = true, columns = ?, strict_mode = true, "
            "null_padding = false, ignore_errors = false, parallel = false, encoding = 'utf-8', max_line_size = ?)"
        )
        return cursor.sql(sql, params=[path, self._config.delimiter, types, MAX_LINE_BYTES])

    def _parquet_header(self) -> tuple[tuple[str, ...], frozenset[str], int]:
        try:
            path = [str(self._path)]
            counted = self._connection.execute("SELECT num_rows FROM parquet_file_metadata(?)", path).fetchall()
            relation = self._connection.sql("SELECT * FROM read_parquet(?)", params=path)
            types = dict(zip(relation.columns, relation.types, strict=True))
        except duckdb.Error as error:
            raise _refused(error, self.name) from None
        if len(counted) != 1 or len(types) > MAX_SOURCE_COLUMNS:
            raise DataSourceRefused(f"not one Parquet file of at most {MAX_SOURCE_COLUMNS} columns", where=self.name)
        nested = frozenset(name for name, kind in types.items() if kind.id in _NESTED)
        return tuple(types), nested, int(counted[0][0])

    def _check_unchanged(self) -> None:
        if (
            _identity(self._path, self.name) != self._identity
            or _digest(self._path, False, self.name)[0] != self.fingerprint
            or _identity(self._path, self.name) != self._identity
        ):
            raise DataSourceChanged(
                "the file changed while it was read", hint="register a finished copy of it", where=self.name
            )


def _identity(path: Path, name: str) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError as error:
        raise DataSourceChanged("the file can no longer be read", where=name) from error
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _digest(path: Path, count: bool, name: str) -> tuple[str, int]:
    digest, counter = hashlib.sha256(), RecordCounter(name)
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                if count:
                    counter.feed(block)
    except OSError as error:
        raise DataSourceRefused(f"the file cannot be read: {error.strerror}", where=name) from error
    return digest.hexdigest(), counter.finish() if count else 0


def _hardened(path: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that can read `path`, cannot write, load code or reach the network, and stays so."""
    connection = duckdb.connect(
        config={
            "threads": "1",  # rows in the order of the file, and one core
            "memory_limit": _MEMORY_LIMIT,
            "max_temp_directory_size": "0B",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
        }
    )
    literal = str(path).replace("'", "''")
    connection.execute(f"SET allowed_paths = ['{literal}']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _refused(error: Exception, name: str) -> DataSourceRefused:
    if isinstance(error, duckdb.OutOfMemoryException):
        return DataSourceRefused(f"reading the file needs more than {_MEMORY_LIMIT} of memory", where=name)
    line = re.search(r"CSV Error on Line: (\d+)", str(error))
    if line is None:
        return DataSourceRefused("the file is malformed", where=name)
    text = str(error)
    reason = "the line cannot be read"
    if "Invalid unicode" in text:
        reason = "the line is not UTF-8"
    elif "Expected Number of Columns" in text:
        reason = "the line has another number of fields than the header"
    elif "Maximum line size" in text:
        reason = f"the line is longer than {MAX_LINE_BYTES} bytes"
    elif "quote" in text:
        reason = "the line has a malformed quoted field"
    return DataSourceRefused(reason, where=f"{name}: line {line[1]}, row {int(line[1]) - 1}")

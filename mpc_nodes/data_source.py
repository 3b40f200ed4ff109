"""The only place that touches rows: opens a hospital's file or table as a stream of Arrow batches.

Specification: `docs/spec/02-tables-schema.md`, "Sources". Files are in `data_file.py`, PostgreSQL in `data_postgres.py`;
values become codes in `circuits/encode.py`.

    with open_source(config, root=data_directory) as source:
        for chunk in encode_chunks(source, schema):
            ...  # keep nothing unless the loop ends without an error
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, Self

import pyarrow as pa

from mpc_nodes.data_config import FileConfig, PostgresConfig, SourceConfig, parse_source_config
from mpc_nodes.data_file import FileSource
from mpc_nodes.data_postgres import PostgresSource

__all__ = ["FileConfig", "PostgresConfig", "Source", "SourceConfig", "open_source", "parse_source_config"]


class Source(Protocol):
    """An open source of rows; a context manager."""

    name: str  # for messages
    fingerprint: str  # which state of the source was read
    columns: tuple[str, ...]  # as the source names them

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows in order, with exactly these columns of the schema, never all at once."""

    def close(self) -> None:
        """Release the source."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_source(config: SourceConfig, *, root: Path) -> Source:
    """Open a source.

    Args:
        root: the directory that files must be in; paths are relative to it.

    Raises:
        DataConfigInvalid, DataSourceRefused, DataSourceUnavailable.
    """
    return FileSource(config, root) if isinstance(config, FileConfig) else PostgresSource(config)

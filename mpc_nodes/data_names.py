"""Columns of a schema to columns of a source, by the names that the source itself reports."""

import difflib
from collections.abc import Sequence

from mpc_nodes.data_config import FileConfig, PostgresConfig
from mpc_nodes.data_errors import DataSourceRefused


def locate(columns: Sequence[str], config: FileConfig | PostgresConfig, found: Sequence[str], name: str) -> list[int]:
    """The position among `found` of each column of the schema. Raises DataSourceRefused for a missing column."""
    positions = {column: index for index, column in enumerate(found)}
    located = []
    for column in columns:
        wanted = config.source_name(column)
        if wanted not in positions:
            close = difflib.get_close_matches(wanted, found, n=1)
            hint = f"it has {close[0]!r}: map it under [columns]" if close else "map it under [columns] of the source"
            raise DataSourceRefused("the column is missing", hint=hint, where=f"{name}: column {column}")
        located.append(positions[wanted])
    return located

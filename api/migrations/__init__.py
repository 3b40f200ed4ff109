"""The hub's database: its tables, which three packages define, and how it comes to its newest version."""

from pathlib import Path
from typing import Final

from sqlalchemy import Engine, MetaData

from api import keys, store  # noqa: F401 - `api.keys` defines its table in the metadata of `api.store`
from attestation import transaction_store
from mpc_nodes import database, hub_store

_PARTS: Final = (store.metadata, hub_store.hub_metadata, transaction_store.metadata)


def hub_database() -> MetaData:
    """All tables of the hub's database."""
    combined = MetaData()
    for part in _PARTS:
        for table in part.tables.values():
            if table.name not in combined.tables:
                table.to_metadata(combined)
    return combined


def upgrade(engine: Engine) -> None:
    """Bring the hub's database to the newest version. Raises DatabaseUnusable."""
    database.upgrade(engine, Path(__file__).parent)

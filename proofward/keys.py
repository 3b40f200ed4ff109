"""API keys on the hub's machine: its database is opened beside the running hub."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from api.keys import KeyStore, Role
from api.migrations import upgrade
from mpc_nodes.config import load_hub_config
from mpc_nodes.database import create_engine

RoleName = Literal["buyer", "auditor", "operator"]


@dataclass(frozen=True)
class NewKey:
    """A key that was just issued. It can be read here and nowhere else."""

    id: str
    key: str = field(repr=False)  # not printed: whoever has it asks in the buyer's name


@contextmanager
def key_store(hub: Path) -> Iterator[KeyStore]:
    """The keys of the hub that `hub.toml` describes. Raises ConfigInvalid, DatabaseUnusable."""
    engine = create_engine(load_hub_config(hub).storage.database)
    try:
        upgrade(engine)
        yield KeyStore(engine)
    finally:
        engine.dispose()


def issue_key(hub: Path, role: RoleName, *, buyer: str | None, label: str, days: int | None = None) -> NewKey:
    """A new key, valid for `days` days. Raises RequestInvalid, and what `key_store` raises."""
    now = int(time.time())
    with key_store(hub) as keys:
        expires_at = None if days is None else now + days * 86_400
        key, record = keys.issue(Role(role), buyer=buyer, label=label, now=now, expires_at=expires_at)
    return NewKey(record.id, key)

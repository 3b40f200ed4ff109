"""Alembic environment of the node's database; `mpc_nodes.database.upgrade` runs it."""

from mpc_nodes.database import run_environment
from mpc_nodes.node_tables import metadata

run_environment(metadata)

"""Alembic environment of the hub's database; `api.migrations.upgrade` runs it."""

from api.migrations import hub_database
from mpc_nodes.database import run_environment

run_environment(hub_database())

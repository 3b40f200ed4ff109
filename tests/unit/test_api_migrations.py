"""The migrated hub database is the one that the code describes, on both kinds of server."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from api.migrations import hub_database, upgrade
from mpc_nodes.database import create_engine


def test_migrations_give_the_described_schema(database_url: str) -> None:
    engine = create_engine(database_url)
    try:
        upgrade(engine)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, hub_database()) == []
            names = set(sa.inspect(connection).get_table_names())
        assert names == {*hub_database().tables, "alembic_version"}
    finally:
        engine.dispose()


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    engine = create_engine(database_url)
    try:
        upgrade(engine)
        with engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO api_keys VALUES ('k', 'h', 'operator', NULL, 'l', 1, NULL, NULL)"))
        upgrade(engine)
        with engine.connect() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM api_keys")).scalar_one() == 1
    finally:
        engine.dispose()

"""A PostgreSQL table or view, on a real server."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from circuits.encode import encode_chunks
from circuits.errors import ValueRefused
from circuits.evaluate import evaluate
from circuits.finish import finish
from circuits.plan import compile_query
from circuits.schema import parse_schema
from circuits.sql import parse
from mpc_nodes.data_errors import DataConfigInvalid, DataSourceRefused, DataSourceUnavailable
from mpc_nodes.data_source import open_source, parse_source_config
from tests.databases import PostgresServer

SCHEMA = parse_schema("""
name = "visits"
[[columns]]
name = "sex"
type = "category"
codes = ["m", "f"]
[[columns]]
name = "age"
type = "integer"
min = 0
max = 120
nullable = true
[[columns]]
name = "weight"
type = "decimal"
scale = 1
min = 0
max = 300
nullable = true
[[columns]]
name = "seen"
type = "date"
min = 2000-01-01
max = 2020-12-31
[[columns]]
name = "dead"
type = "boolean"
""")
# Names that would end a quoted identifier, and a column mapped to a name with a quote in it.
SETUP = """
    CREATE SCHEMA "odd ""schema";
    CREATE TABLE "odd ""schema"."Visits; --" (
        sex text, age smallint, "we""ight" double precision, seen date, dead boolean, extra bytea
    );
    INSERT INTO "odd ""schema"."Visits; --" VALUES
        ('m', 50, 70.1, '2001-02-03', true), ('f', NULL, NULL, '2002-01-01', false), ('m', 51, 0.3, '2003-01-01', false);
    CREATE TABLE plain (sex text, age numeric, weight numeric, seen date, dead boolean);
    CREATE TABLE secret (sex text);
    CREATE ROLE reader LOGIN; GRANT SELECT ON plain TO reader;
"""
SQL = "SELECT sex, COUNT(*) n, SUM(age) a, SUM(weight) w FROM visits WHERE seen < '2004-01-01' GROUP BY sex"


@pytest.fixture
def members(postgres: PostgresServer) -> Iterator[dict[str, Any]]:
    with postgres.fresh_database() as name:
        with psycopg.connect(postgres.dsn(name), autocommit=True) as connection:
            connection.execute(SETUP)
        try:
            yield {
                "kind": "postgresql",
                "host": str(postgres.directory),
                "database": name,
                "user": "proofward",
                "sslmode": "local-socket",
                "table": "plain",
            }
        finally:
            with psycopg.connect(postgres.dsn(name), autocommit=True) as connection:
                connection.execute("DROP OWNED BY reader; DROP ROLE reader")


def insert(postgres: PostgresServer, members: dict[str, Any], values: str) -> None:
    with psycopg.connect(postgres.dsn(members["database"]), autocommit=True) as connection:
        connection.execute(f"INSERT INTO plain VALUES {values}".encode())


def test_a_table_with_odd_names_is_read_exactly(members: dict[str, Any], tmp_path: Path) -> None:
    members |= {"namespace": 'odd "schema', "table": "Visits; --", "columns": {"weight": 'we"ight'}}
    with open_source(parse_source_config(members), root=tmp_path) as source:
        chunks = list(encode_chunks(source, SCHEMA))
        again = list(encode_chunks(source, SCHEMA))
    plan = compile_query(parse(SQL, SCHEMA), SCHEMA)
    assert finish(plan, evaluate(plan, chunks)).rows == (("m", 2, 101, Decimal("70.4")), ("f", 1, None, None))
    assert evaluate(plan, again) == evaluate(plan, chunks)


def test_rows_come_in_batches_from_one_snapshot(postgres: PostgresServer, members: dict[str, Any], tmp_path: Path) -> None:
    with psycopg.connect(postgres.dsn(members["database"]), autocommit=True) as connection:
        connection.execute("INSERT INTO plain SELECT 'm', i % 121, 1.5, '2001-01-01', true FROM generate_series(1, 40000) i")
    with open_source(parse_source_config(members), root=tmp_path) as source:
        batches = source.batches(["sex", "age"])
        first = next(batches)
        insert(postgres, members, "('m', 1, 1, '2001-01-01', true)")
        sizes = [first.num_rows, *(batch.num_rows for batch in batches)]
    assert sum(sizes) == 40_000
    assert max(sizes) <= 1 << 14


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("('x', 1, 1, '2001-01-01', true)", "sex"),
        ("(NULL, 1, 1, '2001-01-01', true)", "sex"),
        ("('m', 121, 1, '2001-01-01', true)", "age"),
        ("('m', 1.5, 1, '2001-01-01', true)", "age"),
        ("('m', 'NaN', 1, '2001-01-01', true)", "age"),
        ("('m', 'Infinity', 1, '2001-01-01', true)", "age"),
        ("('m', 1, 1.05, '2001-01-01', true)", "weight"),
        ("('m', 1, 1, 'infinity', true)", "seen"),
        ("('m', 1, 1, '2001-01-01 BC', true)", "seen"),
        ("(repeat('m', 100000), 1, 1, '2001-01-01', true)", "sex"),
    ],
)
def test_a_value_outside_its_domain_is_refused(
    postgres: PostgresServer, members: dict[str, Any], tmp_path: Path, row: str, column: str
) -> None:
    insert(postgres, members, "('m', 1, 1, '2001-01-01', true)")
    insert(postgres, members, row)
    with open_source(parse_source_config(members), root=tmp_path) as source, pytest.raises(ValueRefused) as caught:
        list(encode_chunks(source, SCHEMA))
    assert caught.value.where == f"{members['database']}/public.plain: row 2, column {column}"


def test_an_empty_table_and_a_missing_one_are_refused(members: dict[str, Any], tmp_path: Path) -> None:
    with open_source(parse_source_config(members), root=tmp_path) as source, pytest.raises(DataSourceRefused, match="rows"):
        list(encode_chunks(source, SCHEMA))
    with pytest.raises(DataSourceRefused, match="no such table"):
        open_source(parse_source_config(members | {"table": "plain; DROP TABLE plain"}), root=tmp_path)
    with (
        open_source(parse_source_config(members | {"table": "secret"}), root=tmp_path) as source,
        pytest.raises(DataSourceRefused, match="missing") as caught,
    ):
        list(encode_chunks(source, SCHEMA))
    assert "column age" in str(caught.value)


def test_a_role_needs_select_on_its_table_and_gets_nothing_else(members: dict[str, Any], tmp_path: Path) -> None:
    members |= {"user": "reader"}
    with (
        open_source(parse_source_config(members), root=tmp_path) as source,
        pytest.raises(DataSourceRefused, match="no rows"),
    ):
        list(source.batches(["sex"]))
    with (
        open_source(parse_source_config(members | {"table": "secret"}), root=tmp_path) as source,
        pytest.raises(DataSourceRefused, match="42501"),
    ):
        list(source.batches(["sex"]))


def test_nothing_can_be_written_and_statements_end(postgres: PostgresServer, members: dict[str, Any], tmp_path: Path) -> None:
    with psycopg.connect(postgres.dsn(members["database"]), autocommit=True) as connection:
        connection.execute("CREATE FUNCTION write() RETURNS text LANGUAGE sql AS 'DELETE FROM public.plain RETURNING sex'")
        connection.execute("CREATE VIEW writes AS SELECT write() AS sex")
        connection.execute("CREATE VIEW slow AS SELECT pg_sleep(60)::text AS sex")
    with (
        open_source(parse_source_config(members | {"table": "writes"}), root=tmp_path) as source,
        pytest.raises(DataSourceRefused, match="25006"),
    ):
        list(source.batches(["sex"]))
    members |= {"table": "slow", "statement_timeout_s": 1}
    with (
        open_source(parse_source_config(members), root=tmp_path) as source,
        pytest.raises(DataSourceRefused, match="longer than"),
    ):
        list(source.batches(["sex"]))


def test_environment_variables_of_libpq_change_nothing(
    members: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=off -c search_path=nowhere")
    monkeypatch.setenv("PGSSLMODE", "require")
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    with open_source(parse_source_config(members), root=tmp_path) as source:
        assert source.columns == ("sex", "age", "weight", "seen", "dead")


def test_no_database_is_reported_as_unavailable(members: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataSourceUnavailable):
        open_source(parse_source_config(members | {"host": str(tmp_path)}), root=tmp_path)
    tls = {"host": "127.0.0.1", "port": 1, "sslmode": "verify-full"}
    with pytest.raises(DataSourceUnavailable):
        open_source(parse_source_config(members | tls), root=tmp_path)


def test_a_password_file_that_others_can_read_is_refused(members: dict[str, Any], tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    secret.chmod(0o644)
    config = parse_source_config(members | {"password_file": str(secret)})
    with pytest.raises(DataConfigInvalid, match="others can read") as caught:
        open_source(config, root=tmp_path)
    assert "hunter2" not in str(caught.value)
    secret.chmod(0o600)
    with open_source(config, root=tmp_path) as source:
        assert "hunter2" not in repr(vars(source))

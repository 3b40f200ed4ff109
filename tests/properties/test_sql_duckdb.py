"""Random queries, finished from the cells of several hospitals, against DuckDB on the pooled table.

Integers, decimals, groups and NULLs must be equal; averages, variances and deviations, which DuckDB computes in floating
point, must be within 1e-12 of DuckDB's (1e-9 absolutely, for variances that are 0). That ours are the nearest doubles is
tested in `tests/unit/test_circuits_statistics.py`. PROOFWARD_SQL_QUERIES sets how many queries are tried.
"""

import math
import os
import random
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from circuits.encode import EncodedChunk, encode_chunks
from circuits.errors import PlanTooComplex
from circuits.evaluate import evaluate
from circuits.finish import finish
from circuits.plan import Plan, compile_query
from circuits.sql import parse
from tests.properties.visits import ARROW_TYPES, SCHEMA, RandomQuery, Row, Rows, random_rows

QUERIES = int(os.environ.get("PROOFWARD_SQL_QUERIES", "2000"))
BATCHES = 10

DUCKDB_TYPES = {
    "category": "VARCHAR",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "decimal": "DECIMAL(18,1)",
}


@pytest.fixture(scope="module")
def pooled() -> tuple[duckdb.DuckDBPyConnection, list[Row], list[list[EncodedChunk]]]:
    rng = random.Random(20261)
    rows = random_rows(rng, 3000)
    hospitals: list[list[Row]] = [[], [], [], []]
    for row in rows:
        hospitals[rng.choice([0, 0, 1, 1, 1, 2])].append(row)  # the last hospital has no rows
    connection = duckdb.connect()
    columns = ", ".join(f"{column.name} {DUCKDB_TYPES[column.type]}" for column in SCHEMA.columns)
    connection.execute(f"CREATE TABLE visits ({columns})")
    arrays = [pa.array([row[i] for row in rows], ARROW_TYPES[column.type]) for i, column in enumerate(SCHEMA.columns)]
    pool = pa.table(arrays, names=[column.name for column in SCHEMA.columns])  # noqa: F841  # DuckDB reads it by name
    connection.execute("INSERT INTO visits SELECT * FROM pool")
    chunks = [list(encode_chunks(Rows(part), SCHEMA, chunk_rows=1024)) for part in hospitals]
    return connection, rows, chunks


def sort_key(row: Row) -> tuple[Any, ...]:
    return tuple((cell is None, str(type(cell)), cell if cell is not None else 0) for cell in row)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_queries_equal_duckdb_on_the_pooled_table(pooled: Any, batch: int) -> None:
    connection, _, hospitals = pooled
    rng = random.Random(7000 + batch)
    compared = refused = 0
    while compared < QUERIES // BATCHES:
        sql = RandomQuery(rng).text()
        query = parse(sql, SCHEMA)
        assert parse(query.canonical(), SCHEMA) == query
        try:
            plan = compile_query(query, SCHEMA)
        except PlanTooComplex:
            refused += 1
            assert refused < 20 + compared, "most queries should be possible"
            continue
        compared += 1
        totals = [sum(cells) for cells in zip(*(evaluate(plan, chunks) for chunks in hospitals), strict=True)]
        assert all(total >= 0 for total in totals)
        table = finish(plan, totals)
        # All group columns are compared, whether or not they are in the SELECT list.
        expected = connection.execute(sql).fetchall()
        found = list(table.rows)
        assert len(found) == len(expected), sql
        check_rows(plan, sql, found, expected)


def check_rows(plan: Plan, sql: str, found: list[Row], expected: list[Row]) -> None:
    # Rows without their group key cannot be told apart; exact cells first makes the order the same on both sides.
    order = sorted(
        range(len(plan.outputs)), key=lambda i: (plan.outputs[i].type == "number", plan.outputs[i].function is not None)
    )
    rearranged = [sorted((tuple(row[i] for i in order) for row in side), key=sort_key) for side in (found, expected)]
    for mine, theirs in zip(*rearranged, strict=True):
        for index, left, right in zip(order, mine, theirs, strict=True):
            output = plan.outputs[index]
            if output.type != "number" or left is None or right is None:
                assert left == right, (sql, output.name, mine, theirs)
            else:
                assert math.isclose(left, right, rel_tol=1e-12, abs_tol=1e-9), (sql, output.name, left, right)

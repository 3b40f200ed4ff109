"""Queries of several rounds, by direct calls: the answer is that of DuckDB, and a restart between rounds changes nothing."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from circuits.finish import finish
from circuits.offered import plan_of
from tests.simulation.direct import SCHEMA, Run, World, make_world
from tests.simulation.test_query import opened

QUERIES = [
    "SELECT MEDIAN(score) AS m FROM survey",
    "SELECT sex, COUNT(*) AS n, AVG(age) AS a, MEDIAN(score) AS m, MIN(score) AS low FROM survey WHERE age > 30 GROUP BY sex",
    "SELECT MAX(age) AS oldest FROM survey WHERE sex = 'f'",
]


def pooled(world: World, sql: str) -> list[tuple[Any, ...]]:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE survey (sex VARCHAR, age BIGINT, score BIGINT)")
    connection.executemany("INSERT INTO survey VALUES (?, ?, ?)", world.pooled)
    return sorted(connection.execute(sql).fetchall())


def whole(world: World, sql: str) -> list[Run]:
    """All rounds."""
    runs = [Run(world, world.offer(sql)).finish()]
    while (following := runs[-1].following()) is not None:
        runs.append(following.finish())
    return runs


@pytest.mark.parametrize("sql", QUERIES)
def test_the_answer_is_that_of_the_pooled_table(tmp_path: Path, sql: str) -> None:
    world = make_world(tmp_path)
    runs = whole(world, sql)
    assert len(runs) == (1 if "MAX(age)" in sql else 2)
    assert len({run.offer.query_id for run in runs}) == len(runs)
    assert len({run.offer.nonce for run in runs}) == len(runs)
    assert {run.offer.first_query_id for run in runs} == {runs[0].offer.query_id}
    last = runs[-1]
    table = finish(plan_of(last.offer, SCHEMA), opened(last.statement()))
    assert sorted(table.rows) == [
        tuple(pytest.approx(x, rel=1e-12) if isinstance(x, float) else x for x in row) for row in pooled(world, sql)
    ]


def test_members_that_restart_between_rounds_answer_the_same(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    first = Run(world, world.offer(QUERIES[0])).finish()
    second = first.following()
    assert second is not None
    for index in world.indices:
        world.reopen(index)
    assert second.finish().statement().predicate.offer.earlier[0].statement == first.statement().digest


def test_a_member_that_missed_the_earlier_round_serves_in_the_next(tmp_path: Path) -> None:
    """It was not asked; the signatures of the others tell it what was opened. It cannot take part, only serve."""
    world = make_world(tmp_path)
    present = (1, 2, 3)
    first = Run(world, world.offer(QUERIES[0])).finish(members=lambda _: present)
    second = first.following()
    assert second is not None
    second.finish(members=lambda _: present)
    assert [part.hospital for part in second.statement().predicate.parts] == [1, 2, 3]


def test_other_hospitals_than_in_the_earlier_round_make_no_answer(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    second = Run(world, world.offer(QUERIES[0])).finish(members=lambda _: (1, 2, 3)).following()
    assert second is not None
    second.finish()  # now the fourth is there, and deals
    assert second.answers[[*second.answers][3]].codes == dict.fromkeys(world.indices, "rounds-invalid")

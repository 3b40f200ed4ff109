"""Whole queries by direct calls: the answer is that of DuckDB on the pooled table."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

import prover
from attestation.assemble import assemble_bundle
from attestation.trust import trust_in
from attestation.verify import verify_bundle
from circuits.finish import finish
from circuits.plan import compile_query
from circuits.sql import parse
from mpc_nodes.policy import parse_policy
from protocol.messages import Deal, Endorsement, Round
from protocol.signatures import open_message
from protocol.statement import Statement
from tests.simulation.direct import CHAIN, POLICY, SCHEMA, Run, World, make_world

QUERIES = [
    "SELECT COUNT(*) AS n FROM survey",
    "SELECT COUNT(*) AS n, SUM(score) AS s FROM survey WHERE age > 40",
    "SELECT COUNT(score) AS n, SUM(score) AS s FROM survey WHERE score < 0",
    "SELECT sex, COUNT(*) AS n, SUM(score) AS s, AVG(age) AS a FROM survey GROUP BY sex",
    "SELECT sex, VAR_SAMP(age) AS v FROM survey WHERE age BETWEEN 30 AND 60 GROUP BY sex",
]


def opened(statement: Statement) -> list[int | None]:
    return [None if cell is None else int(cell) for cell in statement.predicate.aggregate.cells]


def table(statement: Statement) -> list[tuple[Any, ...]]:
    plan = compile_query(parse(statement.predicate.offer.sql, SCHEMA), SCHEMA)
    return sorted(finish(plan, opened(statement)).rows)


def pooled(world: World, sql: str) -> list[tuple[Any, ...]]:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE survey (sex VARCHAR, age BIGINT, score BIGINT)")
    connection.executemany("INSERT INTO survey VALUES (?, ?, ?)", world.pooled)
    return sorted(connection.execute(sql).fetchall())


@pytest.mark.parametrize("sql", QUERIES)
@pytest.mark.parametrize("publication", ["digest", "aggregate"])
def test_the_answer_is_that_of_the_pooled_table(tmp_path: Path, sql: str, publication: Any) -> None:
    world = make_world(tmp_path)
    run = Run(world, world.offer(sql, publication=publication)).finish()
    statement = run.statement()
    assert [len(answers.messages) for answers in run.answers.values()] == [4] * 6
    expected = pooled(world, sql)
    found = table(statement)
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert [x if isinstance(x, str) else pytest.approx(float(x), rel=1e-12) for x in theirs] == list(mine)
    assert statement.predicate.aggregate.suppressed == ()
    assert [part.hospital for part in statement.predicate.parts] == [1, 2, 3, 4]
    assert statement.predicate.left_out == statement.predicate.blamed == ()


@pytest.mark.parametrize("cohort", [1, 60])
@pytest.mark.parametrize("publication", ["digest", "aggregate"])
def test_an_auditor_accepts_what_the_members_endorse(tmp_path: Path, cohort: int, publication: Any) -> None:
    """The hub assembles the bundle from what went through its hands; with and without suppressed cells."""
    world = make_world(tmp_path)
    world.hospitals[1].policy = parse_policy(POLICY.replace("minimum_cohort = 1", f"minimum_cohort = {cohort}"))
    world.reopen(1)
    sql = "SELECT sex, COUNT(*) AS n, SUM(score) AS s FROM survey GROUP BY sex"
    run = Run(world, world.offer(sql, publication=publication)).finish()
    statement = run.statement()
    assert bool(statement.predicate.aggregate.suppressed) == (cohort == 60)
    consortium, query_id = world.consortium, run.offer.query_id
    endorsements = {
        consortium.member(message.sender).address: open_message(
            consortium, message, Round.ATTEST, query_id, Endorsement
        ).signature
        for message in run.answers[Round.ATTEST].messages
    }
    deals = [open_message(consortium, message, Round.DEAL, query_id, Deal) for message in run.answers[Round.DEAL].messages]
    bundle = assemble_bundle(
        consortium=consortium,
        statement=statement,
        signatures=endorsements,
        registrations=[world.node(index).registrations()[-1] for index in world.indices],
        contributions=[deal.contribution for deal in deals],
        proofs=[bytes.fromhex(deal.proof) for deal in deals],
        decisions=run.answers[Round.DECISION].messages,
        freezes=run.answers[Round.FREEZE].messages,
    )
    verified = verify_bundle(bundle.encoded, trust_in(consortium, CHAIN, prover.generator_digest()), world.packages)
    assert verified.statement == statement
    assert len(verified.signers) == consortium.threshold + 1


def test_a_sum_may_be_negative(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    sql = "SELECT SUM(score) AS s FROM survey WHERE score < 0"
    ((total,),) = table(Run(world, world.offer(sql)).finish().statement())
    assert total == sum(score for _, _, score in world.pooled if score is not None and score < 0) < 0


def test_small_cohorts_are_suppressed_and_the_rest_is_still_proven(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    # One hospital asks for more than the others; the largest wish counts.
    few = sum(1 for sex, age, _ in world.pooled if age > 80 and sex == "f")
    many = sum(1 for sex, age, _ in world.pooled if age > 80 and sex == "m")
    limit = max(few, many)
    assert few != many
    world.hospitals[3].policy = parse_policy(POLICY.replace("minimum_cohort = 1", f"minimum_cohort = {limit}"))
    world.reopen(3)
    sql = "SELECT sex, COUNT(*) AS n, SUM(age) AS s FROM survey WHERE age > 80 GROUP BY sex"
    statement = Run(world, world.offer(sql)).finish().statement()
    aggregate = statement.predicate.aggregate
    assert statement.predicate.minimum_cohort == limit
    assert aggregate.suppressed
    assert aggregate.blinding is None
    assert aggregate.representation is not None
    assert [row for row in pooled(world, sql) if row[1] >= limit] == table(statement)


def test_five_members_with_threshold_two(tmp_path: Path) -> None:
    world = make_world(tmp_path, hospitals=5, threshold=2)
    run = Run(world, world.offer(QUERIES[0])).finish()
    assert opened(run.statement()) == [125]


def test_sessions_are_independent(tmp_path: Path) -> None:
    """Two queries, interleaved round by round, as if each were alone (attacks.md M5)."""
    world = make_world(tmp_path)
    runs = [Run(world, world.offer(QUERIES[0])), Run(world, world.offer("SELECT COUNT(*) AS n FROM survey WHERE age > 40"))]
    for round_ in Round:
        for run in runs:
            run.step(round_)
    assert opened(runs[0].statement()) == [100]
    assert opened(runs[1].statement()) == [sum(1 for _, age, _ in world.pooled if age > 40)]

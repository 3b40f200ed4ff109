"""The access log shows every gap, rewrite and change of order, and keeps its entries unguessable."""

import os
from pathlib import Path

import pytest

from mpc_nodes import access_log
from mpc_nodes.access_log import AccessEntry, verify_log
from mpc_nodes.database import create_engine
from mpc_nodes.errors import LogBroken
from mpc_nodes.policy import parse_policy
from mpc_nodes.store import NodeStore
from protocol.messages import Decision, LogHead, Round
from protocol.signatures import open_message
from tests.simulation.direct import Run, changed, make_world

SQL = "SELECT COUNT(*) AS n FROM survey"


@pytest.fixture
def store(database_url: str) -> NodeStore:
    return NodeStore(create_engine(database_url))


def fill(store: NodeStore, directory: Path, count: int = 6) -> tuple[list[AccessEntry], list[LogHead]]:
    world = make_world(directory)
    heads = []
    for number in range(count):
        refusal = "policy-buyer" if number % 3 == 2 else None
        with store.writing() as connection:
            offer = world.offer(SQL)
            heads.append(access_log.append(connection, offer, time=1000 + number, refusal=refusal, entropy=os.urandom))
    with store.reading() as connection:
        return list(access_log.entries(connection)), heads


def test_an_honest_log(store: NodeStore, tmp_path: Path) -> None:
    log, heads = fill(store, tmp_path)
    verify_log(log, heads)
    verify_log(log, [])
    verify_log([], [])
    assert [entry.sequence for entry in log] == [1, 2, 3, 4, 5, 6]
    assert [entry.allowed for entry in log] == [True, True, False, True, True, False]
    with store.reading() as connection:
        for head in heads:
            assert access_log.head_at(connection, head.sequence) == head
            assert access_log.entries_up_to(connection, head) == log[: head.sequence]
        lines = list(access_log.export(connection))
        assert access_log.allowed_since(connection, "acme", 1000) == 4
        assert access_log.allowed_since(connection, "acme", 1003) == 2
        assert access_log.allowed_since(connection, "biota", 1000) == 0
        assert access_log.head_at(connection, 7) is None
    assert [AccessEntry.from_bytes(line[:-1], limit=10_000) for line in lines] == log


def test_every_change_is_found(store: NodeStore, tmp_path: Path) -> None:
    log, heads = fill(store, tmp_path)
    last = heads[-1:]
    changes = {
        "gap": [*log[:2], *log[3:]],
        "gap, renumbered": [*log[:2], *(changed(entry, sequence=entry.sequence - 1) for entry in log[3:])],
        "end cut off": log[:-1],
        "empty": [],
        "swapped": [*log[:2], log[3], log[2], *log[4:]],
        "swapped, renumbered": [*log[:2], changed(log[3], sequence=3), changed(log[2], sequence=4), *log[4:]],
        "twice": [*log, log[-1]],
        "added, then attested": [*log[:3], changed(log[3], salt="00" * 32), *log[4:]],
    }
    for member, value in {
        "time": 1,
        "query_id": "11" * 32,
        "offer": "11" * 32,
        "buyer": "biota",
        "purpose": "care",
        "dataset": "births",
        "sql": "SELECT 1",
        "publication": "aggregate",
        "allowed": False,
        "refusal": "policy-rate",
        "salt": "11" * 32,
    }.items():
        changes[f"{member} of the first"] = [changed(log[0], **{member: value}), *log[1:]]
    assert {f"{name} of the first" for name in AccessEntry.model_fields if name != "sequence"} <= set(changes)
    unnoticed = []
    for name, forged in changes.items():
        try:
            verify_log(forged, last)
        except LogBroken:
            continue
        unnoticed.append(name)
    assert unnoticed == []


def test_an_attested_head_pins_what_came_before_it_alone(store: NodeStore, tmp_path: Path) -> None:
    log, heads = fill(store, tmp_path)
    rewritten = [*log[:4], changed(log[4], salt="11" * 32), log[5]]
    verify_log(rewritten, heads[:4])
    for head in heads[4:]:
        with pytest.raises(LogBroken):
            verify_log(rewritten, [head])
    with pytest.raises(LogBroken):
        verify_log(log, [LogHead(sequence=7, head=heads[-1].head)])


def test_equal_decisions_have_different_entries(store: NodeStore, tmp_path: Path) -> None:
    """Without the salt, whoever knows the offer could tell from a head what the hospital decided."""
    offer = make_world(tmp_path).offer(SQL)
    heads = set()
    for _ in range(3):
        try:
            with store.writing() as connection:
                heads.add(access_log.append(connection, offer, time=1, refusal=None, entropy=os.urandom).head)
                raise InterruptedError
        except InterruptedError:
            continue
    assert len(heads) == 3
    with store.reading() as connection:
        assert list(access_log.entries(connection)) == []  # and an aborted transaction leaves no entry


def test_every_decision_is_logged_and_its_head_is_attested(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.hospitals[2].policy = parse_policy("")
    world.reopen(2)
    runs = [Run(world, world.offer(SQL)), Run(world, world.offer(SQL, purpose="care")), Run(world, world.offer(SQL))]
    for run in runs:
        run.step(Round.DECISION)
        run.step(Round.DECISION)  # asked twice, logged once
    for index, hospital in world.hospitals.items():
        heads = []
        for run in runs:
            message = run.answers[Round.DECISION].replies[index].message
            assert message is not None
            decision = open_message(world.consortium, message, Round.DECISION, run.offer.query_id, Decision)
            heads.append(decision.log)
        with hospital.store.reading() as connection:
            log = list(access_log.entries(connection))
        verify_log(log, heads)
        expected = ["policy-buyer"] * 3 if index == 2 else [None, "policy-purpose", None]
        assert [entry.refusal for entry in log] == expected
        assert [entry.query_id for entry in log] == [run.offer.query_id for run in runs]
    statement = runs[2].finish(Round.DEAL, members=lambda r: (1, 3, 4) if r is Round.DEAL else None).statement()
    assert [(entry.hospital, entry.sequence) for entry in statement.predicate.logs] == [(i, 3) for i in (1, 2, 3, 4)]

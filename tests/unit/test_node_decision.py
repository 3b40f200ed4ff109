"""What a decision must be, what a hub drops, and that a refusal depends on offer, policy and log alone."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mpc_nodes import access_log
from mpc_nodes.policy import parse_policy
from mpc_nodes.rounds.decision import is_well_formed, usable
from protocol.messages import Decision, Round, SignedMessage
from protocol.relay import ExplainReply, ExplainRequest
from protocol.signatures import open_message, sign_message
from tests.simulation.direct import POLICY, Row, Run, World, changed, make_world
from tests.unit.test_node_sealing import SMALL_ORDER

SQL = "SELECT COUNT(*) AS n FROM survey"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def decision_of(run: Run, index: int) -> Decision:
    message = run.answers[Round.DECISION].replies[index].message
    assert message is not None
    return open_message(run.world.consortium, message, Round.DECISION, run.offer.query_id, Decision)


BAD: dict[str, Any] = {
    "of another offer": lambda d: {"offer": "11" * 32},
    "accepts with a refusal": lambda d: {"refusal": "policy-buyer"},
    "accepts without a table": lambda d: {"root": None},
    "accepts without keys": lambda d: {"keys": ()},
    "refuses with a table": lambda d: {"accept": False, "refusal": "policy-buyer"},
    "refuses without a reason": lambda d: {"accept": False, "root": None, "minimum_cohort": 0, "minimum_hospitals": 0},
    "refuses with a wish": lambda d: {"accept": False, "refusal": "policy-buyer", "root": None, "minimum_hospitals": 0},
    "a key too few": lambda d: {"keys": d.keys[:-1]},
    "a key too many": lambda d: {"keys": (*d.keys, secrets.token_hex(32))},
    "a key twice": lambda d: {"keys": (d.keys[0], *d.keys[:-1])},
} | {f"small order {i}": (lambda d, key=key: {"keys": (key, *d.keys[1:])}) for i, key in enumerate(SMALL_ORDER)}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_decision_is_dropped_by_the_hub_and_spoils_nothing(world: World, name: str) -> None:
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    honest = decision_of(run, 2)
    assert is_well_formed(world.consortium, run.offer, honest)
    bad = changed(honest, **BAD[name](honest))
    assert not is_well_formed(world.consortium, run.offer, bad)
    message = resigned(world, run, bad)
    answers = [message if m.sender == 2 else m for m in run.answers[Round.DECISION].messages]
    kept = usable(world.consortium, run.offer, answers)
    assert [m.sender for m in kept] == [1, 3, 4]
    # A hub that passes it on gets no deal at all.
    assert set(world.ask(run.offer, Round.DEAL, answers, [1, 3, 4]).codes.values()) == {"round-inputs-invalid"}
    assert world.ask(run.offer, Round.DEAL, kept, [1, 3, 4]).codes == {}


def resigned(world: World, run: Run, decision: Decision) -> SignedMessage:
    identity = world.hospitals[2].identity
    return sign_message(identity.keys.signing, world.consortium, run.offer.query_id, Round.DECISION, 2, decision)


def test_usable_drops_what_is_not_a_decision_at_all(world: World) -> None:
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    messages = run.answers[Round.DECISION].messages
    forged = changed(messages[0], signature="00" * 64)
    assert [m.sender for m in usable(world.consortium, run.offer, (forged, *messages[1:]))] == [2, 3, 4]


def test_keys_are_fresh_and_belong_to_one_query(world: World) -> None:
    runs = [Run(world, world.offer(SQL)) for _ in range(3)]
    for run in runs:
        run.step(Round.DECISION)
    keys = [key for run in runs for index in world.indices for key in decision_of(run, index).keys]
    assert len(keys) == len(set(keys)) == 3 * 4 * 4


def explained(world: World, index: int, **changes: Any) -> ExplainReply:
    request = ExplainRequest(request_id=secrets.token_hex(32), offer=world.offer(changes.pop("sql", SQL), **changes))
    reply = world.node(index).explain(request)
    assert reply.request_id == request.request_id
    return reply


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, None),
        ({"publication": "aggregate"}, None),
        ({"buyer": "biota"}, "policy-buyer"),
        ({"purpose": "care"}, "policy-purpose"),
        ({"sql": "SELECT VAR_POP(age) AS v FROM survey"}, "policy-aggregate"),
        ({"plan_hash": "11" * 32}, "offer-plan-differs"),
        ({"schema_hash": "11" * 32}, "offer-schema-differs"),
        ({"dataset": "births"}, "dataset-unknown"),
    ],
)
def test_explaining_says_what_deciding_would_and_leaves_no_trace(
    world: World, changes: dict[str, Any], refusal: str | None
) -> None:
    reply = explained(world, 1, **dict(changes))
    assert (reply.accept, reply.refusal) == (refusal is None, refusal)
    assert (reply.minimum_cohort, reply.minimum_hospitals) == ((1, 3) if refusal is None else (0, 0))
    with world.hospitals[1].store.reading() as connection:
        assert list(access_log.entries(connection)) == []
    arguments = dict(changes)
    run = Run(world, world.offer(arguments.pop("sql", SQL), **arguments))
    run.step(Round.DECISION, [1])
    decision = decision_of(run, 1)
    assert (decision.accept, decision.refusal) == (reply.accept, reply.refusal)


def test_explaining_an_offer_that_cannot_be(world: World) -> None:
    assert explained(world, 1, consortium="11" * 32).refusal == "consortium-differs"
    assert explained(world, 1, seconds=0).refusal == "offer-expired"


def test_the_rate_counts_what_was_allowed(world: World) -> None:
    world.hospitals[1].policy = parse_policy(POLICY + "queries_per_day = 2\n")
    world.reopen(1)
    found = []
    for purpose in ("care", "research", "care", "research", "research"):
        run = Run(world, world.offer(SQL, purpose=purpose))
        run.step(Round.DECISION, [1])
        found.append(decision_of(run, 1).refusal)
        world.now += 1
    assert found == ["policy-purpose", None, "policy-purpose", None, "policy-rate"]
    world.now += 24 * 3600 - 3
    late = Run(world, world.offer(SQL))
    late.step(Round.DECISION, [1])
    assert decision_of(late, 1).refusal is None  # the first of the two is a day old
    assert explained(world, 1).refusal == "policy-rate"


def test_a_refusal_is_the_same_whatever_the_data_are(tmp_path: Path) -> None:
    """I8, D6: hospitals with no rows that match, few, and many, refuse and accept in the same words."""
    tables: list[list[Row]] = [[("f", 20, None)] * 3, [("m", 90, 5)] * 30, [("f", 90, -5)] * 11]
    home = tmp_path / "three"
    home.mkdir()
    world = World(home, tables)
    for sql, refusal in [
        ("SELECT COUNT(*) AS n FROM survey WHERE age > 80", None),
        ("SELECT VAR_POP(score) AS v FROM survey WHERE age > 80", "policy-aggregate"),
        ("SELECT COUNT(*) AS n FROM survey WHERE height > 80", "query-unknown-name"),
    ]:
        offer = world.offer("SELECT COUNT(*) AS n FROM survey") if "height" in sql else world.offer(sql)
        run = Run(world, changed(offer, sql=sql))
        run.step(Round.DECISION)
        said = {
            tuple(getattr(decision_of(run, index), name) for name in ("accept", "refusal", "minimum_cohort"))
            for index in world.indices
        }
        assert said == {(refusal is None, refusal, 1 if refusal is None else 0)}
        sizes = {len(message.body) for message in run.answers[Round.DECISION].messages}
        assert len(sizes) == 1


def test_cohorts_around_the_minimum(tmp_path: Path) -> None:
    """D6: no person, one, k-1 of them look alike; k is shown."""
    home = tmp_path / "cohorts"
    home.mkdir()
    rows: Sequence[Row] = [("f", 20, None)] * 40 + [("m", 21, None)] + [("m", 22, None)] * 9 + [("m", 23, None)] * 10
    world = World(home, [rows, [("f", 30, 1)] * 12, [("f", 31, 1)] * 12], policy=POLICY.replace("minimum_cohort = 1", ""))
    shown = {}
    for age in (24, 21, 22, 23):
        statement = Run(world, world.offer(f"SELECT COUNT(*) AS n FROM survey WHERE age = {age}")).finish().statement()
        aggregate = statement.predicate.aggregate
        shown[age] = (aggregate.cells, aggregate.suppressed, len(statement.encoded), aggregate.blinding is None)
    assert shown[24] == shown[21] == shown[22]
    assert shown[24][:2] == ((None,), (0,))
    assert shown[23][:2] == (("10",), ())


def test_source_rows_are_never_asked_for_by_a_decision(world: World) -> None:
    """A decision does not even read the snapshot: it is the same after the snapshot is gone."""
    for path in (world.hospitals[1].directory / "snapshots").rglob("*.codes"):
        path.unlink()
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    assert decision_of(run, 1).accept

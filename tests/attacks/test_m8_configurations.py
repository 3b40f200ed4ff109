"""M8: hub and nodes, or two nodes, disagree on n, t, members, keys, chain or protocol. They do not work together at all."""

import secrets
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpc_nodes.session import Identity
from protocol import canonical
from protocol.consortium import Consortium
from protocol.errors import MalformedInput
from protocol.messages import Decision, Endorsement, Round
from protocol.query import Offer
from protocol.signatures import open_message
from protocol.statement import ChainAnchor, Statement
from tests.simulation.direct import Answers, Run, World, changed, make_world

SQL = "SELECT COUNT(*) AS n FROM survey"


def other_key(consortium: Consortium) -> Consortium:
    members = list(consortium.members)
    members[3] = changed(members[3], signing_key=Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex())
    return changed(consortium, members=tuple(members))


DIFFERENT: dict[str, Any] = {
    "threshold": lambda c: changed(
        c,
        threshold=2,
        members=(*c.members, changed(c.members[0], index=5, name="fifth", address="0x" + "12" * 20, signing_key="34" * 32)),
    ),
    "one member less": lambda c: changed(c, members=c.members[:3]),
    "a member's key": other_key,
    "a member's account": lambda c: changed(c, members=(changed(c.members[0], address="0x" + "ab" * 20), *c.members[1:])),
    "a member's name": lambda c: changed(c, members=(changed(c.members[0], name="somebody"), *c.members[1:])),
    "its own name": lambda c: changed(c, name="another"),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_a_node_of_another_consortium_answers_nothing(tmp_path: Path, what: str) -> None:
    world = make_world(tmp_path)
    other = DIFFERENT[what](world.consortium)
    assert other.digest != world.consortium.digest
    hospital = world.hospitals[2]
    hospital.identity = Identity(other, 2, hospital.identity.chain, hospital.identity.keys)
    world.reopen(2)
    run = Run(world, world.offer(SQL))
    assert run.step(Round.DECISION).codes == {2: "consortium-differs"}
    with hospital.store.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM access_log").scalar_one() == 0
    # The others answer without it.
    run.finish(Round.DEAL, members=lambda _: (1, 3, 4))
    assert run.statement().predicate.aggregate.cells == ("75",)


@pytest.mark.parametrize("what", DIFFERENT)
def test_a_member_that_joins_later_with_another_view_is_refused(tmp_path: Path, what: str) -> None:
    """Member 2 restarts with another consortium file in the middle of a query: its signatures bind the digest."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL))
    run.step(Round.DECISION)
    other = DIFFERENT[what](world.consortium)
    hospital = world.hospitals[2]
    hospital.identity = Identity(other, 2, hospital.identity.chain, hospital.identity.keys)
    world.reopen(2)
    codes = run.step(Round.DEAL).codes
    assert set(codes) == {2}
    assert codes[2] in {"signature-invalid", "round-inputs-invalid"}


@pytest.mark.parametrize(
    "members",
    [
        {"threshold": 0},
        {"threshold": 2},
        {"protocol": "proofward/v2"},
        {"members": ()},
    ],
)
def test_an_impossible_consortium_cannot_be_read(tmp_path: Path, members: dict[str, Any]) -> None:
    consortium = make_world(tmp_path).consortium.model_dump(mode="json")
    with pytest.raises(MalformedInput):
        Consortium.from_bytes(canonical.encode({**consortium, **members}), limit=1 << 26)


@pytest.mark.parametrize("protocol", ["proofward/v0", "proofward/v2", ""])
def test_an_offer_of_another_protocol_version_cannot_be_read(tmp_path: Path, protocol: str) -> None:
    offer = make_world(tmp_path).offer(SQL).model_dump(mode="json")
    with pytest.raises(MalformedInput):
        Offer.from_bytes(canonical.encode({**offer, "protocol": protocol}), limit=1 << 26)


@pytest.mark.parametrize("change", [{"plan_hash": "11" * 32}, {"schema_hash": "11" * 32}])
def test_a_hub_with_another_plan_gets_a_refusal_and_no_keys(tmp_path: Path, change: dict[str, Any]) -> None:
    """Hub and node compile to different plans: the node takes no part, on no committee either."""
    world = make_world(tmp_path)
    run = Run(world, world.offer(SQL, **change))
    answers = run.step(Round.DECISION)
    assert answers.codes == {}
    refused = {"plan_hash": "offer-plan-differs", "schema_hash": "offer-schema-differs"}[next(iter(change))]
    for message in answers.messages:
        decision = open_message(world.consortium, message, Round.DECISION, run.offer.query_id, Decision)
        assert (decision.accept, decision.refusal, decision.keys, decision.root) == (False, refused, (), None)
    assert run.step(Round.DEAL).codes == dict.fromkeys(world.indices, "not-on-committee")


def test_members_of_different_chains_endorse_different_statements(tmp_path: Path) -> None:
    """A node that is configured for another contract signs for that contract alone; t+1 agree without it."""
    world = make_world(tmp_path)
    hospital = world.hospitals[3]
    elsewhere = ChainAnchor(chain_id=1, contract="0x" + "77" * 20)
    hospital.identity = Identity(world.consortium, 3, elsewhere, hospital.identity.keys)
    world.reopen(3)
    run = Run(world, world.offer(SQL)).finish()
    statements = _statements(world, run.answers[Round.ATTEST], run)
    assert {index for index, statement in statements.items() if statement.predicate.chain == elsewhere} == {3}
    assert len({statement.digest for index, statement in statements.items() if index != 3}) == 1


def _statements(world: World, answers: Answers, run: Run) -> dict[int, Statement]:
    found = {}
    for message in answers.messages:
        body = open_message(world.consortium, message, Round.ATTEST, run.offer.query_id, Endorsement)
        found[message.sender] = Statement.from_bytes(bytes.fromhex(body.statement), limit=1 << 24)
    return found


def test_an_offer_that_expired_or_names_another_query(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    late = world.offer(SQL, seconds=0)
    assert set(world.ask(late, Round.DECISION).codes.values()) == {"offer-expired"}
    offer = world.offer(SQL)
    request = changed(world.request(offer, Round.DECISION), query_id=secrets.token_hex(32))
    reply = world.node(1).handle(request)
    assert reply.refusal is not None
    assert reply.refusal.code == "round-inputs-invalid"

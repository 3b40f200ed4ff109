"""The node's database: migrations make the tables of the metadata, a round is answered once, forgotten means gone."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from mpc_nodes import store as store_module
from mpc_nodes.database import create_engine
from mpc_nodes.node_tables import metadata
from mpc_nodes.store import NodeStore
from mpc_nodes.transport_errors import PackageQuota
from protocol.messages import Refusal, Round
from protocol.query import Offer
from protocol.relay import RoundReply
from tests.simulation.direct import make_world

KEYS = (b"\x01" * 32, b"\x02" * 32)


@pytest.fixture
def engine(database_url: str) -> sa.Engine:
    return create_engine(database_url)


@pytest.fixture
def offer(tmp_path: Path) -> Offer:
    return make_world(tmp_path).offer("SELECT COUNT(*) AS n FROM survey")


def reply(offer: Offer, round_: Round, text: str = "no") -> RoundReply:
    return RoundReply(round=round_, query_id=offer.query_id, message=None, refusal=Refusal(code="policy-buyer", message=text))


def test_migrations_make_the_tables_of_the_metadata(engine: sa.Engine) -> None:
    NodeStore(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    NodeStore(engine)  # a second start changes nothing


def test_what_is_stored_is_read_back(engine: sa.Engine, offer: Offer) -> None:
    store = NodeStore(engine)
    assert store.query(offer.query_id) is None
    assert store.round(offer.query_id, Round.DECISION) is None
    assert store.keys(offer.query_id) == ()
    with store.writing() as connection:
        store.add_query(connection, offer, KEYS)
        store.add_round(connection, "11" * 32, (), reply(offer, Round.DECISION))
    again = NodeStore(engine)
    query = again.query(offer.query_id)
    assert query is not None
    assert (query.offer, query.forgotten) == (offer, False)
    assert again.keys(offer.query_id) == KEYS
    record = again.round(offer.query_id, Round.DECISION)
    assert record is not None
    assert (record.request_digest, record.reply) == ("11" * 32, reply(offer, Round.DECISION))
    assert again.inputs(offer.query_id, Round.DECISION) == ()
    assert again.inputs(offer.query_id, Round.DEAL) is None


def test_a_round_is_answered_once_and_a_query_decided_once(engine: sa.Engine, offer: Offer) -> None:
    store = NodeStore(engine)
    with store.writing() as connection:
        store.add_query(connection, offer, KEYS)
        store.add_round(connection, "11" * 32, (), reply(offer, Round.DEAL))
    with pytest.raises(IntegrityError), store.writing() as connection:
        store.add_round(connection, "22" * 32, (), reply(offer, Round.DEAL, "other"))
    with pytest.raises(IntegrityError), store.writing() as connection:
        store.add_query(connection, offer, ())
    record = store.round(offer.query_id, Round.DEAL)
    assert record is not None
    assert record.request_digest == "11" * 32


def test_a_transaction_is_whole_or_nothing(engine: sa.Engine, offer: Offer) -> None:
    store = NodeStore(engine)
    with pytest.raises(IntegrityError), store.writing() as connection:
        store.add_query(connection, offer, (*KEYS, None))  # type: ignore[arg-type]  # fails after the first rows
    assert store.query(offer.query_id) is None
    assert store.keys(offer.query_id) == ()


def test_forgetting_keeps_the_replies_alone(engine: sa.Engine, offer: Offer) -> None:
    store = NodeStore(engine)
    with store.writing() as connection:
        store.add_query(connection, offer, KEYS)
        store.add_round(connection, "11" * 32, (), reply(offer, Round.DEAL))
    assert store.forget_expired(offer.expires_at) == []
    assert store.forget_expired(offer.expires_at + 1) == [offer.query_id]
    assert store.forget_expired(offer.expires_at + 1) == []
    assert store.keys(offer.query_id) == ()
    query, record = store.query(offer.query_id), store.round(offer.query_id, Round.DEAL)
    assert query is not None
    assert query.forgotten
    assert record is not None
    assert store.inputs(offer.query_id, Round.DEAL) is None
    assert record.reply == reply(offer, Round.DEAL)


def test_a_halt_survives_a_restart(engine: sa.Engine) -> None:
    store = NodeStore(engine)
    assert store.halted() is None
    store.halt("first")
    store.halt("second")
    assert NodeStore(engine).halted() == "second"


def test_packages_are_kept_once_and_within_a_hospitals_room(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "QUOTA_BYTES", 100)
    store = NodeStore(engine)
    assert store.package("11" * 32) is None
    assert not store.has_package("11" * 32)
    store.add_package("11" * 32, 2, bytes(60), 5)
    store.add_package("11" * 32, 2, bytes(60), 6)
    with pytest.raises(PackageQuota):
        store.add_package("22" * 32, 2, bytes(41), 7)
    store.add_package("22" * 32, 3, bytes(41), 7)
    again = NodeStore(engine)
    assert again.package("11" * 32) == bytes(60)
    assert again.has_package("22" * 32)

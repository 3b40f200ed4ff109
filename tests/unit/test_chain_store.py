"""The outbox on SQLite and PostgreSQL."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, create_engine

from attestation.chain_errors import ChainArgumentInvalid
from attestation.transaction_store import (
    SqlTransactionStore,
    Status,
    TransactionRecord,
    create_tables,
    decided,
)

SENDER = "0x" + "ab" * 20
RECORD = TransactionRecord(
    transaction=b"\x01" * 32,
    purpose="attest/1",
    attempt=0,
    chain_id=19011,
    sender=SENDER,
    nonce=7,
    bump=0,
    raw=b"\x02\x03",
    status=Status.STORED,
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url)
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> SqlTransactionStore:
    return SqlTransactionStore(engine)


def test_what_is_added_is_there_for_the_next_process(store: SqlTransactionStore, database_url: str) -> None:
    assert store.of("attest/1", 19011, SENDER) == []
    assert store.next_nonce(19011, SENDER) == 0
    assert store.add(RECORD)
    engine = create_engine(database_url)
    again = SqlTransactionStore(engine)
    assert again.of("attest/1", 19011, SENDER) == [RECORD]
    assert again.pending(19011, SENDER) == [RECORD]
    assert again.next_nonce(19011, SENDER) == 8
    engine.dispose()


def test_a_purpose_and_a_nonce_are_taken_once(store: SqlTransactionStore) -> None:
    assert store.add(RECORD)
    assert not store.add(RECORD)
    assert not store.add(replace(RECORD, transaction=b"\x02" * 32, nonce=8))  # the attempt is taken
    assert not store.add(replace(RECORD, transaction=b"\x02" * 32, purpose="attest/2"))  # the nonce is taken
    assert store.add(replace(RECORD, transaction=b"\x02" * 32, attempt=1, bump=1))  # a replacement
    assert store.add(replace(RECORD, chain_id=1))
    assert store.add(replace(RECORD, sender="0x" + "cd" * 20))
    assert [record.bump for record in store.of("attest/1", 19011, SENDER)] == [0, 1]


def test_transactions_of_others_use_no_nonce(store: SqlTransactionStore) -> None:
    for number in (1, 2):
        foreign = replace(RECORD, purpose=f"attest/{number}", nonce=None, status=Status.FULFILLED, block_number=number)
        assert store.add(foreign)  # one transaction may serve two purposes
    assert store.next_nonce(19011, SENDER) == 0
    assert store.pending(19011, SENDER) == []


def test_an_outcome_is_stored(store: SqlTransactionStore) -> None:
    other = replace(RECORD, purpose="attest/2", nonce=8)
    assert store.add(RECORD)
    assert store.add(other)
    confirmed = decided(RECORD, Status.CONFIRMED, 12, b"\x09" * 32)
    store.update(confirmed)
    assert store.of("attest/1", 19011, SENDER) == [confirmed]
    assert confirmed.final
    assert store.pending(19011, SENDER) == [other]
    assert store.confirmed_since(19011, SENDER, 12) == [confirmed]
    assert store.confirmed_since(19011, SENDER, 13) == []
    store.update(decided(confirmed, Status.STORED, None, None))
    assert store.pending(19011, SENDER) == [RECORD, other]


def test_large_numbers_survive(store: SqlTransactionStore) -> None:
    record = replace(RECORD, nonce=2**62, chain_id=2**53 - 1, raw=bytes(100_000))
    assert store.add(record)
    assert store.of("attest/1", 2**53 - 1, SENDER) == [record]


@pytest.mark.parametrize("purpose", ["", "x" * 201])
def test_a_purpose_that_cannot_be_stored(store: SqlTransactionStore, purpose: str) -> None:
    with pytest.raises(ChainArgumentInvalid):
        store.add(replace(RECORD, purpose=purpose))


def test_of_many_at_once_one_wins(store: SqlTransactionStore) -> None:
    won: list[int] = []

    def race(number: int) -> None:
        mine = replace(RECORD, transaction=bytes([number]) * 32, purpose=f"attest/{number}")
        if store.add(mine):
            won.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert [record.purpose for record in store.pending(19011, SENDER)] == [f"attest/{won[0]}"]

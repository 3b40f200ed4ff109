"""C1: a reorganisation that removes an attestation is noticed, and the same transaction is sent again, once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attestation.publish import Patience
from attestation.transaction_store import Status
from tests.contracts.chains import TestChain, anvil, anvil_missing
from tests.contracts.consortium import attestation, deploy, register, send, signatures
from tests.contracts.faults import Desk

N = 3  # confirmations


@pytest.fixture(scope="module")
def chain() -> Iterator[TestChain]:
    missing = anvil_missing()
    if missing:
        pytest.skip(missing)
    with anvil("--no-mining") as running:
        running.control("evm_setAutomine", True)
        yield running


@pytest.fixture
def desk(chain: TestChain, tmp_path: Path) -> Desk:
    desk = Desk(chain, deploy(chain), f"sqlite:///{tmp_path / 'outbox.db'}")
    desk.publisher = desk.publisher_with(Patience(confirmations=N, poll=1.0, timeout=60.0, replace_after=1000.0))
    desk.clock._on_sleep = lambda: chain.control("evm_mine")
    return desk


def topics(fields: Any) -> list[Any]:
    return [None, "0x" + fields.query_id.hex()]


def attested(desk: Desk, fields: Any) -> int:
    address = desk.client.web3.to_checksum_address(desk.ledger.contract)
    criteria = {"address": address, "topics": topics(fields), "fromBlock": "0x0", "toBlock": "latest"}
    return len(desk.client.logs(criteria))


@pytest.mark.parametrize("depth", range(1, N + 3))
def test_a_vanished_attestation_comes_back_once(chain: TestChain, desk: Desk, depth: int) -> None:
    root = register(desk.contract, 1)
    fields = attestation(desk.contract, [root])
    before = chain.control("evm_snapshot")
    for _ in range(2):
        chain.control("evm_mine")
    record = desk.publisher.submit("attest/x", lambda: desk.ledger.attest(fields, signatures(desk.ledger, fields)))
    assert record.status is Status.CONFIRMED
    assert record.block_number is not None
    assert desk.client.head() - record.block_number + 1 == N
    for _ in range(depth - 1):
        chain.control("evm_mine")
    chain.control("evm_revert", before)
    assert desk.ledger.attestation(fields.query_id) is None

    resumed = desk.restart()
    resumed.clock._on_sleep = lambda: chain.control("evm_mine")
    resumed.publisher = resumed.publisher_with(Patience(confirmations=N, timeout=60.0))
    outcome = resumed.publisher.resume()
    assert outcome.failures == ()
    (again,) = outcome.records
    assert again.status is Status.CONFIRMED
    assert again.raw == record.raw
    assert again.block_hash != record.block_hash
    assert attested(desk, fields) == 1
    assert resumed.publisher.resume().records == ()  # settled
    assert resumed.publisher.submit("attest/x", lambda: pytest.fail("built again")) == again


def test_confirmations_start_again_after_a_reorganisation(chain: TestChain, desk: Desk) -> None:
    root = register(desk.contract, 1)
    fields = attestation(desk.contract, [root])
    snapshots = [chain.control("evm_snapshot")]
    mined = 0

    def pass_time() -> None:
        nonlocal mined
        mined += 1
        if mined == N - 1:  # one block before it would count as confirmed
            chain.control("evm_revert", snapshots.pop())
        chain.control("evm_mine")

    desk.clock._on_sleep = pass_time
    record = desk.publisher.submit("attest/y", lambda: desk.ledger.attest(fields, signatures(desk.ledger, fields)))
    assert snapshots == []
    assert record.status is Status.CONFIRMED
    receipt = desk.client.receipt(record.transaction)
    assert receipt is not None
    assert desk.client.confirmations(receipt) >= N
    assert receipt.block_hash == record.block_hash
    assert attested(desk, fields) == 1


def test_a_foreign_transaction_that_vanishes_no_longer_counts(chain: TestChain, desk: Desk) -> None:
    root = register(desk.contract, 1)
    fields = attestation(desk.contract, [root])
    call = desk.ledger.attest(fields, signatures(desk.ledger, fields))
    before = chain.control("evm_snapshot")
    send(desk.client, "stranger", call)
    assert desk.publisher.submit("attest/z", lambda: call).status is Status.FULFILLED
    chain.control("evm_revert", before)
    assert desk.publisher.resume().failures == ()
    record = desk.publisher.submit("attest/z", lambda: call)
    assert record.status is Status.CONFIRMED
    assert attested(desk, fields) == 1


def test_a_receipt_of_a_vanished_block_confirms_nothing(chain: TestChain, desk: Desk) -> None:
    before = chain.control("evm_snapshot")
    root = register(desk.contract, 2)
    fields = attestation(desk.contract, [root])
    receipt = send(desk.client, "hub", desk.ledger.attest(fields, signatures(desk.ledger, fields)))
    assert desk.client.confirmations(receipt) == 1
    chain.control("evm_revert", before)
    assert desk.client.confirmations(receipt) == 0


def test_a_transaction_that_is_not_mined_gets_a_higher_fee(chain: TestChain, desk: Desk) -> None:
    """A real pool: the first transaction waits, the replacement is taken in its place and only it is mined."""
    root = register(desk.contract, 3)
    fields = attestation(desk.contract, [root])
    slept = 0

    def pass_time() -> None:
        nonlocal slept
        slept += 1
        if slept > 6:
            chain.control("evm_mine")

    chain.control("evm_setAutomine", False)
    try:
        desk.clock._on_sleep = pass_time
        publisher = desk.publisher_with(Patience(poll=1.0, timeout=60.0, replace_after=2.5))
        record = publisher.submit("attest/slow", lambda: desk.ledger.attest(fields, signatures(desk.ledger, fields)))
    finally:
        chain.control("evm_setAutomine", True)
    attempts = desk.store.of("attest/slow", chain.chain_id, publisher.account)
    assert len(attempts) >= 2
    assert record.transaction == attempts[-1].transaction
    assert [attempt.status for attempt in attempts[:-1]] == [Status.SUPERSEDED] * (len(attempts) - 1)
    assert attested(desk, fields) == 1


def test_a_transaction_dropped_from_the_pool_is_sent_again(chain: TestChain, desk: Desk) -> None:
    root = register(desk.contract, 4)
    fields = attestation(desk.contract, [root])
    slept = 0

    def pass_time() -> None:
        nonlocal slept
        slept += 1
        if slept <= 2:
            (attempt,) = desk.store.of("attest/dropped", chain.chain_id, desk.publisher.account)
            dropped = chain.control("anvil_dropTransaction", "0x" + attempt.transaction.hex())
            assert dropped == "0x" + attempt.transaction.hex()
        else:
            chain.control("evm_mine")

    chain.control("evm_setAutomine", False)
    try:
        desk.clock._on_sleep = pass_time
        publisher = desk.publisher_with(Patience(poll=1.0, timeout=60.0, replace_after=1000.0))
        publisher.submit("attest/dropped", lambda: desk.ledger.attest(fields, signatures(desk.ledger, fields)))
    finally:
        chain.control("evm_setAutomine", True)
    assert attested(desk, fields) == 1

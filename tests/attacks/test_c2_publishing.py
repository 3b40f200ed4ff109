"""C2: a stuck, lost, replaced or doubled transaction never leads to a second attestation or to none."""

import os
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from attestation.chain_errors import ChainConflict, ChainRejected, ChainReverted, ChainUnconfirmed
from attestation.ledger import Effect, Ledger
from attestation.publish import Patience
from attestation.transaction_store import Status, TransactionRecord, chain_transactions
from attestation.transactions import Call, read
from tests.contracts.chains import TestChain, account, key, running_chain  # noqa: F401 (fixture)
from tests.contracts.consortium import attestation, deploy, register, send, signatures
from tests.contracts.faults import PATIENCE, Desk, Killed, error


@pytest.fixture(scope="module")
def ledger(chain: TestChain) -> Ledger:
    return deploy(chain)


@pytest.fixture(scope="module")
def root(ledger: Ledger) -> bytes:
    return register(ledger, 1)


@pytest.fixture
def desk(chain: TestChain, ledger: Ledger, tmp_path: Path) -> Desk:
    return Desk(chain, ledger, f"sqlite:///{tmp_path / 'outbox.db'}")


class Job:
    """One attestation to publish."""

    def __init__(self, ledger: Ledger, root: bytes) -> None:
        self.ledger = ledger
        self.fields = attestation(ledger, [root])
        self.purpose = f"attest/{self.fields.query_id.hex()}"
        self.built = 0

    def build(self) -> Call:
        self.built += 1
        return self.ledger.attest(self.fields, signatures(self.ledger, self.fields))

    @property
    def times_attested(self) -> int:
        """How many transactions on chain attested this query, by the event log."""
        topic = "0x" + self.fields.query_id.hex()
        criteria = {
            "address": self.ledger.client.web3.to_checksum_address(self.ledger.contract),
            "topics": [None, topic],
            "fromBlock": "0x0",
            "toBlock": "latest",
        }
        return len(self.ledger.client.logs(criteria))


@pytest.fixture
def job(ledger: Ledger, root: bytes) -> Job:
    return Job(ledger, root)


def submit(desk: Desk, job: Job) -> TransactionRecord:
    return desk.publisher.submit(job.purpose, job.build)


def test_it_publishes_once_however_often_it_is_asked(desk: Desk, job: Job) -> None:
    record = submit(desk, job)
    assert record.status is Status.CONFIRMED
    assert [submit(desk, job) for _ in range(3)] == [record] * 3
    assert submit(desk.restart(), job) == record
    assert job.built == 1
    assert job.times_attested == 1
    assert desk.ledger.attestation(job.fields.query_id) == job.fields.statement


def test_a_transaction_is_durable_before_it_is_sent(desk: Desk, job: Job) -> None:
    seen = []

    def check(method: str, params: Any) -> None:
        if method == "eth_sendRawTransaction":
            with desk.engine.connect() as connection:  # another connection than the store's: sees what is committed
                stored = [bytes(raw) for raw in connection.execute(select(chain_transactions.c.raw)).scalars()]
            seen.append(bytes.fromhex(params[0][2:]) in stored)

    desk.provider.before = check
    submit(desk, job)
    assert seen
    assert all(seen)


def _kill_before_store(desk: Desk) -> None:
    def die(record: TransactionRecord) -> None:
        raise Killed

    desk.store.before = die


def _kill_after_store(desk: Desk) -> None:
    def die(record: TransactionRecord) -> None:
        raise Killed

    desk.store.after = die


def _kill_before_send(desk: Desk) -> None:
    def die(method: str, params: Any) -> None:
        if method == "eth_sendRawTransaction":
            raise Killed

    desk.provider.before = die


def _kill_after_send(desk: Desk) -> None:
    def die(method: str, params: Any) -> None:
        if method == "eth_sendRawTransaction":
            raise Killed

    desk.provider.after = die


def _kill_at_confirmation(desk: Desk) -> None:
    def die(method: str, params: Any) -> None:
        if method == "eth_getTransactionReceipt" and desk.provider.sent:
            raise Killed

    desk.provider.after = die


KILLS = [_kill_before_store, _kill_after_store, _kill_before_send, _kill_after_send, _kill_at_confirmation]


@pytest.mark.parametrize("kill", KILLS)
def test_a_kill_at_any_step_leads_to_one_attestation(desk: Desk, job: Job, kill: Callable[[Desk], None]) -> None:
    kill(desk)
    with pytest.raises(Killed):
        submit(desk, job)
    after = desk.restart()
    resumed = after.publisher.resume()
    assert resumed.failures == ()
    if kill is _kill_before_store:
        # Nothing was promised and nothing sent.
        assert resumed.records == ()
        assert desk.provider.sent == []
        assert job.times_attested == 0
    else:
        (record,) = resumed.records
        assert record.status is Status.CONFIRMED
        assert all(sent == record.raw for sent in desk.provider.sent)  # the same bytes, never a second signature
    assert submit(after, job).final
    assert job.times_attested == 1


@pytest.mark.parametrize("kill", KILLS)
def test_a_kill_does_not_hold_up_the_next_purpose(desk: Desk, ledger: Ledger, root: bytes, kill: Any) -> None:
    first, second = Job(ledger, root), Job(ledger, root)
    kill(desk)
    with pytest.raises(Killed):
        submit(desk, first)
    after = desk.restart()
    # Without `resume`: the nonce of the first is stored and unused, so the second has to send the first as well.
    assert submit(after, second).final
    assert submit(after, first).final
    assert (first.times_attested, second.times_attested) == (1, 1)


def test_an_answer_that_is_lost_does_not_double_it(desk: Desk, job: Job) -> None:
    lost: list[str] = []

    def lose(method: str, params: Any) -> Any:
        if method == "eth_sendRawTransaction" and not lost:
            lost.append(method)
            desk.provider.inner.make_request(method, params)  # type: ignore[arg-type]
            return error("upstream timed out", code=-32603)
        return None

    desk.provider.before = lose
    assert submit(desk, job).status is Status.CONFIRMED
    assert lost
    assert job.times_attested == 1


def test_a_transaction_that_the_node_forgets_is_sent_again(desk: Desk, job: Job) -> None:
    forgotten: list[bytes] = []

    def forget(method: str, params: Any) -> Any:
        # The node says yes and drops it, as a full pool does.
        if method == "eth_sendRawTransaction" and len(forgotten) < 3:
            forgotten.append(bytes.fromhex(params[0][2:]))
            return {"jsonrpc": "2.0", "id": 1, "result": "0x" + "00" * 32}
        return None

    desk.provider.before = forget
    record = submit(desk, job)
    assert record.status is Status.CONFIRMED
    assert set(forgotten) == {record.raw}
    assert job.times_attested == 1


@pytest.mark.parametrize(
    "message",
    [
        "transaction underpriced",
        "replacement transaction underpriced",
        "max fee per gas less than block base fee: address 0x00, maxFeePerGas: 1, baseFee: 2",
    ],
)
def test_an_underpriced_transaction_is_replaced_under_its_nonce(desk: Desk, job: Job, message: str) -> None:
    refused: list[bytes] = []

    def refuse(method: str, params: Any) -> Any:
        if method == "eth_sendRawTransaction":
            raw = bytes.fromhex(params[0][2:])
            if raw in refused or len(refused) < 2:
                refused.append(raw)
                return error(message)
        return None

    desk.provider.before = refuse
    record = submit(desk, job)
    assert record.status is Status.CONFIRMED
    attempts = desk.store.of(job.purpose, desk.client.chain_id, desk.publisher.account)
    assert len(attempts) >= 3
    assert {attempt.nonce for attempt in attempts} == {record.nonce}
    fees = [read(attempt.raw).fees for attempt in attempts]
    for lower, higher in pairwise(fees):
        assert higher.max_fee * 10 >= lower.max_fee * 11
        assert higher.tip > lower.tip
    assert [attempt.status for attempt in attempts].count(Status.CONFIRMED) == 1
    assert Status.STORED not in [attempt.status for attempt in attempts]
    assert job.times_attested == 1


def test_the_fee_has_a_limit(desk: Desk, job: Job) -> None:
    desk.provider.before = lambda method, params: (
        error("transaction underpriced") if method == "eth_sendRawTransaction" else None
    )
    limit = 20 * desk.client.fees().max_fee
    with pytest.raises(ChainUnconfirmed):
        desk.publisher_with(Patience(max_fee=limit, timeout=1e9)).submit(job.purpose, job.build)
    attempts = desk.store.of(job.purpose, desk.client.chain_id, desk.publisher.account)
    assert max(read(attempt.raw).fees.max_fee for attempt in attempts) <= limit
    desk.provider.before = lambda method, params: None
    assert submit(desk, job).status is Status.CONFIRMED
    assert job.times_attested == 1


def test_a_nonce_that_nothing_uses_is_filled(desk: Desk, job: Job) -> None:
    # A transaction of another store got the nonce before ours and was dropped from the pool for ever.
    true_nonce = desk.client.nonce(desk.publisher.account)
    foreign = [True]

    def pretend(method: str, params: Any) -> Any:
        if method == "eth_getTransactionCount" and params[1] == "pending" and foreign:
            foreign.clear()
            return {"jsonrpc": "2.0", "id": 1, "result": hex(true_nonce + 2)}
        return None

    desk.provider.before = pretend
    record = submit(desk, job)
    assert record.nonce == true_nonce + 2
    assert desk.client.nonce(desk.publisher.account) == true_nonce + 3
    assert desk.publisher.resume().failures == ()
    assert desk.store.pending(desk.client.chain_id, desk.publisher.account) == []
    assert job.times_attested == 1


def test_a_nonce_that_another_store_used_is_given_up(desk: Desk, job: Job, ledger: Ledger, root: bytes) -> None:
    # Two machines with one key and separate stores: somebody restored a backup.
    def overtake(record: TransactionRecord) -> None:
        desk.store.after = lambda record: None
        send(ledger.client, "hub", ledger.register_dataset(os.urandom(32), 1, os.urandom(32)))  # fails, uses the nonce

    desk.store.after = overtake
    record = submit(desk, job)
    attempts = desk.store.of(job.purpose, desk.client.chain_id, desk.publisher.account)
    assert [attempt.status for attempt in attempts] == [Status.SUPERSEDED, Status.CONFIRMED]
    assert record.nonce is not None
    assert attempts[0].nonce == record.nonce - 1
    assert job.times_attested == 1


def test_two_publishers_with_one_key_and_one_store(desk: Desk, ledger: Ledger, root: bytes) -> None:
    jobs = [Job(ledger, root) for _ in range(4)]
    outcomes: list[TransactionRecord] = []
    failures: list[BaseException] = []

    def work(mine: Desk, order: list[Job]) -> None:
        try:
            outcomes.extend(submit(mine, job) for job in order)
        except BaseException as failure:  # noqa: BLE001 (reported below)
            failures.append(failure)

    desks = [desk, Desk(desk.chain, ledger, desk.url)]
    threads = [
        threading.Thread(target=work, args=(desks[0], jobs)),
        threading.Thread(target=work, args=(desks[1], jobs[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {record.purpose for record in outcomes} == {job.purpose for job in jobs}
    assert [job.times_attested for job in jobs] == [1] * 4


def test_what_another_account_has_posted_is_taken_up(desk: Desk, job: Job) -> None:
    receipt = send(desk.client, "stranger", job.build())
    record = submit(desk, job)
    assert record.status is Status.FULFILLED
    assert record.transaction == receipt.transaction
    assert read(record.raw).sender == account("stranger")
    assert desk.provider.sent == [record.raw]  # the stranger's; we sent nothing
    assert submit(desk.restart(), job) == record
    assert job.times_attested == 1


def test_losing_a_race_to_another_account_counts_as_done(desk: Desk, job: Job, ledger: Ledger) -> None:
    def overtake(record: TransactionRecord) -> None:
        desk.store.after = lambda record: None
        assert send(ledger.client, "stranger", job.build()).succeeded

    desk.store.after = overtake
    record = submit(desk, job)
    assert record.status is Status.FULFILLED
    assert read(record.raw).sender == account("stranger")
    resumed = desk.publisher.resume()
    assert resumed.failures == ()
    assert desk.store.pending(desk.client.chain_id, desk.publisher.account) == []  # our own is mined and refused
    assert job.times_attested == 1


def test_another_statement_for_the_query_is_a_conflict(desk: Desk, job: Job, ledger: Ledger, root: bytes) -> None:
    other = attestation(ledger, [root], query_id=job.fields.query_id)
    assert send(ledger.client, "stranger", ledger.attest(other, signatures(ledger, other))).succeeded
    with pytest.raises(ChainConflict):
        submit(desk, job)
    assert desk.provider.sent == []
    assert ledger.attestation(job.fields.query_id) == other.statement


def test_a_call_that_the_contract_refuses_is_never_signed(desk: Desk, ledger: Ledger, root: bytes) -> None:
    fields = attestation(ledger, [root])
    call = ledger.attest(fields, signatures(ledger, fields, [1]))
    with pytest.raises(ChainReverted) as refused:
        desk.publisher.submit("attest/refused", lambda: call)
    assert refused.value.error_name == "TooFewSignatures"
    assert refused.value.arguments == ("1", "2")
    assert desk.store.of("attest/refused", desk.client.chain_id, desk.publisher.account) == []


def test_a_refusal_after_signing_is_stored_and_named(desk: Desk, ledger: Ledger) -> None:
    dataset_key, root = os.urandom(32), os.urandom(32)
    mine = Desk(desk.chain, ledger, desk.url, name="member 1")
    call = ledger.register_dataset(dataset_key, 5, root)
    assert ledger.effect(call, account("member 1")) is Effect.ABSENT

    def overtake(record: TransactionRecord) -> None:
        mine.store.after = lambda record: None
        # The same member registers a later epoch with the same root from elsewhere, under the same nonce first.
        assert send(ledger.client, "member 1", ledger.register_dataset(dataset_key, 6, os.urandom(32))).succeeded

    mine.store.after = overtake
    with pytest.raises(ChainConflict):
        mine.publisher.submit("register/x", lambda: call)
    assert ledger.dataset(root) is None
    ((purpose, failure),) = mine.publisher.resume().failures
    assert (purpose, type(failure)) == ("register/x", ChainConflict)
    assert mine.publisher.resume().failures == ()  # its nonce is gone, so there is nothing left to resume


def test_without_funds_it_stays_stored(desk: Desk, ledger: Ledger, root: bytes, job: Job) -> None:
    refusing = [True]
    desk.provider.before = lambda method, params: (
        error("insufficient funds for gas * price + value") if method == "eth_sendRawTransaction" and refusing else None
    )
    with pytest.raises(ChainRejected):
        submit(desk, job)
    (record,) = desk.store.of(job.purpose, desk.client.chain_id, desk.publisher.account)
    assert record.status is Status.STORED
    refusing.clear()
    assert submit(desk.restart(), job).raw == record.raw
    assert job.times_attested == 1


def test_a_node_that_goes_away_is_waited_for(desk: Desk, job: Job) -> None:
    down = [True]

    def answer(method: str, params: Any) -> Any:
        return error("node is syncing", code=-32603) if desk.provider.sent and down else None

    desk.provider.before = answer
    with pytest.raises(ChainUnconfirmed):
        submit(desk, job)
    assert desk.clock.now >= PATIENCE.timeout
    down.clear()
    assert submit(desk, job).status is Status.CONFIRMED
    assert job.times_attested == 1


def test_no_secret_is_in_what_the_publisher_shows(desk: Desk, job: Job) -> None:
    record = submit(desk, job)
    shown = repr(desk.publisher) + repr(record) + repr(desk.store)
    assert key("hub").hex() not in shown
    assert repr(key("hub"))[2:-1] not in shown

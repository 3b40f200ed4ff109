"""The publisher: one purpose becomes at most one effect on chain, whatever crashes and whatever the node does.

The life of a purpose (docs/spec/08-chain.md, "Publishing"):
1. Ask the chain whether the purpose is reached already.
2. Sign a transaction with the next free nonce.
3. Store it durably.
4. Send it; after a crash, send the same bytes again.
5. Wait for its block and its confirmations; replace it with a higher fee (stored first) while it is not mined.
6. Store the outcome.

A crash before 3 leaves nothing. A crash after 3 leaves a transaction that `resume` sends. No order of events makes two
transactions of one purpose take effect, because they share a nonce or the contract writes once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from eth_account import Account
from eth_utils.crypto import keccak

from attestation.chain_client import ChainClient, Receipt
from attestation.chain_errors import (
    ChainConflict,
    ChainRejected,
    ChainResponseInvalid,
    ChainReverted,
    ChainUnavailable,
    ChainUnconfirmed,
)
from attestation.ledger import Effect
from attestation.transaction_store import Status, TransactionRecord, TransactionStore, decided
from attestation.transactions import Call, Fees, read, sign
from protocol.errors import ProofwardError

_GAP: Final = "gap/"  # purposes that only use up a nonce
_MAX_GAP: Final = 64

# What nodes say, by the client that says it: go-ethereum, anvil, Besu, Nethermind, Erigon.
_KNOWN: Final = ("already known", "known transaction", "already imported", "alreadyknown")
_NONCE_USED: Final = ("nonce too low", "nonce is too low", "oldnonce", "old nonce")
_NONCE_AHEAD: Final = ("nonce too high", "nonce gap", "nonce too distant")
_FEE_LOW: Final = ("underpriced", "less than block base fee", "fee too low", "feetoolow", "max fee per gas")


class Effects(Protocol):
    """What the publisher asks a `Ledger`."""

    def effect(self, call: Call, sender: str) -> Effect:
        """Whether the purpose of a call is on chain."""

    def find(self, call: Call) -> bytes | None:
        """Hash of the transaction that put it there."""

    def explain(self, error: ChainReverted) -> ChainReverted:
        """A refusal by name."""


@dataclass(frozen=True)
class Patience:
    """How long to wait and what to pay. Seconds, wei a gas, blocks."""

    confirmations: int = 1  # blocks, counting the transaction's own
    poll: float = 1.0
    timeout: float = 120.0  # after it `submit` gives up waiting; the transaction stays stored
    replace_after: float = 30.0  # not mined for so long: higher fee
    max_fee: int = 500 * 10**9
    reorganisation_depth: int = 64  # blocks in which `resume` looks for transactions that have vanished


@dataclass(frozen=True)
class Resumed:
    """What became of the transactions that a crash or a reorganisation left undecided."""

    records: tuple[TransactionRecord, ...]
    failures: tuple[tuple[str, ProofwardError], ...]  # purpose and error


class Publisher:
    """Publishes for one account. Several publishers of one account are sound if they share the store."""

    def __init__(
        self,
        client: ChainClient,
        key: bytes,
        store: TransactionStore,
        effects: Effects | None,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        patience: Patience | None = None,
    ) -> None:
        """Publish with the account of the 32-byte secret `key`.

        Args:
            client: the chain.
            key: kept private; it appears in no record, message or representation.
            store: the outbox.
            effects: the ledger; None only for deploying it.
            clock: monotonic seconds.
            sleep: waits for so many seconds.
            patience: limits; the defaults suit a chain with a block every few seconds.
        """
        self._client = client
        self._key = key
        self._store = store
        self._effects = effects
        self._clock = clock
        self._sleep = sleep
        self._patience = patience or Patience()
        self.account: Final = str(Account.from_key(key).address).lower()

    def submit(self, purpose: str, build: Callable[[], Call]) -> TransactionRecord:
        """Bring the effect of `build()` on chain, once for each `purpose`; the transaction that did it.

        Calling it again, also after a crash or while another process does, continues with what is stored.

        Raises:
            ChainReverted: the contract refuses the call.
            ChainConflict: something else has been written in its place.
            ChainRejected: the node does not take it, for example for lack of funds.
            ChainUnavailable, ChainResponseInvalid: the node fails before anything is stored.
            ChainUnconfirmed: it is stored but not confirmed in time.
        """
        deadline = self._clock() + self._patience.timeout
        while True:
            attempts = self._attempts(purpose)
            done = next((record for record in attempts if record.final), None)
            if done is None and not _live(attempts):
                done = self._prepare(purpose, len(attempts), build)
            elif done is None:
                done = self._drive(purpose, deadline)
            if done is not None:
                return done
            self._check_deadline(deadline)

    def resume(self) -> Resumed:
        """Take up what a crash left, and what a reorganisation removed. Call it at the start and now and then.

        Raises ChainUnavailable or ChainResponseInvalid if the node cannot be asked at all.
        """
        self._recheck()
        pending = self._store.pending(self._client.chain_id, self.account)
        for record in pending:  # all of them first: a later one waits in the node for the earlier ones
            self._send_quietly(record)
        records: list[TransactionRecord] = []
        failures: list[tuple[str, ProofwardError]] = []
        calls = {record.purpose: read(record.raw).call for record in pending}
        for purpose, call in calls.items():
            try:
                try:
                    records.append(self._finish(purpose, call))
                finally:
                    self._tidy(purpose)
            except ProofwardError as error:
                failures.append((purpose, error))
        return Resumed(tuple(records), tuple(failures))

    def _tidy(self, purpose: str) -> None:
        """Store what became of attempts that were overtaken by somebody else's transaction."""
        for record in _live(self._attempts(purpose)):
            receipt = self._client.receipt(record.transaction)
            if receipt is not None:
                self._decide_by(record, receipt)
            else:
                self._still_possible([record])

    def _finish(self, purpose: str, call: Call) -> TransactionRecord:
        if not purpose.startswith(_GAP):
            return self.submit(purpose, lambda: call)
        # A gap is closed by whatever uses its nonce.
        deadline = self._clock() + self._patience.timeout
        return self._drive(purpose, deadline) or self._attempts(purpose)[-1]

    # 1, 2, 3: ask, sign, store.

    def _prepare(self, purpose: str, attempt: int, build: Callable[[], Call]) -> TransactionRecord | None:
        """A new stored transaction, or the record of an effect that is there already. None: look again."""
        call = build()
        if self._is_present(call):
            return self._record_fulfilled(purpose, call)
        try:
            gas = self._client.estimate_gas(call, self.account)
        except ChainReverted as error:
            if self._is_present(call):
                return None  # somebody was faster by a moment
            raise self._explained(error) from error
        nonce = max(self._client.nonce(self.account, pending=True), self._next_nonce())
        # A tenth more: other transactions of the same block may change what this one costs.
        self._add(purpose, attempt, nonce, 0, call, gas + gas // 10, self._client.fees())
        return None

    def _add(
        self, purpose: str, attempt: int, nonce: int, bump: int, call: Call, gas: int, fees: Fees
    ) -> TransactionRecord | None:
        raw = sign(self._key, call, chain_id=self._client.chain_id, nonce=nonce, gas=gas, fees=fees)
        record = TransactionRecord(
            transaction=keccak(raw),
            purpose=purpose,
            attempt=attempt,
            chain_id=self._client.chain_id,
            sender=self.account,
            nonce=nonce,
            bump=bump,
            raw=raw,
            status=Status.STORED,
        )
        return record if self._store.add(record) else None

    # 4: send.

    def _send(self, record: TransactionRecord) -> None:
        """Give the transaction to the node. Raises ChainRejected if it is refused for what waiting does not change."""
        try:
            self._client.send(record.raw)
        except ChainRejected as error:
            message = error.message.lower()
            if _any(message, _NONCE_AHEAD):
                self._fill_gaps(record)
                self._send_quietly(record)
            elif _any(message, _FEE_LOW):
                self._replace(record)
            elif not _any(message, _KNOWN + _NONCE_USED):
                raise

    def _send_quietly(self, record: TransactionRecord) -> None:
        try:
            self._client.send(record.raw)
        except (ChainRejected, ChainUnavailable):
            return  # it stays stored; who waits for it sends it again and judges the answer

    def _replace(self, record: TransactionRecord) -> None:
        """Sign, store and send the same call under the same nonce with a fee that a node accepts as a replacement."""
        attempts = self._attempts(record.purpose)
        newest = _live(attempts)[-1] if _live(attempts) else record
        signed, now = read(newest.raw), self._client.fees()
        # Nodes ask for 10 % more in both fields; a quarter also catches up with a base fee that rises.
        fees = Fees(
            max_fee=max(signed.fees.max_fee * 5 // 4 + 1, now.max_fee),
            tip=max(signed.fees.tip * 5 // 4 + 1, now.tip),
        )
        if fees.max_fee > self._patience.max_fee:
            raise ChainUnconfirmed(
                "a transaction needs a higher fee than is allowed", hint="raise the fee limit or wait", where=record.purpose
            )
        bumped = self._add(
            record.purpose, len(attempts), signed.nonce, newest.bump + 1, signed.call, signed.gas, fees
        )  # fmt: skip
        if bumped is not None:
            self._send_quietly(bumped)

    def _fill_gaps(self, record: TransactionRecord) -> None:
        """Send what is stored under the nonces before `record`; use up the nonces under which nothing is stored."""
        first = self._client.nonce(self.account)
        pending = {earlier.nonce: earlier for earlier in self._store.pending(self._client.chain_id, self.account)}
        for nonce in range(first, min(record.nonce or 0, first + _MAX_GAP)):
            earlier = pending.get(nonce)
            if earlier is None and self._client.nonce(self.account, pending=True) <= nonce:
                purpose = f"{_GAP}{nonce}"
                attempts, call = self._attempts(purpose), Call(self.account, b"")
                gas = self._client.estimate_gas(call, self.account)
                earlier = self._add(purpose, len(attempts), nonce, 0, call, gas, self._client.fees())
            if earlier is not None:
                self._send_quietly(earlier)

    # 5, 6: wait, and store the outcome.

    def _drive(self, purpose: str, deadline: float) -> TransactionRecord | None:
        """Send and wait until the purpose is reached. None: no attempt can be mined any more."""
        replace_at = self._clock() + self._patience.replace_after
        mined = False
        while True:
            try:
                attempts = self._attempts(purpose)
                done = next((record for record in attempts if record.final), None)
                if done is not None or not _live(attempts):
                    return done
                if not mined:
                    newest = _live(attempts)[-1]
                    self._fill_gaps(newest)
                    self._send(newest)
                    if self._clock() >= replace_at:
                        self._replace(newest)
                        replace_at = self._clock() + self._patience.replace_after
                live = _live(self._attempts(purpose))
                settled, mined = self._settle(live)
                if settled is not None or not (mined or self._still_possible(live)):
                    return settled
            except ChainUnavailable:
                # The node may have taken the transaction or not; asking again finds out.
                self._check_deadline(deadline)
            self._check_deadline(deadline)
            self._sleep(self._patience.poll)

    def _settle(self, live: list[TransactionRecord]) -> tuple[TransactionRecord | None, bool]:
        """The decided record if there is one, and whether one of the attempts is in a block."""
        for record in live:
            receipt = self._client.receipt(record.transaction)
            if receipt is None:
                continue
            if self._client.confirmations(receipt) < self._patience.confirmations:
                return None, True
            self._decide_by(record, receipt)
            for other in live:
                if other != record:
                    self._decide(other, Status.SUPERSEDED, None)
            if receipt.succeeded:
                return decided(record, Status.CONFIRMED, receipt.block_number, receipt.block_hash), True
            return self._after_refusal(record), True
        call = read(live[-1].raw).call if live else None
        if call is not None and self._is_present(call):
            return self._record_fulfilled(live[-1].purpose, call), False
        return None, False

    def _after_refusal(self, record: TransactionRecord) -> TransactionRecord | None:
        call = read(record.raw).call
        if self._is_present(call):
            return self._record_fulfilled(record.purpose, call)
        try:
            self._client.call(call, sender=self.account)
        except ChainReverted as error:
            raise self._explained(error) from error
        raise ChainReverted("unknown")

    def _still_possible(self, live: list[TransactionRecord]) -> bool:
        """False, and stored, if another transaction has used the nonce."""
        if not live or live[-1].nonce is None or self._client.nonce(self.account) <= live[-1].nonce:
            return bool(live)
        # Asked again: it may have been mined between the two questions.
        if any(self._client.receipt(record.transaction) is not None for record in live):
            return True
        for record in live:
            self._decide(record, Status.SUPERSEDED, None)
        return False

    def _record_fulfilled(self, purpose: str, call: Call) -> TransactionRecord | None:
        """The transaction of somebody else that did it, stored; None while it is not confirmed, or if it is ours."""
        transaction = self._effects.find(call) if self._effects else None
        receipt = None if transaction is None else self._client.receipt(transaction)
        raw = None if transaction is None else self._client.raw_transaction(transaction)
        if transaction is None or receipt is None or raw is None or not receipt.succeeded:
            raise ChainResponseInvalid("the chain says that a call took effect, but not in which transaction")
        attempts = self._attempts(purpose)
        if any(record.transaction == transaction for record in _live(attempts)):
            return None  # mined a moment ago; its receipt decides
        if self._client.confirmations(receipt) < self._patience.confirmations:
            self._sleep(self._patience.poll)
            return None
        record = TransactionRecord(
            transaction=transaction,
            purpose=purpose,
            attempt=len(attempts),
            chain_id=self._client.chain_id,
            sender=self.account,
            nonce=None,
            bump=0,
            raw=raw,
            status=Status.FULFILLED,
            block_number=receipt.block_number,
            block_hash=receipt.block_hash,
        )
        return record if self._store.add(record) else None

    def _recheck(self) -> None:
        """Look again at what was confirmed lately: a reorganisation may have removed it."""
        since = max(self._client.head() - self._patience.reorganisation_depth, 0)
        for record in self._store.confirmed_since(self._client.chain_id, self.account, since):
            receipt = self._client.receipt(record.transaction)
            if receipt is None or not receipt.succeeded:
                # Ours is sent again; somebody else's no longer counts, and `submit` makes a new one.
                self._decide(record, Status.SUPERSEDED if record.nonce is None else Status.STORED, None)
            elif receipt.block_hash != record.block_hash:
                self._decide(record, record.status, receipt)

    def _decide_by(self, record: TransactionRecord, receipt: Receipt) -> None:
        self._decide(record, Status.CONFIRMED if receipt.succeeded else Status.REVERTED, receipt)

    def _decide(self, record: TransactionRecord, status: Status, receipt: Receipt | None) -> None:
        number, block = (receipt.block_number, receipt.block_hash) if receipt else (None, None)
        self._store.update(decided(record, status, number, block))

    def _is_present(self, call: Call) -> bool:
        """Whether somebody has done it. Raises ChainConflict if that has become impossible."""
        effect = Effect.ABSENT if self._effects is None else self._effects.effect(call, self.account)
        if effect is Effect.CONTRADICTED:
            raise ChainConflict("the chain already says something else for this purpose")
        return effect is Effect.PRESENT

    def _explained(self, error: ChainReverted) -> ChainReverted:
        return error if self._effects is None else self._effects.explain(error)

    def _attempts(self, purpose: str) -> list[TransactionRecord]:
        return self._store.of(purpose, self._client.chain_id, self.account)

    def _next_nonce(self) -> int:
        return self._store.next_nonce(self._client.chain_id, self.account)

    def _check_deadline(self, deadline: float) -> None:
        if self._clock() >= deadline:
            raise ChainUnconfirmed("a transaction has not been confirmed in time", hint="it stays stored; resume later")


def _live(attempts: list[TransactionRecord]) -> list[TransactionRecord]:
    """The attempts that may still be mined, in order. They share a nonce."""
    return [record for record in attempts if record.status is Status.STORED]


def _any(message: str, parts: tuple[str, ...]) -> bool:
    return any(part in message for part in parts)

"""An EVM inside the process, for trials and small consortia that run no chain: py-evm with a journal.

A signed transaction is checked, written durably to the journal, executed, and becomes one block. On start the journal is
executed again and gives the same blocks. What is promised and what is not (docs/spec/08-chain.md, "The embedded chain"):
whoever holds the journal can rewrite it, so an embedded chain proves order and checks signatures and openings, but only
the copies of blocks and attestations that others keep make it tamper-evident.

Several threads may use one `EmbeddedChain`; one lock covers everything.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth import constants
from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.exceptions import Revert, VMError
from eth.vm.forks.prague import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_typing import Address, BlockNumber
from eth_utils.address import to_canonical_address
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException  # type: ignore[import-untyped]

from attestation.chain_errors import (
    ChainArgumentInvalid,
    ChainJournalCorrupted,
    ChainRejected,
    ChainReverted,
)
from attestation.chain_journal import Genesis, Journal, Record

DEFAULT_CHAIN_ID: Final = 19011
BLOCK_GAS_LIMIT: Final = 30_000_000
CALL_GAS_LIMIT: Final = 8_000_000  # of a call or an estimate, which nobody pays for
MAX_TRANSACTION_BYTES: Final = 1 << 17  # what go-ethereum's pool accepts
INITIAL_BASE_FEE: Final = 10**9  # wei a gas
_FUNDS: Final = 10**24  # wei
_ZERO: Final = b"\x00" * 20
_ACCEPTED_TYPES: Final = frozenset({1, 2})  # EIP-2930 and EIP-1559; a first byte from 0xc0 on is a legacy list


class _Chain(MiningChain):
    vm_configuration = ((BlockNumber(0), PragueVM),)

    def create_header_from_parent(self, parent_header: Any, **parameters: Any) -> Any:
        # py-evm would move the gas limit and take the time of day; both would make a replay differ.
        parameters.setdefault("timestamp", parent_header.timestamp + 1)
        return super().create_header_from_parent(parent_header, **{**parameters, "gas_limit": parent_header.gas_limit})


@dataclass(frozen=True)
class Mined:
    """One executed transaction, which is the only one of its block."""

    block: Any  # py-evm block
    transaction: Any  # py-evm signed transaction
    logs: tuple[Any, ...]  # py-evm logs
    succeeded: bool
    gas_used: int
    contract: bytes | None  # address of the created contract


class EmbeddedChain:
    """The chain. Construction replays the journal; a block takes about as long as it took at first."""

    def __init__(
        self,
        path: Path,
        *,
        funded: Sequence[str],
        clock: Callable[[], float],
        chain_id: int = DEFAULT_CHAIN_ID,
    ) -> None:
        """Open or create the chain whose journal is `path`.

        Args:
            path: the journal.
            funded: accounts that can pay for gas; fixed when the journal is created.
            clock: Unix time in seconds, for the timestamps of blocks.
            chain_id: fixed when the journal is created.

        Raises:
            ChainJournalCorrupted, ChainJournalInUse, ChainUnavailable: see `Journal`.
        """
        self._lock = threading.RLock()
        self._clock = clock
        accounts = tuple(sorted({account.lower() for account in funded}))
        self._journal = Journal(path, Genesis(chain_id, int(clock()), accounts))
        try:
            self._chain = _new_chain(self._journal.genesis)
            self._mined: dict[bytes, Mined] = {}
            self._blocks: list[Mined] = []
            self._replay(self._journal.records)
        except BaseException:
            self._journal.close()
            raise

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._journal.genesis.chain_id

    @property
    def head(self) -> Any:
        """Header of the last block."""
        with self._lock:
            return self._chain.get_canonical_head()

    @property
    def base_fee(self) -> int:
        """What the next block charges, in wei a gas."""
        with self._lock:
            return self._chain.header.base_fee_per_gas or 0

    def close(self) -> None:
        """Release the journal. Later transactions are refused."""
        with self._lock:
            self._journal.close()

    def send_raw_transaction(self, raw: bytes) -> bytes:
        """Execute a signed transaction in a block of its own, after writing it to the journal; its hash.

        A transaction that reverts is mined too, as on every chain.

        Raises:
            ChainRejected: it cannot be in a block: malformed, of another chain, nonce, fee, funds, gas limit.
            ChainUnavailable: the journal cannot be written; the outcome is unknown until the next start.
        """
        with self._lock:
            transaction = self._decode(raw)
            if transaction.hash in self._mined:
                raise ChainRejected("already known")
            parent = self.head
            timestamp = max(int(self._clock()), parent.timestamp + 1)
            self._chain.set_header_timestamp(timestamp)
            self._check(transaction)
            self._journal.append(Record(parent.hash.hex(), timestamp, raw))
            self._execute(transaction)
            return bytes(transaction.hash)

    def call(self, sender: bytes, to: bytes, data: bytes, value: int, gas: int, block: int | None = None) -> bytes:
        """What a message call returns on the state after `block` (default: the last). Raises ChainReverted, ChainRejected."""
        with self._lock:
            output, _ = self._simulate(sender, to, data, value, min(gas, CALL_GAS_LIMIT), block)
            return output

    def estimate_gas(self, sender: bytes, to: bytes, data: bytes, value: int) -> int:
        """A gas limit with which the transaction succeeds now. Raises ChainReverted, ChainRejected."""
        with self._lock:
            _, used = self._simulate(sender, to, data, value, CALL_GAS_LIMIT, None)
            # An inner call gets at most 63/64 of what is left (EIP-150), and a refund comes only at the end: what was
            # used may not be enough as a limit. One more execution tells.
            limit = min(used + used // 50 + 2_500, CALL_GAS_LIMIT)
            try:
                self._simulate(sender, to, data, value, limit, None)
            except (ChainReverted, ChainRejected):
                return CALL_GAS_LIMIT
            return limit

    def nonce(self, account: bytes, block: int | None = None) -> int:
        """The number of transactions of `account` up to `block`."""
        with self._lock:
            return int(self._state(block).get_nonce(account))

    def balance(self, account: bytes, block: int | None = None) -> int:
        """In wei."""
        with self._lock:
            return int(self._state(block).get_balance(account))

    def code(self, account: bytes, block: int | None = None) -> bytes:
        """The runtime code of a contract."""
        with self._lock:
            return bytes(self._state(block).get_code(account))

    def header(self, block: int) -> Any:
        """Header of a block. Raises ChainArgumentInvalid if there is none."""
        with self._lock:
            if not 0 <= block <= self.head.block_number:
                raise ChainArgumentInvalid(f"there is no block {block}")
            return self._chain.get_canonical_block_header_by_number(BlockNumber(block))

    def mined(self, block: int) -> Mined | None:
        """The transaction of a block; None for the genesis and for blocks that do not exist."""
        with self._lock:
            return self._blocks[block - 1] if 1 <= block <= len(self._blocks) else None

    def find(self, transaction_hash: bytes) -> Mined | None:
        """The mined transaction with this hash."""
        with self._lock:
            return self._mined.get(transaction_hash)

    def handle_rpc(self, request: object) -> dict[str, Any]:
        """Answer one JSON-RPC request; see `attestation.embedded_rpc`."""
        from attestation.embedded_rpc import respond  # it imports this module

        with self._lock:
            return respond(self, request)

    def _replay(self, records: Sequence[Record]) -> None:
        for number, record in enumerate(records, start=1):
            try:
                if record.parent != self.head.hash.hex():
                    raise ChainJournalCorrupted("the blocks before differ from those of the first execution")
                self._chain.set_header_timestamp(record.timestamp)
                transaction = self._decode(record.transaction)
                self._check(transaction)
                self._execute(transaction)
            except (ChainRejected, ChainJournalCorrupted, ValidationError) as error:
                raise ChainJournalCorrupted(
                    f"block {number} of the chain journal does not replay: {error}",
                    hint="restore the journal from a backup; a newer py-evm may also execute differently",
                ) from error

    def _decode(self, raw: bytes) -> Any:
        if not 0 < len(raw) <= MAX_TRANSACTION_BYTES:
            raise ChainRejected("oversized or empty transaction")
        if raw[0] < 0xC0 and raw[0] not in _ACCEPTED_TYPES:
            raise ChainRejected("transaction type not supported")
        try:
            transaction = self._chain.get_vm().get_transaction_builder().decode(raw)
            transaction.validate()
            transaction.check_signature_validity()
            encoded = bytes(transaction.encode())
            _ = transaction.sender
        except (RLPException, ValidationError, ValueError, TypeError) as error:
            raise ChainRejected("malformed transaction") from error
        # One transaction has one encoding, otherwise one hash would stand for two journal records.
        if encoded != raw:
            raise ChainRejected("malformed transaction")
        if transaction.chain_id != self.chain_id:
            raise ChainRejected("invalid chain id for signer")
        return transaction

    def _check(self, transaction: Any) -> None:
        # Messages are those of go-ethereum: clients recognise them by text.
        vm = self._chain.get_vm()
        expected = vm.state.get_nonce(transaction.sender)
        if transaction.nonce < expected:
            raise ChainRejected(f"nonce too low: next nonce {expected}, tx nonce {transaction.nonce}")
        if transaction.nonce > expected:
            raise ChainRejected(f"nonce too high: next nonce {expected}, tx nonce {transaction.nonce}")
        if transaction.max_fee_per_gas < self._chain.header.base_fee_per_gas:
            raise ChainRejected("max fee per gas less than block base fee")
        if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
            raise ChainRejected("max priority fee per gas higher than max fee per gas")
        if transaction.gas > BLOCK_GAS_LIMIT:
            raise ChainRejected("exceeds block gas limit")
        if transaction.gas < transaction.intrinsic_gas:
            raise ChainRejected("intrinsic gas too low")
        cost = transaction.gas * transaction.max_fee_per_gas + transaction.value
        if vm.state.get_balance(transaction.sender) < cost:
            raise ChainRejected("insufficient funds for gas * price + value")
        try:
            vm.validate_transaction_against_header(self._chain.header, transaction)
            vm.state.validate_transaction(transaction)
        except ValidationError as error:
            raise ChainRejected("transaction is not valid in the next block") from error

    def _execute(self, transaction: Any) -> None:
        result, receipts, computations = self._chain.mine_all([transaction])
        block = result.imported_block
        mined = Mined(
            block=block,
            transaction=transaction,
            logs=tuple(receipts[0].logs),
            succeeded=bool(computations[0].is_success),
            gas_used=int(block.header.gas_used),
            contract=bytes(computations[0].msg.storage_address) if transaction.to == b"" else None,
        )
        self._mined[bytes(transaction.hash)] = mined
        self._blocks.append(mined)

    def _state(self, block: int | None) -> Any:
        return self._chain.get_vm(self._next_header(block)).state

    def _next_header(self, block: int | None) -> Any:
        # The state after a block is the state that the header following it starts from.
        return self._chain.header if block is None else self._chain.create_header_from_parent(self.header(block))

    def _simulate(self, sender: bytes, to: bytes, data: bytes, value: int, gas: int, block: int | None) -> tuple[bytes, int]:
        vm = self._chain.get_vm(self._next_header(block).copy(base_fee_per_gas=0))
        unsigned = self._chain.create_unsigned_transaction(
            nonce=vm.state.get_nonce(Address(sender)), gas_price=0, gas=gas, to=Address(to), value=value, data=data
        )
        transaction: Any = SpoofTransaction(unsigned, from_=sender)
        if transaction.intrinsic_gas > gas:
            raise ChainRejected("intrinsic gas too low")
        try:
            computation = vm.state.apply_transaction(transaction)
        except ValidationError as error:
            raise ChainRejected("the call is not valid in the next block") from error
        if computation.is_error:
            _raise_failure(computation.error)
        # Before refunds: what the limit has to cover.
        return bytes(computation.output), transaction.intrinsic_gas + int(computation.get_gas_used())


def _raise_failure(error: VMError) -> None:
    if isinstance(error, Revert):
        raise ChainReverted("unknown", data=bytes(error.args[0]) if error.args else b"")
    raise ChainRejected(f"the call fails: {type(error).__name__}")


def _new_chain(genesis: Genesis) -> _Chain:
    class Configured(_Chain):
        chain_id = genesis.chain_id

    account = {"balance": _FUNDS, "nonce": 0, "code": b"", "storage": {}}
    parameters = {
        "coinbase": _ZERO,
        "difficulty": constants.POST_MERGE_DIFFICULTY,
        "extra_data": b"",
        "gas_limit": BLOCK_GAS_LIMIT,
        "mix_hash": constants.POST_MERGE_MIX_HASH,
        "nonce": constants.POST_MERGE_NONCE,
        "timestamp": genesis.timestamp,
    }
    state = {to_canonical_address(address): account for address in genesis.funded}
    return Configured.from_genesis(AtomicDB(), parameters, state)  # type: ignore[arg-type,return-value]

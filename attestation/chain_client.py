"""What this project needs of an EVM endpoint, whatever contract is there: state, fees, transactions, receipts.

Everything an endpoint answers is checked for its shape here, and every fault becomes a typed error. An endpoint can still
lie about the state; what may rest on one endpoint and what may not is said in docs/spec/08-chain.md, "Trust".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3Exception, Web3RPCError
from web3.providers.base import BaseProvider
from web3.types import TxParams

from attestation.chain_errors import (
    ChainArgumentInvalid,
    ChainMismatch,
    ChainRejected,
    ChainResponseInvalid,
    ChainReverted,
    ChainUnavailable,
)
from attestation.rpc_provider import HttpProvider
from attestation.transactions import Call, Fees, rebuild
from protocol.errors import ProofwardError

T = TypeVar("T")

_EXECUTION_REVERTED: Final = 3  # JSON-RPC error code
_SERVER_ERRORS: Final = range(-32099, -31999)


@dataclass(frozen=True)
class Receipt:
    """A mined transaction."""

    transaction: bytes  # hash
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    contract: str | None  # of a creation, lower case


class ChainClient:
    """An endpoint that serves the chain with a known id."""

    def __init__(self, provider: BaseProvider, chain_id: int) -> None:
        """Use `provider`.

        Raises:
            ChainMismatch: it serves another chain.
            ChainUnavailable, ChainResponseInvalid: it does not answer, or nonsense.
        """
        # CCIP read would let a contract choose URLs that this process fetches.
        provider.global_ccip_read_enabled = False
        # No middleware: it fills in, renames and retries; every field is set and checked here.
        self.web3: Final = Web3(provider, middleware=[])
        served = self._integer(lambda: self.web3.eth.chain_id)
        if served != chain_id:
            raise ChainMismatch(f"the endpoint serves chain {served}, not {chain_id}")
        self.chain_id: Final = chain_id

    @classmethod
    def dial(cls, url: str, chain_id: int) -> "ChainClient":
        """The endpoint at `url`. Raises as the constructor, and ChainArgumentInvalid."""
        return cls(HttpProvider(url), chain_id)

    def head(self) -> int:
        """Number of the last block."""
        return self._integer(lambda: self.web3.eth.block_number)

    def nonce(self, account: str, *, pending: bool = False) -> int:
        """The number of transactions of `account` that are mined, or, if `pending`, also those that the node holds."""
        block = "pending" if pending else "latest"
        return self._integer(lambda: self.web3.eth.get_transaction_count(Web3.to_checksum_address(account), cast(Any, block)))

    def balance(self, account: str) -> int:
        """In wei."""
        return self._integer(lambda: self.web3.eth.get_balance(Web3.to_checksum_address(account)))

    def code(self, address: str) -> bytes:
        """Runtime code of a contract; empty if there is none."""
        return bytes(self._ask(lambda: self.web3.eth.get_code(Web3.to_checksum_address(address))))

    def fees(self) -> Fees:
        """Fees with which a transaction is mined soon: twice the base fee outlives six full blocks."""
        block = self._ask(lambda: self.web3.eth.get_block("latest"))
        base_fee = block.get("baseFeePerGas")
        if not isinstance(base_fee, int):
            raise ChainResponseInvalid("the chain has no base fee: EIP-1559 is needed")
        tip = self._integer(lambda: self.web3.eth.max_priority_fee)
        return Fees(max_fee=2 * base_fee + tip, tip=tip)

    def call(self, call: Call, *, sender: str | None = None) -> bytes:
        """What `call` returns on the last state, without a transaction. Raises ChainReverted with raw data."""
        return bytes(self._ask(lambda: self.web3.eth.call(_parameters(call, sender), ccip_read_enabled=False)))

    def estimate_gas(self, call: Call, sender: str) -> int:
        """A gas limit for `call`. Raises ChainReverted with raw data."""
        return self._integer(lambda: self.web3.eth.estimate_gas(_parameters(call, sender)))

    def send(self, raw: bytes) -> bytes:
        """Give a signed transaction to the node; its hash, computed here. Raises ChainRejected with the node's message."""
        self._ask(lambda: self.web3.eth.send_raw_transaction(raw))
        return bytes(keccak(raw))

    def receipt(self, transaction: bytes) -> Receipt | None:
        """The receipt of the transaction with this hash; None while it is not mined."""
        try:
            answer = self._ask(lambda: self.web3.eth.get_transaction_receipt(HexBytes(transaction)))
        except _NotFound:
            return None
        return _receipt(answer, transaction)

    def confirmations(self, receipt: Receipt) -> int:
        """Blocks that confirm the receipt, counting its own; 0 if it is no longer in the chain (reorganisation)."""
        now = self.receipt(receipt.transaction)
        if now is None or now.block_hash != receipt.block_hash:
            return 0
        return max(self.head() - receipt.block_number + 1, 0)

    def raw_transaction(self, transaction: bytes) -> bytes | None:
        """The signed bytes of a transaction of anybody, rebuilt and compared with its hash; None if it is unknown.

        Raises ChainResponseInvalid if the bytes do not have this hash.
        """
        try:
            answer = self._ask(lambda: self.web3.eth.get_transaction(HexBytes(transaction)))
        except _NotFound:
            return None
        try:
            raw = rebuild(answer)
        except ChainArgumentInvalid as error:
            raise ChainResponseInvalid("the endpoint's transaction is malformed") from error
        if keccak(raw) != transaction:
            raise ChainResponseInvalid("the endpoint's transaction does not have the hash that was asked for")
        return raw

    def logs(self, criteria: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Logs that match an `eth_getLogs` filter."""
        return list(self._ask(lambda: self.web3.eth.get_logs(cast(Any, criteria))))

    def _integer(self, request: Callable[[], Any]) -> int:
        value = self._ask(request)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ChainResponseInvalid("the endpoint answered something that is not a number")
        return value

    def _ask(self, request: Callable[[], T]) -> T:
        try:
            return request()
        except ProofwardError:
            raise
        except ContractLogicError as error:
            raise ChainReverted("unknown", data=_revert_data(error.data)) from error
        except TransactionNotFound as error:
            raise _NotFound from error
        except Web3RPCError as error:
            raise _rpc_error(error) from error
        except (Web3Exception, ValueError, TypeError, KeyError, AttributeError) as error:
            # web3's formatters fail in many ways on answers of the wrong type; all of them mean the same.
            raise ChainResponseInvalid(f"the endpoint answered nonsense ({type(error).__name__})") from error


class _NotFound(Exception):
    """The endpoint knows no such transaction."""


def _parameters(call: Call, sender: str | None) -> TxParams:
    parameters: dict[str, Any] = {"data": "0x" + call.data.hex()}
    if call.to is not None:
        parameters["to"] = Web3.to_checksum_address(call.to)
    if sender is not None:
        parameters["from"] = Web3.to_checksum_address(sender)
    return cast(TxParams, parameters)


def _revert_data(data: object) -> bytes:
    text = data if isinstance(data, str) else ""
    try:
        return bytes.fromhex(text.removeprefix("Reverted ").removeprefix("0x"))
    except ValueError:
        return b""


def _rpc_error(error: Web3RPCError) -> ProofwardError:
    answer = error.rpc_response or {}
    fault = cast(Mapping[str, Any], answer.get("error") or {})
    message = fault.get("message")
    text = message[:200] if isinstance(message, str) else "unknown fault"
    if fault.get("code") == _EXECUTION_REVERTED:
        return ChainReverted("unknown", data=_revert_data(fault.get("data")))
    if fault.get("code") in _SERVER_ERRORS:
        return ChainRejected(text)
    return ChainUnavailable(f"the endpoint refuses the request: {text}")


def _receipt(answer: Mapping[str, Any], transaction: bytes) -> Receipt | None:
    if answer.get("blockNumber") is None:
        return None
    try:
        contract = answer.get("contractAddress")
        receipt = Receipt(
            transaction=bytes(answer["transactionHash"]),
            block_number=answer["blockNumber"],
            block_hash=bytes(answer["blockHash"]),
            succeeded=answer["status"] == 1,
            gas_used=answer["gasUsed"],
            contract=None if contract is None else str(contract).lower(),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ChainResponseInvalid("the endpoint's receipt is malformed") from error
    numbers = (receipt.block_number, receipt.gas_used)
    if not all(isinstance(number, int) for number in numbers) or answer["status"] not in (0, 1):
        raise ChainResponseInvalid("the endpoint's receipt is malformed")
    if receipt.transaction != transaction:
        raise ChainResponseInvalid("the endpoint answered the receipt of another transaction")
    return receipt

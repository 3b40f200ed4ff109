"""The JSON-RPC surface of the embedded chain: an allow-list, so that nodes and auditors reach it over HTTP.

Methods and encodings are those of the Ethereum execution API (github.com/ethereum/execution-apis). There is no method
that signs, mines, travels in time or reveals accounts. `EmbeddedProvider` is the same surface for web3 without HTTP.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from attestation.chain_errors import ChainArgumentInvalid, ChainRejected, ChainReverted, ChainUnavailable
from attestation.embedded_chain import CALL_GAS_LIMIT, MAX_TRANSACTION_BYTES, EmbeddedChain, Mined

CLIENT_VERSION: Final = "proofward-embedded/1"
MAX_LOGS: Final = 1_000
MAX_FEE_HISTORY: Final = 128
_TIP: Final = 1  # wei a gas; nobody competes for a block

_QUANTITY: Final = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,63})")
_DATA: Final = re.compile(r"0x([0-9a-f]{2})*", re.IGNORECASE)
_LATEST: Final = frozenset({"latest", "pending", "safe", "finalized"})  # a block is final when it is mined

_PARSE_ERROR = -32600
_METHOD_NOT_FOUND = -32601
_INVALID_PARAMS = -32602
_SERVER_ERROR = -32000
_REVERTED = 3


@dataclass(frozen=True)
class _Fault(Exception):
    """A JSON-RPC error answer."""

    code: int
    message: str
    data: str | None = None


def respond(chain: EmbeddedChain, request: object) -> dict[str, Any]:
    """The JSON-RPC 2.0 answer to one request object; an error answer for everything that is not one. Never raises.

    Args:
        chain: the chain; the caller holds its lock.
        request: parsed JSON from anybody.
    """
    identifier = request.get("id") if isinstance(request, dict) else None
    if not isinstance(identifier, str | int | None):
        identifier = None
    answer: dict[str, Any] = {"jsonrpc": "2.0", "id": identifier}
    try:
        answer["result"] = _dispatch(chain, request)
    except _Fault as fault:
        answer["error"] = {"code": fault.code, "message": fault.message}
        if fault.data is not None:
            answer["error"]["data"] = fault.data
    except ChainReverted as error:
        answer["error"] = {"code": _REVERTED, "message": "execution reverted", "data": _data(error.data)}
    except (ChainRejected, ChainUnavailable, ChainArgumentInvalid) as error:
        answer["error"] = {"code": _SERVER_ERROR, "message": error.message}
    return answer


class EmbeddedProvider(BaseProvider):
    """web3's view of an embedded chain in the same process."""

    global_ccip_read_enabled = False

    def __init__(self, chain: EmbeddedChain) -> None:
        super().__init__()
        self._chain = chain

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request, answered at once."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return cast(RPCResponse, self._chain.handle_rpc(request))

    def is_connected(self, show_traceback: bool = False) -> bool:  # noqa: ARG002 (web3's signature)
        """Always."""
        return True


def _dispatch(chain: EmbeddedChain, request: object) -> Any:
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0":
        raise _Fault(_PARSE_ERROR, "invalid request")
    parameters = request.get("params", [])
    if not isinstance(parameters, list | tuple):
        raise _Fault(_INVALID_PARAMS, "params must be an array")
    method = _METHODS.get(request["method"]) if isinstance(request.get("method"), str) else None
    if method is None:
        raise _Fault(_METHOD_NOT_FOUND, "the method does not exist or is not available")
    handler, least, most = method
    if not least <= len(parameters) <= most:
        raise _Fault(_INVALID_PARAMS, "wrong number of parameters")
    return handler(chain, *parameters)


def _chain_id(chain: EmbeddedChain) -> str:
    return hex(chain.chain_id)


def _net_version(chain: EmbeddedChain) -> str:
    return str(chain.chain_id)


def _client_version(_chain: EmbeddedChain) -> str:
    return CLIENT_VERSION


def _block_number(chain: EmbeddedChain) -> str:
    return hex(chain.head.block_number)


def _gas_price(chain: EmbeddedChain) -> str:
    return hex(chain.base_fee + _TIP)


def _max_priority_fee(_chain: EmbeddedChain) -> str:
    return hex(_TIP)


def _fee_history(chain: EmbeddedChain, count: object, newest: object, percentiles: object = ()) -> dict[str, Any]:
    last = _existing_block(chain, newest)
    blocks = min(count if isinstance(count, int) else _parse_quantity(count), last + 1, MAX_FEE_HISTORY)
    if blocks < 1 or not isinstance(percentiles, list | tuple | None) or len(percentiles or ()) > 100:
        raise _Fault(_INVALID_PARAMS, "invalid fee history request")
    headers = [chain.header(number) for number in range(last - blocks + 1, last + 1)]
    following = chain.header(last + 1).base_fee_per_gas if last < chain.head.block_number else chain.base_fee
    answer: dict[str, Any] = {
        "oldestBlock": hex(last - blocks + 1),
        "baseFeePerGas": [hex(header.base_fee_per_gas) for header in headers] + [hex(following)],
        "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
    }
    if percentiles:
        answer["reward"] = [[hex(_TIP)] * len(percentiles) for _ in headers]
    return answer


def _transaction_count(chain: EmbeddedChain, account: object, block: object = "latest") -> str:
    return hex(chain.nonce(_parse_address(account), _parse_block(block)))


def _balance(chain: EmbeddedChain, account: object, block: object = "latest") -> str:
    return hex(chain.balance(_parse_address(account), _parse_block(block)))


def _code(chain: EmbeddedChain, account: object, block: object = "latest") -> str:
    return _data(chain.code(_parse_address(account), _parse_block(block)))


def _call(chain: EmbeddedChain, transaction: object, block: object = "latest") -> str:
    call = _parse_call(transaction)
    output = chain.call(call.sender, call.to, call.data, call.value, call.gas, _parse_block(block))
    return _data(output)


def _estimate_gas(chain: EmbeddedChain, transaction: object, block: object = "latest") -> str:
    if _parse_block(block) not in (None, chain.head.block_number):
        raise _Fault(_INVALID_PARAMS, "estimates are for the next block only")
    call = _parse_call(transaction)
    return hex(chain.estimate_gas(call.sender, call.to, call.data, call.value))


def _send_raw_transaction(chain: EmbeddedChain, raw: object) -> str:
    return _data(chain.send_raw_transaction(_parse_data(raw, MAX_TRANSACTION_BYTES)))


def _transaction_receipt(chain: EmbeddedChain, transaction_hash: object) -> dict[str, Any] | None:
    mined = chain.find(_parse_hash(transaction_hash))
    if mined is None:
        return None
    header, transaction = mined.block.header, mined.transaction
    return {
        "transactionHash": _data(transaction.hash),
        "transactionIndex": "0x0",
        "blockHash": _data(header.hash),
        "blockNumber": hex(header.block_number),
        "from": _data(transaction.sender),
        "to": _data(transaction.to) if transaction.to else None,
        "contractAddress": None if mined.contract is None else _data(mined.contract),
        "cumulativeGasUsed": hex(mined.gas_used),
        "gasUsed": hex(mined.gas_used),
        "effectiveGasPrice": hex(_effective_gas_price(mined)),
        "logs": _logs(mined),
        "logsBloom": f"0x{header.bloom:0512x}",
        "status": hex(mined.succeeded),
        "type": hex(getattr(transaction, "type_id", None) or 0),
    }


def _transaction_by_hash(chain: EmbeddedChain, transaction_hash: object) -> dict[str, Any] | None:
    mined = chain.find(_parse_hash(transaction_hash))
    if mined is None:
        return None
    header, transaction = mined.block.header, mined.transaction
    kind = getattr(transaction, "type_id", None) or 0
    answer: dict[str, Any] = {
        "hash": _data(transaction.hash),
        "blockHash": _data(header.hash),
        "blockNumber": hex(header.block_number),
        "transactionIndex": "0x0",
        "type": hex(kind),
        "chainId": hex(transaction.chain_id),
        "nonce": hex(transaction.nonce),
        "from": _data(transaction.sender),
        "to": _data(transaction.to) if transaction.to else None,
        "value": hex(transaction.value),
        "gas": hex(transaction.gas),
        "gasPrice": hex(_effective_gas_price(mined)),
        "input": _data(transaction.data),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
        "v": hex(transaction.y_parity if kind else transaction.v),
    }
    if kind:
        answer["yParity"] = answer["v"]
        answer["accessList"] = [
            {"address": _data(address), "storageKeys": [f"0x{slot:064x}" for slot in slots]}
            for address, slots in transaction.access_list
        ]
    if kind == 2:
        answer["maxFeePerGas"] = hex(transaction.max_fee_per_gas)
        answer["maxPriorityFeePerGas"] = hex(transaction.max_priority_fee_per_gas)
    return answer


def _block_by_number(chain: EmbeddedChain, block: object, full: object = False) -> dict[str, Any] | None:
    number = _parse_block(block)
    number = chain.head.block_number if number is None else number
    if number > chain.head.block_number:
        return None
    header, mined = chain.header(number), chain.mined(number)
    transactions: list[Any] = []
    if mined is not None:
        name = _data(mined.transaction.hash)
        transactions = [_transaction_by_hash(chain, name) if full is True else name]
    return {
        "number": hex(number),
        "hash": _data(header.hash),
        "parentHash": _data(header.parent_hash),
        "nonce": _data(header.nonce),
        "sha3Uncles": _data(header.uncles_hash),
        "logsBloom": f"0x{header.bloom:0512x}",
        "transactionsRoot": _data(header.transaction_root),
        "stateRoot": _data(header.state_root),
        "receiptsRoot": _data(header.receipt_root),
        "miner": _data(header.coinbase),
        "difficulty": hex(header.difficulty),
        "extraData": _data(header.extra_data),
        "mixHash": _data(header.mix_hash),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "withdrawalsRoot": _data(header.withdrawals_root),
        "blobGasUsed": hex(header.blob_gas_used),
        "excessBlobGas": hex(header.excess_blob_gas),
        "parentBeaconBlockRoot": _data(header.parent_beacon_block_root),
        "requestsHash": _data(header.requests_hash),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [],
    }


def _get_logs(chain: EmbeddedChain, criteria: object) -> list[dict[str, Any]]:
    if not isinstance(criteria, dict) or "blockHash" in criteria:
        raise _Fault(_INVALID_PARAMS, "logs are selected by fromBlock and toBlock")
    first = _existing_block(chain, criteria.get("fromBlock", "latest"))
    last = _existing_block(chain, criteria.get("toBlock", "latest"))
    wanted = criteria.get("address")
    addresses = None if wanted is None else {_parse_address(one) for one in _as_list(wanted)}
    topics = criteria.get("topics") or []
    if not isinstance(topics, list | tuple) or len(topics) > 4:
        raise _Fault(_INVALID_PARAMS, "at most four topics")
    allowed = [None if topic is None else {_data(_parse_hash(one)) for one in _as_list(topic)} for topic in topics]
    found: list[dict[str, Any]] = []
    for number in range(first, last + 1):
        mined = chain.mined(number)
        for log in [] if mined is None else _logs(mined):
            if addresses is not None and _parse_address(log["address"]) not in addresses:
                continue
            if len(log["topics"]) < len(allowed):
                continue
            if all(want is None or topic in want for want, topic in zip(allowed, log["topics"], strict=False)):
                found.append(log)
        if len(found) > MAX_LOGS:
            raise _Fault(_SERVER_ERROR, f"more than {MAX_LOGS} logs match; ask for fewer blocks")
    return found


# Name -> (handler, fewest parameters, most parameters). What is not here does not exist.
_METHODS: Final[dict[str, tuple[Callable[..., Any], int, int]]] = {
    "eth_blockNumber": (_block_number, 0, 0),
    "eth_call": (_call, 1, 2),
    "eth_chainId": (_chain_id, 0, 0),
    "eth_estimateGas": (_estimate_gas, 1, 2),
    "eth_feeHistory": (_fee_history, 2, 3),
    "eth_gasPrice": (_gas_price, 0, 0),
    "eth_getBalance": (_balance, 1, 2),
    "eth_getBlockByNumber": (_block_by_number, 1, 2),
    "eth_getCode": (_code, 1, 2),
    "eth_getLogs": (_get_logs, 1, 1),
    "eth_getTransactionByHash": (_transaction_by_hash, 1, 1),
    "eth_getTransactionCount": (_transaction_count, 1, 2),
    "eth_getTransactionReceipt": (_transaction_receipt, 1, 1),
    "eth_maxPriorityFeePerGas": (_max_priority_fee, 0, 0),
    "eth_sendRawTransaction": (_send_raw_transaction, 1, 1),
    "net_version": (_net_version, 0, 0),
    "web3_clientVersion": (_client_version, 0, 0),
}


@dataclass(frozen=True)
class _Call:
    sender: bytes
    to: bytes
    data: bytes
    value: int
    gas: int


def _parse_call(value: object) -> _Call:
    if not isinstance(value, dict):
        raise _Fault(_INVALID_PARAMS, "a call is an object")
    data = value.get("input", value.get("data", "0x"))
    return _Call(
        sender=_parse_address(value.get("from", "0x" + "00" * 20)),
        to=b"" if value.get("to") is None else _parse_address(value["to"]),
        data=_parse_data(data, MAX_TRANSACTION_BYTES),
        value=_parse_quantity(value.get("value", "0x0")),
        gas=min(_parse_quantity(value["gas"]), CALL_GAS_LIMIT) if "gas" in value else CALL_GAS_LIMIT,
    )


def _parse_quantity(value: object) -> int:
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise _Fault(_INVALID_PARAMS, "not a quantity")
    return int(value, 16)


def _parse_data(value: object, limit: int) -> bytes:
    if not isinstance(value, str) or len(value) > 2 * limit + 2 or not _DATA.fullmatch(value):
        raise _Fault(_INVALID_PARAMS, "not hexadecimal data of the right length")
    return bytes.fromhex(value[2:])


def _parse_exact(value: object, length: int) -> bytes:
    data = _parse_data(value, length)
    if len(data) != length:
        raise _Fault(_INVALID_PARAMS, f"not {length} bytes")
    return data


def _parse_address(value: object) -> bytes:
    return _parse_exact(value, 20)


def _parse_hash(value: object) -> bytes:
    return _parse_exact(value, 32)


def _parse_block(value: object) -> int | None:
    """None is the state after the last block."""
    if isinstance(value, str) and value in _LATEST:
        return None
    return 0 if value == "earliest" else _parse_quantity(value)


def _existing_block(chain: EmbeddedChain, value: object) -> int:
    number = _parse_block(value)
    head = int(chain.head.block_number)
    return head if number is None else min(number, head)


def _as_list(value: object) -> list[Any]:
    listed = list(value) if isinstance(value, list | tuple) else [value]
    if len(listed) > 64:
        raise _Fault(_INVALID_PARAMS, "too many alternatives")
    return listed


def _effective_gas_price(mined: Mined) -> int:
    base_fee = mined.block.header.base_fee_per_gas
    transaction = mined.transaction
    return int(min(transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas + base_fee))


def _logs(mined: Mined) -> list[dict[str, Any]]:
    header = mined.block.header
    return [
        {
            "address": _data(log.address),
            "topics": [f"0x{topic:064x}" for topic in log.topics],
            "data": _data(log.data),
            "blockNumber": hex(header.block_number),
            "blockHash": _data(header.hash),
            "transactionHash": _data(mined.transaction.hash),
            "transactionIndex": "0x0",
            "logIndex": hex(index),
            "removed": False,
        }
        for index, log in enumerate(mined.logs)
    ]


def _data(value: bytes) -> str:
    return "0x" + bytes(value).hex()

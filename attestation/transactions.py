"""Signed EIP-1559 transactions as bytes: make, read, rebuild. Pure functions, no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address
from eth_utils.exceptions import ValidationError
from hexbytes import HexBytes
from rlp.exceptions import RLPException  # type: ignore[import-untyped]

from attestation.chain_errors import ChainArgumentInvalid

_EIP_1559 = 2


@dataclass(frozen=True)
class Call:
    """What a transaction does, before it has an account, a nonce and a fee."""

    to: str | None  # None creates a contract
    data: bytes


@dataclass(frozen=True)
class Fees:
    """EIP-1559 fees in wei a gas."""

    max_fee: int
    tip: int


@dataclass(frozen=True)
class SignedCall:
    """What a signed transaction says."""

    sender: str  # recovered from the signature, lower case
    chain_id: int
    nonce: int
    gas: int
    fees: Fees
    call: Call


def sign(key: bytes, call: Call, *, chain_id: int, nonce: int, gas: int, fees: Fees) -> bytes:
    """The signed transaction that makes `call` without a value; deterministic."""
    transaction: dict[str, Any] = {
        "type": _EIP_1559,
        "chainId": chain_id,
        "nonce": nonce,
        "gas": gas,
        "maxFeePerGas": fees.max_fee,
        "maxPriorityFeePerGas": fees.tip,
        "value": 0,
        "data": call.data,
    }
    if call.to is not None:
        transaction["to"] = to_checksum_address(call.to)
    return bytes(Account.sign_transaction(transaction, key).raw_transaction)


def read(raw: bytes) -> SignedCall:
    """What `raw` says and who signed it. Raises ChainArgumentInvalid if it is no signed EIP-1559 transaction."""
    try:
        if raw[:1] != bytes([_EIP_1559]):
            raise ChainArgumentInvalid("not an EIP-1559 transaction")
        fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        to = bytes(cast(bytes, fields["to"]))
        return SignedCall(
            sender=str(Account.recover_transaction(HexBytes(raw))).lower(),
            chain_id=int(cast(int, fields["chainId"])),
            nonce=int(cast(int, fields["nonce"])),
            gas=int(cast(int, fields["gas"])),
            fees=Fees(int(cast(int, fields["maxFeePerGas"])), int(cast(int, fields["maxPriorityFeePerGas"]))),
            call=Call("0x" + to.hex() if to else None, bytes(cast(bytes, fields["data"]))),
        )
    except (BadSignature, ValidationError, RLPException, ValueError, TypeError, KeyError, IndexError) as error:
        raise ChainArgumentInvalid("not a signed EIP-1559 transaction") from error


def rebuild(answer: Mapping[str, Any]) -> bytes:
    """The signed bytes of a transaction from the members of an `eth_getTransactionByHash` answer.

    Raises ChainArgumentInvalid if it is not an EIP-1559 transaction. The caller compares the hash.
    """
    try:
        if int(answer["type"]) != _EIP_1559:
            raise ChainArgumentInvalid("not an EIP-1559 transaction")
        fields = {
            "type": _EIP_1559,
            "chainId": answer["chainId"],
            "nonce": answer["nonce"],
            "maxPriorityFeePerGas": answer["maxPriorityFeePerGas"],
            "maxFeePerGas": answer["maxFeePerGas"],
            "gas": answer["gas"],
            "to": b"" if answer.get("to") is None else HexBytes(answer["to"]),
            "value": answer["value"],
            "data": HexBytes(answer["input"]),
            "accessList": [
                {"address": entry["address"], "storageKeys": [HexBytes(key) for key in entry["storageKeys"]]}
                for entry in answer.get("accessList", [])
            ],
            "v": answer["v"],
            "r": int.from_bytes(HexBytes(answer["r"]), "big"),
            "s": int.from_bytes(HexBytes(answer["s"]), "big"),
        }
        return bytes(TypedTransaction.from_dict(cast(Any, fields)).encode())
    except (ValidationError, RLPException, ValueError, TypeError, KeyError, OverflowError) as error:
        raise ChainArgumentInvalid("not an EIP-1559 transaction") from error

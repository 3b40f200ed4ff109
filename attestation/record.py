"""The chain record of a bundle: the signed transactions as they were sent, decoded and compared with what they must say.

Only EIP-1559 transactions without access list are sent by Proofward, so only they are read. That a transaction is signed
does not say that it is in a block; only the chain can (docs/spec/08-attestation.md, "Record").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import rlp  # type: ignore[import-untyped]
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException  # type: ignore[import-untyped]
from rlp.sedes import BigEndianInt, Binary, CountableList, List, binary  # type: ignore[import-untyped]

from attestation.bundle import MAX_TRANSACTION_BYTES, Transaction
from attestation.errors import RecordInvalid
from attestation.sign import ChainCall

_TYPE_1559: Final = 2
_CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # secp256k1

_INTEGER = BigEndianInt()
_ADDRESS = Binary.fixed_length(20)
_NO_ACCESS_LIST = CountableList(binary, max_length=0)

# EIP-1559: chain id, nonce, priority fee, fee, gas, to, value, data, access list.
_BODY: Final = [
    *[_INTEGER] * 5,
    _ADDRESS,
    _INTEGER,
    binary,
    _NO_ACCESS_LIST,
]
_SIGNED: Final = List([*_BODY, *[_INTEGER] * 3])  # y parity, r, s
_UNSIGNED: Final = List(_BODY)


@dataclass(frozen=True)
class PostedCall:
    """What a signed transaction says."""

    chain_id: int
    to: str  # lower case
    value: int  # wei
    data: bytes
    sender: str  # lower case
    hash: str  # hexadecimal


def describe_transaction(raw: bytes) -> Transaction:
    """The record of a signed transaction. Raises RecordInvalid if it is not one that Proofward sends."""
    call = decode_transaction(raw)
    return Transaction(sender=call.sender, hash=call.hash, raw=raw.hex())


def decode_transaction(raw: bytes) -> PostedCall:
    """Decode a signed EIP-1559 transaction and recover who signed it.

    Raises:
        RecordInvalid: another type, not canonical RLP, an access list, or a signature in another than its one form.
    """
    if not 2 <= len(raw) <= MAX_TRANSACTION_BYTES or raw[0] != _TYPE_1559:
        raise RecordInvalid("not a signed EIP-1559 transaction")
    try:
        fields = rlp.decode(raw[1:], _SIGNED, strict=True)
    except RLPException as error:
        raise RecordInvalid("the transaction is not canonical RLP of the known fields") from error
    *body, parity, r, s = fields
    if parity not in (0, 1) or not 0 < r < _CURVE_ORDER or not 0 < s <= _CURVE_ORDER // 2:
        raise RecordInvalid("the signature of the transaction is out of range")
    digest = keccak(bytes([_TYPE_1559]) + rlp.encode(body, _UNSIGNED))
    try:
        key = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError, ValueError) as error:
        raise RecordInvalid("the signature of the transaction recovers to no account") from error
    chain_id, to, value, data = body[0], body[5], body[6], body[7]
    return PostedCall(chain_id, f"0x{to.hex()}", value, data, key.to_address(), keccak(raw).hex())


def check_transaction(transaction: Transaction, call: ChainCall, sender: str | None = None) -> None:
    """Check that `transaction` makes exactly `call`, and that `sender` signed it if one is given.

    Raises:
        RecordInvalid: it says something else, or it is not what the record says it is.
    """
    signed = decode_transaction(bytes.fromhex(transaction.raw))
    if signed.hash != transaction.hash:
        raise RecordInvalid("the transaction has another hash than the record says")
    if signed.sender != transaction.sender:
        raise RecordInvalid("the transaction was signed by another account than the record says")
    if sender is not None and signed.sender != sender:
        raise RecordInvalid(f"the transaction must be signed by {sender}")
    if (signed.chain_id, signed.to) != (call.anchor.chain_id, call.anchor.contract):
        raise RecordInvalid("the transaction is for another chain or contract")
    if signed.value != 0 or signed.data != call.calldata:
        raise RecordInvalid(f"the transaction does not make the call {call.function} that the statement needs")


def check_registrations(transactions: Sequence[Transaction], calls: Sequence[tuple[ChainCall, str]]) -> None:
    """Check the registering transactions, all or none, against the calls and their senders. Raises RecordInvalid."""
    if not transactions:
        return
    if len(transactions) != len(calls):
        raise RecordInvalid("there is not one registering transaction for each part")
    for transaction, (call, sender) in zip(transactions, calls, strict=True):
        check_transaction(transaction, call, sender)

"""What members sign so that the contract accepts an attestation: EIP-712 typed data. Pure functions, no network.

The contract computes the same digest (attestation/contracts/src/Proofward.sol, `_attest`); tests compare them. Domain:
name "Proofward", version "1", chain id and contract address, so that a signature is void on every other chain and for
every other consortium. Specification: docs/spec/08-chain.md, "Signatures"; EIP-712, EIP-2 (low s).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from attestation.chain_errors import ChainArgumentInvalid, ChainSignatureInvalid
from protocol.parameters import GROUP_ORDER, MAX_CHAIN_CELLS, MAX_MEMBERS, POINT_BYTES, SCALAR_BYTES

SIGNATURE_BYTES: Final = 65
_CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # secp256k1

_TYPES: Final = {
    "Attestation": [
        {"name": "consortium", "type": "bytes32"},
        {"name": "queryId", "type": "bytes32"},
        {"name": "statement", "type": "bytes32"},
        {"name": "roots", "type": "bytes32"},
        {"name": "opening", "type": "bytes32"},
    ],
}


@dataclass(frozen=True)
class Domain:
    """Where a signature counts."""

    chain_id: int
    contract: str  # address


@dataclass(frozen=True)
class Opening:
    """An opened total, for the check on chain: sum_h C_h = sum_k cells[k] U_(k+1) + blinding U_0.

    Raises ChainArgumentInvalid if a length or a range is wrong. The points are checked by the contract.
    """

    commitments: tuple[bytes, ...]  # C_y of each qualified hospital, 64 bytes each, in the order of the roots
    cells: tuple[int, ...]  # signed integers; posted modulo r
    blinding: bytes  # 32-byte scalar

    def __post_init__(self) -> None:
        if not 1 <= len(self.commitments) <= MAX_MEMBERS or any(len(c) != POINT_BYTES for c in self.commitments):
            raise ChainArgumentInvalid(f"an opening has 1 to {MAX_MEMBERS} commitments of {POINT_BYTES} bytes")
        if not 1 <= len(self.cells) <= MAX_CHAIN_CELLS:
            raise ChainArgumentInvalid(f"an opening has 1 to {MAX_CHAIN_CELLS} cells, not {len(self.cells)}")
        if any(abs(cell) > GROUP_ORDER // 2 for cell in self.cells):
            raise ChainArgumentInvalid("a cell is not between -(r-1)/2 and (r-1)/2")
        if len(self.blinding) != SCALAR_BYTES or int.from_bytes(self.blinding, "big") >= GROUP_ORDER:
            raise ChainArgumentInvalid("the blinding is not a 32-byte scalar below r")

    @property
    def words(self) -> tuple[list[tuple[int, int]], list[int], int]:
        """The three arguments of the contract: affine commitments, cells modulo r, blinding."""
        commitments = [(int.from_bytes(c[:32], "big"), int.from_bytes(c[32:], "big")) for c in self.commitments]
        return commitments, [cell % GROUP_ORDER for cell in self.cells], int.from_bytes(self.blinding, "big")

    @property
    def digest(self) -> bytes:
        """keccak256(abi.encode(commitments, cells, blinding))."""
        return keccak(encode(["uint256[2][]", "uint256[]", "uint256"], self.words))


@dataclass(frozen=True)
class AttestationFields:
    """What is attested. Raises ChainArgumentInvalid if a length is wrong."""

    consortium: bytes  # 32 bytes: digest of the consortium document
    query_id: bytes  # 32 bytes, random
    statement: bytes  # 32 bytes: digest of the statement
    roots: tuple[bytes, ...]  # dataset roots of the qualified hospitals, in the order of member indices
    opening: Opening | None = None  # None posts the digest alone

    def __post_init__(self) -> None:
        if any(len(value) != 32 for value in (self.consortium, self.query_id, self.statement, *self.roots)):
            raise ChainArgumentInvalid("identifiers, digests and roots have 32 bytes")
        if not 1 <= len(self.roots) <= MAX_MEMBERS:
            raise ChainArgumentInvalid(f"an attestation has 1 to {MAX_MEMBERS} dataset roots")
        if self.opening is not None and len(self.opening.commitments) != len(self.roots):
            raise ChainArgumentInvalid("an opening has one commitment for each dataset root")


def attestation_digest(domain: Domain, fields: AttestationFields) -> bytes:
    """The 32 bytes that are signed: keccak256(0x1901 || domain separator || struct hash)."""
    message = _message(domain, fields)
    return keccak(b"\x19" + message.version + message.header + message.body)


def sign_attestation(key: bytes, domain: Domain, fields: AttestationFields) -> bytes:
    """The 65-byte signature r, s, v of the account with the 32-byte secret `key`; deterministic (RFC 6979), low s."""
    return bytes(Account.sign_message(_message(domain, fields), key).signature)


def recover(domain: Domain, fields: AttestationFields, signature: bytes) -> str:
    """The account that signed, in lower case. Only the one encoding that the contract accepts is accepted.

    Raises:
        ChainSignatureInvalid: wrong length, v not 27 or 28, r or s out of range, s in the upper half, no such point.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise ChainSignatureInvalid(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (27, 28):
        raise ChainSignatureInvalid("the last byte of a signature is 27 or 28")
    if not 0 < r < _CURVE_ORDER or not 0 < s <= _CURVE_ORDER // 2:
        raise ChainSignatureInvalid("r or s of a signature is out of range, or s is in the upper half")
    try:
        return str(Account.recover_message(_message(domain, fields), signature=signature)).lower()
    except (BadSignature, ValidationError, ValueError) as error:
        raise ChainSignatureInvalid("a signature recovers to no account") from error


def join_signatures(signatures: Mapping[str, bytes]) -> bytes:
    """The signatures by account, as the contract wants them: one after the other, in increasing order of address.

    Raises ChainArgumentInvalid if one does not have 65 bytes.
    """
    if any(len(signature) != SIGNATURE_BYTES for signature in signatures.values()):
        raise ChainArgumentInvalid(f"a signature has {SIGNATURE_BYTES} bytes")
    return b"".join(signature for _, signature in sorted(signatures.items(), key=lambda item: int(item[0], 16)))


def _message(domain: Domain, fields: AttestationFields) -> SignableMessage:
    data: dict[str, Any] = {
        "name": "Proofward",
        "version": "1",
        "chainId": domain.chain_id,
        "verifyingContract": domain.contract,
    }
    return encode_typed_data(
        data,
        _TYPES,
        {
            "consortium": fields.consortium,
            "queryId": fields.query_id,
            "statement": fields.statement,
            "roots": keccak(b"".join(fields.roots)),
            "opening": bytes(32) if fields.opening is None else fields.opening.digest,
        },
    )

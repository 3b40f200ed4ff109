"""What members sign, and what is posted: DSSE around the statement, EIP-712 around its digest, one call of the contract.

`statement` of the signed struct is SHA-256 of the DSSE pre-authentication encoding, so one signature serves the envelope
and the contract. Specification: docs/spec/08-attestation.md, "Signatures"; DSSE: protocol.md of secure-systems-lab/dsse.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestation import artefact, eip712
from attestation.eip712 import AttestationFields, Domain, Opening
from attestation.errors import AttestationIncomplete
from protocol.consortium import Consortium
from protocol.dataset import Registration
from protocol.parameters import MAX_CHAIN_CELLS
from protocol.statement import PAYLOAD_TYPE, ChainAnchor, Statement


def pae(payload: bytes) -> bytes:
    """The DSSE v1 pre-authentication encoding of `payload` under the in-toto payload type."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def statement_digest(statement: Statement) -> bytes:
    """What the chain knows the statement by. The offer's nonce is in it and not on chain: it cannot be guessed back."""
    return hashlib.sha256(pae(statement.encoded)).digest()


def is_opened_on_chain(statement: Statement) -> bool:
    """Whether the cells are posted and the contract checks them, or only the digest is."""
    predicate = statement.predicate
    aggregate = predicate.aggregate
    return (
        predicate.offer.publication == "aggregate"
        and None not in aggregate.cells
        and aggregate.blinding is not None
        and 1 <= len(aggregate.cells) <= MAX_CHAIN_CELLS
    )


def domain(statement: Statement) -> Domain:
    """The EIP-712 domain: the chain and contract that the statement is for."""
    return Domain(chain_id=statement.predicate.chain.chain_id, contract=statement.predicate.chain.contract)


def attestation_fields(statement: Statement) -> AttestationFields:
    """The struct that members sign. Raises ChainArgumentInvalid if the statement does not fit it."""
    predicate = statement.predicate
    opening = None
    if is_opened_on_chain(statement):
        opening = Opening(
            commitments=tuple(bytes.fromhex(part.commitment) for part in predicate.parts),
            cells=tuple(int(cell) for cell in predicate.aggregate.cells if cell is not None),
            blinding=bytes.fromhex(predicate.aggregate.blinding or ""),
        )
    return AttestationFields(
        consortium=bytes.fromhex(predicate.consortium),
        query_id=bytes.fromhex(predicate.offer.query_id),
        statement=statement_digest(statement),
        roots=tuple(bytes.fromhex(part.root) for part in predicate.parts),
        opening=opening,
    )


def sign_statement(key: bytes, statement: Statement, consortium: Consortium) -> str:
    """The 65-byte signature (r, s, v) of the member with the 32-byte secret `key`, hexadecimal.

    Raises:
        AttestationIncomplete: the statement is of another consortium.
        ChainArgumentInvalid: the statement cannot be attested.
    """
    if statement.predicate.consortium != consortium.digest:
        raise AttestationIncomplete("the statement is of another consortium")
    return eip712.sign_attestation(key, domain(statement), attestation_fields(statement)).hex()


def recover_signer(statement: Statement, signature: bytes) -> str:
    """The account that signed the statement, lower case. Raises ChainSignatureInvalid, ChainArgumentInvalid."""
    return eip712.recover(domain(statement), attestation_fields(statement), signature)


@dataclass(frozen=True)
class ChainCall:
    """One call of the contract, the same for who posts it and who checks that it was posted."""

    anchor: ChainAnchor
    function: str  # name in the contract
    calldata: bytes


def chain_call(statement: Statement, signatures: Mapping[str, bytes]) -> ChainCall:
    """The call that posts `statement` with the members' `signatures` by address.

    Raises:
        ChainArgumentInvalid: the statement cannot be attested, or a signature does not have 65 bytes.
    """
    fields = attestation_fields(statement)
    joined = eip712.join_signatures(signatures)
    named: list[Any] = [fields.query_id, fields.statement, fields.roots]
    if fields.opening is None:
        return _call(statement.predicate.chain, "attest", [*named, joined])
    return _call(statement.predicate.chain, "attestOpened", [*named, *fields.opening.words, joined])


def register_call(anchor: ChainAnchor, registration: Registration) -> ChainCall:
    """The call by which a hospital puts the root of a registration on chain."""
    values = [bytes.fromhex(registration.dataset_key), registration.epoch, bytes.fromhex(registration.root)]
    return _call(anchor, "registerDataset", values)


def _call(anchor: ChainAnchor, function: str, arguments: list[Any]) -> ChainCall:
    return ChainCall(anchor, function, artefact.load().call_data(function, arguments))

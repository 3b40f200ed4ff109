"""The signed bytes are those of EIP-712, and a signature has one accepted form."""

import os
from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from attestation.chain_errors import ChainArgumentInvalid, ChainSignatureInvalid
from attestation.eip712 import (
    AttestationFields,
    Domain,
    Opening,
    attestation_digest,
    join_signatures,
    recover,
    sign_attestation,
)
from protocol.parameters import GROUP_ORDER
from tests.contracts.chains import account, key

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
WORD = st.binary(min_size=32, max_size=32)
DOMAIN = Domain(19011, "0x" + "ab" * 20)
OPENINGS = st.none() | st.builds(
    Opening,
    commitments=st.tuples(st.binary(min_size=64, max_size=64)),
    cells=st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=4).map(tuple),
    blinding=st.integers(0, GROUP_ORDER - 1).map(lambda r: r.to_bytes(32, "big")),
)
FIELDS = st.builds(AttestationFields, consortium=WORD, query_id=WORD, statement=WORD, roots=st.tuples(WORD), opening=OPENINGS)


def by_hand(domain: Domain, fields: AttestationFields) -> bytes:
    """EIP-712 written out, without a library for it."""
    kind = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    separator = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [keccak(kind), keccak(b"Proofward"), keccak(b"1"), domain.chain_id, domain.contract],
        )
    )
    opening = bytes(32)
    if fields.opening is not None:
        points = [(int.from_bytes(c[:32], "big"), int.from_bytes(c[32:], "big")) for c in fields.opening.commitments]
        cells = [cell % GROUP_ORDER for cell in fields.opening.cells]
        blinding = int.from_bytes(fields.opening.blinding, "big")
        opening = keccak(encode(["uint256[2][]", "uint256[]", "uint256"], [points, cells, blinding]))
    kind = b"Attestation(bytes32 consortium,bytes32 queryId,bytes32 statement,bytes32 roots,bytes32 opening)"
    parts = [fields.consortium, fields.query_id, fields.statement, keccak(b"".join(fields.roots)), opening]
    return keccak(b"\x19\x01" + separator + keccak(keccak(kind) + b"".join(parts)))


@given(fields=FIELDS)
def test_the_digest_is_that_of_eip_712(fields: AttestationFields) -> None:
    assert attestation_digest(DOMAIN, fields) == by_hand(DOMAIN, fields)


def fields(opening: Opening | None = None) -> AttestationFields:
    return AttestationFields(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, (b"\x04" * 32,), opening)


def test_the_signer_is_recovered() -> None:
    signature = sign_attestation(key("member 1"), DOMAIN, fields())
    assert signature == sign_attestation(key("member 1"), DOMAIN, fields())
    assert recover(DOMAIN, fields(), signature) == account("member 1")


OPENING = Opening((b"\x05" * 64,), (1, -2), b"\x06" * 32)


@pytest.mark.parametrize(
    ("domain", "changed"),
    [
        (Domain(1, DOMAIN.contract), fields(OPENING)),
        (Domain(DOMAIN.chain_id, "0x" + "ac" * 20), fields(OPENING)),
        (DOMAIN, replace(fields(OPENING), consortium=b"\x09" * 32)),
        (DOMAIN, replace(fields(OPENING), query_id=b"\x09" * 32)),
        (DOMAIN, replace(fields(OPENING), statement=b"\x09" * 32)),
        (DOMAIN, replace(fields(OPENING), roots=(b"\x09" * 32,))),
        (DOMAIN, fields()),
        (DOMAIN, fields(replace(OPENING, cells=(1, 2)))),
        (DOMAIN, fields(replace(OPENING, cells=(1, -2, 0)))),
        (DOMAIN, fields(replace(OPENING, blinding=b"\x07" * 32))),
        (DOMAIN, fields(replace(OPENING, commitments=(b"\x06" * 64,)))),
    ],
)
def test_every_part_is_signed(domain: Domain, changed: AttestationFields) -> None:
    signature = sign_attestation(key("member 1"), DOMAIN, fields(OPENING))
    try:
        assert recover(domain, changed, signature) != account("member 1")
    except ChainSignatureInvalid:
        return


def test_a_signature_has_one_form() -> None:
    good = sign_attestation(key("member 1"), DOMAIN, fields())
    s = int.from_bytes(good[32:64], "big")
    for bad in (
        good[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - good[64]]),
        good[:64] + bytes([good[64] - 27]),
        good[:64] + b"\x1d",
        good[:64],
        good + b"\x00",
        b"",
        bytes(64) + b"\x1b",
        good[:32] + bytes(32) + good[64:],
        ORDER.to_bytes(32, "big") + good[32:],
        (5).to_bytes(32, "big") + good[32:],  # the x of no point
    ):
        with pytest.raises(ChainSignatureInvalid):
            recover(DOMAIN, fields(), bad)


@given(signature=st.binary(min_size=60, max_size=70))
def test_random_bytes_are_a_typed_error_or_somebody_else(signature: bytes) -> None:
    try:
        assert recover(DOMAIN, fields(), signature) != account("member 1")
    except ChainSignatureInvalid:
        return


def test_signatures_are_joined_in_order_of_address() -> None:
    signed = {account(f"member {i}"): os.urandom(65) for i in range(1, 8)}
    joined = join_signatures(signed)
    ordered = sorted(signed, key=lambda address: int(address, 16))
    assert joined == b"".join(signed[address] for address in ordered)
    with pytest.raises(ChainArgumentInvalid):
        join_signatures({account("hub"): bytes(64)})


@pytest.mark.parametrize(
    "arguments",
    [
        {"commitments": ()},
        {"commitments": (b"\x05" * 63,)},
        {"commitments": (b"\x05" * 64,) * 65},
        {"cells": ()},
        {"cells": (0,) * 65},
        {"cells": (GROUP_ORDER // 2 + 1,)},
        {"blinding": GROUP_ORDER.to_bytes(32, "big")},
        {"blinding": bytes(31)},
    ],
)
def test_openings_that_cannot_be_posted(arguments: dict[str, object]) -> None:
    with pytest.raises(ChainArgumentInvalid):
        replace(OPENING, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        {"consortium": bytes(31)},
        {"statement": bytes(33)},
        {"roots": ()},
        {"roots": (bytes(32),) * 65},
        {"roots": (bytes(31),)},
        {"roots": (bytes(32),) * 2, "opening": OPENING},
    ],
)
def test_fields_that_cannot_be_signed(arguments: dict[str, object]) -> None:
    with pytest.raises(ChainArgumentInvalid):
        replace(fields(), **arguments)  # type: ignore[arg-type]

"""C6: whoever reads the chain and knows everything about a query but its result cannot guess the result from it."""

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from attestation.eip712 import AttestationFields, Opening
from attestation.ledger import Ledger
from protocol import canonical
from protocol.dataset import Registration
from protocol.parameters import GROUP_ORDER
from prover import add_points, commit_outputs, random_scalars
from tests.contracts.chains import embedded
from tests.contracts.consortium import deploy, opened, register, send, signatures

SQL = "SELECT COUNT(*) FROM patients WHERE hiv = true AND town = 'Smallville'"
ANSWER = 17
GUESSES = range(200)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with embedded(tmp_path_factory.mktemp("chain")) as chain:
        yield deploy(chain)


def statement(nonce: str, answer: int) -> bytes:
    """The digest of a document with everything that an attested statement has of low entropy, and its nonce."""
    return bytes.fromhex(canonical.digest({"sql": SQL, "cells": [str(answer)], "buyer": "uni", "nonce": nonce}))


def candidates(answer: int) -> set[bytes]:
    """What a curious reader hashes: plain encodings and documents without the nonce, by the usual hash functions."""
    plain = [
        str(answer).encode(),
        answer.to_bytes(32, "big"),
        canonical.encode({"cells": [str(answer)], "sql": SQL}),
        canonical.encode({"sql": SQL, "cells": [str(answer)], "buyer": "uni", "nonce": ""}),
        canonical.encode({"sql": SQL, "cells": [str(answer)], "buyer": "uni", "nonce": "00" * 32}),
        SQL.encode() + str(answer).encode(),
    ]
    hashed = {bytes(hash_(text)) for text in plain for hash_ in (keccak, lambda text: hashlib.sha256(text).digest())}
    return hashed | {answer.to_bytes(32, "big"), commit_outputs([answer], bytes(32))}


def digest_only(ledger: Ledger, nonce: str) -> bytes:
    """The transaction data of a digest-only attestation of ANSWER."""
    root = register(ledger, 1)
    query_id = random_scalars(1)
    fields = AttestationFields(ledger.terms.consortium, query_id, statement(nonce, ANSWER), (root,))
    call = ledger.attest(fields, signatures(ledger, fields))
    assert send(ledger.client, "hub", call).succeeded
    return call.data


def test_a_digest_only_attestation_has_no_cell_and_no_text(ledger: Ledger) -> None:
    data = digest_only(ledger, random_scalars(1).hex())
    words = {data[i : i + 32] for i in range(4, len(data) - 31)}  # at every offset
    assert SQL.encode() not in data
    assert b"patients" not in data
    # 17 as a word would be the cell; the words that are small are offsets and lengths of the encoding.
    encoding = {0x80, 0xC0, 1, 130}
    small = {int.from_bytes(data[i : i + 32], "big") for i in range(4, len(data), 32)}
    assert {value for value in small if value < 2**64} <= encoding
    for guess in GUESSES:
        assert not (candidates(guess) - {value.to_bytes(32, "big") for value in encoding}) & words


def test_guessing_succeeds_without_the_nonce_and_fails_with_it(ledger: Ledger) -> None:
    """The reader knows the whole statement but answer and nonce. The same attack, on an unsalted digest, finds it."""

    def attack(posted: bytes, nonces: list[str]) -> list[int]:
        words = {posted[i : i + 32] for i in range(4, len(posted) - 31)}
        return [guess for guess, nonce in itertools.product(GUESSES, nonces) if statement(nonce, guess) in words]

    known = ["", "00" * 32, ledger.terms.consortium.hex()]
    assert attack(digest_only(ledger, ""), known) == [ANSWER]  # the attack works where there is no salt
    assert attack(digest_only(ledger, random_scalars(1).hex()), known) == []


def test_a_hospital_part_cannot_be_guessed_from_its_commitment(ledger: Ledger) -> None:
    """An opened aggregate shows each C_h. Without the hospital's own blinding every part is equally likely."""
    parts = [[3], [5], [2], [7]]
    opening = opened(parts)
    total_blinding = int.from_bytes(opening.blinding, "big")
    for commitment in opening.commitments:
        for guess in GUESSES:
            for blinding in (0, 1, total_blinding, total_blinding * pow(4, -1, GROUP_ORDER) % GROUP_ORDER):
                assert commit_outputs([guess], blinding.to_bytes(32, "big")) != commitment
    assert commit_outputs([17], opening.blinding) == sum_of(opening)


def sum_of(opening: Opening) -> bytes:
    return add_points(b"".join(opening.commitments))


def test_equal_data_looks_different_each_time() -> None:
    assert len({opened([[1], [2]]).commitments for _ in range(20)}) == 20


def test_a_dataset_name_cannot_be_guessed_from_its_key() -> None:
    def key(salt: str) -> str:
        return Registration(
            consortium="11" * 32,
            hospital=1,
            dataset="oncology",
            epoch=1,
            table_schema={},
            schema_hash="22" * 32,
            generators="33" * 32,
            chunk_rows=1024,
            chunks=1,
            columns=32,
            commitments="44" * 32,
            admission="55" * 32,
            salt=salt,
            valid_from=0,
        ).dataset_key

    posted = key(random_scalars(1).hex())
    names = ["oncology", "patients", "cardiology", "admissions"]
    prefixes = ["", "proofward/v1/dataset-key"]
    texts = [f"{prefix}{hospital}/{name}" for prefix in prefixes for hospital in (1, 2) for name in names]
    guesses = {hashlib.sha256(text.encode()).hexdigest() for text in texts}
    assert posted not in guesses | {key("00" * 32), key("11" * 32)}
    assert key("00" * 32) == key("00" * 32)  # but one dataset keeps its key over the epochs


def test_the_contract_stores_no_text(tmp_path: Path) -> None:
    with embedded(tmp_path) as chain:
        ledger = deploy(chain)
        code = ledger.client.code(ledger.contract)
        assert b"SELECT" not in code
        assert b"http" not in code

"""Trust files, envelopes, transactions and assembling, each by itself."""

import base64
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope

from attestation import artefact
from attestation.assemble import assemble_bundle
from attestation.audit import audit
from attestation.bundle import Bundle, with_record
from attestation.chain_errors import ChainSignatureInvalid
from attestation.errors import AttestationIncomplete, RecordInvalid, TrustInvalid
from attestation.ledger import Ledger
from attestation.record import check_transaction, decode_transaction, describe_transaction
from attestation.sign import (
    attestation_fields,
    chain_call,
    pae,
    recover_signer,
    register_call,
    sign_statement,
    statement_digest,
)
from attestation.statement import build_statement
from attestation.trust import PinnedDataset, load_trust, parse_trust, render_trust
from circuits.errors import SchemaInvalid
from circuits.registered_schema import read_schema
from circuits.schema import parse_schema
from protocol import canonical
from protocol.statement import PAYLOAD_TYPE
from prover.errors import OpeningMismatch
from tests.vectors.bundles.forge import at, changed, leaves, others, replaced
from tests.vectors.bundles.world import BY_SEX, COUNT, SCHEMA, World

WORLD = World()
ANSWER = WORLD.ask(COUNT, label="pieces", publication="aggregate")

# trust.toml


def test_a_trust_file_reads_back() -> None:
    pinned = changed(WORLD.trust, datasets=(PinnedDataset(hospital=2, root="ab" * 32),))
    for trust in (WORLD.trust, pinned):
        assert parse_trust(render_trust(trust)) == trust


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("threshold = 1", "threshold = 2", "2t+1"),
        ('name = "alpha"', 'name = "alphx"', "digest"),
        ("0x", "0y", "contract"),
        ("index = 3", "index = 4", "order"),
        ("chain_id", "chain", "chain"),
        ("chain_id = 31337", 'chain_id = "31337"', "chain_id"),
        ("chain_id = 31337", "chain_id = 2020-01-01", "canonical"),
        ("chain_id = 31337", "chain_id = 9007199254740993", "canonical"),
        ("chain_id = 31337", "chain_id = nan", "canonical"),
        ("chain_id = 31337", "chain_id = 0", "chain_id"),
        ("[chain]", "[chain]\nextra = 1", "extra"),
        ("[chain]", "[[chain]]", "chain"),
        ("[chain]", "[chain", "TOML"),
        ("chain_id = 31337", "chain_id = " + "9" * 5000, "TOML"),
        ("consortium_digest", "other", "consortium_digest"),
    ],
)
def test_a_changed_trust_file_is_refused(old: str, new: str, message: str) -> None:
    text = render_trust(WORLD.trust)
    assert old in text
    with pytest.raises(TrustInvalid) as raised:
        parse_trust(text.replace(old, new, 1))
    assert message in raised.value.message


def test_a_trust_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "long").write_bytes(b"#" * ((1 << 20) + 1))
    (tmp_path / "other").write_text("other = 1")
    for name in ("binary", "long", "missing", "other"):
        with pytest.raises(TrustInvalid) as raised:
            load_trust(tmp_path / name)
        assert raised.value.where == str(tmp_path / name)


# Signatures


@given(st.binary(max_size=300))
def test_pae_is_that_of_securesystemslib(payload: bytes) -> None:
    assert pae(payload) == Envelope(payload, PAYLOAD_TYPE, {}).pae()


def test_pae_of_the_specification() -> None:
    # DSSE, protocol.md: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body.
    assert pae(b"{}") == b"DSSEv1 28 application/vnd.in-toto+json 2 {}"


def test_every_member_signs_for_itself() -> None:
    for member in WORLD.consortium.members:
        signature = sign_statement(WORLD.account(member.index), ANSWER.statement, WORLD.consortium)
        assert recover_signer(ANSWER.statement, bytes.fromhex(signature)) == member.address
    with pytest.raises(ChainSignatureInvalid):
        recover_signer(ANSWER.statement, bytes(65))


def test_a_statement_of_another_consortium_is_not_signed() -> None:
    with pytest.raises(AttestationIncomplete):
        sign_statement(WORLD.account(1), ANSWER.statement, changed(WORLD.consortium, name="other"))


def test_what_reaches_the_chain_cannot_be_guessed_back() -> None:
    # C6: without the nonce, which is in the bundle alone, the right statement has another digest on chain.
    guessed = changed(
        ANSWER.statement,
        predicate=changed(ANSWER.statement.predicate, offer=changed(ANSWER.offer, nonce="00" * 32)),
    )
    assert statement_digest(guessed) != statement_digest(ANSWER.statement)
    quiet = WORLD.ask(BY_SEX, label="quiet")
    posted = chain_call(quiet.statement, quiet.bundle.signatures).calldata
    for secret in (quiet.offer.nonce, quiet.offer.schema_hash, quiet.plan.hash, quiet.statement.subject[0].result.sha256):
        assert bytes.fromhex(secret) not in posted
    for part in quiet.statement.predicate.parts:
        assert bytes.fromhex(part.commitment) not in posted


@pytest.mark.parametrize("publication", ["digest", "aggregate"])
def test_the_call_is_the_one_that_a_ledger_makes(publication: Any) -> None:
    answer = WORLD.ask(COUNT, label="call", publication=publication)
    ledger = Ledger.__new__(Ledger)  # without a chain: only its encoding is wanted
    ledger.__dict__.update(_artefact=artefact.load(), contract=WORLD.chain.contract, terms=WORLD.trust.terms)
    fields, signatures = attestation_fields(answer.statement), answer.bundle.signatures
    made = ledger.attest_opened(fields, signatures) if publication == "aggregate" else ledger.attest(fields, signatures)
    call = chain_call(answer.statement, signatures)
    assert (call.anchor.contract, call.calldata) == (made.to, made.data)
    assert call.function == ("attestOpened" if publication == "aggregate" else "attest")


# Transactions


def _signed(**members: Any) -> bytes:
    fields = {
        "type": 2, "chainId": 31337, "nonce": 0, "gas": 21000, "maxFeePerGas": 10, "maxPriorityFeePerGas": 1, "value": 0,
        "to": "0x" + "11" * 20, "data": b"\x01",
    }  # fmt: skip
    return bytes(Account.sign_transaction({**fields, **members}, WORLD.account(1)).raw_transaction)


_LEGACY = {"nonce": 0, "gas": 1, "gasPrice": 1, "to": "0x" + "11" * 20, "value": 0, "chainId": 1}


def test_a_transaction_is_decoded() -> None:
    decoded = decode_transaction(_signed())
    assert decoded.sender == WORLD.consortium.member(1).address
    assert (decoded.chain_id, decoded.to, decoded.value, decoded.data) == (31337, "0x" + "11" * 20, 0, b"\x01")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02",
        b"\x01" + _signed()[1:],
        _signed() + b"\x00",
        _signed()[:-1],
        _signed(accessList=[{"address": "0x" + "22" * 20, "storageKeys": []}]),
        _signed(to=""),
        bytes(Account.sign_transaction(_LEGACY, WORLD.account(1)).raw_transaction),
        b"\x02" + b"\xc0" * 100,
        b"\x02\xf8\xff" + bytes(200),
    ],
    ids=["empty", "type", "other_type", "trailing", "short", "access_list", "creation", "legacy", "lists", "length"],
)  # fmt: skip
def test_what_is_no_transaction_of_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(RecordInvalid):
        decode_transaction(raw)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_transactions_are_refused(raw: bytes) -> None:
    with pytest.raises(RecordInvalid):
        decode_transaction(b"\x02" + raw)


@pytest.mark.parametrize("part", ["attestation", "registration"])
@pytest.mark.parametrize("members", [{"value": 1}, {"chainId": 1}, {"to": "0x" + "22" * 20}, {"data": b""}], ids=str)
def test_a_transaction_that_does_something_else_is_refused(part: str, members: dict[str, Any]) -> None:
    call = (
        chain_call(ANSWER.statement, ANSWER.bundle.signatures)
        if part == "attestation"
        else register_call(WORLD.chain, ANSWER.registrations[1].registration)
    )
    honest = {"chainId": WORLD.chain.chain_id, "to": _checksum(WORLD.chain.contract), "data": call.calldata}
    check_transaction(describe_transaction(_signed(**honest)), call)
    with pytest.raises(RecordInvalid):
        check_transaction(describe_transaction(_signed(**{**honest, **members})), call)


def _checksum(address: str) -> str:
    return str(to_checksum_address(address))


# Statements and assembling


def test_other_contributions_make_no_statement() -> None:
    contributions = [ANSWER.dealt[i].contribution for i in ANSWER.qualified]
    for wrong in (contributions[:3], contributions[::-1], []):
        with pytest.raises(AttestationIncomplete):
            _build(contributions=wrong)


def test_other_secrets_make_no_statement() -> None:
    secrets = bytearray(ANSWER.secrets)
    secrets[-1] ^= 1
    with pytest.raises(OpeningMismatch):
        _build(secrets=bytes(secrets))


def _build(**members: Any) -> Any:
    inputs: dict[str, Any] = {
        "consortium": WORLD.consortium,
        "chain": WORLD.chain,
        "offer": ANSWER.offer,
        "plan": ANSWER.plan,
        "contributions": [ANSWER.dealt[i].contribution for i in ANSWER.qualified],
        "freeze": ANSWER.frozen,
        "decisions": ANSWER.decided,
        "secrets": ANSWER.secrets,
    }
    return build_statement(**{**inputs, **members})


@pytest.mark.parametrize("missing", ["signatures", "registrations", "contributions", "proofs", "freezes"])
def test_an_incomplete_bundle_is_not_assembled(missing: str) -> None:
    consortium = WORLD.consortium
    pieces: dict[str, Any] = {
        "signatures": {
            member.address: sign_statement(WORLD.account(member.index), ANSWER.statement, consortium)
            for member in consortium.members
        },
        "registrations": list(ANSWER.registrations.values()),
        "contributions": [dealt.signed for dealt in ANSWER.dealt.values()],
        "proofs": [dealt.proof for dealt in ANSWER.dealt.values()],
        "decisions": list(ANSWER.decisions.values()),
        "freezes": list(ANSWER.freezes.values()),
    }
    whole = assemble_bundle(consortium=consortium, statement=ANSWER.statement, **pieces)
    assert whole == ANSWER.bundle
    shuffled: dict[str, Any] = {name: piece[::-1] if isinstance(piece, list) else piece for name, piece in pieces.items()}
    assert assemble_bundle(consortium=consortium, statement=ANSWER.statement, **shuffled) == whole
    fewer = pieces[missing]
    pieces[missing] = dict(list(fewer.items())[:1]) if isinstance(fewer, dict) else fewer[:1]
    with pytest.raises(AttestationIncomplete):
        assemble_bundle(consortium=consortium, statement=ANSWER.statement, **pieces)


def test_the_record_is_part_of_the_encoding() -> None:
    # A document caches its encoding; a copy with a record must not keep the old one.
    assert ANSWER.bundle.encoded
    posted = with_record(ANSWER.bundle, ANSWER.record)
    assert Bundle.from_bytes(posted.encoded, limit=1 << 20).record == ANSWER.record


# Schemas in registrations


def test_a_registered_schema_reads_back() -> None:
    schema = parse_schema(SCHEMA)
    again = read_schema(schema.canonical())
    assert again == schema
    assert again.hash == schema.hash


def test_a_changed_schema_is_refused_or_another_schema() -> None:
    honest = parse_schema(SCHEMA)
    text = honest.canonical()
    for path, value in leaves(text):
        for other in others(value):
            forged = replaced(text, path, other)
            try:
                assert read_schema(forged).hash != honest.hash, path
            except SchemaInvalid:
                continue


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"columns": []},
        {"columns": [{}]},
        {"columns": 5, "name": "a", "title": ""},
        {"columns": [{"type": "integer", "min": "9" * 5000, "max": "1"}], "name": "a", "title": ""},
        {"columns": [{"type": "integer", "min": 1, "max": 2}], "name": "a", "title": ""},
        {"columns": [{"type": "decimal", "min": "NaN", "max": "1e9999999"}], "name": "a", "title": ""},
        {"columns": [{"type": "date", "min": "x", "max": "y"}], "name": "a", "title": ""},
        {"columns": [{"type": []}], "name": "a", "title": ""},
    ],
)
def test_what_is_no_schema_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(SchemaInvalid):
        read_schema(value)


# The report


def test_a_report_does_not_move_the_cursor() -> None:
    bundle = canonical.decode(ANSWER.bundle.encoded, limit=1 << 20)
    hostile = replaced(bundle, ("consortium", "name"), "a\x1b[2J")
    text = audit(canonical.encode(hostile), WORLD.trust).render()
    assert "\x1b" not in text
    assert text.isascii() or text.replace("\n", "").isprintable()
    assert "Verdict:    refused at step 1 (form)" in text


def test_the_envelope_holds_the_statement() -> None:
    payload = base64.b64decode(at(canonical.decode(ANSWER.bundle.encoded, limit=1 << 20), ("envelope", "payload")))
    assert payload == ANSWER.statement.encoded

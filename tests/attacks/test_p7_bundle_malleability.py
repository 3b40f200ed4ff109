"""P7: a bundle has one encoding. Every other file is refused, or the same file."""

import base64
import itertools
import json
import random
from functools import cache
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_utils.crypto import keccak

from attestation.bundle import Bundle, with_record
from attestation.errors import VerificationFailed
from attestation.evidence import encode_evidence
from attestation.verify import verify_bundle
from protocol import canonical
from tests.vectors.bundles.forge import PAYLOAD, as_json, at, lists, pattern, payload_of, replaced, with_payload
from tests.vectors.bundles.world import BY_SEX_AND_SMOKER, COUNT, World

WORLD = World()
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ED25519_ORDER = (1 << 252) + 27742317777372353535851937790883648493


@cache
def whole() -> bytes:
    """A bundle with suppressed cells, a member left out, and its record."""
    answer = WORLD.ask(BY_SEX_AND_SMOKER, label="malleable", minimum_cohort=10, refuse={2: "policy-buyer"})
    return with_record(answer.bundle, answer.record).encoded


@cache
def opened() -> bytes:
    answer = WORLD.ask(COUNT, label="malleable too", publication="aggregate")
    return with_record(answer.bundle, answer.record).encoded


def refusing_step(data: bytes) -> str:
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(data, WORLD.trust, WORLD.datasets)
    return raised.value.step


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_bundles_under_attack_are_good() -> None:
    verify_bundle(whole(), WORLD.trust, WORLD.datasets)
    verify_bundle(opened(), WORLD.trust, WORLD.datasets)


@pytest.mark.parametrize("part", range(4))
def test_a_flipped_bit_is_refused(part: int) -> None:
    data = whole() if part % 2 else opened()
    for bit in random.Random(part).sample(range(8 * len(data)), 400):
        refusing_step(flipped(data, bit))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("data", [whole, opened], ids=["whole", "opened"])
def test_every_flipped_bit_is_refused(data: Any) -> None:
    for bit in range(8 * len(data())):
        refusing_step(flipped(data(), bit))


@pytest.mark.parametrize("part", range(4))
def test_a_flipped_bit_in_a_package_is_refused(part: int) -> None:
    table = WORLD.tables[1 + part % 2]
    root, package = table.registration.root, table.package
    # In the registration, the commitments, and the admission proofs.
    ends = (0, len(package) // 20, len(package) - sum(map(len, table.admission)), len(package))
    for start, end in itertools.pairwise(ends):
        for bit in random.Random(part).sample(range(8 * start, 8 * end), 25):
            with pytest.raises(VerificationFailed) as raised:
                verify_bundle(opened(), WORLD.trust, WORLD.datasets | {root: flipped(package, bit)})
            assert (raised.value.step, raised.value.undecided) == ("admission", False)


@pytest.mark.parametrize(
    "forge", [lambda data: data + b"\0", lambda data: data[:-1], lambda data: b"", lambda data: data * 2]
)
def test_another_length_of_a_package_is_refused(forge: Any) -> None:
    root, package = WORLD.tables[2].registration.root, WORLD.tables[2].package
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(opened(), WORLD.trust, WORLD.datasets | {root: forge(package)})
    assert (raised.value.step, raised.value.undecided) == ("admission", False)


@pytest.mark.parametrize("part", range(2))
def test_a_flipped_bit_in_an_evidence_file_is_refused(part: int) -> None:
    data = encode_evidence(opened(), WORLD.datasets)
    for bit in random.Random(part).sample(range(8 * len(data)), 60):
        refusing_step(flipped(data, bit))


@pytest.mark.parametrize(
    "forge",
    [
        lambda data: data + b"\n",
        lambda data: data + b"\x00",
        lambda data: data + data,
        lambda data: b" " + data,
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"null",
        lambda data: b"[" + data + b"]",
        lambda data: data.replace(b",", b", ", 1),
        lambda data: data.replace(b'":', b'": ', 1),
        lambda data: data.decode().encode("utf-16"),
        lambda data: data.replace(b'"patients"', b'"\\u0070atients"', 1),
        lambda data: json.dumps(json.loads(data), indent=1).encode(),
        lambda data: json.dumps(dict(reversed(json.loads(data).items())), separators=(",", ":")).encode(),
        lambda data: data[:-1] + b',"type":"proofward/bundle/v1"}',
        lambda data: data[:-1] + b',"zzz":null}',
        lambda data: data.replace(b'"chunks":1', b'"chunks":01', 1),
        lambda data: data.replace(b'"chunks":1', b'"chunks":1.0', 1),
        lambda data: data.replace(b'"chunks":1', b'"chunks":1e0', 1),
        lambda data: data.replace(b'"chunks":1', b'"chunks":"1"', 1),
        lambda data: data.replace(b'"chunks":1', b'"chunks":true', 1),
        lambda data: data.replace(b'"chunks":1', b'"chunks":1,"chunks":1', 1),
        lambda data: data.replace(b'"chunks":1', b'"chunks":NaN', 1),
    ],
)
def test_another_encoding_is_refused_as_a_form(forge: Any) -> None:
    data = forge(whole())
    assert data != whole()
    assert refusing_step(data) == "form"


def test_a_bundle_that_is_too_long_is_refused_before_it_is_parsed() -> None:
    assert refusing_step(b"[" * ((64 << 20) + 1)) == "form"


@pytest.mark.parametrize("opener", [b"[", b'{"a":'])
def test_deep_nesting_is_refused(opener: bytes) -> None:
    assert refusing_step(opener * 100_000) == "form"


def _defaults(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every member that the model would fill in."""
    found = []
    if isinstance(value, dict):
        found = [(*path, key) for key in value if key in {"type", "protocol", "proof", "admission", "payloadType"}]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in items:
        if key != "table_schema":
            found += _defaults(member, (*path, key))
    return found


def _without(value: Any, path: tuple[str | int, ...]) -> Any:
    parent = dict(at(value, path[:-1]))
    del parent[path[-1]]
    return replaced(value, path[:-1], parent)


def test_a_member_that_has_a_default_may_not_be_left_out() -> None:
    bundle = json.loads(whole())
    paths = _defaults(bundle)
    assert len(paths) > 10
    for path in paths:
        assert refusing_step(canonical.encode(_without(bundle, path))) in {"form", "consortium"}, pattern(path)


@pytest.mark.parametrize(
    "forge",
    [
        lambda statement: _without(statement, ("_type",)),
        lambda statement: _without(statement, ("predicateType",)),
        lambda statement: {**_without(statement, ("_type",)), "type": statement["_type"]},
        lambda statement: replaced(
            statement, ("subject", 0), {"name": "result", "result": statement["subject"][0]["digest"]}
        ),
        lambda statement: replaced(statement, ("subject", 0), {"digest": statement["subject"][0]["digest"]}),
        lambda statement: {**statement, "extra": 1},
        lambda statement: _without(statement, ("predicate", "offer", "protocol")),
        lambda statement: replaced(statement, ("predicate", "aggregate", "cells", 0), "007"),
        lambda statement: replaced(statement, ("predicate", "aggregate", "cells", 0), "+7"),
        lambda statement: replaced(statement, ("predicate", "aggregate", "cells", 0), "-0"),
        lambda statement: replaced(statement, ("predicate", "aggregate", "cells", 0), "7\n"),
        lambda statement: replaced(statement, ("predicate", "aggregate", "cells", 0), "٧"),
        lambda statement: replaced(statement, ("predicate", "aggregate", "cells", 0), 7),
        lambda statement: replaced(statement, ("predicate", "freeze"), statement["predicate"]["freeze"].upper()),
        lambda statement: replaced(statement, ("predicate", "freeze"), statement["predicate"]["freeze"] + "\n"),
        lambda statement: replaced(statement, ("predicate", "freeze"), "0x" + statement["predicate"]["freeze"][2:]),
    ],
)
def test_another_encoding_of_the_statement_is_refused(forge: Any) -> None:
    bundle = json.loads(opened())
    forged = forge(payload_of(bundle))
    assert refusing_step(canonical.encode(with_payload(bundle, forged, WORLD))) == "statement"


def test_white_space_in_the_statement_is_refused() -> None:
    bundle = json.loads(whole())
    payload = base64.b64decode(at(bundle, PAYLOAD))
    for forged in (payload + b"\n", b" " + payload, payload.replace(b":", b": ", 1)):
        text = base64.b64encode(forged).decode()
        assert refusing_step(canonical.encode(replaced(bundle, PAYLOAD, text))) == "statement"


# Base64 of the envelope.


def _respelled(text: str) -> list[str]:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    spare = [body[:-1] + alphabet[alphabet.index(body[-1]) ^ 1] + text[len(body) :]] if body != text else []
    return [
        *spare,
        body if body != text else text + "=",
        text + "\n",
        text + "====",
        text[:4] + "\n" + text[4:],
        " " + text,
        text[:-8] + "-_" + text[-6:],
        text[:8] + "=" + text[8:],
        text + "A",
    ]


@pytest.mark.parametrize("path", [PAYLOAD, ("envelope", "signatures", 0, "sig")], ids=pattern)
def test_another_spelling_of_base64_is_refused(path: tuple[str | int, ...]) -> None:
    bundle = json.loads(whole())
    for text in _respelled(at(bundle, path)):
        assert refusing_step(canonical.encode(replaced(bundle, path, text))) == "form"


# Order.


def test_a_reordered_list_is_refused() -> None:
    tried = set()
    for data in (whole(), opened()):
        bundle = json.loads(data)
        for path, items in lists(bundle):
            if len(items) > 1:
                tried.add(pattern(path))
                for forged in (items[::-1], [*items[1:], items[0]]):
                    refusing_step(canonical.encode(replaced(bundle, path, forged)))
        statement = payload_of(bundle)
        for path, items in lists(statement):
            if len(items) > 1 and items != items[::-1]:
                tried.add(pattern(path))
                forged = with_payload(bundle, replaced(statement, path, items[::-1]), WORLD, WORLD.indices)
                refusing_step(canonical.encode(forged))
    assert {
        "envelope.signatures",
        "registrations",
        "contributions",
        "decisions",
        "freezes",
        "record.registrations",
        "predicate.parts",
        "predicate.logs",
        "predicate.aggregate.cells",
        "predicate.aggregate.suppressed",
    } <= tried


# Signatures.


def _ecdsa(bundle: Any) -> bytes:
    return base64.b64decode(at(bundle, ("envelope", "signatures", 0, "sig")))


@pytest.mark.parametrize(
    "forge",
    [
        lambda r, s, v: (r, SECP256K1_ORDER - s, 55 - v),  # the high s that recovers to the same account
        lambda r, s, v: (r, s, v - 27),
        lambda r, s, v: (r, s, 55 - v),
        lambda r, s, v: (r, s, v + 35),
        lambda r, s, v: (0, s, v),
        lambda r, s, v: (r, 0, v),
        lambda r, s, v: (SECP256K1_ORDER, s, v),
        lambda r, s, v: (r, SECP256K1_ORDER, v),
    ],
)
def test_another_form_of_an_attestation_signature_is_refused(forge: Any) -> None:
    bundle = json.loads(whole())
    signature = _ecdsa(bundle)
    r, s, v = forge(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64])
    forged = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
    path = ("envelope", "signatures", 0, "sig")
    assert refusing_step(canonical.encode(replaced(bundle, path, base64.b64encode(forged).decode()))) == "signatures"


def test_a_compact_attestation_signature_is_refused() -> None:
    # EIP-2098: 64 bytes, the parity in the top bit of s. OpenZeppelin refuses it too.
    bundle = json.loads(whole())
    signature = _ecdsa(bundle)
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    compact = signature[:32] + s.to_bytes(32, "big")
    path = ("envelope", "signatures", 0, "sig")
    for forged in (compact, signature + b"\x00", b""):
        assert refusing_step(canonical.encode(replaced(bundle, path, base64.b64encode(forged).decode()))) == "signatures"


@pytest.mark.parametrize(
    ("path", "step"),
    [
        (("decisions", 0, "signature"), "participants"),
        (("registrations", 0, "signature"), "datasets"),
        (("contributions", 0, "signature"), "contributions"),
        (("freezes", 0, "signature"), "freeze"),
    ],
)
def test_another_form_of_an_ed25519_signature_is_refused(path: tuple[str | int, ...], step: str) -> None:
    bundle = json.loads(whole())
    signature = bytes.fromhex(at(bundle, path))
    s = int.from_bytes(signature[32:], "little")
    # RFC 8032, section 5.1.7: s must be below the group order. 2 L + s still fits 256 bits for some s; L + s always does.
    raised = signature[:32] + (s + ED25519_ORDER).to_bytes(32, "little")
    zero = (1).to_bytes(32, "little") + bytes(32)
    for forged in (raised, zero, bytes(64)):
        assert refusing_step(canonical.encode(replaced(bundle, path, forged.hex()))) == step


def test_a_transaction_signature_has_one_form() -> None:
    bundle = json.loads(opened())
    raw = bytes.fromhex(at(bundle, ("record", "attestation", "raw")))
    fields = rlp.decode(raw[1:])
    s = int.from_bytes(fields[-1], "big")
    fields = [*fields[:-3], b"" if fields[-3] == b"\x01" else b"\x01", fields[-2], (SECP256K1_ORDER - s).to_bytes(32, "big")]
    forged = b"\x02" + rlp.encode(fields)
    record = at(bundle, ("record", "attestation")) | {"raw": forged.hex(), "hash": keccak(forged).hex()}
    assert refusing_step(canonical.encode(replaced(bundle, ("record", "attestation"), record))) == "record"


def test_as_json_round_trips() -> None:
    bundle = Bundle.from_bytes(whole(), limit=1 << 20)
    assert canonical.encode(as_json(bundle)) == whole()

"""Documents have one encoding, and bytes that are not it are refused with a typed error."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol import canonical
from protocol.consortium import Consortium, Member
from protocol.errors import MalformedInput, ProofwardError
from protocol.messages import LogHead, Round, SignedMessage
from protocol.signatures import SignatureInvalid, open_message, sign_message

KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([index] * 32)) for index in (1, 2, 3, 4)]
LIMIT = 1 << 20


def make_consortium(**changes: Any) -> Consortium:
    members = tuple(
        Member(
            index=index,
            name=f"hospital-{index}",
            address="0x" + f"{index:040x}",
            signing_key=key.public_key().public_bytes_raw().hex(),
        )
        for index, key in enumerate(KEYS, 1)
    )
    values: dict[str, Any] = {"name": "trial", "threshold": 1, "members": members}
    return Consortium(**(values | changes))


def test_a_document_survives_its_encoding() -> None:
    consortium = make_consortium()
    assert Consortium.from_bytes(consortium.encoded, limit=LIMIT) == consortium


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b" ",
        lambda data: b" " + data,
        lambda data: data.replace(b'"threshold":1', b'"threshold":1.0'),
        lambda data: data.replace(b'"threshold":1', b'"threshold":true'),
        lambda data: data.replace(b'"threshold":1', b'"threshold":1,"threshold":1'),
        lambda data: data.replace(b'"threshold":1', b'"threshold":1,"unknown":1'),
        lambda data: data.replace(b'"protocol":"proofward/v1",', b""),  # has a default, which is not another encoding
        lambda data: data.replace(b'"index":2', b'"index":3'),
        lambda data: data.replace(b'"index":1', b'"index":0'),
        lambda data: data[:-1],
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"trial", b"tr\xff"),
        lambda _: b"null",
        lambda _: b"NaN",
        lambda _: b"[" * 100_000,
        lambda _: b"",
    ],
)
def test_any_other_bytes_are_refused(change: Any) -> None:
    data = change(make_consortium().encoded)
    with pytest.raises(MalformedInput):
        Consortium.from_bytes(data, limit=LIMIT)


def test_a_document_over_its_limit_is_refused_unread() -> None:
    with pytest.raises(MalformedInput):
        Consortium.from_bytes(make_consortium().encoded, limit=10)


def test_a_changed_copy_has_its_own_digest() -> None:
    head = LogHead(sequence=1, head="0" * 64)
    before = head.digest
    copy = head.model_copy(update={"sequence": 2})
    assert copy.digest != before == head.digest
    assert json.loads(copy.encoded)["sequence"] == 2


NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.text() | NUMBERS,
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(JSON)
def test_canonical_encoding_is_a_bijection(value: Any) -> None:
    data = canonical.encode(value)
    assert canonical.decode(data, limit=LIMIT) == value


@given(st.binary(max_size=200))
def test_random_bytes_give_typed_errors_only(data: bytes) -> None:
    try:
        value = canonical.decode(data, limit=LIMIT)
    except ProofwardError:
        return
    assert canonical.encode(value) == data


@pytest.mark.parametrize(("members", "threshold", "quorum"), [(3, 1, 3), (4, 1, 3), (5, 1, 4), (5, 2, 4), (7, 2, 5)])
def test_two_quorums_share_an_honest_member(members: int, threshold: int, quorum: int) -> None:
    # |A| + |B| - n members are in both; more than t of them, so one is honest.
    assert 2 * quorum - members > threshold
    assert 2 * (quorum - 1) - members <= threshold
    keys = [Ed25519PrivateKey.generate() for _ in range(members)]
    consortium = make_consortium(
        threshold=threshold,
        members=tuple(
            Member(index=i, name=f"h{i}", address=f"0x{i:040x}", signing_key=key.public_key().public_bytes_raw().hex())
            for i, key in enumerate(keys, 1)
        ),
    )
    assert consortium.quorum == quorum


QUERY = "ab" * 32


def test_a_message_opens_only_as_what_was_signed() -> None:
    consortium = make_consortium()
    head = LogHead(sequence=1, head="0" * 64)
    message = sign_message(KEYS[1], consortium, QUERY, Round.DEAL, 2, head)
    assert open_message(consortium, message, Round.DEAL, QUERY, LogHead) == head
    other = make_consortium(name="other")
    another = head.model_copy(update={"sequence": 2}).encoded.hex()
    changes: list[tuple[Consortium, SignedMessage, Round, str]] = [
        (consortium, message, Round.OPEN, QUERY),
        (consortium, message, Round.DEAL, "cd" * 32),
        (other, message, Round.DEAL, QUERY),
        (consortium, message.model_copy(update={"round": Round.OPEN}), Round.OPEN, QUERY),
        (consortium, message.model_copy(update={"body": another}), Round.DEAL, QUERY),
    ]
    changes += [
        (consortium, message.model_copy(update={"sender": sender}), Round.DEAL, QUERY)
        for sender in (-1, 0, 1, 5, 65, 1 << 20)
    ]
    for trusted, changed, round_, query in changes:
        with pytest.raises(SignatureInvalid):
            open_message(trusted, changed, round_, query, LogHead)

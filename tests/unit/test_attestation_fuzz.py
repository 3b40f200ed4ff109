"""Whatever the bytes are, a verifier says `VerificationFailed` and nothing else, and an audit always ends in a report."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attestation.audit import Verdict, audit
from attestation.errors import VerificationFailed
from attestation.trust import load_trust
from attestation.verify import VerifiedAttestation, verify_bundle
from protocol import canonical
from protocol.errors import ProofwardError
from tests.vectors.bundles.cases import WORLD
from tests.vectors.bundles.forge import at, leaves, lists, payload_of, replaced, with_payload
from tests.vectors.bundles.generate import EVIDENCE, FOLDER, datasets

TRUST = load_trust(FOLDER / "trust.toml")
DATASETS = datasets()
NAMES = sorted(path.name for path in FOLDER.glob("good/*.json"))
CAMPAIGN = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["", "0" * 64, "f" * 64, "0" * 128, "-1", "0x" + "0" * 40, "\u202e", "\x1b[2J", "9" * 77])
    | st.integers(0, 64).map(lambda n: "ab" * n),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=6,
)


@cache
def good(name: str) -> bytes:
    return (FOLDER / "good" / name).read_bytes()


def examined(data: bytes) -> VerificationFailed | VerifiedAttestation:
    try:
        return verify_bundle(data, TRUST, DATASETS)
    except VerificationFailed as error:
        return error


def check(data: bytes) -> None:
    found, report = examined(data), audit(data, TRUST, datasets=DATASETS)
    json.dumps(report.to_dict())
    assert all(character == "\n" or character.isprintable() for character in report.render())
    if isinstance(found, VerifiedAttestation):
        # Nothing but what was attested: a bundle may lose its record, no more.
        assert found.statement.encoded in {at_payload(name) for name in NAMES}
        return
    assert 1 <= found.number <= 17
    assert found.message
    assert not found.undecided
    assert report.verdict is Verdict.REFUSED
    assert report.failed_step is not None
    assert (report.failed_step.number, report.failed_step.reason) == (found.number, found.message)


@cache
def at_payload(name: str) -> bytes:
    return canonical.encode(payload_of(json.loads(good(name))))


@CAMPAIGN
@given(st.binary(max_size=2000))
def test_random_bytes(data: bytes) -> None:
    check(data)


@CAMPAIGN
@given(VALUES)
def test_random_documents(value: Any) -> None:
    check(canonical.encode(value))


@CAMPAIGN
@given(st.sampled_from(NAMES), st.integers(0), st.integers(0), st.binary(max_size=40))
def test_spliced_bytes(name: str, start: int, length: int, insert: bytes) -> None:
    data = good(name)
    start %= len(data)
    check(data[:start] + insert + data[start + length % 200 :])


@CAMPAIGN
@given(st.integers(0), st.integers(0), st.binary(max_size=40))
def test_spliced_evidence(start: int, length: int, insert: bytes) -> None:
    data = (FOLDER / "good" / f"{EVIDENCE}.evidence.zip").read_bytes()
    start %= len(data)
    check(data[:start] + insert + data[start + length % 200 :])


def _mutate(data: st.DataObject, document: Any) -> Any:
    for _ in range(data.draw(st.integers(1, 3), label="mutations")):
        places = [path for path, _ in leaves(document)] + [path for path, _ in lists(document)]
        path = data.draw(st.sampled_from(places), label="path")
        new = data.draw(VALUES | st.sampled_from([at(document, other) for other in places]), label="value")
        document = replaced(document, path, new)
    return document


@CAMPAIGN
@given(st.data(), st.sampled_from(NAMES))
def test_changed_documents(data: st.DataObject, name: str) -> None:
    check(canonical.encode(_mutate(data, json.loads(good(name)))))


@CAMPAIGN
@given(st.data(), st.sampled_from(NAMES))
def test_changed_statements_that_every_member_signs_if_it_can(data: st.DataObject, name: str) -> None:
    bundle = json.loads(good(name))
    statement = _mutate(data, payload_of(bundle))
    try:
        forged = with_payload(bundle, statement, WORLD, WORLD.indices)
    except ProofwardError:  # no such statement, or none that the contract's struct can hold
        forged = with_payload(bundle, statement, WORLD)
    check(canonical.encode(forged))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@settings(CAMPAIGN, max_examples=20_000)
@given(st.data(), st.sampled_from(NAMES))
def test_a_long_campaign(data: st.DataObject, name: str) -> None:
    check(canonical.encode(_mutate(data, json.loads(good(name)))))


@pytest.mark.parametrize("value", [1e400, float("nan")])
def test_numbers_that_json_has_not(value: float) -> None:
    check(json.dumps({"type": value}).encode())

"""Honest answers of every shape become bundles that verify; the table is that of the pooled rows."""

from collections.abc import Mapping
from typing import Any

import pytest

import prover
from attestation.audit import Verdict, audit
from attestation.bundle import Bundle, with_record
from attestation.sign import is_opened_on_chain
from attestation.verify import verify_bundle
from circuits.evaluate import evaluate
from circuits.finish import finish
from tests.vectors.bundles.world import BY_SEX, BY_SEX_AND_SMOKER, COUNT, Answer, World

SHAPES: Mapping[str, Mapping[str, Any]] = {
    "count": {"sql": COUNT},
    "count_on_chain": {"sql": COUNT, "publication": "aggregate"},
    "group_by": {"sql": BY_SEX},
    "group_by_on_chain": {"sql": BY_SEX, "publication": "aggregate"},
    "suppressed": {"sql": BY_SEX_AND_SMOKER, "minimum_cohort": 80},
    "suppressed_on_chain": {"sql": BY_SEX_AND_SMOKER, "minimum_cohort": 80, "publication": "aggregate"},
    "everything_suppressed": {"sql": COUNT, "minimum_cohort": 10_000},
    "refusing_hospital": {"sql": COUNT, "refuse": {2: "policy-buyer"}},
    "silent_hospital": {"sql": COUNT, "silent": (4,)},
    "dropped_hospital": {"sql": BY_SEX, "dropped": {3: "share-invalid"}},
    "one_hospital": {
        "sql": COUNT,
        "refuse": {2: "policy-buyer", 3: "policy-purpose"},
        "silent": (4,),
        "minimum_hospitals": 1,
    },
}


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def ask(world: World, shape: str) -> Answer:
    return world.ask(label=shape, **SHAPES[shape])


@pytest.mark.parametrize("shape", SHAPES)
def test_an_honest_bundle_verifies(world: World, shape: str) -> None:
    answer = ask(world, shape)
    verified = verify_bundle(answer.bundle, world.trust, world.datasets)
    assert [member.index for member in verified.participants] == answer.qualified
    assert verified.statement == answer.statement
    assert verified.record is None


@pytest.mark.parametrize("shape", ["count", "group_by", "dropped_hospital"])
def test_the_table_is_that_of_the_pooled_rows(world: World, shape: str) -> None:
    answer = ask(world, shape)
    pooled = evaluate(answer.plan, [chunk for i in answer.qualified for chunk in world.chunks[i]])
    expected = finish(answer.plan, pooled)
    assert verify_bundle(answer.bundle, world.trust, world.datasets).result.to_dict() == expected.to_dict()
    assert expected.rows


def test_a_bundle_survives_its_encoding(world: World) -> None:
    bundle = ask(world, "group_by").bundle
    again = Bundle.from_bytes(bundle.encoded, limit=1 << 20)
    assert again == bundle
    assert again.encoded == bundle.encoded


@pytest.mark.parametrize("shape", ["count", "count_on_chain", "suppressed_on_chain"])
def test_a_bundle_with_its_record_verifies(world: World, shape: str) -> None:
    answer = ask(world, shape)
    bundle = with_record(answer.bundle, answer.record)
    assert bundle.encoded != answer.bundle.encoded
    verified = verify_bundle(bundle, world.trust, world.datasets)
    assert verified.record == answer.record


def test_only_a_public_and_complete_aggregate_is_opened_on_chain(world: World) -> None:
    opened = {shape for shape in SHAPES if is_opened_on_chain(ask(world, shape).statement)}
    assert opened == {"count_on_chain", "group_by_on_chain"}


def test_the_statement_is_the_same_for_every_quorum_of_shares(world: World) -> None:
    answer = ask(world, "suppressed")
    sums = {
        member: prover.add_vectors([answer.dealt[i].shares[member - 1] for i in answer.qualified]) for member in world.indices
    }
    pairs = [(a, b) for a in sums for b in sums if a < b]
    assert {prover.interpolate({a: sums[a], b: sums[b]}, world.t, world.n) for a, b in pairs} == {answer.secrets}


@pytest.mark.parametrize(("n", "t"), [(3, 1), (5, 2), (7, 3)])
def test_consortia_of_other_sizes(n: int, t: int) -> None:
    world = World(n=n, t=t, patients=40)
    bundle = world.ask(COUNT, minimum_cohort=2).bundle
    assert len(bundle.envelope.signatures) == t + 1
    assert len(bundle.freezes) == (n + t) // 2 + 1
    verify_bundle(bundle, world.trust, world.datasets)


def test_the_audit_of_an_honest_bundle_passes_every_check(world: World) -> None:
    answer = ask(world, "refusing_hospital")
    report = audit(with_record(answer.bundle, answer.record).encoded, world.trust, datasets=world.datasets)
    assert report.verdict is Verdict.VERIFIED
    assert report.exit_code == 0
    assert {str(check.outcome) for check in report.checks} == {"pass"}
    assert [check.number for check in report.checks] == list(range(1, 18))
    members = report.to_dict()
    assert members["verdict"] == "verified"
    assert members["query"]["left_out"] == [{"hospital": "bravo", "reason": "policy-buyer"}]
    assert members["result"] == verify_bundle(answer.bundle, world.trust, world.datasets).result.to_dict()
    assert members["assurance"] == {"aggregate": "proven", "contribution": "proven", "dataset": "proven", "noise": "none"}
    assert any("noise" in sentence for sentence in members["not_proven"])
    text = report.render()
    assert "Verdict:    verified" in text
    assert "bravo (policy-buyer)" in text


def test_without_a_record_the_audit_says_not_posted(world: World) -> None:
    report = audit(ask(world, "count").evidence, world.trust)
    assert report.exit_code == 0
    assert str(report.checks[16].outcome) == "not-checked"
    assert report.checks[16].reason.startswith("not posted")

"""P8: evidence of one context in another. Each row changes one thing that the evidence is bound to.

`edit` changes a document before its author signs it, and everything later is built on the changed document: the bundle is
consistent in itself and signed by all members. Only the check of that one binding can refuse it.
"""

from collections.abc import Callable
from typing import Any

import pytest

from attestation.errors import VerificationFailed
from attestation.trust import PinnedDataset, Trust, trust_in
from attestation.verify import verify_bundle
from protocol import canonical
from protocol.dataset import Registration
from protocol.messages import Contribution, Freeze, LeftOut
from protocol.query import Offer
from protocol.statement import ChainAnchor
from tests.vectors.bundles.forge import as_json, changed, payload_of, replaced, with_payload
from tests.vectors.bundles.world import COUNT, Answer, World

WORLD = World()
ANSWER = WORLD.ask(COUNT, label="context")
OTHER = WORLD.ask(COUNT, label="another query")
OTHER_HASH = "ab" * 32
POINT = OTHER.dealt[2].contribution.commitment


def refused(answer: Answer, trust: Trust | None = None) -> VerificationFailed:
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(answer.bundle, trust or WORLD.trust, answer.datasets)
    return raised.value


def editing(kind: type[Any], who: Callable[[Any], bool], **members: Any) -> Answer:
    """The answer of a consortium where the documents of `kind` for which `who` holds say something else."""

    def edit(document: Any) -> Any:
        return changed(document, **members) if isinstance(document, kind) and who(document) else document

    return WORLD.ask(COUNT, label="context", edit=edit)


def test_the_evidence_is_good_where_it_belongs() -> None:
    verify_bundle(ANSWER.bundle, WORLD.trust, ANSWER.datasets)
    verify_bundle(editing(Offer, lambda _: False).evidence, WORLD.trust)


# Contributions: one hospital's, by field.

CONTRIBUTION = {
    "generators": (OTHER_HASH, "set of generators"),
    "consortium": (OTHER_HASH, "consortium"),
    "offer": (OTHER.offer.digest, "offer"),
    "query_id": (OTHER.offer.query_id, "query"),
    "nonce": (OTHER.offer.nonce, "query"),
    "plan_hash": (OTHER_HASH, "plan"),
    "schema_hash": (OTHER_HASH, "schema"),
    "decisions": (OTHER_HASH, "set of decisions"),
    "root": (OTHER_HASH, "dataset"),
    "sharing": ((), "threshold"),
}
# These the matrix cannot hold: constants of the protocol, and what the contribution is about.
NOT_CONTEXT = {"type", "protocol", "proof", "hospital", "commitment"}


def test_every_binding_of_a_contribution_is_in_the_matrix() -> None:
    assert set(Contribution.model_fields) == set(CONTRIBUTION) | NOT_CONTEXT


@pytest.mark.parametrize("field", CONTRIBUTION)
def test_a_contribution_of_another_context_is_refused(field: str) -> None:
    value, named = CONTRIBUTION[field]
    answer = editing(Contribution, lambda document: document.hospital == 2, **{field: value})
    if field == "root":  # the statement names the dataset that the hospital accepted with
        parts = tuple(changed(part, root=ANSWER.decided[part.hospital].root) for part in answer.statement.predicate.parts)
        answer.__dict__["statement"] = changed(answer.statement, predicate=changed(answer.statement.predicate, parts=parts))
    error = refused(answer)
    assert (error.step, error.number) == ("contributions", 11)
    assert error.message == f"the contribution of member 2 is bound to another {named}"


def test_a_longer_sharing_would_raise_the_threshold() -> None:
    answer = editing(Contribution, lambda document: document.hospital == 2, sharing=(POINT, POINT))
    assert refused(answer).message.endswith("another threshold")


def test_another_hospitals_contribution_is_refused() -> None:
    bundle = as_json(ANSWER.bundle)
    bundle["contributions"][1] = bundle["contributions"][2]
    statement = payload_of(bundle)
    stolen = statement["predicate"]["parts"][2]
    statement["predicate"]["parts"][1] |= {"contribution": stolen["contribution"], "commitment": stolen["commitment"]}
    assert step_of(with_payload(bundle, statement, WORLD, WORLD.indices)) == "contributions"


def test_a_point_that_is_not_one_is_refused() -> None:
    answer = editing(Contribution, lambda document: document.hospital == 2, sharing=("11" * 64,))
    assert refused(answer).step == "contributions"


# Registrations, decisions, offers, freezes.


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"consortium": OTHER_HASH}, "registered with another consortium"),
        ({"dataset": "admissions"}, "another name"),
        ({"schema_hash": OTHER_HASH}, "another schema"),
        ({"table_schema": {}}, "another schema"),
        ({"generators": OTHER_HASH}, "other generators"),
        ({"valid_from": 1_700_000_001}, "registered after the query"),
        ({"hospital": 3}, "not the one that was registered"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_a_dataset_of_another_context_is_refused(members: dict[str, Any], reason: str) -> None:
    answer = editing(Registration, lambda document: document.hospital == 2, **members)
    error = refused(answer)
    assert error.step == "datasets"
    # A registration that names another hospital is not signed by that hospital.
    assert reason in error.message or "hospital" in members


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"offer": OTHER.offer.digest}, "another offer"),
        ({"root": OTHER_HASH}, "another dataset than it accepted with"),
        ({"accept": False}, "neither accepts nor refuses"),
        ({"accept": False, "root": None, "refusal": "policy-buyer"}, "did not accept"),
        ({"minimum_hospitals": 5}, "fewer hospitals"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_a_decision_of_another_context_is_refused(members: dict[str, Any], reason: str) -> None:
    index = 2
    # The consortium pretends that the decision is what the parts need, so the freeze and the parts stay as they were.
    bad = changed(ANSWER.decided[index], **members)
    answer = WORLD.ask(COUNT, label="context")
    answer.__dict__["decided"] = {**ANSWER.decided, index: bad}
    answer.__dict__["qualified"] = list(WORLD.indices)
    answer.__dict__["dealt"] = ANSWER.dealt
    error = refused(answer)
    assert error.step == "participants"
    assert reason in error.message


@pytest.mark.parametrize(
    ("members", "step"),
    [
        ({"consortium": OTHER_HASH}, "offer"),
        ({"plan_hash": OTHER_HASH}, "offer"),
        ({"expires_at": 1_600_000_000}, "offer"),
        ({"schema_hash": OTHER_HASH}, "datasets"),
        ({"dataset": "admissions"}, "datasets"),
        ({"sql": "SELECT COUNT(*) AS n FROM patients"}, "plan"),
        ({"sql": "SELECT COUNT(*) AS n FROM patients WHERE"}, "plan"),
        ({"sql": COUNT.replace("40", "41")}, "plan"),
        ({"submitted_at": 1_698_999_999}, "datasets"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_an_offer_that_does_not_fit_is_refused(members: dict[str, Any], step: str) -> None:
    assert refused(editing(Offer, lambda _: True, **members)).step == step


FREEZE = {
    "offer": (OTHER.offer.digest, "offer"),
    "decisions": (OTHER_HASH, "set of decisions"),
    "contributions": ((OTHER_HASH,) * 4, "set of contributions"),
    "qualified": ((1, 2, 3), "set of hospitals"),
    "left_out": ((LeftOut(hospital=4, reason="no-answer"),), "set of members left out"),
    "blamed": ((LeftOut(hospital=4, reason="equivocation"),), "set of members blamed"),
    "minimum_cohort": (4, "minimum cohort"),
}


def test_every_field_of_a_freeze_is_in_the_matrix() -> None:
    assert set(Freeze.model_fields) == {*FREEZE, "verdicts"}  # verdicts are not in the bundle: their digest is signed


@pytest.mark.parametrize("field", FREEZE)
def test_a_freeze_of_another_context_is_refused(field: str) -> None:
    value, named = FREEZE[field]
    # The statement is made from the honest set; the signed freeze differs in one field, and the statement names it.
    frozen = changed(ANSWER.frozen, **{field: value})
    answer = WORLD.ask(COUNT, label="context")
    answer.__dict__["frozen"] = frozen
    predicate = changed(ANSWER.statement.predicate, freeze=frozen.digest)
    answer.__dict__["statement"] = changed(ANSWER.statement, predicate=predicate)
    error = refused(answer)
    assert error.step == "freeze"
    assert error.message == f"the freeze has another {named} than the statement"


# What the auditor pins.


def test_another_consortium_is_refused() -> None:
    members = list(WORLD.consortium.members)
    for i, member in enumerate(members):
        for field, value in (("name", "zulu"), ("address", "0x" + "ee" * 20), ("signing_key", "ee" * 32)):
            swapped = [*members[:i], changed(member, **{field: value}), *members[i + 1 :]]
            trust = trust_in(changed(WORLD.consortium, members=tuple(swapped)), WORLD.chain, WORLD.trust.generators)
            assert refused(ANSWER, trust).step == "consortium"
    renamed = trust_in(changed(WORLD.consortium, name="other"), WORLD.chain, WORLD.trust.generators)
    assert refused(ANSWER, renamed).step == "consortium"


def test_another_threshold_is_refused() -> None:
    world = World(n=5, t=2, patients=20)
    bundle = world.ask(COUNT, minimum_cohort=1).bundle
    verify_bundle(bundle, world.trust, world.datasets)
    lower = trust_in(changed(world.consortium, threshold=1), world.chain, world.trust.generators)
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(bundle, lower, world.datasets)
    assert raised.value.step == "consortium"


@pytest.mark.parametrize(
    "chain",
    [
        ChainAnchor(chain_id=1, contract=WORLD.chain.contract),
        ChainAnchor(chain_id=WORLD.chain.chain_id, contract="0x" + "11" * 20),
    ],
    ids=["chain", "contract"],
)
def test_another_chain_or_contract_is_refused(chain: ChainAnchor) -> None:
    assert refused(ANSWER, trust_in(WORLD.consortium, chain, WORLD.trust.generators)).step == "parameters"
    # Rewritten for the pinned chain, the statement has signatures that are void there.
    statement = payload_of(as_json(ANSWER.bundle))
    statement["predicate"]["chain"] = chain.model_dump()
    moved = with_payload(as_json(ANSWER.bundle), statement, WORLD)
    trust = trust_in(WORLD.consortium, chain, WORLD.trust.generators)
    assert step_of(moved, trust) == "signatures"


def test_other_generators_are_refused() -> None:
    assert refused(ANSWER, trust_in(WORLD.consortium, WORLD.chain, OTHER_HASH)).step == "parameters"


def test_a_dataset_that_is_not_pinned_is_refused() -> None:
    pins = [PinnedDataset(hospital=part.hospital, root=part.root) for part in ANSWER.statement.predicate.parts]
    verify_bundle(ANSWER.bundle, changed(WORLD.trust, datasets=tuple(pins)), WORLD.datasets)
    assert refused(ANSWER, changed(WORLD.trust, datasets=tuple(pins[:3]))).step == "datasets"
    moved = changed(pins[0], hospital=2)
    assert refused(ANSWER, changed(WORLD.trust, datasets=(moved, *pins[1:]))).step == "datasets"


# Parts of another query's bundle.


@pytest.mark.parametrize(
    ("part", "step"),
    [
        ("envelope", "participants"),
        ("contributions", "contributions"),
        ("proofs", "proofs"),
        ("decisions", "participants"),
        ("freezes", "freeze"),
    ],
)
def test_parts_of_another_query_are_refused(part: str, step: str) -> None:
    bundle = replaced(as_json(ANSWER.bundle), (part,), as_json(OTHER.bundle)[part])
    assert step_of(bundle) == step


def test_signatures_of_another_query_are_refused() -> None:
    signatures = as_json(OTHER.bundle)["envelope"]["signatures"]
    assert step_of(replaced(as_json(ANSWER.bundle), ("envelope", "signatures"), signatures)) == "signatures"


def test_a_record_of_another_query_is_refused() -> None:
    bundle = as_json(ANSWER.bundle)
    for record in (OTHER.record, changed(ANSWER.record, registrations=ANSWER.record.registrations[::-1])):
        assert step_of(replaced(bundle, ("record",), as_json(record))) == "record"


def step_of(bundle: Any, trust: Trust | None = None) -> str:
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(canonical.encode(bundle), trust or WORLD.trust, WORLD.datasets)
    return raised.value.step


def test_the_kinds_of_documents_that_are_edited_are_all_that_are_signed() -> None:
    edited: list[str] = []

    def edit(document: Any) -> Any:
        edited.append(type(document).__name__)
        return document

    verify_bundle(WORLD.ask(COUNT, label="context", edit=edit).bundle, WORLD.trust, WORLD.datasets)
    assert set(edited) == {"Offer", "Registration", "Decision", "Contribution", "Freeze", "Statement"}

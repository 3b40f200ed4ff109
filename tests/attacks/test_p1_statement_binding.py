"""P1, P7: nothing in a statement or a bundle can be changed alone. The fields are listed from the models, so a new field
without a line in the tables fails.

Each line names the step that must refuse. The statement is signed again by all members, corrupt without exception, so
that a step beyond the signatures has to notice; with the old signatures, the signatures step does.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from attestation.bundle import Bundle, with_record
from attestation.eip712 import attestation_digest
from attestation.errors import VerificationFailed
from attestation.sign import attestation_fields, domain, statement_digest
from attestation.verify import verify_bundle
from protocol import canonical
from protocol.errors import MalformedInput
from protocol.statement import Statement
from tests.vectors.bundles.forge import (
    Path,
    as_json,
    leaves,
    others,
    pattern,
    payload_of,
    replaced,
    schema_paths,
    with_payload,
)
from tests.vectors.bundles.world import BY_SEX_AND_SMOKER, COUNT, World

WORLD = World()

# The step that refuses a statement which every member signed, by field.
STATEMENT = {
    "_type": "statement",
    "subject.*.name": "statement",
    "subject.*.digest.sha256": "result",
    "predicateType": "statement",
    "predicate.protocol": "statement",
    "predicate.generators": "parameters",
    "predicate.consortium": "parameters",
    "predicate.chain.chain_id": "parameters",
    "predicate.chain.contract": "parameters",
    "predicate.offer.type": "statement",
    "predicate.offer.protocol": "statement",
    "predicate.offer.consortium": "offer",
    "predicate.offer.query_id": "participants",
    "predicate.offer.nonce": "participants",
    "predicate.offer.buyer": "participants",
    "predicate.offer.purpose": "participants",
    "predicate.offer.dataset": "participants",
    "predicate.offer.sql": "participants",
    "predicate.offer.plan_hash": "offer",
    "predicate.offer.schema_hash": "participants",
    "predicate.offer.publication": "participants",
    "predicate.offer.submitted_at": "participants",
    "predicate.offer.expires_at": "participants",
    "predicate.offer.earlier.*.statement": "participants",
    "predicate.offer.earlier.*.query_id": "participants",
    "predicate.offer.earlier.*.cells.*": "participants",
    "predicate.offer.earlier.*.minimum_cohort": "participants",
    "predicate.offer.earlier.*.parts.*.hospital": "participants",
    "predicate.offer.earlier.*.parts.*.root": "participants",
    "predicate.plan_hash": "offer",
    "predicate.cell_count": "plan",
    "predicate.parts.*.hospital": "participants",
    "predicate.parts.*.root": "participants",
    "predicate.parts.*.contribution": "contributions",
    "predicate.parts.*.commitment": "contributions",
    "predicate.left_out.*.hospital": "participants",
    "predicate.left_out.*.reason": "participants freeze",  # by the decision of a hospital that refused, else by the quorum
    "predicate.blamed.*.hospital": "participants freeze",
    "predicate.blamed.*.reason": "freeze",
    "predicate.freeze": "freeze",
    "predicate.minimum_cohort": "participants",
    "predicate.logs.*.hospital": "participants",
    "predicate.logs.*.sequence": "participants",
    "predicate.logs.*.head": "participants",
    "predicate.aggregate.cells.*": "aggregate disclosure",
    "predicate.aggregate.suppressed.*": "disclosure",
    "predicate.aggregate.blinding": "aggregate",
    "predicate.aggregate.representation": "aggregate",
    "predicate.assurance.aggregate": "parameters",
    "predicate.assurance.contribution": "parameters",
    "predicate.assurance.dataset": "parameters",
    "predicate.assurance.noise": "parameters",
}

# The step that refuses a bundle, by field. Whatever is not of the field's type is refused by `form`.
BUNDLE = {
    "type": "form",
    "envelope.payloadType": "form",
    "envelope.payload": "statement form",  # or another spelling of the same base64
    "envelope.signatures.*.keyid": "signatures",
    "envelope.signatures.*.sig": "signatures",
    "consortium.type": "form",
    "consortium.protocol": "form",
    "consortium.name": "consortium",
    "consortium.threshold": "form",
    "consortium.members.*.index": "form",
    "consortium.members.*.name": "consortium",
    "consortium.members.*.address": "consortium",
    "consortium.members.*.signing_key": "consortium",
    "registrations.*.registration.type": "form",
    "registrations.*.registration.protocol": "form",
    "registrations.*.registration.consortium": "datasets",
    "registrations.*.registration.hospital": "datasets",
    "registrations.*.registration.dataset": "datasets",
    "registrations.*.registration.epoch": "datasets form",
    "registrations.*.registration.table_schema": "datasets",
    "registrations.*.registration.schema_hash": "datasets",
    "registrations.*.registration.generators": "datasets",
    "registrations.*.registration.chunk_rows": "datasets",
    "registrations.*.registration.chunks": "datasets form",
    "registrations.*.registration.columns": "datasets",
    "registrations.*.registration.commitments": "datasets",
    "registrations.*.registration.admission": "datasets",
    "registrations.*.registration.salt": "datasets",
    "registrations.*.registration.valid_from": "datasets",
    "registrations.*.signature": "datasets",
    "contributions.*.contribution.type": "form",
    "contributions.*.contribution.protocol": "form",
    "contributions.*.contribution.generators": "contributions",
    "contributions.*.contribution.consortium": "contributions",
    "contributions.*.contribution.offer": "contributions",
    "contributions.*.contribution.query_id": "contributions",
    "contributions.*.contribution.nonce": "contributions",
    "contributions.*.contribution.plan_hash": "contributions",
    "contributions.*.contribution.schema_hash": "contributions",
    "contributions.*.contribution.decisions": "contributions",
    "contributions.*.contribution.hospital": "contributions",
    "contributions.*.contribution.root": "contributions",
    "contributions.*.contribution.commitment": "contributions",
    "contributions.*.contribution.sharing.*": "contributions",
    "contributions.*.contribution.proof": "contributions",
    "contributions.*.signature": "contributions",
    "proofs.*": "proofs form",  # or another spelling of the same base64
    "decisions.*.query_id": "participants",
    "decisions.*.round": "participants",
    "decisions.*.sender": "participants",
    "decisions.*.body": "participants",
    "decisions.*.signature": "participants",
    "freezes.*.query_id": "freeze",
    "freezes.*.round": "freeze",
    "freezes.*.sender": "freeze",
    "freezes.*.body": "freeze",
    "freezes.*.signature": "freeze",
    "record.attestation.sender": "record",
    "record.attestation.hash": "record",
    "record.attestation.raw": "record",
    "record.registrations.*.sender": "record",
    "record.registrations.*.hash": "record",
    "record.registrations.*.raw": "record",
}

# The evidence of an earlier round is checked by the same steps, within step 16.
BUNDLE |= {
    f"earlier.*.{field}": "form" if step == "form" else f"result {'form' if 'form' in step else ''}"
    for field, step in BUNDLE.items()
    if not field.startswith("record.")
}


@cache
def bundles() -> tuple[Any, ...]:
    """Three bundles that have every field between them."""
    whole = WORLD.ask(COUNT, publication="aggregate", label="whole")
    partial = WORLD.ask(
        BY_SEX_AND_SMOKER,
        label="partial",
        minimum_cohort=10,
        minimum_hospitals=1,
        refuse={2: "policy-buyer"},
        dropped={4: "share-invalid"},
    )
    searched = WORLD.ask("SELECT MEDIAN(glucose) AS m FROM patients", label="searched", minimum_cohort=20).following
    assert searched is not None
    return tuple(as_json(with_record(answer.bundle, answer.record)) for answer in (whole, partial, searched))


def refusing_step(bundle: Any) -> str:
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(canonical.encode(bundle), WORLD.trust, WORLD.datasets)
    return raised.value.step


def mutations(document: Any) -> Iterator[tuple[Path, Any, Any]]:
    for path, value in leaves(document):
        if value not in ([], {}):
            for other in others(value):
                yield path, value, other


def field_of(path: Path) -> str:
    name = pattern(path)
    at = name.find("table_schema")
    return name if at < 0 else name[: at + len("table_schema")]


def test_the_bundles_under_attack_are_good() -> None:
    for bundle in bundles():
        verify_bundle(canonical.encode(bundle), WORLD.trust, WORLD.datasets)


def test_every_field_of_the_models_is_attacked() -> None:
    assert schema_paths(Statement) == set(STATEMENT)
    assert schema_paths(Bundle) == set(BUNDLE)
    found = {field_of(path) for bundle in bundles() for path, _, _ in mutations(bundle)}
    assert found == set(BUNDLE)
    assert {field_of(path) for bundle in bundles() for path, _, _ in mutations(payload_of(bundle))} == set(STATEMENT)


def test_every_field_of_the_statement_enters_what_is_signed() -> None:
    for bundle in bundles():
        statement = payload_of(bundle)
        honest = Statement.from_bytes(canonical.encode(statement), limit=1 << 26)
        digests = {statement_digest(honest)}
        signed = {attestation_digest(domain(honest), attestation_fields(honest))}
        count = 1
        for path, _, other in mutations(statement):
            try:
                changed = Statement.from_bytes(canonical.encode(replaced(statement, path, other)), limit=1 << 26)
            except MalformedInput:
                continue
            digests.add(statement_digest(changed))
            signed.add(attestation_digest(domain(changed), attestation_fields(changed)))
            count += 1
        assert len(digests) == len(signed) == count


@pytest.mark.parametrize("field", STATEMENT)
def test_a_changed_statement_is_refused_even_if_all_members_sign_it(field: str) -> None:
    tried = 0
    for bundle in bundles():
        statement = payload_of(bundle)
        for path, _, other in mutations(statement):
            if pattern(path) != field:
                continue
            tried += 1
            forged = replaced(statement, path, other)
            try:
                Statement.from_bytes(canonical.encode(forged), limit=1 << 26)
            except MalformedInput:
                assert refusing_step(with_payload(bundle, forged, WORLD)) == "statement"
                continue
            assert refusing_step(with_payload(bundle, forged, WORLD, WORLD.indices)) in STATEMENT[field].split()
            assert refusing_step(with_payload(bundle, forged, WORLD)) in {"parameters", "signatures"}
            # One corrupt member's signature is not enough: the others' are over the honest statement.
            one = with_payload(bundle, forged, WORLD, [2])
            one = replaced(one, ("envelope", "signatures"), _mixed(bundle, one))
            assert refusing_step(one) in {"parameters", "signatures"}
    assert tried


def _mixed(honest: Any, forged: Any) -> list[Any]:
    by_address = {entry["keyid"]: entry for entry in honest["envelope"]["signatures"]}
    by_address |= {entry["keyid"]: entry for entry in forged["envelope"]["signatures"]}
    return [entry for _, entry in sorted(by_address.items())]


@pytest.mark.parametrize("field", BUNDLE)
def test_a_changed_bundle_is_refused(field: str) -> None:
    tried = 0
    for bundle in bundles():
        for path, value, other in mutations(bundle):
            if field_of(path) != field:
                continue
            tried += 1
            same_type = type(value) is type(other) or field.endswith("table_schema")
            assert refusing_step(replaced(bundle, path, other)) in (BUNDLE[field].split() if same_type else ["form"])
    assert tried

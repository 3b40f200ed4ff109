"""P21: a loop over nothing accepts anything. Every list of a bundle and of its statement: empty, one short, one long."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from attestation.audit import audit
from attestation.bundle import Bundle, with_record
from attestation.errors import VerificationFailed
from attestation.verify import verify_bundle
from protocol import canonical
from protocol.document import Document
from protocol.statement import Statement
from tests.vectors.bundles.forge import Path, as_json, lists, pattern, payload_of, replaced, schema_paths, with_payload
from tests.vectors.bundles.world import BY_SEX_AND_SMOKER, COUNT, World

WORLD = World()

BUNDLE_LISTS = {
    "envelope.signatures",
    "consortium.members",
    "registrations",
    "contributions",
    "contributions.*.contribution.sharing",
    "proofs",
    "decisions",
    "freezes",
    "record.registrations",
}
BUNDLE_LISTS |= {f"earlier.*.{name}" for name in BUNDLE_LISTS if not name.startswith("record.")} | {"earlier"}
STATEMENT_LISTS = {
    "subject",
    "predicate.offer.earlier",
    "predicate.offer.earlier.*.cells",
    "predicate.offer.earlier.*.parts",
    "predicate.parts",
    "predicate.left_out",
    "predicate.blamed",
    "predicate.logs",
    "predicate.aggregate.cells",
    "predicate.aggregate.suppressed",
}


@cache
def bundles() -> tuple[Any, ...]:
    """One bundle with everything, and one where lists that may be empty are empty."""
    full = WORLD.ask(
        BY_SEX_AND_SMOKER.replace("SUM(age) AS total", "MEDIAN(glucose) AS middle"),
        label="lists",
        minimum_cohort=10,
        minimum_hospitals=1,
        refuse={2: "policy-buyer"},
        dropped={4: "share-invalid"},
    ).following
    assert full is not None  # the second round
    bare = WORLD.ask(COUNT, label="few lists", publication="aggregate")
    return tuple(as_json(with_record(answer.bundle, answer.record)) for answer in (full, bare))


def variants(items: list[Any]) -> Iterator[list[Any]]:
    """Empty; one short at either end; one long by a copy at either end."""
    if items:
        yield []
        yield [*items, items[-1]]
        yield [items[0], *items]
    if len(items) > 1:
        yield items[:-1]
        yield items[1:]


def foreign(path: Path, other: Any) -> list[Any]:
    """One long by the entry of another bundle, for lists that are empty here."""
    value: Any = other
    for step in path:
        value = value[step]
    return [value[0]]


def refusing_step(bundle: Any) -> str:
    with pytest.raises(VerificationFailed) as raised:
        verify_bundle(canonical.encode(bundle), WORLD.trust, WORLD.datasets)
    return raised.value.step


def model_lists(model: type[Document]) -> set[str]:
    """The lists that a document can have, by its model."""
    found = set()
    for path in schema_paths(model):
        steps = path.split(".")
        found |= {".".join(steps[:i]) for i, step in enumerate(steps) if step == "*"}
    return found


def test_every_list_of_the_models_is_attacked() -> None:
    full, _ = bundles()
    assert model_lists(Bundle) == BUNDLE_LISTS == {pattern(path) for path, _ in lists(full) if "table_schema" not in path}
    assert model_lists(Statement) == STATEMENT_LISTS == {pattern(path) for path, _ in lists(payload_of(full))}


@pytest.mark.parametrize("name", sorted(BUNDLE_LISTS))
def test_a_list_of_a_bundle_has_one_length(name: str) -> None:
    tried = 0
    for bundle in bundles():
        for path, items in lists(bundle):
            if pattern(path) != name:
                continue
            for variant in variants(items):
                forged = replaced(bundle, path, variant)
                if name == "record.registrations" and variant == []:
                    # The record may lack the registrations, but never some of them: this file says less, not otherwise.
                    verify_bundle(canonical.encode(forged), WORLD.trust, WORLD.datasets)
                    continue
                tried += 1
                refusing_step(forged)
    assert tried


@pytest.mark.parametrize("name", sorted(STATEMENT_LISTS))
def test_a_list_of_a_statement_has_one_length_though_every_member_signs(name: str) -> None:
    tried = 0
    full, bare = bundles()
    for bundle in (full, bare):
        statement = payload_of(bundle)
        for path, items in lists(statement):
            if pattern(path) != name:
                continue
            for variant in [*variants(items), *([] if items else [foreign(path, payload_of(full))])]:
                tried += 1
                forged = replaced(statement, path, variant)
                if name == "subject":  # a statement has one subject, or it is no statement
                    assert refusing_step(with_payload(bundle, forged, WORLD)) == "statement"
                elif name == "predicate.parts" and variant == []:  # what the contract checks needs a root
                    assert refusing_step(with_payload(bundle, forged, WORLD)) == "signatures"
                else:
                    assert refusing_step(with_payload(bundle, forged, WORLD, WORLD.indices)) not in {"form", "signatures"}
    assert tried


@pytest.mark.parametrize("index", [0, -1, 5, 65_536, 2**53 - 1, -(2**53) + 1])
def test_an_index_outside_the_consortium_is_refused(index: int) -> None:
    full, _ = bundles()
    for path, step in (
        (("decisions", 0, "sender"), "participants"),
        (("decisions", 3, "sender"), "participants"),
        (("freezes", 0, "sender"), "freeze"),
        (("freezes", 2, "sender"), "freeze"),
        (("registrations", 0, "registration", "hospital"), "datasets"),
        (("contributions", 0, "contribution", "hospital"), "contributions"),
    ):
        assert refusing_step(replaced(full, path, index)) == step
    statement = payload_of(full)
    for path in (("parts", 0, "hospital"), ("left_out", 0, "hospital"), ("blamed", 0, "hospital"), ("logs", 0, "hospital")):
        forged = with_payload(full, replaced(statement, ("predicate", *path), index), WORLD, WORLD.indices)
        assert refusing_step(forged) == "participants"


def test_nobody_took_part() -> None:
    full, _ = bundles()
    statement = payload_of(full)
    everybody = [{"hospital": i, "reason": "no-answer"} for i in WORLD.indices]
    statement["predicate"] |= {"parts": [], "left_out": everybody, "blamed": [], "logs": []}
    bundle = with_payload(full, statement, WORLD)
    bundle |= {"decisions": [], "contributions": [], "proofs": [], "registrations": [], "record": None}
    bundle["envelope"]["signatures"] = []
    assert refusing_step(bundle) == "signatures"
    # An audit goes on behind the signatures, and no later step is content with nothing.
    report = audit(canonical.encode(bundle), WORLD.trust, datasets=WORLD.datasets)
    failed = {check.name: check.reason for check in report.checks if check.reason}
    assert failed["participants"] == "no hospital took part"
    assert {"datasets", "admission", "contributions", "proofs", "freeze"} <= set(failed)


def test_an_empty_plan_is_refused() -> None:
    full, _ = bundles()
    statement = payload_of(full)
    empty: dict[str, Any] = {"cells": [], "suppressed": [], "blinding": "00" * 32, "representation": None}
    statement["predicate"] |= {"aggregate": empty, "cell_count": 0}
    assert refusing_step(with_payload(full, statement, WORLD, WORLD.indices)) == "plan"

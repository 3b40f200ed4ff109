"""P1, P8: a proof is bound to every field of the document that opens its transcript.

The fields are listed from the models; a field of a type without an alternative here fails.
"""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from protocol import canonical
from protocol.dataset import Registration
from protocol.document import Document
from protocol.messages import Contribution
from protocol.proof_statements import AdmissionStatement, ContributionStatement
from prover import kernel_backend, reference
from prover.admission import TRANSCRIPT as ADMISSION
from prover.contribution import TRANSCRIPT as CONTRIBUTION
from tests.malicious.algebra import stream
from tests.malicious.instances import honest
from tests.malicious.prover import prove
from tests.malicious.table import Claim
from tests.malicious.verifiers import EQUATIONS, assert_accepted, assert_refused, refusal

STATEMENTS: dict[str, tuple[type[Document], bytes]] = {
    "cells": (ContributionStatement, CONTRIBUTION),
    "zero": (AdmissionStatement, ADMISSION),
}
# What a proof is not part of itself, and what is bound by its digest.
LEFT_OUT: dict[str, tuple[type[Document], set[str]]] = {
    "cells": (Contribution, {"type", "proof"}),
    "zero": (Registration, {"type", "admission", "table_schema"}),
}
FIELDS = [(mode, name) for mode, (model, _) in STATEMENTS.items() for name in model.model_fields]


def example(mode: str) -> dict[str, Any]:
    """A statement whose fields all have different values."""
    model, _ = STATEMENTS[mode]
    document: dict[str, Any] = {}
    for place, (name, field) in enumerate(model.model_fields.items(), 1):
        if field.is_required():
            kind = json.dumps(model.model_json_schema()["properties"][name])
            hex_digits = 128 if name in ("commitment", "chunk_commitment") else 64
            if '"integer"' in kind:
                document[name] = 8 if name in ("rows", "columns") else place
            elif '"array"' in kind:
                document[name] = [f"{place:02x}" * 64, f"{place + 1:02x}" * 64, f"{place + 2:02x}" * 64]
            elif "pattern" in kind and "a-f" in kind:
                document[name] = f"{place:02x}" * (hex_digits // 2)
            else:
                document[name] = f"name-{place}"
    return dict(json.loads(model.model_validate_json(json.dumps(document)).encoded))


def alternatives(value: Any) -> list[Any]:
    """Other values of the same type."""
    if isinstance(value, bool) or value is None:
        raise TypeError("no alternative is written for this type")
    if isinstance(value, int):
        return [value + 1, value ^ 1, 0 if value else 1]
    if isinstance(value, str):
        return [value[:-1] + ("0" if value[-1] != "0" else "1"), ("a" if value[0] != "a" else "b") + value[1:], value + "0"]
    if isinstance(value, list):
        return [value[:-1], [*value, value[0]], [value[1], value[0], *value[2:]], [], [alternatives(value[0])[0], *value[1:]]]
    raise TypeError(f"no alternative is written for {type(value).__name__}")


@cache
def case(mode: str) -> tuple[Claim, bytes]:
    """A proof that opens with a statement, in the transcript of its kind."""
    known = honest(mode, 2, 2, 2)
    claim = replace(known.claim, label=STATEMENTS[mode][1], context=canonical.encode(example(mode)))
    return claim, prove(claim.statement(reference.Transcript), known.witness, entropy=stream("statement"))


def with_field(mode: str, name: str, value: Any) -> Claim:
    claim, _ = case(mode)
    return replace(claim, context=canonical.encode({**example(mode), name: value}))


@pytest.mark.parametrize("mode", STATEMENTS)
def test_the_statements_under_attack_are_good(mode: str) -> None:
    claim, proof = case(mode)
    assert set(example(mode)) == set(STATEMENTS[mode][0].model_fields)
    assert STATEMENTS[mode][0].model_validate_json(claim.context).encoded == claim.context
    assert_accepted(claim, proof)


@pytest.mark.parametrize(("mode", "name"), FIELDS)
def test_each_field_changes_every_challenge_and_the_proof_is_refused(mode: str, name: str) -> None:
    claim, proof = case(mode)
    own = drawn(claim)
    for value in alternatives(example(mode)[name]):
        other = with_field(mode, name, value)
        assert not set(drawn(other)) & set(own)
        assert refusal("kernel", (other, proof))[1] in EQUATIONS
    # The reference draws the same challenges, as asserted, and is asked about the fields that move a proof to another chunk.
    if name in ("chunk", "rows", "part", "query_id", "chunk_commitment"):
        assert_refused(with_field(mode, name, alternatives(example(mode)[name])[0]), proof, EQUATIONS)


def drawn(claim: Claim) -> list[bytes]:
    """The caller's challenge (gamma or beta is the first) and the next one, of both backends."""
    transcripts = [claim.statement(backend.Transcript).transcript for backend in (kernel_backend, reference)]
    answers = [[transcript.challenge(label) for label in (b"gamma", b"beta")] for transcript in transcripts]
    assert answers[0] == answers[1]
    return answers[0]


@pytest.mark.parametrize("mode", STATEMENTS)
def test_a_statement_repeats_every_field_of_the_document_that_carries_the_proof(mode: str) -> None:
    document, left_out = LEFT_OUT[mode]
    assert left_out <= set(document.model_fields)
    assert set(document.model_fields) - left_out <= set(STATEMENTS[mode][0].model_fields)


@pytest.mark.parametrize("mode", STATEMENTS)
def test_a_statement_of_the_other_kind_is_refused(mode: str) -> None:
    other = "zero" if mode == "cells" else "cells"
    claim, proof = case(mode)
    assert_refused(replace(claim, label=STATEMENTS[other][1]), proof, EQUATIONS)
    assert_refused(replace(claim, context=canonical.encode(example(other))), proof, EQUATIONS)
    assert_refused(replace(claim, context=b""), proof, EQUATIONS)

"""P1, P2, P3, P4: what the reference absorbs, and when. Recorded from the verifier itself, not from a prover.

The expected trace is written from docs/spec/05-argument.md, section 2, and from the list of the proof's elements.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache

import pytest

from prover import kernel_backend, reference
from tests.malicious.algebra import scalar_bytes
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.layout import Element, elements
from tests.malicious.table import Claim
from tests.malicious.transcripts import RecordingTranscript
from tests.vectors.inputs import G1

Event = tuple[str, bytes, bytes]
# A fold of the rows, and two of the cells: every kind of message occurs.
SHAPE = {"rows": 512, "columns": 512, "cells": 513}
SMALL = {"rows": 4, "columns": 2, "cells": 2}


@cache
def case(mode: str, large: bool = False) -> tuple[Honest, bytes]:
    known = honest(mode, **(SHAPE if large else SMALL))
    return known, known.prove(reference.Transcript)


class LastChallengeDrawn(Exception):
    """The rest of the verifier is arithmetic."""


class ImpatientTranscript(RecordingTranscript):
    """Ends the verification when it has answered c."""

    def challenge(self, label: bytes) -> bytes:
        scalar = super().challenge(label)
        if label == b"c":
            raise LastChallengeDrawn
        return scalar


@cache
def whole_trace(mode: str, large: bool) -> list[Event]:
    """Of an accepted proof, until the verifier has accepted."""
    known, proof = case(mode, large)
    return trace(known.claim, proof, whole=True)


def trace(claim: Claim, proof: bytes, *, whole: bool = False) -> list[Event]:
    """What the verifier absorbs and draws: `whole` until it accepts, else until it has drawn c."""
    instance = claim.instance(RecordingTranscript if whole else ImpatientTranscript, proof)
    with nullcontext() if whole else pytest.raises(LastChallengeDrawn):
        reference.verify_rows([instance])
    events: list[Event] = instance.statement.transcript.events
    return events


def messages(claim: Claim) -> list[tuple[bytes, list[Element]]]:
    """What the prover sends before its responses: label and elements of each message, in the order of the transcript."""
    points = [element for element in elements(claim) if element.is_point]
    sent: list[tuple[bytes, list[Element]]] = []
    masks: list[Element] = []
    for element in points:
        kind = element.name.split()
        if kind[0] in ("T", "Theta"):
            masks.append(element)
        elif kind[0] == "R":
            sent.append((b"round", [element]))
        elif kind[0] == "E":
            sent.append((b"evaluations", [element]))
        elif kind[1] == "L":
            sent.append((f"{kind[0]}-fold".encode(), [element]))
        else:
            sent[-1][1].append(element)
    return [*sent, (b"masks", masks)]


def expected_labels(known: Honest) -> list[tuple[str, bytes]]:
    claim, relation = known.claim, known.relation
    rounds = claim.rows.bit_length() - 1
    events = [("absorb", label) for label in (b"statement", b"relation", b"digits", b"shape", b"weights", b"commitment")]
    if known.mode == "zero":
        events += [("challenge", b"alpha")] + [("challenge", b"tau")] * (relation.selector_bits + rounds)
    answers = {b"round": [b"r"], b"evaluations": [b"delta", b"eta"], b"masks": [b"c"]}
    for label, _ in messages(claim):
        events += [("absorb", label), *(("challenge", answer) for answer in answers.get(label, [b"u"]))]
    return events


@pytest.mark.parametrize("large", [False, True], ids=["small", "folded"])
@pytest.mark.parametrize("mode", MODES)
def test_the_verifier_absorbs_each_message_before_its_challenge(mode: str, large: bool) -> None:
    known, proof = case(mode, large)
    events = whole_trace(mode, large)
    assert [(kind, label) for kind, label, _ in events] == expected_labels(known)
    claim = known.claim
    absorbed = [data for kind, _, data in events if kind == "absorb"]
    shape = claim.rows.to_bytes(4, "big") + claim.columns.to_bytes(4, "big")
    public = [claim.context, claim.relation, claim.digests, shape, claim.weights, claim.commitment]
    sent = [b"".join(element.of(proof) for element in parts) for _, parts in messages(claim)]
    assert absorbed == public + sent


@pytest.mark.parametrize("large", [False, True], ids=["small", "folded"])
@pytest.mark.parametrize("mode", MODES)
def test_every_byte_but_the_responses_is_absorbed_before_the_last_challenge(mode: str, large: bool) -> None:
    known, proof = case(mode, large)
    events = whole_trace(mode, large)
    assert events[-1][:2] == ("challenge", b"c")  # nothing is read into the transcript after it
    heard = b"".join(data for kind, label, data in events if kind == "absorb")
    parts = elements(known.claim)
    assert b"".join(element.of(proof) for element in parts) == proof
    places = [element for element in parts if element.is_point]
    assert all(element.of(proof) in heard for element in places)
    assert sum(len(element.of(proof)) for element in places) == sum(
        len(data) for kind, label, data in events if kind == "absorb" and label in {own for own, _ in messages(known.claim)}
    )


def challenges_after(events: Sequence[Event], before: Sequence[Event]) -> tuple[list[bool], int]:
    """For each challenge whether it changed, and how many were drawn before the first absorb that differs."""
    assert [(kind, label) for kind, label, _ in events] == [(kind, label) for kind, label, _ in before]
    differing = [place for place, (a, b) in enumerate(zip(events, before, strict=True)) if a[0] == "absorb" and a != b]
    first = differing[0] if differing else len(events)
    drawn = sum(kind == "challenge" for kind, _, _ in events[:first])
    pairs = [(a, b) for a, b in zip(events, before, strict=True) if a[0] == "challenge"]
    return [a != b for a, b in pairs], drawn


@pytest.mark.parametrize("mode", MODES)
def test_each_point_changes_all_later_challenges_and_each_response_none(mode: str) -> None:
    known, proof = case(mode)
    before = trace(known.claim, proof)
    drawn_before = {
        element.name: sum(len(expected) for expected in _answers(known, place))
        for place, (_, parts) in enumerate(messages(known.claim))
        for element in parts
    }
    for element in elements(known.claim):
        changed = element.replaced(proof, G1 if element.is_point else scalar_bytes(5))
        after = trace(known.claim, changed)
        moved, drawn = challenges_after(after, before)
        assert moved == [False] * drawn + [True] * (len(moved) - drawn), element.name
        if element.is_point:
            assert drawn == drawn_before[element.name], element.name
            assert drawn < len(moved)
        else:
            assert drawn == len(moved)


def _answers(known: Honest, place: int) -> list[list[bytes]]:
    """The challenges that are drawn before the message at this place."""
    answers = {b"round": [b"r"], b"evaluations": [b"delta", b"eta"], b"masks": [b"c"]}
    opening = [] if known.mode == "cells" else [[b"alpha"], [b"tau"] * (known.relation.selector_bits + 2)]
    return opening + [answers.get(label, [b"u"]) for label, _ in messages(known.claim)[:place]]


# Every public input of the argument, changed alone.
OTHER_INPUTS = {
    "context": lambda claim: replace(claim, context=claim.context + b"!"),
    "relation": lambda claim: replace(claim, relation=with_last_coefficient_changed(claim.relation)),
    "points": lambda claim: replace(claim, points=(G1 + claim.points[0][64:], *claim.points[1:])),
    "weights": lambda claim: replace(claim, weights=claim.weights[:-1] + bytes([claim.weights[-1] ^ 1])),
    "commitment": lambda claim: replace(claim, commitment=G1),
    "label": lambda claim: replace(claim, label=claim.label + b"2"),
    "leaves": lambda claim: replace(claim, leaves=bytes(32) + claim.digests[32:]),
}


def with_last_coefficient_changed(relation: bytes) -> bytes:
    """The relation with the first weight of its first form changed by one bit."""
    digits = int.from_bytes(relation[:4], "big")
    weight_end = 4 + 4 * digits + 4 + 4 + 4 + 32
    return relation[: weight_end - 1] + bytes([relation[weight_end - 1] ^ 1]) + relation[weight_end:]


def test_every_public_input_is_listed() -> None:
    # N and C cannot change alone: the proof would have another length. Their encoding is in the trace above.
    assert {*OTHER_INPUTS, "rows", "columns"} == set(Claim.__dataclass_fields__)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", OTHER_INPUTS)
def test_each_public_input_changes_all_challenges(mode: str, name: str) -> None:
    known, proof = case(mode)
    if mode == "zero" and name in ("weights", "commitment"):
        assert (known.claim.weights, known.claim.commitment) == (b"", b"")
        return
    moved, drawn = challenges_after(trace(OTHER_INPUTS[name](known.claim), proof), trace(known.claim, proof))
    assert all(moved)
    assert drawn == 0 or name == "label"  # which is hashed when the transcript starts


@pytest.mark.parametrize("backend", [kernel_backend, reference], ids=["kernel", "reference"])
@pytest.mark.parametrize("mode", MODES)
def test_the_callers_transcript_is_not_changed(mode: str, backend: object) -> None:
    """A transcript that moved on would make a second verification, or the next part of a statement, depend on the first."""
    known, proof = case(mode)
    instance = known.claim.instance(backend.Transcript, proof)  # type: ignore[attr-defined]
    for _ in range(2):
        backend.verify_rows([instance])  # type: ignore[attr-defined]
    fresh = known.claim.statement(backend.Transcript).transcript  # type: ignore[attr-defined]
    assert instance.statement.transcript.challenge(b"next") == fresh.challenge(b"next")

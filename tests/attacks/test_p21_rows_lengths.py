"""P21: every list that is empty, or short or long by one element, is refused; so is a relation that is not well formed."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from protocol.parameters import GROUP_ORDER
from prover import reference
from tests.malicious.algebra import generator, scalar_bytes
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.relation import RowRelation
from tests.malicious.table import Claim
from tests.malicious.verifiers import VERIFIERS, assert_refused, check, refusal

Change = Callable[[Claim], Claim]
G = generator("G")


@cache
def case(mode: str) -> tuple[Honest, bytes]:
    known = honest(mode, 4, 2, 2)
    return known, known.prove(reference.Transcript)


BOTH: dict[str, tuple[Change, str]] = {
    "no points": (lambda claim: replace(claim, points=(), leaves=claim.digests), "commitments"),
    "a digit's points missing": (lambda claim: replace(claim, points=claim.points[:-1], leaves=claim.digests), "commitments"),
    "a digit's points too many": (
        lambda claim: replace(claim, points=(*claim.points, G * 2), leaves=claim.digests),
        "commitments",
    ),
    "an empty digit": (lambda claim: replace(claim, points=(b"", *claim.points[1:])), "commitments"),
    "a point missing": (lambda claim: replace(claim, points=(claim.points[0][:-64], *claim.points[1:])), "commitments"),
    "a point too many": (lambda claim: replace(claim, points=(claim.points[0] + G, *claim.points[1:])), "commitments"),
    "half a point": (lambda claim: replace(claim, points=(claim.points[0] + G[:32], *claim.points[1:])), "commitments"),
    "no digests": (lambda claim: replace(claim, leaves=b""), "relation"),
    "a digest missing": (lambda claim: replace(claim, leaves=claim.digests[:-32]), "relation"),
    "a digest too many": (lambda claim: replace(claim, leaves=claim.digests + bytes(32)), "relation"),
    "rows not a power of two": (lambda claim: replace(claim, rows=3), "relation"),
    "no rows": (lambda claim: replace(claim, rows=0), "relation"),
    "no columns": (lambda claim: replace(claim, columns=0), "relation"),
    "columns not a power of two": (lambda claim: replace(claim, columns=3), "relation"),
    "more columns than rows": (lambda claim: replace(claim, columns=8), "relation"),
    "too many rows": (lambda claim: replace(claim, rows=1 << 21), "relation"),
}
CELLS: dict[str, tuple[Change, str]] = {
    "no weights": (lambda claim: replace(claim, weights=b""), "relation"),
    "a weight missing": (lambda claim: replace(claim, weights=claim.weights[:-32]), "length"),
    "a weight too many": (lambda claim: replace(claim, weights=claim.weights + scalar_bytes(1)), "length"),
    "half a weight": (lambda claim: replace(claim, weights=claim.weights[:-16]), "relation"),
    "a weight that is not reduced": (
        lambda claim: replace(claim, weights=claim.weights[:32] + GROUP_ORDER.to_bytes(32, "big")),
        "relation",
    ),
    "too many weights": (lambda claim: replace(claim, weights=scalar_bytes(1) * 4097), "relation"),
    "no commitment": (lambda claim: replace(claim, commitment=b""), "relation"),
    "half a commitment": (lambda claim: replace(claim, commitment=claim.commitment[:32]), "relation"),
    "two commitments": (lambda claim: replace(claim, commitment=claim.commitment * 2), "relation"),
    "a commitment off the curve": (lambda claim: replace(claim, commitment=b"\x01" * 64), "relation"),
}
ZERO: dict[str, tuple[Change, str]] = {
    "a commitment": (lambda claim: replace(claim, commitment=G), "relation"),
    "a weight": (lambda claim: replace(claim, weights=scalar_bytes(1)), "relation"),
}
CASES = [(mode, name, *change) for mode in MODES for name, change in (BOTH | (CELLS if mode == "cells" else ZERO)).items()]


@pytest.mark.parametrize(("mode", "name", "change", "step"), CASES, ids=[f"{mode}-{name}" for mode, name, *_ in CASES])
def test_a_list_of_another_length_is_refused(mode: str, name: str, change: Change, step: str) -> None:
    known, proof = case(mode)
    assert_refused(change(known.claim), proof, step)


GOOD = honest("cells", 4, 2, 2).relation
ENCODED = GOOD.encode()
FORM = ((0, (1,)),)


def u32(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "cut short": ENCODED[:-1],
    "followed by a byte": ENCODED + b"\x00",
    "no digits": replace(GOOD, values=()).encode(),
    "no forms": replace(GOOD, forms=()).encode(),
    "no terms": replace(GOOD, terms=()).encode(),
    "a digit without values": replace(GOOD, values=(0, *GOOD.values[1:])).encode(),
    "a digit of 257 values": replace(GOOD, values=(257, *GOOD.values[1:])).encode(),
    "a form without parts": replace(GOOD, forms=((), *GOOD.forms[1:])).encode(),
    "a form of an unknown digit": replace(GOOD, forms=(((3, (1, 1, 1)),), *GOOD.forms[1:])).encode(),
    "a form with a digit twice": replace(GOOD, forms=(FORM + FORM, *GOOD.forms[1:])).encode(),
    "a form with decreasing digits": replace(GOOD, forms=(((1, (1, 1)), (0, (1,))), *GOOD.forms[1:])).encode(),
    "a term without factors": replace(GOOD, terms=((1, ()), *GOOD.terms[1:])).encode(),
    "a term of seven factors": replace(GOOD, terms=((1, (0,) * 7), *GOOD.terms[1:])).encode(),
    "a term with decreasing factors": replace(GOOD, terms=((1, (1, 0)), *GOOD.terms[1:])).encode(),
    "a term with an unknown form": replace(GOOD, terms=((1, (6,)), *GOOD.terms[1:])).encode(),
    "an unknown boolean digit": replace(GOOD, boolean=(3,)).encode(),
    "a boolean digit twice": replace(GOOD, boolean=(1, 1)).encode(),
    "decreasing boolean digits": replace(GOOD, boolean=(1, 0)).encode(),
    "4,096 forms": replace(GOOD, forms=(FORM,) * 4096).encode(),
    "a coefficient that is not reduced": ENCODED.replace(u32(5) + scalar_bytes(3), u32(5) + GROUP_ORDER.to_bytes(32, "big")),
    "a weight that is not reduced": ENCODED.replace(u32(0) + scalar_bytes(1), u32(0) + GROUP_ORDER.to_bytes(32, "big"), 1),
    "2^32 - 1 digits": b"\xff" * 4 + ENCODED[4:],
    "2^32 - 1 forms": ENCODED[:16] + b"\xff" * 4 + ENCODED[20:],
    "boolean digits in cells mode": replace(GOOD, boolean=(1,)).encode(),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_relation_is_refused_as_a_relation(name: str) -> None:
    known, proof = case("cells")
    assert MALFORMED[name] != ENCODED
    assert_refused(replace(known.claim, relation=MALFORMED[name]), proof, "relation")


def test_the_good_relation_is_good() -> None:
    assert RowRelation(GOOD.values, GOOD.forms, GOOD.terms).encode() == ENCODED


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_a_batch_is_refused_if_its_last_member_is_empty(verifier: str) -> None:
    known, proof = case("zero")
    check(verifier, (known.claim, proof))
    assert refusal(verifier, (known.claim, proof), (known.claim, b"")) == (1, "length")

"""P6, P7: a proof has one encoding. Everything else is refused before any arithmetic, and as RowProofInvalid."""

import random
from dataclasses import replace
from functools import cache

import pytest

from protocol.parameters import FIELD_MODULUS, GROUP_ORDER
from prover import reference
from prover.errors import RowProofInvalid
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.layout import Element, elements
from tests.malicious.table import Claim
from tests.malicious.verifiers import VERIFIERS, assert_accepted, assert_refused, check, refusal

TOP = 1 << 256
# Small proofs of each mode: no round; a round and two blocks; three rounds.
SMALL = [(1, 1, 1), (2, 1, 2), (8, 4, 3)]


@cache
def case(mode: str, shape: tuple[int, int, int] = (2, 2, 2)) -> tuple[Honest, bytes, list[Element]]:
    known = honest(mode, *shape)
    return known, known.prove(reference.Transcript), elements(known.claim)


def not_points(point: bytes) -> dict[str, bytes]:
    x, y = (int.from_bytes(half, "big") for half in (point[:32], point[32:]))

    def encoded(a: int, b: int) -> bytes:
        return a.to_bytes(32, "big") + b.to_bytes(32, "big")

    return {
        "x plus the modulus": encoded(x + FIELD_MODULUS, y),
        "y plus the modulus": encoded(x, y + FIELD_MODULUS),
        "off the curve": encoded(x, (y + 1) % FIELD_MODULUS),
        "on the twist": encoded(x, (x**3 + 4) % FIELD_MODULUS),
        "swapped": encoded(y, x),
        "x is zero": encoded(0, y),
        "y is zero": encoded(x, 0),
        "the modulus": encoded(FIELD_MODULUS, FIELD_MODULUS),
        "all ones": b"\xff" * 64,
        "a flag on x": encoded(x | 1 << 255, y),
        "a flag on y": encoded(x, y | 1 << 255),
    }


def not_scalars(scalar: bytes) -> list[bytes]:
    value = int.from_bytes(scalar, "big")
    multiples = (value + k * GROUP_ORDER for k in range(1, 6))
    return [number.to_bytes(32, "big") for number in (*multiples, GROUP_ORDER, TOP - 1) if number < TOP]


@pytest.mark.parametrize("mode", MODES)
def test_an_element_that_is_not_canonical_is_refused_as_an_encoding(mode: str) -> None:
    known, proof, parts = case(mode)
    for place, element in enumerate(parts):
        own = element.of(proof)
        for number, other in enumerate(not_points(own).values() if element.is_point else not_scalars(own)):
            # The reference decodes slowly: of each element one form, by turns.
            for verifier in VERIFIERS if number == place % 5 else ("kernel",):
                assert refusal(verifier, (known.claim, element.replaced(proof, other))) == (0, "encoding")


@pytest.mark.parametrize("mode", MODES)
def test_another_length_is_refused_as_a_length(mode: str) -> None:
    known, proof, parts = case(mode)
    last_point = max(element.start for element in parts if element.is_point)
    for other in (
        b"",
        proof[:1],
        proof[:-1],
        proof[:-32],
        proof[:-64],
        proof[32:],
        proof + b"\x00",
        b"\x00" + proof,
        proof + bytes(32),
        proof + bytes(64),
        proof + proof,
        proof[:last_point] + proof[last_point + 64 :],
        proof[: last_point + 64] + proof[last_point:],
        proof.hex().encode(),
    ):
        assert_refused(known.claim, other, "length")


@pytest.mark.parametrize("mode", MODES)
def test_commitments_that_are_not_points_are_refused_as_commitments(mode: str) -> None:
    known, proof, _ = case(mode)
    first, *rest = known.claim.points
    for other in not_points(first[:64]).values():
        for points in ((other + first[64:], *rest), (first, *rest[:-1], rest[-1][:-64] + other)):
            assert_refused(replace(known.claim, points=points), proof, "commitments")


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def refuse_flips(claim: Claim, proof: bytes, bits: list[int], verifier: str = "kernel") -> None:
    for bit in bits:
        with pytest.raises(RowProofInvalid):
            check(verifier, (claim, flipped(proof, bit)))


@pytest.mark.parametrize("mode", MODES)
def test_a_flipped_bit_is_refused(mode: str) -> None:
    for shape in SMALL:
        known, proof, _ = case(mode, shape)
        assert_accepted(known.claim, proof)
        bits = random.Random(f"{mode} {shape}").sample(range(8 * len(proof)), 150)
        refuse_flips(known.claim, proof, bits)
        refuse_flips(known.claim, proof, bits[:2], "reference")


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SMALL, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_every_flipped_bit_is_refused(mode: str, shape: tuple[int, int, int]) -> None:
    known, proof, _ = case(mode, shape)
    refuse_flips(known.claim, proof, list(range(8 * len(proof))))

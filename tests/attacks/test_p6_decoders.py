"""P6: decoders accept canonical bytes and nothing else.

A decoder is any function that takes encoded points or scalars. For each, every element gets its modulus added, flag bits
set, its point moved off the curve, and the whole gets longer or shorter; then random mutations, 10^5 over all decoders.
BN254 G1 has cofactor 1, so there is no small-order point and the curve equation is the subgroup check.
"""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from protocol.errors import MalformedInput, ProofwardError
from protocol.parameters import FIELD_MODULUS, GROUP_ORDER
from prover import kernel_backend as kernel
from prover import reference
from prover.errors import CommitmentCountInvalid, EncodingLengthInvalid, RepresentationInvalid
from tests.vectors.inputs import plus_modulus, scalars, vector, word

SECRETS = vector(scalars("p6", 1), [8, 9])
DEAL = kernel.deal(SECRETS, 3, 1, scalars("p6 coefficients", 3))
PROOF = kernel.prove_representation([0, 1, 2], SECRETS, b"p6", b"")
POINTS = DEAL.commitments
REFUSALS = (MalformedInput, RepresentationInvalid, CommitmentCountInvalid)
FUZZ_CASES = 100_000


@dataclass(frozen=True)
class Decoder:
    """A call that takes `data`, and the places of the points and scalars in it."""

    name: str
    call: Callable[[bytes], object]
    data: bytes
    points: tuple[int, ...] = ()
    scalars: tuple[int, ...] = ()


def decoders(backend: object) -> list[Decoder]:
    b = kernel if backend is kernel else reference
    two, three = (0, 64), (0, 32, 64)
    return [
        Decoder("check_points", lambda d: b.check_points(d, 2), POINTS, points=two),
        Decoder("check_scalars", lambda d: b.check_scalars(d, 3), SECRETS, scalars=three),
        Decoder("int_from_scalar", lambda d: b.int_from_scalar(d, signed=True), SECRETS[:32], scalars=(0,)),
        Decoder("commit_outputs", lambda d: b.commit_outputs([1], d), SECRETS[:32], scalars=(0,)),
        Decoder("check_outputs", lambda d: b.check_outputs(d, [8, 9], SECRETS[:32]), POINTS[:64], points=(0,)),
        Decoder("subtract", lambda d: b.subtract(POINTS[:64], d), POINTS[64:], points=(0,)),
        Decoder("msm points", lambda d: b.msm(d, word(1) * 2), POINTS, points=two),
        Decoder("msm scalars", lambda d: b.msm(POINTS + POINTS[:64], d), SECRETS, scalars=three),
        Decoder("deal secrets", lambda d: b.deal(d, 3, 1, word(1) * 3), SECRETS, scalars=three),
        Decoder("deal coefficients", lambda d: b.deal(SECRETS, 3, 1, d), SECRETS, scalars=three),
        Decoder("check_share", lambda d: b.check_share(1, DEAL.shares[0], d, 1, 3), POINTS, points=two),
        Decoder("add_vectors", lambda d: b.add_vectors([SECRETS, d]), SECRETS, scalars=three),
        Decoder("add_commitments", lambda d: b.add_commitments([POINTS, d]), POINTS, points=two),
        Decoder("interpolate", lambda d: b.interpolate({1: DEAL.shares[0], 2: d}, 1, 3), DEAL.shares[1], scalars=three),
        Decoder("prove", lambda d: b.prove_representation([0, 1, 2], d, b"", b""), SECRETS, scalars=three),
        Decoder(
            "verify point",
            lambda d: b.verify_representation(d, [0, 1, 2], b"p6", PROOF),
            POINTS[:64],
            points=(0,),
        ),
        Decoder(
            "verify proof",
            lambda d: b.verify_representation(POINTS[:64], [0, 1, 2], b"p6", d),
            PROOF,
            points=(0,),
            scalars=(64, 96, 128),
        ),
    ]


BOTH = pytest.mark.parametrize(
    "decoder",
    [
        pytest.param(decoder, id=f"{name}: {decoder.name}")
        for name, backend in (("kernel", kernel), ("reference", reference))
        for decoder in decoders(backend)
    ],
)


def off_curve(data: bytes, at: int) -> bytes:
    y = int.from_bytes(data[at + 32 : at + 64], "big")
    return data[: at + 32] + word((y + 1) % FIELD_MODULUS) + data[at + 64 :]


@BOTH
def test_the_unchanged_bytes_are_accepted(decoder: Decoder) -> None:
    decoder.call(decoder.data)


@BOTH
def test_a_second_encoding_of_an_element_is_refused(decoder: Decoder) -> None:
    for at in decoder.points:
        for coordinate in (at, at + 32):
            with pytest.raises(REFUSALS):
                decoder.call(plus_modulus(decoder.data, coordinate, FIELD_MODULUS))
    for at in decoder.scalars:
        with pytest.raises(REFUSALS):
            decoder.call(plus_modulus(decoder.data, at, GROUP_ORDER))


@BOTH
def test_flag_bits_are_refused(decoder: Decoder) -> None:
    # Compressed encodings elsewhere keep flags in the two highest bits of a word; here they are digits of a number >= p.
    for at in [*decoder.points, *(at + 32 for at in decoder.points), *decoder.scalars]:
        for flag in (0x80, 0x40, 0xC0):
            with pytest.raises(REFUSALS):
                decoder.call(decoder.data[:at] + bytes([decoder.data[at] | flag]) + decoder.data[at + 1 :])


@BOTH
def test_points_off_the_curve_are_refused(decoder: Decoder) -> None:
    for at in decoder.points:
        swapped = decoder.data[:at] + decoder.data[at + 32 : at + 64] + decoder.data[at : at + 32] + decoder.data[at + 64 :]
        for wrong in (off_curve(decoder.data, at), swapped, decoder.data[:at] + word(0) + decoder.data[at + 32 :]):
            with pytest.raises(REFUSALS):
                decoder.call(wrong)


@BOTH
def test_other_lengths_are_refused(decoder: Decoder) -> None:
    for wrong in (decoder.data + b"\x00", decoder.data[:-1], b"\x00" + decoder.data, decoder.data[1:]):
        with pytest.raises((EncodingLengthInvalid, *REFUSALS)):
            decoder.call(wrong)


def canonical_points(data: bytes) -> bool:
    """An independent reading of the rule, in integers."""
    for at in range(0, len(data), 64):
        x, y = int.from_bytes(data[at : at + 32], "big"), int.from_bytes(data[at + 32 : at + 64], "big")
        on_curve = x < FIELD_MODULUS and y < FIELD_MODULUS and (y * y - x**3 - 3) % FIELD_MODULUS == 0
        if not on_curve and (x, y) != (0, 0):
            return False
    return len(data) % 64 == 0


def mutated(source: random.Random, data: bytes) -> bytes:
    """One random edit: bits, a byte, a word from a list of edges, a cut, an insertion, a repetition."""
    edit = source.randrange(6)
    at = source.randrange(len(data))
    if edit == 0:
        return data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :]
    if edit == 1:
        return data[:at] + bytes([source.randrange(256)]) + data[at + 1 :]
    if edit == 2:
        edges = (0, 1, FIELD_MODULUS, FIELD_MODULUS - 1, GROUP_ORDER, GROUP_ORDER - 1, (1 << 256) - 1, 1 << 255, 1 << 254)
        place = at // 32 * 32
        return data[:place] + word(source.choice(edges)) + data[place + 32 :]
    if edit == 3:
        return data[:at]
    if edit == 4:
        return data[:at] + source.randbytes(source.randrange(1, 65)) + data[at:]
    return data + data[: source.randrange(1, len(data) + 1)]


def test_random_mutations_are_decoded_rightly_or_refused() -> None:
    source = random.Random(hashlib.sha256(b"p6").digest())  # the same cases on every machine
    every = decoders(kernel)
    refused = 0
    for case in range(FUZZ_CASES):
        decoder = every[case % len(every)]
        data = mutated(source, decoder.data)
        try:
            decoder.call(data)
        except ProofwardError:
            refused += 1
            continue
        # Accepted: then the bytes were canonical by a rule written down apart from the decoders.
        for at in decoder.points:
            assert canonical_points(data[at : at + 64]), decoder.name
        for at in decoder.scalars:
            assert int.from_bytes(data[at : at + 32], "big") < GROUP_ORDER, decoder.name
        assert len(data) == len(decoder.data), decoder.name
    assert refused > FUZZ_CASES // 2


def test_the_reference_decides_like_the_kernel() -> None:
    source = random.Random(hashlib.sha256(b"p6 twin").digest())
    for fast, slow in list(zip(decoders(kernel), decoders(reference), strict=True))[:3]:
        for _ in range(500):
            data = mutated(source, fast.data)
            assert outcome(fast, data) == outcome(slow, data)


def outcome(decoder: Decoder, data: bytes) -> object:
    try:
        return decoder.call(data)
    except ProofwardError as error:
        return error.code


@pytest.mark.parametrize("code", [4, 5, 256, 0xFFFE])
def test_digit_codes_out_of_range_are_refused(code: int) -> None:
    codes = np.array([0, 1, 2, code], dtype=np.uint16)
    for backend in (kernel, reference):
        with pytest.raises(ProofwardError) as caught:
            backend.commit_onehot(codes, 4, 4, bytes(32), b"p6")
        assert caught.value.code == "digit-code-invalid"

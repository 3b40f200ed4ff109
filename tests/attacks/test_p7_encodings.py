"""P7 for encodings and proofs of representation: no second form of an accepted one is accepted."""

import pytest

from protocol.errors import ProofwardError
from protocol.parameters import GROUP_ORDER
from prover import kernel_backend as kernel
from prover import reference
from prover.errors import KernelArgumentInvalid, RepresentationInvalid
from tests.vectors.inputs import scalars, vector, word

WITNESS = vector(scalars("p7", 1), [3, -4])
POINT = kernel.commit_outputs([3, -4], WITNESS[:32])
PROOF = kernel.prove_representation([0, 1, 2], WITNESS, b"p7", b"")


def test_every_bit_of_a_proof_counts() -> None:
    for bit in range(8 * len(PROOF)):
        broken = bytearray(PROOF)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RepresentationInvalid):
            kernel.verify_representation(POINT, [0, 1, 2], b"p7", bytes(broken))


def test_every_bit_of_the_statement_counts() -> None:
    for bit in range(8 * len(POINT)):
        broken = bytearray(POINT)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProofwardError):
            kernel.verify_representation(bytes(broken), [0, 1, 2], b"p7", PROOF)
    for context in (b"", b"p", b"p7\x00", b"P7", b"\x00p7"):
        with pytest.raises(RepresentationInvalid):
            kernel.verify_representation(POINT, [0, 1, 2], context, PROOF)


def test_elements_cannot_change_places() -> None:
    swapped = PROOF[:64] + PROOF[96:128] + PROOF[64:96] + PROOF[128:]
    for backend in (kernel, reference):
        with pytest.raises(RepresentationInvalid):
            backend.verify_representation(POINT, [0, 1, 2], b"p7", swapped)
        with pytest.raises(KernelArgumentInvalid):
            backend.verify_representation(POINT, [0, 2, 1], b"p7", PROOF)


def test_two_integers_of_one_scalar_do_not_both_open() -> None:
    for backend in (kernel, reference):
        backend.check_outputs(POINT, [3, -4], WITNESS[:32])
        for values in ([3 + GROUP_ORDER, -4], [3, GROUP_ORDER - 4], [3 - GROUP_ORDER, -4]):
            with pytest.raises(KernelArgumentInvalid):
                backend.check_outputs(POINT, values, WITNESS[:32])


def test_trailing_zero_values_open_the_same_commitment_and_callers_fix_the_count() -> None:
    # C_y does not say how many cells there are; the plan does. This documents that, so that callers compare the count.
    kernel.check_outputs(POINT, [3, -4, 0], WITNESS[:32])


def test_an_integer_has_one_scalar_and_a_scalar_one_integer() -> None:
    for value in (0, 1, -1, GROUP_ORDER // 2, -(GROUP_ORDER // 2)):
        scalar = kernel.scalar_from_int(value)
        assert kernel.int_from_scalar(scalar, signed=True) == value
        assert kernel.scalar_from_int(kernel.int_from_scalar(scalar, signed=False)) == scalar


def test_the_transcript_separates_its_messages() -> None:
    # Bytes that move from a label to its data or to the next message give another challenge.
    def challenge(*messages: tuple[bytes, bytes]) -> bytes:
        transcript = kernel.Transcript(b"p7")
        for label, data in messages:
            transcript.absorb(label, data)
        return transcript.challenge(b"c")

    forms = [
        [(b"ab", b"cd")],
        [(b"a", b"bcd")],
        [(b"abc", b"d")],
        [(b"ab", b"c"), (b"d", b"")],
        [(b"ab", b""), (b"cd", b"")],
        [(b"ab", b"cd"), (b"x", b"")],
        [],
    ]
    challenges = [challenge(*messages) for messages in forms]
    assert len(set(challenges)) == len(challenges)
    assert challenge((b"a", b""), (b"b", b"")) != challenge((b"b", b""), (b"a", b""))
    assert word(0) not in challenges

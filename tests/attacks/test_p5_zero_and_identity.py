"""P5: an element replaced by zero, the identity, the generator, its negative or a neighbour is refused."""

from itertools import combinations

import pytest

from protocol.errors import ProofwardError
from prover import kernel_backend as kernel
from prover import reference
from prover.errors import CommitmentCountInvalid, OpeningMismatch, RepresentationInvalid, ShareMismatch
from tests.vectors.inputs import G1, IDENTITY, MINUS_G1, scalars, vector, word

WITNESS = vector(scalars("p5", 1), [3, -4, 5])
INDICES = [0, 1, 2, 3]
POINT = kernel.commit_outputs([3, -4, 5], WITNESS[:32])
PROOF = kernel.prove_representation(INDICES, WITNESS, b"p5", b"")
DEAL = kernel.deal(WITNESS, 5, 2, scalars("p5 coefficients", 8))


def substitutes(point: bytes) -> list[bytes]:
    return [IDENTITY, G1, MINUS_G1, kernel.subtract(IDENTITY, point), kernel.add_points(point + G1)]


# The proof and its statement as fields: D, T and the responses, each with what it may be replaced by.
FIELDS = [POINT, PROOF[:64], *(PROOF[at : at + 32] for at in range(64, len(PROOF), 32))]
REPLACEMENTS = [substitutes(FIELDS[0]), substitutes(FIELDS[1]), *([word(0), word(1)] for _ in INDICES)]


def replaced(places: tuple[int, ...], choice: int) -> list[bytes]:
    fields = list(FIELDS)
    for place in places:
        fields[place] = REPLACEMENTS[place][choice % len(REPLACEMENTS[place])]
    return fields


@pytest.mark.parametrize("size", [1, 2, 3, len(FIELDS)])
def test_replaced_fields_of_a_proof_are_refused(size: int) -> None:
    tried = 0
    for places in combinations(range(len(FIELDS)), size):
        for choice in range(5):
            point, *proof = replaced(places, choice)
            for backend in (kernel, reference) if size == 1 else (kernel,):
                with pytest.raises(RepresentationInvalid):
                    backend.verify_representation(point, INDICES, b"p5", b"".join(proof))
                tried += 1
    assert tried > 0


def test_a_proof_of_nothing_about_nothing_is_refused() -> None:
    # z = 0, T = D = identity satisfies the equation for every challenge.
    for backend in (kernel, reference):
        with pytest.raises(RepresentationInvalid, match="identity"):
            backend.verify_representation(IDENTITY, INDICES, b"p5", bytes(len(PROOF)))
        with pytest.raises(RepresentationInvalid):
            backend.verify_representation(POINT, INDICES, b"p5", bytes(len(PROOF)))


def test_the_equation_cannot_be_met_by_cancelling_the_challenge() -> None:
    # T = -D with all responses zero would pass for c = 1 only.
    minus = kernel.subtract(IDENTITY, POINT)
    with pytest.raises(RepresentationInvalid):
        kernel.verify_representation(POINT, INDICES, b"p5", minus + bytes(128))


@pytest.mark.parametrize("place", range(3))
def test_replaced_coefficient_commitments_are_refused(place: int) -> None:
    commitments = [DEAL.commitments[at : at + 64] for at in range(0, 192, 64)]
    for substitute in substitutes(commitments[place]):
        changed = b"".join(substitute if index == place else point for index, point in enumerate(commitments))
        for backend in (kernel, reference):
            with pytest.raises((ShareMismatch, CommitmentCountInvalid)):
                backend.check_share(1, DEAL.shares[0], changed, 2, 5)


def test_zero_shares_and_all_identity_commitments_are_refused() -> None:
    for backend in (kernel, reference):
        with pytest.raises(ShareMismatch):
            backend.check_share(1, bytes(128), DEAL.commitments, 2, 5)
        with pytest.raises(CommitmentCountInvalid):
            backend.check_share(1, bytes(128), bytes(192), 2, 5)


def test_replaced_output_commitments_do_not_open() -> None:
    for substitute in substitutes(POINT):
        for backend in (kernel, reference):
            with pytest.raises(OpeningMismatch):
                backend.check_outputs(substitute, [3, -4, 5], WITNESS[:32])


def test_zeroed_openings_are_refused() -> None:
    for values, blinder in (([0, 0, 0], WITNESS[:32]), ([3, -4, 5], bytes(32)), ([0, 0, 0], bytes(32)), ([], bytes(32))):
        for backend in (kernel, reference):
            with pytest.raises(ProofwardError) as caught:
                backend.check_outputs(POINT, values, blinder)
            assert caught.value.code == OpeningMismatch.code

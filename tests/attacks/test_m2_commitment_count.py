"""M2: coefficient commitments that would raise or lower the threshold are refused."""

from types import ModuleType

import pytest

from prover import kernel_backend as kernel
from prover.errors import CommitmentCountInvalid, ShareMismatch
from tests.vectors.inputs import IDENTITY, scalars, vector
from tests.vectors.values import over_both_backends

MEMBERS, THRESHOLD = 7, 2
SECRETS = vector(scalars("m2", 1), [5, 6])
WIDTH = 3


def deal(threshold: int, members: int = MEMBERS) -> tuple[bytes, tuple[bytes, ...]]:
    dealt = kernel.deal(SECRETS, members, threshold, scalars(f"m2 {threshold}", threshold * WIDTH))
    return dealt.commitments, dealt.shares


@over_both_backends
@pytest.mark.parametrize("degree", [0, 1, 3, 2 * THRESHOLD, MEMBERS - 1])
def test_a_polynomial_of_another_degree_is_refused(backend: ModuleType, degree: int) -> None:
    # A consistent dealing of another degree: only the count gives it away. n >= 2t + 1 does not bind the liar.
    commitments, shares = deal(degree, members=2 * degree + 1 if 2 * degree + 1 > MEMBERS else MEMBERS)
    for index in range(1, MEMBERS + 1):
        with pytest.raises(CommitmentCountInvalid):
            backend.check_share(index, shares[index - 1], commitments, THRESHOLD, MEMBERS)


@over_both_backends
@pytest.mark.parametrize("count", [0, 1, THRESHOLD, THRESHOLD + 2, 2 * THRESHOLD + 1, MEMBERS])
def test_a_commitment_vector_of_another_length_is_refused(backend: ModuleType, count: int) -> None:
    commitments, shares = deal(THRESHOLD)
    changed = (commitments + commitments[64:] * MEMBERS)[: 64 * count]
    with pytest.raises(CommitmentCountInvalid):
        backend.check_share(1, shares[0], changed, THRESHOLD, MEMBERS)


@over_both_backends
def test_padding_with_the_identity_does_not_pass_a_lower_degree(backend: ModuleType) -> None:
    commitments, shares = deal(THRESHOLD - 1)
    for index, share in enumerate(shares, 1):
        with pytest.raises(CommitmentCountInvalid, match="identity"):
            backend.check_share(index, share, commitments + IDENTITY, THRESHOLD, MEMBERS)


@over_both_backends
def test_a_dealer_does_not_deal_a_lower_degree(backend: ModuleType) -> None:
    coefficients = scalars("m2", (THRESHOLD - 1) * WIDTH) + bytes(32 * WIDTH)
    with pytest.raises(CommitmentCountInvalid, match="identity"):
        backend.deal(SECRETS, MEMBERS, THRESHOLD, coefficients)


@over_both_backends
def test_an_inner_identity_is_only_a_wrong_commitment(backend: ModuleType) -> None:
    commitments, shares = deal(THRESHOLD)
    changed = commitments[:64] + IDENTITY + commitments[128:]
    with pytest.raises(ShareMismatch):
        backend.check_share(1, shares[0], changed, THRESHOLD, MEMBERS)


@over_both_backends
def test_dealings_of_different_degrees_do_not_add(backend: ModuleType) -> None:
    with pytest.raises(CommitmentCountInvalid):
        backend.add_commitments([deal(1)[0], deal(2)[0]])


def test_fewer_than_the_threshold_learn_nothing_by_interpolating() -> None:
    # The polynomial through t + 1 shares is unique; any value of the secret fits t shares and one more point.
    _, shares = deal(THRESHOLD)
    lower = kernel.interpolate({1: shares[0], 2: shares[1]}, 1, MEMBERS)
    assert lower != SECRETS

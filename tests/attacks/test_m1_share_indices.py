"""M1: a share index that is 0 modulo r, out of range, repeated or no integer at all is refused everywhere."""

from types import ModuleType

import pytest

from protocol.errors import ProofwardError
from protocol.parameters import GROUP_ORDER
from prover import kernel_backend as kernel
from prover.errors import EncodingLengthInvalid, KernelArgumentInvalid, ShareIndexInvalid, SharesInsufficient
from tests.vectors.inputs import scalars, vector
from tests.vectors.values import over_both_backends

SECRETS = vector(scalars("m1", 1), [5])
DEAL = kernel.deal(SECRETS, 4, 1, scalars("m1 coefficients", 2))
INDICES = [0, -1, 5, 64, 1 << 32, 1 << 63, 1 << 64, GROUP_ORDER, GROUP_ORDER + 1, 2 * GROUP_ORDER, -GROUP_ORDER, None, True, 1.0, "1", b"1"]  # fmt: skip  # noqa: E501


@over_both_backends
@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_a_share_with_a_bad_index_is_refused(backend: ModuleType, index: object) -> None:
    with pytest.raises(ShareIndexInvalid):
        backend.check_share(index, DEAL.shares[0], DEAL.commitments, 1, 4)
    with pytest.raises(ShareIndexInvalid):
        backend.interpolate({index: DEAL.shares[0], 2: DEAL.shares[1], 3: DEAL.shares[2]}, 1, 4)


@over_both_backends
def test_the_secret_itself_is_no_share(backend: ModuleType) -> None:
    # At index 0 the share equation holds for the secrets.
    with pytest.raises(ShareIndexInvalid):
        backend.check_share(0, SECRETS, DEAL.commitments, 1, 4)


@over_both_backends
def test_every_member_gets_its_own_nonzero_place(backend: ModuleType) -> None:
    deal = backend.deal(SECRETS, 4, 1, scalars("m1 coefficients", 2))
    assert len(deal.shares) == 4
    assert len({*deal.shares, SECRETS}) == 5


def test_a_repeated_index_is_refused_by_the_kernel() -> None:
    # A mapping cannot repeat a key, so the check under it is reached directly.
    from prover import _kernel

    with pytest.raises(_kernel.KernelError) as caught:
        _kernel.interpolate([(2, DEAL.shares[1]), (2, DEAL.shares[1])], 1, 4)
    assert caught.value.args[0] == ShareIndexInvalid.code


@over_both_backends
def test_too_few_shares_are_refused(backend: ModuleType) -> None:
    with pytest.raises(SharesInsufficient):
        backend.interpolate({3: DEAL.shares[2]}, 1, 4)
    with pytest.raises(SharesInsufficient):
        backend.interpolate({}, 1, 4)


@over_both_backends
@pytest.mark.parametrize("shares", [None, [], [(1, b"")], "12", 5, b""])
def test_only_a_mapping_of_indices_is_interpolated(backend: ModuleType, shares: object) -> None:
    with pytest.raises((KernelArgumentInvalid, SharesInsufficient)):
        backend.interpolate(shares, 1, 4)


@over_both_backends
def test_shares_of_other_lengths_are_refused_even_when_not_used(backend: ModuleType) -> None:
    shares = {1: DEAL.shares[0], 2: DEAL.shares[1], 4: b""}
    with pytest.raises(EncodingLengthInvalid):
        backend.interpolate(shares, 1, 4)


@over_both_backends
@pytest.mark.parametrize(("members", "threshold"), [(0, 0), (-1, 0), (65, 1), (2, 1), (4, 2), (4, -1), (1 << 63, 1), (3, 1 << 63), (None, 1), (3, None), (True, 0), (3, 1.0)])  # fmt: skip  # noqa: E501
def test_a_committee_that_cannot_be_is_refused(backend: ModuleType, members: object, threshold: object) -> None:
    with pytest.raises(ProofwardError):
        backend.deal(SECRETS, members, threshold, scalars("m1 coefficients", 2))
    with pytest.raises(ProofwardError):
        backend.check_share(1, DEAL.shares[0], DEAL.commitments, threshold, members)
    with pytest.raises(ProofwardError):
        backend.interpolate({1: DEAL.shares[0], 2: DEAL.shares[1]}, threshold, members)

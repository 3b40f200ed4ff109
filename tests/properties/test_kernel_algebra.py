"""Laws that commitments, shares and proofs obey for all inputs, on both backends against each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.parameters import ABSENT_CODE, GROUP_ORDER
from prover import kernel_backend as kernel
from prover import reference
from prover.errors import OpeningMismatch, RepresentationInvalid, ShareMismatch
from tests.vectors.inputs import word

HALF = GROUP_ORDER // 2
EDGES = st.sampled_from([0, 1, -1, 2, HALF, -HALF, 1 << 64, -(1 << 128)])
values = st.one_of(EDGES, st.integers(-HALF, HALF))
scalars = st.one_of(st.sampled_from([0, 1, GROUP_ORDER - 1]), st.integers(0, GROUP_ORDER - 1)).map(word)
blinders = st.integers(1, GROUP_ORDER - 1).map(word)
# The reference takes milliseconds a call.
few = settings(max_examples=30)


def points(data: st.DataObject, count: int) -> bytes:
    """Points whose relations vary: sums of two generators, the identity, repeats and negatives."""
    found = b""
    for _ in range(count):
        exponents = data.draw(st.lists(scalars, min_size=2, max_size=2))
        found += kernel.msm(kernel.generators("V", 0, 2), b"".join(exponents))
    return found


@given(st.integers())
def test_integers_survive(value: int) -> None:
    scalar = kernel.scalar_from_int(value)
    assert scalar == reference.scalar_from_int(value)
    assert kernel.int_from_scalar(scalar, signed=False) == value % GROUP_ORDER
    signed = kernel.int_from_scalar(scalar, signed=True)
    assert -HALF <= signed <= HALF
    assert (signed - value) % GROUP_ORDER == 0
    assert signed == reference.int_from_scalar(scalar, signed=True)


@few
@given(st.data(), st.integers(0, 5))
def test_msm_agrees_with_the_reference(data: st.DataObject, count: int) -> None:
    bases = points(data, count)
    exponents = b"".join(data.draw(st.lists(scalars, min_size=count, max_size=count)))
    assert kernel.msm(bases, exponents) == reference.msm(bases, exponents)
    assert kernel.add_points(bases) == reference.add_points(bases)


@given(st.data())
def test_subtraction_undoes_addition(data: st.DataObject) -> None:
    pair = points(data, 2)
    a, b = pair[:64], pair[64:]
    assert kernel.subtract(kernel.add_points(a + b), b) == a


@few
@given(st.lists(values, max_size=6), st.lists(values, max_size=6), blinders, blinders)
def test_commitments_are_homomorphic(a: list[int], b: list[int], r: bytes, s: bytes) -> None:
    width = max(len(a), len(b))
    a, b = a + [0] * (width - len(a)), b + [0] * (width - len(b))
    total = [kernel.int_from_scalar(kernel.scalar_from_int(x + y), signed=True) for x, y in zip(a, b, strict=True)]
    product = kernel.add_points(kernel.commit_outputs(a, r) + kernel.commit_outputs(b, s))
    kernel.check_outputs(product, total, kernel.add_vectors([r, s]))
    reference.check_outputs(product, total, reference.add_vectors([r, s]))


@given(st.lists(values, min_size=1, max_size=6), blinders, st.data())
def test_an_opening_is_the_only_one(opened: list[int], r: bytes, data: st.DataObject) -> None:
    commitment = kernel.commit_outputs(opened, r)
    place = data.draw(st.integers(0, len(opened) - 1))
    other = data.draw(values.filter(lambda value: value != opened[place]))
    with pytest.raises(OpeningMismatch):
        kernel.check_outputs(commitment, [*opened[:place], other, *opened[place + 1 :]], r)


@few
@given(st.integers(1, 9), st.integers(1, 4), st.data())
def test_sharing(members: int, width: int, data: st.DataObject) -> None:
    threshold = data.draw(st.integers(0, (members - 1) // 2))
    secrets = b"".join(data.draw(st.lists(scalars, min_size=width, max_size=width)))
    coefficients = b"".join(data.draw(st.lists(blinders, min_size=threshold * width, max_size=threshold * width)))
    deal = kernel.deal(secrets, members, threshold, coefficients)
    assert deal == reference.deal(secrets, members, threshold, coefficients)
    shares = dict(enumerate(deal.shares, 1))
    for index, share in shares.items():
        kernel.check_share(index, share, deal.commitments, threshold, members)

    chosen = data.draw(st.permutations(list(shares)))[: data.draw(st.integers(threshold + 1, members))]
    part = {index: shares[index] for index in chosen}
    assert kernel.interpolate(part, threshold, members) == secrets
    assert reference.interpolate(part, threshold, members) == secrets

    # A lying share fails, whichever scalar of it is changed.
    index = data.draw(st.integers(1, members))
    place = 32 * data.draw(st.integers(0, width - 1))
    old = int.from_bytes(shares[index][place : place + 32], "big")
    wrong = shares[index][:place] + word((old + 1) % GROUP_ORDER) + shares[index][place + 32 :]
    with pytest.raises(ShareMismatch):
        kernel.check_share(index, wrong, deal.commitments, threshold, members)
    with pytest.raises(ShareMismatch):
        reference.check_share(index, wrong, deal.commitments, threshold, members)


@given(st.integers(2, 4), st.integers(1, 3), st.data())
def test_dealings_add_up(dealers: int, width: int, data: st.DataObject) -> None:
    members, threshold = 4, 1
    vectors = st.lists(blinders, min_size=width, max_size=width).map(b"".join)
    secrets = [data.draw(vectors) for _ in range(dealers)]
    deals = [kernel.deal(secret, members, threshold, data.draw(vectors)) for secret in secrets]
    commitments = kernel.add_commitments([deal.commitments for deal in deals])
    sums = {index: kernel.add_vectors([deal.shares[index - 1] for deal in deals]) for index in range(1, members + 1)}
    for index, share in sums.items():
        kernel.check_share(index, share, commitments, threshold, members)
    assert kernel.interpolate({2: sums[2], 4: sums[4]}, threshold, members) == kernel.add_vectors(secrets)


@few
@given(st.sets(st.integers(1, 60), max_size=4), st.binary(max_size=40), st.binary(max_size=8), st.data())
def test_representation(others: set[int], context: bytes, seed: bytes, data: st.DataObject) -> None:
    indices = [0, *sorted(others)]
    witness = data.draw(blinders) + b"".join(data.draw(st.lists(scalars, min_size=len(others), max_size=len(others))))
    point = kernel.msm(b"".join(kernel.generators("U", index, 1) for index in indices), witness)
    proof = kernel.prove_representation(indices, witness, context, seed)
    assert proof == reference.prove_representation(indices, witness, context, seed)
    kernel.verify_representation(point, indices, context, proof)
    reference.verify_representation(point, indices, context, proof)

    place = data.draw(st.integers(0, 8 * len(proof) - 1))
    broken = bytearray(proof)
    broken[place // 8] ^= 1 << place % 8
    for backend in (kernel, reference):
        with pytest.raises(RepresentationInvalid):
            backend.verify_representation(point, indices, context, bytes(broken))
        with pytest.raises(RepresentationInvalid):
            backend.verify_representation(point, indices, context + b"\x00", proof)


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 24), st.integers(1, 3), st.binary(min_size=32, max_size=32), st.data())
def test_onehot_agrees_with_the_reference(
    digit_values: int, columns: int, blocks: int, key: bytes, data: st.DataObject
) -> None:
    code = st.one_of(st.integers(0, digit_values - 1), st.just(ABSENT_CODE))
    codes = np.array(data.draw(st.lists(code, min_size=columns * blocks, max_size=columns * blocks)), dtype=np.uint16)
    context = data.draw(st.binary(max_size=20))
    threads = data.draw(st.integers(1, 3))
    fast = kernel.commit_onehot(codes, digit_values, columns, key, context, threads)
    assert fast == reference.commit_onehot(codes, digit_values, columns, key, context)

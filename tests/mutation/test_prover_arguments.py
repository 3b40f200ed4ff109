"""Every argument of the verifying functions has its type and its size, in both backends; one more or one less is refused."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from protocol.errors import MalformedInput
from protocol.parameters import GROUP_ORDER
from prover import _kernel, kernel_backend, reference
from prover.errors import (
    CommitmentCountInvalid,
    EncodingLengthInvalid,
    InclusionInvalid,
    KernelArgumentInvalid,
    RepresentationInvalid,
    RowProofInvalid,
    ShareIndexInvalid,
)
from prover.merkle import leaf_hash, merkle_root, verify_inclusion
from prover.reference.codec import decode_points
from prover.reference.relation import decode_relation
from tests.malicious.algebra import generators, point, scalar_bytes, vector_bytes
from tests.malicious.instances import honest
from tests.malicious.relation import RowRelation

BACKENDS = [pytest.param(kernel_backend, id="kernel"), pytest.param(reference, id="python")]
G, H = generators("G", 0, 2)
ONE = scalar_bytes(1)
COMMITMENT = kernel_backend.commit_outputs([5], ONE)
INDICES, CONTEXT = (0, 2), b"context"
WITNESS = vector_bytes([3, 4])
OPENED = point([(3, generators("U", 0, 1)[0]), (4, generators("U", 2, 1)[0])])
PROOF = kernel_backend.prove_representation(INDICES, WITNESS, CONTEXT, b"")
DEAL = kernel_backend.deal(vector_bytes([5, 6]), 3, 1, vector_bytes([7, 8]))

REFUSED = (MalformedInput, KernelArgumentInvalid, ShareIndexInvalid, CommitmentCountInvalid)
Call = Callable[[Any], object]
# Good calls, without which the bad ones say nothing.
GOOD: dict[str, Call] = {
    "check_outputs": lambda backend: backend.check_outputs(COMMITMENT, [5], ONE),
    "check_points": lambda backend: backend.check_points(G + H, 2),
    "check_scalars": lambda backend: backend.check_scalars(ONE + ONE, 2),
    "subtract": lambda backend: backend.subtract(G, H),
    "check_share": lambda backend: backend.check_share(1, DEAL.shares[0], DEAL.commitments, 1, 3),
    "interpolate": lambda backend: backend.interpolate({1: DEAL.shares[0], 3: DEAL.shares[2]}, 1, 3),
    "verify_representation": lambda backend: backend.verify_representation(OPENED, INDICES, CONTEXT, PROOF),
    "generators": lambda backend: backend.generators("G", 0, 2),
    "int_from_scalar": lambda backend: backend.int_from_scalar(ONE, signed=True),
}
BAD: dict[str, Call] = {
    "two commitments": lambda backend: backend.check_outputs(COMMITMENT + COMMITMENT, [5], ONE),
    "no commitment": lambda backend: backend.check_outputs(b"", [5], ONE),
    "two blinders": lambda backend: backend.check_outputs(COMMITMENT, [], ONE + scalar_bytes(5)),
    "no blinder": lambda backend: backend.check_outputs(COMMITMENT, [5], b""),
    "values that are an iterator": lambda backend: backend.check_outputs(COMMITMENT, iter([5]), ONE),
    "values that are bytes": lambda backend: backend.check_outputs(COMMITMENT, b"\x05", ONE),
    "a value that is true": lambda backend: backend.check_outputs(kernel_backend.commit_outputs([1], ONE), [True], ONE),
    "a value of more than half": lambda backend: backend.check_outputs(COMMITMENT, [5 - GROUP_ORDER], ONE),
    "a commitment that is an array": lambda backend: backend.check_outputs(bytearray(COMMITMENT), [5], ONE),
    "one point of two": lambda backend: backend.check_points(G, 2),
    "a negative number of points": lambda backend: backend.check_points(b"", -1),
    "true points": lambda backend: backend.check_points(G, True),
    "a negative number of scalars": lambda backend: backend.check_scalars(b"", -1),
    "true scalars": lambda backend: backend.check_scalars(ONE, True),
    "two minuends": lambda backend: backend.subtract(G + G, H),
    "no minuend": lambda backend: backend.subtract(b"", H),
    "two subtrahends": lambda backend: backend.subtract(G, H + H),
    "no subtrahend": lambda backend: backend.subtract(G, b""),
    "a share of member true": lambda backend: backend.check_share(True, DEAL.shares[0], DEAL.commitments, 1, 3),
    "a committee of true": lambda backend: backend.check_share(1, DEAL.shares[0], DEAL.commitments[:64], 0, True),
    "no members": lambda backend: backend.check_share(1, DEAL.shares[0], DEAL.commitments[:64], 0, 0),
    "65 members": lambda backend: backend.check_share(1, DEAL.shares[0], DEAL.commitments, 1, 65),
    "a threshold of half": lambda backend: backend.check_share(1, DEAL.shares[0], DEAL.commitments, 1, 2),
    "an array of commitments": lambda backend: backend.check_share(1, DEAL.shares[0], bytearray(DEAL.commitments), 1, 3),
    "shares that are a list": lambda backend: backend.interpolate([(1, DEAL.shares[0]), (3, DEAL.shares[2])], 1, 3),
    "no vectors": lambda backend: backend.add_vectors([]),
    "vectors of different lengths": lambda backend: backend.add_vectors([ONE, ONE + ONE]),
    "commitments of different lengths": lambda backend: backend.add_commitments([G, G + H]),
    "a point and a byte": lambda backend: backend.add_points(G + b"\x00"),
    "vectors that are an iterator": lambda backend: backend.add_vectors(iter([ONE])),
    "no lists of commitments": lambda backend: backend.add_commitments([]),
    "a family that is bytes": lambda backend: backend.generators(b"G", 0, 2),
    "an unhashable family": lambda backend: backend.generators(["G"], 0, 2),
    "generators from true": lambda backend: backend.generators("G", True, 2),
    "generators from before the first": lambda backend: backend.generators("G", -1, 2),
    "true generators": lambda backend: backend.generators("G", 0, True),
    "generators past the end": lambda backend: backend.generators("G", (1 << 20) - 1, 2),
    "generators past the start of the end": lambda backend: backend.generators("G", (1 << 20) + 1, 0),
    "two scalars": lambda backend: backend.int_from_scalar(ONE + ONE, signed=True),
    "signed by 1": lambda backend: backend.int_from_scalar(ONE, signed=1),
    "two points": lambda backend: backend.verify_representation(OPENED + OPENED, INDICES, CONTEXT, PROOF),
    "no point": lambda backend: backend.verify_representation(b"", INDICES, CONTEXT, PROOF),
    "no indices": lambda backend: backend.verify_representation(OPENED, (), CONTEXT, PROOF[:64]),
    "indices that are an iterator": lambda backend: backend.verify_representation(OPENED, iter(INDICES), CONTEXT, PROOF),
    "indices that are bytes": lambda backend: backend.verify_representation(OPENED, b"\x00\x02", CONTEXT, PROOF),
    "an index that is false": lambda backend: backend.verify_representation(OPENED, (False, 2), CONTEXT, PROOF),
    "an index past the end": lambda backend: backend.verify_representation(OPENED, (0, 4097), CONTEXT, PROOF),
    "a context that is an array": lambda backend: backend.verify_representation(OPENED, INDICES, bytearray(CONTEXT), PROOF),
    "a context that is text": lambda backend: backend.verify_representation(OPENED, INDICES, "context", PROOF),
    "a proof that is an array": lambda backend: backend.verify_representation(OPENED, INDICES, CONTEXT, bytearray(PROOF)),
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", GOOD)
def test_good_calls_are_answered(name: str, backend: ModuleType) -> None:
    GOOD[name](backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused(name: str, backend: ModuleType) -> None:
    with pytest.raises(REFUSED):
        BAD[name](backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_too_short_or_too_long_is_refused_as_such(backend: ModuleType) -> None:
    """Not later, by a sum that happens to compare lengths."""
    with pytest.raises(EncodingLengthInvalid):
        backend.verify_representation(OPENED + OPENED, INDICES, CONTEXT, PROOF)
    with pytest.raises(EncodingLengthInvalid):
        backend.prove_representation(INDICES, ONE, CONTEXT, b"")
    with pytest.raises(KernelArgumentInvalid):
        backend.check_share(1, b"", DEAL.commitments, 1, 3)


def test_the_bare_kernel_checks_what_its_caller_has_checked() -> None:
    for call in (lambda: _kernel.reduce_wide(bytes(63)), lambda: _kernel.verify_rows([], bytes(31), 1)):
        with pytest.raises(_kernel.KernelError):
            call()


RELATIONS: dict[str, Callable[[RowRelation], RowRelation]] = {
    "boolean digits that decrease": lambda relation: replace(relation, boolean=(1, 0, 2)),
    "a boolean digit twice": lambda relation: replace(relation, boolean=(0, 1, 1)),
    "a boolean digit that is none": lambda relation: replace(relation, boolean=(0, 1, 3)),
    "a digit without values": lambda relation: replace(relation, values=(0, *relation.values[1:]), forms=relation.forms[1:2]),
    "a digit of 257 values": lambda relation: replace(relation, values=(*relation.values, 257)),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", RELATIONS)
def test_a_relation_that_breaks_a_bound_is_refused_as_a_relation(name: str, backend: ModuleType) -> None:
    known = honest("zero", 4, 2, 2)
    relation = RELATIONS[name](known.relation)
    if name == "a digit without values":
        relation = replace(relation, terms=((1, (0,)),), boolean=())
    digests = bytes(32 * len(relation.values))
    instance = known.claim.instance(backend.Transcript, known.prove(reference.Transcript))
    changed = replace(instance, statement=replace(instance.statement, relation=relation.encode(), digests=digests))
    with pytest.raises(RowProofInvalid) as raised:
        backend.verify_rows([changed])
    assert raised.value.where == "relation"


@pytest.mark.parametrize("backend", BACKENDS)
def test_instances_are_instances(backend: ModuleType) -> None:
    known = honest("zero", 4, 2, 2)
    instance = known.claim.instance(backend.Transcript, known.prove(reference.Transcript))
    backend.verify_rows([instance])
    for other in (None, known, instance.statement, replace(instance, statement=known)):  # type: ignore[arg-type]
        with pytest.raises(KernelArgumentInvalid):
            backend.verify_rows([other])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_block_of_more_than_8192_columns_is_refused_as_a_relation(backend: ModuleType) -> None:
    known = honest("zero", 4, 2, 2)
    instance = known.claim.instance(backend.Transcript, b"")
    changed = replace(instance, statement=replace(instance.statement, rows=1 << 14, columns=1 << 14))
    with pytest.raises(RowProofInvalid) as raised:
        backend.verify_rows([changed])
    assert raised.value.where == "relation"


def test_the_kernel_accepts_an_honest_proof_with_folds() -> None:
    known = honest("cells", 2, 2, 300)
    proof = kernel_backend.prove_rows(known.claim.statement(kernel_backend.Transcript), known.row_witness())
    kernel_backend.verify_rows([known.claim.instance(kernel_backend.Transcript, proof)])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_representation_of_or_by_the_identity_is_refused_as_such(backend: ModuleType) -> None:
    """Each alone: the equation of the all-zero proof of the identity holds."""
    zeros = bytes(len(PROOF))
    for opened, proof in ((bytes(64), zeros), (OPENED, zeros[:64] + PROOF[64:]), (bytes(64), PROOF)):
        with pytest.raises(RepresentationInvalid, match="identity"):
            backend.verify_representation(opened, INDICES, CONTEXT, proof)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("label", [b"", bytes(256), "label", bytearray(b"label")], ids=["empty", "long", "text", "array"])
def test_labels_have_1_to_255_bytes(label: Any, backend: ModuleType) -> None:
    backend.Transcript(bytes(255)).absorb(b"x", b"")
    with pytest.raises(KernelArgumentInvalid):
        backend.Transcript(label)
    with pytest.raises(KernelArgumentInvalid):
        backend.Transcript(b"x").absorb(label, b"")
    with pytest.raises(KernelArgumentInvalid):
        backend.Transcript(b"x").challenge(label)


@pytest.mark.parametrize("backend", BACKENDS)
def test_absorbed_data_are_bytes(backend: ModuleType) -> None:
    for data in (bytearray(b"data"), "data", None):
        with pytest.raises(KernelArgumentInvalid):
            backend.Transcript(b"x").absorb(b"x", data)


def test_a_relation_that_ends_early_is_refused_for_that() -> None:
    encoded = honest("zero", 4, 2, 2).claim.relation
    for end in range(0, len(encoded), 7):
        with pytest.raises(MalformedInput, match="cut short"):
            decode_relation(encoded[:end])


def test_the_number_of_points_is_part_of_decoding() -> None:
    assert len(decode_points("points", G + H, 2)) == 2
    with pytest.raises(REFUSED):
        decode_points("points", G + H, 1)


def test_a_leaf_of_a_tree_has_an_index_that_is_a_number() -> None:
    leaves = [leaf_hash(b"a"), leaf_hash(b"b")]
    root = merkle_root(leaves)
    verify_inclusion(leaves[1], 1, 2, [leaves[0]], root)
    verify_inclusion(leaves[0], 0, 1, [], leaves[0])
    for path, root_of in (([leaves[0][:-1]], root), ([bytearray(leaves[0])], root), ([leaves[0]], root + b"\x00")):
        with pytest.raises(InclusionInvalid, match="bytes"):
            verify_inclusion(leaves[1], 1, 2, path, root_of)  # type: ignore[arg-type]
    for index, size in ((True, 2), (1.0, 2), (1, 2.0), (2, 2), (-1, 2)):
        with pytest.raises(InclusionInvalid):
            verify_inclusion(leaves[1], index, size, [leaves[0]], root)  # type: ignore[arg-type]
    with pytest.raises(InclusionInvalid):
        verify_inclusion(leaves[0], 0, True, [], leaves[0])

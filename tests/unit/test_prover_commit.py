"""Committing to a dataset and its Merkle tree."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from circuits.chunk import EncodedChunk, EncodedDigit
from protocol.errors import MalformedInput
from protocol.parameters import ABSENT_CODE
from prover import commit_onehot, reference
from prover.commit import CommitmentBlob, DatasetCommitment, commit_dataset, shape
from prover.errors import ChunkInvalid, EncodingLengthInvalid, InclusionInvalid, PointInvalid
from prover.merkle import inclusion_proof, leaf_hash, merkle_root, verify_inclusion

ROWS = 1024
SECRET = hashlib.sha256(b"secret").digest()

# The leaves and roots of the Certificate Transparency test suite (RFC 6962 trees).
CT_LEAVES = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]  # fmt: skip  # noqa: E501
CT_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def chunk(seed: int, real: int = ROWS, rows: int = ROWS, extra: str = "dx.0") -> EncodedChunk:
    generator = np.random.default_rng(seed)

    def digit(name: str, values: int) -> EncodedDigit:
        codes = generator.integers(0, values, rows, dtype=np.uint16)
        codes[real:] = ABSENT_CODE
        return EncodedDigit(name, values, codes)

    return EncodedChunk(rows, real, (digit("present", 1), digit("sex.0", 2), digit(extra, 32)))


def committed(chunks: list[EncodedChunk], **changes: object) -> tuple[DatasetCommitment, list[CommitmentBlob]]:
    blobs: list[CommitmentBlob] = []
    arguments: dict[str, object] = {"dataset_id": "clinic", "epoch": 3, "secret": SECRET, "store": blobs.append}
    return commit_dataset(chunks, **{**arguments, **changes}), blobs  # type: ignore[arg-type]


def test_the_root_covers_every_blob_in_order() -> None:
    steps: list[tuple[int, str]] = []
    commitment, blobs = committed([chunk(1), chunk(2, real=10)], progress=lambda index, digit: steps.append((index, digit)))
    assert steps == [(index, name) for index in (0, 1) for name in ("present", "sex.0", "dx.0")]
    assert commitment.chunks == 2
    assert commitment.rows == ROWS
    assert commitment.digits == (("present", 1), ("sex.0", 2), ("dx.0", 32))
    assert commitment.root == merkle_root([leaf_hash(blob.encode()) for blob in blobs]).hex()
    index = commitment.leaf_index(1, "sex.0")
    assert (blobs[index].chunk, blobs[index].digit) == (1, "sex.0")
    proof = inclusion_proof(commitment.leaves, index)
    verify_inclusion(leaf_hash(blobs[index].encode()), index, len(commitment.leaves), proof, bytes.fromhex(commitment.root))


def test_the_points_are_those_of_the_reference() -> None:
    part = chunk(1)
    _, blobs = committed([part])
    for blob, digit in list(zip(blobs, part.digits, strict=True))[:2]:
        assert blob.points == reference.commit_onehot(digit.codes, digit.values, blob.columns, SECRET, blob.header())
        blob.check()


def test_the_same_call_gives_the_same_root_on_any_number_of_threads() -> None:
    assert committed([chunk(1)])[0] == committed([chunk(1)], threads=3)[0]


def test_one_changed_cell_changes_the_root() -> None:
    changed = chunk(1)
    changed.digits[1].codes[5] ^= 1
    assert committed([chunk(1)])[0].root != committed([changed])[0].root


def test_memory_is_bounded_by_the_chunk() -> None:
    # Each chunk is taken only after the blobs of the one before have been handed over.
    handed: list[int] = []

    def chunks() -> Iterator[EncodedChunk]:
        for index in range(3):
            assert len(handed) == 3 * index
            yield chunk(index)

    commit_dataset(chunks(), dataset_id="d", epoch=1, secret=SECRET, store=lambda blob: handed.append(blob.chunk))


def test_the_last_chunk_may_be_shorter() -> None:
    commitment, blobs = committed([chunk(1, rows=2048), chunk(2)])
    assert commitment.rows == 2048
    assert [blob.columns for blob in (blobs[0], blobs[-1])] == [256, 128]
    with pytest.raises(ChunkInvalid):
        committed([chunk(1), chunk(2, rows=2048)])


def test_bad_datasets_are_refused() -> None:
    with pytest.raises(ChunkInvalid):
        committed([])
    with pytest.raises(ChunkInvalid):
        committed([chunk(1), chunk(2, extra="other.0")])
    with pytest.raises(ChunkInvalid, match="same name"):
        committed([chunk(1, extra="sex.0")])
    with pytest.raises(ChunkInvalid):
        committed([chunk(1)], dataset_id="")
    with pytest.raises(ChunkInvalid):
        committed([chunk(1)], dataset_id="x" * 256)
    for epoch in (-1, 1 << 64, True, 1.0):
        with pytest.raises(ChunkInvalid):
            committed([chunk(1)], epoch=epoch)
    with pytest.raises(EncodingLengthInvalid):
        committed([chunk(1)], secret=bytes(16))


def test_a_loaded_blob_is_checked() -> None:
    _, blobs = committed([chunk(1)])
    with pytest.raises(PointInvalid):
        replace(blobs[0], points=b"\x01" * 64 + blobs[0].points[64:]).check()
    with pytest.raises(MalformedInput):
        replace(blobs[0], points=blobs[0].points + b"\x00").check()
    for changes in ({"columns": 1000}, {"values": 0}, {"values": 257}, {"row_blocks": 0}):
        with pytest.raises(ChunkInvalid):
            replace(blobs[0], **changes).check()  # type: ignore[arg-type]


def test_the_shape_of_a_chunk() -> None:
    assert shape(1) == (1, 1)
    assert shape(2) == (2, 1)
    assert shape(1 << 10) == (8, 1 << 7)
    assert shape(1 << 14) == (8, 1 << 11)
    assert shape(1 << 16) == (8, 1 << 13)
    assert shape(1 << 20) == (1 << 7, 1 << 13)
    for rows in (0, -1, 3, 1 << 21, True, 1024.0):
        with pytest.raises(ChunkInvalid):
            shape(rows)  # type: ignore[arg-type]


def test_a_header_of_one_digit_is_no_other_digits_header() -> None:
    # Length prefixes: text that moves from one field to the next changes the header.
    first = CommitmentBlob("ab", 1, 0, "c", 2, 1, 1, b"")
    assert first.header() != CommitmentBlob("a", 1, 0, "bc", 2, 1, 1, b"").header()


@pytest.mark.parametrize(("size", "root"), CT_ROOTS.items())
def test_known_roots(size: int, root: str) -> None:
    assert merkle_root([leaf_hash(leaf) for leaf in CT_LEAVES[:size]]).hex() == root


@pytest.mark.parametrize("size", range(1, 20))
def test_every_leaf_has_a_proof_and_no_other(size: int) -> None:
    leaves = [leaf_hash(bytes([index])) for index in range(size)]
    root = merkle_root(leaves)
    for index in range(size):
        proof = inclusion_proof(leaves, index)
        verify_inclusion(leaves[index], index, size, proof, root)
        wrong: list[tuple[bytes, int, int, tuple[bytes, ...], bytes]] = [
            (leaf_hash(b"other"), index, size, proof, root),
            (leaves[index], index, size, (*proof, root), root),
            (leaves[index], index, size, proof, leaf_hash(b"root")),
            (leaves[index], size, size, proof, root),
            (leaves[index], -1, size, proof, root),
            (leaves[index], index, size, tuple(node[:-1] for node in proof) or (b"",), root),
        ]
        if proof:
            wrong += [(leaves[index], index, size, proof[1:], root), (leaves[index], index ^ 1, size, proof, root)]
        for arguments in wrong:
            with pytest.raises(InclusionInvalid):
                verify_inclusion(*arguments)


def test_a_node_is_not_a_leaf() -> None:
    leaves = [leaf_hash(b"a"), leaf_hash(b"b")]
    assert leaf_hash(leaves[0] + leaves[1]) != merkle_root(leaves)
    with pytest.raises(InclusionInvalid):
        inclusion_proof(leaves, 2)


def test_onehot_does_not_see_later_writes() -> None:
    codes = np.zeros(8, dtype=np.uint16)
    first = commit_onehot(codes, 2, 8, SECRET, b"x")
    codes[:] = 1
    assert commit_onehot(codes, 2, 8, SECRET, b"x") != first
    # A strided view commits to what it shows.
    wide = np.zeros(16, dtype=np.uint16)
    assert commit_onehot(wide[::2], 2, 8, SECRET, b"x") == first

"""Committing to a dataset, once an epoch: chunk by chunk, so that memory is bounded by the chunk (docs/spec/02-tables.md).

1. Each digit of each chunk becomes one `CommitmentBlob`: a header that names it and K R points.
2. The blob is handed to `store` and forgotten; only its leaf hash stays.
3. The dataset root is the Merkle root over the leaf hashes, chunk by chunk and digit by digit.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import prover
from circuits.chunk import EncodedChunk, EncodedDigit
from protocol.parameters import MAX_CHUNK_ROWS, MAX_DIGIT_VALUES
from prover.errors import ChunkInvalid
from prover.merkle import leaf_hash, merkle_root

BLOB_LABEL: Final = b"proofward/v1/onehot-commitment"
MAX_NAME_BYTES: Final = 255
MIN_ROW_BLOCKS: Final = 8
MAX_COLUMNS: Final = 1 << 13  # as many row generators as the generator digest covers
_U32_MAX: Final = (1 << 32) - 1
_U64_MAX: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class CommitmentBlob:
    """The commitments of one digit of one chunk.

    Attributes:
        points: K R points, C[t,i] at place t R + i.
    """

    dataset_id: str
    epoch: int
    chunk: int
    digit: str
    values: int
    row_blocks: int
    columns: int
    points: bytes = field(repr=False)  # megabytes

    def header(self) -> bytes:
        """What the blob is, length-prefixed: unique for each digit of each chunk of each epoch of each dataset."""
        return b"".join(
            (
                BLOB_LABEL,
                _text(self.dataset_id),
                _uint(self.epoch, 8),
                _uint(self.chunk, 4),
                _text(self.digit),
                _uint(self.values, 4),
                _uint(self.row_blocks, 4),
                _uint(self.columns, 4),
            )
        )

    def encode(self) -> bytes:
        """The bytes that are stored and hashed as a leaf: header || points."""
        return self.header() + self.points

    def leaf_hash(self) -> bytes:
        """The hash of this blob as a leaf of the dataset tree."""
        return leaf_hash(self.header(), self.points)

    def check(self) -> None:
        """Check shape and points, as anybody who loads a blob must. Raises ChunkInvalid and the errors of the points."""
        if not 1 <= self.values <= MAX_DIGIT_VALUES or (self.row_blocks, self.columns) != shape(
            self.row_blocks * self.columns
        ):
            raise ChunkInvalid(f"digit {self.digit!r} of chunk {self.chunk} has an impossible shape")
        prover.check_points(self.points, self.values * self.row_blocks)


@dataclass(frozen=True, slots=True)
class DatasetCommitment:
    """The public outcome of committing to a dataset.

    Attributes:
        root: Merkle root over `leaves`, 64 hexadecimal digits.
        leaves: leaf hashes, chunk by chunk and digit by digit.
        chunks: how many chunks there are.
        rows: N, the padded rows of the first chunk; no later one has more.
        digits: name and number of values of each digit, in the order of the leaves.
    """

    dataset_id: str
    epoch: int
    root: str
    leaves: tuple[bytes, ...] = field(repr=False)
    chunks: int
    rows: int
    digits: tuple[tuple[str, int], ...]

    def leaf_index(self, chunk: int, digit: str) -> int:
        """Where the blob of a digit of a chunk stands in the tree. Raises ChunkInvalid if there is none."""
        names = [name for name, _ in self.digits]
        if not 0 <= chunk < self.chunks or digit not in names:
            raise ChunkInvalid(f"there is no digit {digit!r} in chunk {chunk}")
        return chunk * len(names) + names.index(digit)


def shape(n_rows: int) -> tuple[int, int]:
    """(R, C) of a chunk of N = R C rows: the widest rows there are generators for, but at least eight row blocks.

    A proof of a small chunk costs mostly what opening one row block costs (docs/notes/commit-speed.md).

    Raises:
        ChunkInvalid: N is not a power of two up to 2^20.
    """
    if type(n_rows) is not int or not 1 <= n_rows <= MAX_CHUNK_ROWS or n_rows & n_rows - 1:
        raise ChunkInvalid("the number of rows of a chunk must be a power of two up to 2^20")
    columns = min(max(n_rows // MIN_ROW_BLOCKS, 1), MAX_COLUMNS)
    return n_rows // columns, columns


def commit_dataset(
    chunks: Iterable[EncodedChunk],
    *,
    dataset_id: str,
    epoch: int,
    secret: bytes,
    store: Callable[[CommitmentBlob], None],
    threads: int = 1,
    progress: Callable[[int, str], None] | None = None,
) -> DatasetCommitment:
    """Commit to every digit of every chunk.

    Args:
        chunks: consumed one at a time; none is kept.
        dataset_id: at most 255 bytes of UTF-8.
        epoch: below 2^64. A changed table needs a new epoch: the blinders are a function of secret, id and epoch, and
            two tables under the same blinders would show their difference.
        secret: 32 uniform bytes that stay with the owner; from them every blinder can be recomputed.
        store: receives each blob once, in the order of the leaves, before the next one is made.
        threads: threads of the kernel.
        progress: called after each blob with the chunk's index and the digit's name.

    Raises:
        ChunkInvalid: there is no chunk, or one has other digits or more rows than the first.
        DigitCodeInvalid: a code is out of its digit's range.
        KernelArgumentInvalid: the secret or the number of threads.
    """
    leaves: list[bytes] = []
    rows = 0
    digits: tuple[tuple[str, int], ...] = ()
    count = 0
    for chunk in chunks:
        found = tuple((digit.name, digit.values) for digit in chunk.digits)
        if count == 0:
            rows, digits = chunk.rows, found
            _check_digits(digits)
        elif found != digits or chunk.rows > rows:
            raise ChunkInvalid(f"chunk {count} has other digits or more rows than the first")
        for digit in chunk.digits:
            blob = _commit_digit(dataset_id, epoch, count, chunk.rows, digit, secret, threads)
            store(blob)
            leaves.append(blob.leaf_hash())
            if progress is not None:
                progress(count, digit.name)
        count += 1
    return DatasetCommitment(dataset_id, epoch, merkle_root(leaves).hex(), tuple(leaves), count, rows, digits)


def _commit_digit(
    dataset_id: str, epoch: int, chunk: int, rows: int, digit: EncodedDigit, secret: bytes, threads: int
) -> CommitmentBlob:
    row_blocks, columns = shape(rows)
    empty = CommitmentBlob(dataset_id, epoch, chunk, digit.name, digit.values, row_blocks, columns, b"")
    # The header names everything the blinders must depend on: dataset, epoch, chunk, digit, and the shape besides.
    return replace(empty, points=prover.commit_onehot(digit.codes, digit.values, columns, secret, empty.header(), threads))


def _check_digits(digits: tuple[tuple[str, int], ...]) -> None:
    if len({name for name, _ in digits}) != len(digits):
        # Two digits of one name would share their blinders.
        raise ChunkInvalid("two digits have the same name")


def _text(value: str) -> bytes:
    encoded = value.encode("utf-8") if isinstance(value, str) else b""
    if not 1 <= len(encoded) <= MAX_NAME_BYTES:
        raise ChunkInvalid(f"an identifier or digit name has between 1 and {MAX_NAME_BYTES} bytes")
    return len(encoded).to_bytes(4, "big") + encoded


def _uint(value: int, size: int) -> bytes:
    limit = _U64_MAX if size == 8 else _U32_MAX
    if type(value) is not int or not 0 <= value <= limit:
        raise ChunkInvalid("epoch, chunk or shape is out of range")
    return value.to_bytes(size, "big")

"""Encoded snapshots of tables on disk: exactly the rows that were committed, so that every answer is about them.

A folder holds for each chunk its 16-bit codes (little-endian, digit by digit as in the schema), the points of its
commitments in the same order and its admission proofs, and besides them the secret of the blinders and a manifest with the
digests of all these files. It is written under another name and renamed when everything is on disk, so there is no
half-written snapshot. Files have mode 0600, folders 0700.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from circuits.chunk import EncodedChunk, EncodedDigit
from circuits.errors import CellsMismatch
from circuits.schema import Schema
from mpc_nodes.errors import SnapshotDamaged
from mpc_nodes.secret_files import fsync_directory, read_secret, write_secret
from protocol import canonical
from protocol.document import Document
from protocol.errors import MalformedInput
from protocol.identifiers import Hex32
from protocol.parameters import MAX_CHUNK_ROWS, POINT_BYTES
from protocol.relay import MAX_TRANSFER_BYTES
from prover.commit import CommitmentBlob, shape
from prover.package import ChunkEvidence

BLINDERS_BYTES: Final = 32
_MANIFEST: Final = "manifest.json"
_BLINDERS: Final = "blinders"
_MAX_MANIFEST: Final = 64 << 20
_CODE: Final = np.dtype("<u2")


class ChunkFiles(Document):
    """One chunk on disk: its size, and the digests of its files."""

    rows: Annotated[int, Field(ge=1, le=MAX_CHUNK_ROWS)]
    real: Annotated[int, Field(ge=0, le=MAX_CHUNK_ROWS)]
    codes: Hex32
    commitments: Hex32
    admission: Hex32


class Manifest(Document):
    """The chunks of a snapshot, in order, and the leaf hashes of their commitments."""

    chunks: tuple[ChunkFiles, ...]
    leaves: tuple[Hex32, ...]


@dataclass(frozen=True)
class Snapshot:
    """A finished snapshot: where it is, and what its manifest must be."""

    folder: Path
    digest: str


@dataclass(frozen=True)
class _Chunk:
    """What is known of a chunk while its snapshot is written."""

    rows: int
    real: int
    codes: str


class SnapshotWriter:
    """Writes one snapshot; use it as a context. Unless `finish` is called, nothing is left behind."""

    def __init__(self, folder: Path, schema: Schema, secret: bytes) -> None:
        self._folder = folder
        self._draft = folder.with_name(f".{folder.name}.draft")
        self._schema = schema
        self._secret = secret
        self._chunks: list[_Chunk] = []
        self._points: list[list[bytes]] = []  # of the chunk that is being committed to, at most
        self._commitments: list[str] = []
        self._finished = False
        self.evidence_bytes = 0  # of the commitments so far

    def __enter__(self) -> "SnapshotWriter":
        self._draft.mkdir(mode=0o700, parents=True)
        write_secret(self._draft / _BLINDERS, self._secret)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            shutil.rmtree(self._draft, ignore_errors=True)

    def keep(self, chunks: Iterable[EncodedChunk]) -> Iterator[EncodedChunk]:
        """The same chunks, each on disk before it is passed on."""
        for chunk in chunks:
            data = b"".join(digit.codes.astype(_CODE, copy=False).tobytes() for digit in chunk.digits)
            digest = self._write(_codes_name(len(self._chunks)), data)
            self._chunks.append(_Chunk(chunk.rows, chunk.real, digest))
            yield chunk

    def keep_commitments(self, blob: CommitmentBlob) -> None:
        """Store the points of a digit; blobs come chunk by chunk, in the order of the schema."""
        if blob.chunk == len(self._points):
            self._points.append([])
        points = self._points[blob.chunk]
        points.append(blob.points)
        self.evidence_bytes += len(blob.points)
        if len(points) == len(self._schema.digits):
            self._commitments.append(self._write(_commitments_name(blob.chunk), b"".join(points)))
            points.clear()

    def chunks(self) -> Iterator[EncodedChunk]:
        """The chunks that are kept, read again from the disk. Raises SnapshotDamaged."""
        for index, chunk in enumerate(self._chunks):
            yield _read_chunk(self._draft, index, chunk.rows, chunk.real, chunk.codes, self._schema)

    def finish(self, leaves: Iterable[bytes], proofs: Iterable[bytes]) -> Snapshot:
        """Give the snapshot its name, durably, with the proofs of each chunk in it."""
        files = zip(self._chunks, self._commitments, proofs, strict=True)
        entries = tuple(
            ChunkFiles(
                rows=chunk.rows,
                real=chunk.real,
                codes=chunk.codes,
                commitments=commitments,
                admission=self._write(_admission_name(index), proof),
            )
            for index, (chunk, commitments, proof) in enumerate(files)
        )
        manifest = Manifest(chunks=entries, leaves=tuple(leaf.hex() for leaf in leaves)).encoded
        digest = self._write(_MANIFEST, manifest)
        fsync_directory(self._draft)
        self._draft.rename(self._folder)
        self._finished = True
        fsync_directory(self._folder.parent)
        return Snapshot(folder=self._folder, digest=digest)

    def _write(self, name: str, data: bytes) -> str:
        with os.fdopen(os.open(self._draft / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return canonical.sha256_hex(data)


def read_chunks(snapshot: Snapshot, schema: Schema) -> Iterator[EncodedChunk]:
    """The chunks of a snapshot, one in memory at a time.

    Raises:
        SnapshotDamaged: a file is missing, or is not the one that was committed.
    """
    for index, entry in enumerate(_read_manifest(snapshot).chunks):
        yield _read_chunk(snapshot.folder, index, entry.rows, entry.real, entry.codes, schema)


def read_evidence(snapshot: Snapshot, schema: Schema) -> Iterator[ChunkEvidence]:
    """What is public about the chunks of a snapshot, one in memory at a time. Raises SnapshotDamaged."""
    for index, entry in enumerate(_read_manifest(snapshot).chunks):
        row_blocks, _ = shape(entry.rows)
        sizes = {digit.name: digit.values * row_blocks * POINT_BYTES for digit in schema.digits}
        data = _read(snapshot.folder, _commitments_name(index), sum(sizes.values()), entry.commitments)
        admission = _read(snapshot.folder, _admission_name(index), MAX_TRANSFER_BYTES, entry.admission)
        points, start = {}, 0
        for name, size in sizes.items():
            points[name] = data[start : start + size]
            start += size
        yield ChunkEvidence(entry.rows, points, admission)


def read_leaves(snapshot: Snapshot) -> tuple[bytes, ...]:
    """The leaf hashes of a snapshot's commitments, chunk by chunk and digit by digit. Raises SnapshotDamaged."""
    return tuple(map(bytes.fromhex, _read_manifest(snapshot).leaves))


def read_blinders(snapshot: Snapshot) -> bytes:
    """The secret of the blinders. Raises SecretExposed, SecretInvalid."""
    return read_secret(snapshot.folder / _BLINDERS, BLINDERS_BYTES)


def check_snapshot(snapshot: Snapshot) -> None:
    """Check that every file of the snapshot is there and unchanged. Raises SnapshotDamaged."""
    for index, entry in enumerate(_read_manifest(snapshot).chunks):
        for name, expected in (
            (_codes_name(index), entry.codes),
            (_commitments_name(index), entry.commitments),
            (_admission_name(index), entry.admission),
        ):
            try:
                with (snapshot.folder / name).open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise SnapshotDamaged(f"cannot be read: {error.strerror}", where=name) from error
            if found != expected:
                raise SnapshotDamaged("a file is not the one that was registered", where=name)


def remove_others(root: Path, keep: Callable[[Path], bool]) -> None:
    """Delete every folder below `root` for which `keep` is false: drafts, and snapshots that were never registered."""
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.is_dir() and not folder.is_symlink() and not keep(folder):
            shutil.rmtree(folder)


def _read_chunk(folder: Path, index: int, rows: int, real: int, digest: str, schema: Schema) -> EncodedChunk:
    name = _codes_name(index)
    size = _CODE.itemsize * rows * len(schema.digits)
    data = _read(folder, name, size, digest)
    if len(data) != size:
        raise SnapshotDamaged("a chunk does not fit the schema", where=name)
    codes = np.frombuffer(data, dtype=_CODE).astype(np.uint16, copy=False).reshape(len(schema.digits), rows)
    try:
        digits = tuple(EncodedDigit(d.name, d.values, row) for d, row in zip(schema.digits, codes, strict=True))
        return EncodedChunk(rows, real, digits)
    except CellsMismatch as error:
        raise SnapshotDamaged("a chunk does not fit the schema", where=name) from error


def _read_manifest(snapshot: Snapshot) -> Manifest:
    data = _read(snapshot.folder, _MANIFEST, _MAX_MANIFEST, snapshot.digest)
    try:
        return Manifest.from_bytes(data, limit=_MAX_MANIFEST)
    except MalformedInput as error:
        raise SnapshotDamaged("the manifest cannot be read", where=_MANIFEST) from error


def _read(folder: Path, name: str, limit: int, digest: str) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise SnapshotDamaged(f"cannot be read: {error.strerror}", where=name) from error
    if len(data) > limit or canonical.sha256_hex(data) != digest:
        raise SnapshotDamaged("a file is not the one that was registered", where=name)
    return data


def _codes_name(chunk: int) -> str:
    return f"chunk-{chunk:06d}.codes"


def _commitments_name(chunk: int) -> str:
    return f"chunk-{chunk:06d}.commitments"


def _admission_name(chunk: int) -> str:
    return f"chunk-{chunk:06d}.admission"

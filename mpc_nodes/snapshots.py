"""Encoded snapshots of tables on disk: exactly the rows that were committed, so that every answer is about them.

A folder holds one file of 16-bit codes a chunk (little-endian, digit by digit as in the schema), the commitments, the
secret of the blinders, and a manifest with the digests of the chunk files. It is written under another name and renamed
when everything is on disk, so there is no half-written snapshot. Files have mode 0600, folders 0700.
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
from mpc_nodes.secret_files import fsync_directory, write_secret
from protocol import canonical
from protocol.document import Document
from protocol.errors import MalformedInput
from protocol.identifiers import Hex32
from protocol.parameters import MAX_CHUNK_ROWS
from prover.commit import CommitmentBlob

_MANIFEST: Final = "manifest.json"
_BLINDERS: Final = "blinders"
_MAX_MANIFEST: Final = 64 << 20
_CODE: Final = np.dtype("<u2")


class ChunkFile(Document):
    """One chunk on disk."""

    rows: Annotated[int, Field(ge=1, le=MAX_CHUNK_ROWS)]
    real: Annotated[int, Field(ge=0, le=MAX_CHUNK_ROWS)]
    sha256: Hex32


class Manifest(Document):
    """The chunks of a snapshot, in order."""

    chunks: tuple[ChunkFile, ...]


@dataclass(frozen=True)
class Snapshot:
    """A finished snapshot: where it is, and what its manifest must be."""

    folder: Path
    digest: str


class SnapshotWriter:
    """Writes one snapshot; use it as a context. Unless `finish` is called, nothing is left behind."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        self._draft = folder.with_name(f".{folder.name}.draft")
        self._secret = secret
        self._chunks: list[ChunkFile] = []
        self._finished = False

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
            self._write(_chunk_name(len(self._chunks)), data)
            self._chunks.append(ChunkFile(rows=chunk.rows, real=chunk.real, sha256=canonical.sha256_hex(data)))
            yield chunk

    def keep_commitments(self, blob: CommitmentBlob) -> None:
        """Store a commitment, the preimage of a leaf of the dataset root."""
        encoded = blob.encode()
        self._write(f"{hashlib.sha256(encoded).hexdigest()}.commitment", encoded)

    def finish(self) -> Snapshot:
        """Give the snapshot its name, durably."""
        manifest = Manifest(chunks=tuple(self._chunks)).encoded
        self._write(_MANIFEST, manifest)
        fsync_directory(self._draft)
        self._draft.rename(self._folder)
        self._finished = True
        fsync_directory(self._folder.parent)
        return Snapshot(folder=self._folder, digest=canonical.sha256_hex(manifest))

    def _write(self, name: str, data: bytes) -> None:
        with os.fdopen(os.open(self._draft / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def read_chunks(snapshot: Snapshot, schema: Schema) -> Iterator[EncodedChunk]:
    """The chunks of a snapshot, one in memory at a time.

    Raises:
        SnapshotDamaged: a file is missing, or is not the one that was committed.
    """
    manifest = _read_manifest(snapshot)
    for index, entry in enumerate(manifest.chunks):
        size = _CODE.itemsize * entry.rows * len(schema.digits)
        data = _read(snapshot, _chunk_name(index), size)
        if len(data) != size or canonical.sha256_hex(data) != entry.sha256:
            raise SnapshotDamaged("a chunk is not the one that was committed", where=_chunk_name(index))
        codes = np.frombuffer(data, dtype=_CODE).astype(np.uint16, copy=False).reshape(len(schema.digits), entry.rows)
        try:
            digits = tuple(EncodedDigit(d.name, d.values, row) for d, row in zip(schema.digits, codes, strict=True))
            yield EncodedChunk(entry.rows, entry.real, digits)
        except CellsMismatch as error:
            raise SnapshotDamaged("a chunk does not fit the schema", where=_chunk_name(index)) from error


def check_snapshot(snapshot: Snapshot) -> None:
    """Check that every file of the snapshot is there and unchanged. Raises SnapshotDamaged."""
    for index, entry in enumerate(_read_manifest(snapshot).chunks):
        try:
            with (snapshot.folder / _chunk_name(index)).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise SnapshotDamaged(f"cannot be read: {error.strerror}", where=_chunk_name(index)) from error
        if found != entry.sha256:
            raise SnapshotDamaged("a chunk is not the one that was committed", where=_chunk_name(index))


def remove_others(root: Path, keep: Callable[[Path], bool]) -> None:
    """Delete every folder below `root` for which `keep` is false: drafts, and snapshots that were never registered."""
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.is_dir() and not folder.is_symlink() and not keep(folder):
            shutil.rmtree(folder)


def _read_manifest(snapshot: Snapshot) -> Manifest:
    data = _read(snapshot, _MANIFEST, _MAX_MANIFEST)
    if canonical.sha256_hex(data) != snapshot.digest:
        raise SnapshotDamaged("the manifest is not the one that was registered", where=_MANIFEST)
    try:
        return Manifest.from_bytes(data, limit=_MAX_MANIFEST)
    except MalformedInput as error:
        raise SnapshotDamaged("the manifest cannot be read", where=_MANIFEST) from error


def _read(snapshot: Snapshot, name: str, limit: int) -> bytes:
    try:
        with (snapshot.folder / name).open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise SnapshotDamaged(f"cannot be read: {error.strerror}", where=name) from error
    if len(data) > limit:
        raise SnapshotDamaged("is longer than it was", where=name)
    return data


def _chunk_name(index: int) -> str:
    return f"chunk-{index:06d}.codes"

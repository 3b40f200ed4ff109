"""The package of a dataset: everything that an outsider needs to check its table, as one file.

    magic  u32 length  SignedRegistration
    for each chunk:  u32 N   the commitments of every digit, in the order of the schema   the admission proofs of every part

Every length follows from the registration, the schema in it, and N. A package is made once an epoch and is named by the root.
Specification: docs/spec/03-admission.md, "Package".
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from circuits.admission import admission_parts, admission_relation
from circuits.errors import SchemaInvalid
from circuits.registered_schema import read_schema
from circuits.schema import Schema
from protocol.dataset import Registration, SignedRegistration
from protocol.errors import MalformedInput
from protocol.parameters import POINT_BYTES
from prover.commit import CommitmentBlob, shape
from prover.errors import ChunkInvalid, PackageInvalid
from prover.merkle import merkle_root
from prover.rows import row_proof_length

MAGIC: Final = b"proofward/dataset/v1\n"
MAX_REGISTRATION_BYTES: Final = 8 << 20
_LENGTH_BYTES: Final = 4


@dataclass(frozen=True)
class ChunkEvidence:
    """What is public about one chunk.

    Attributes:
        rows: N.
        points: K R points of every digit, by the digit's name.
        admission: the proofs of all parts, one after the other.
    """

    rows: int
    points: Mapping[str, bytes] = field(repr=False)  # megabytes
    admission: bytes = field(repr=False)


@dataclass(frozen=True)
class Package:
    """A package whose commitments and admission proofs are those that were registered. Its proofs are not checked yet."""

    signed: SignedRegistration
    schema: Schema
    chunks: tuple[ChunkEvidence, ...]
    leaves: tuple[bytes, ...] = field(repr=False)

    @property
    def registration(self) -> Registration:
        """What was signed."""
        return self.signed.registration

    @cached_property
    def root(self) -> str:
        """The dataset root, hexadecimal."""
        return self.registration.root

    def leaf(self, chunk: int, digit: str) -> bytes:
        """The leaf hash of a digit of a chunk."""
        names = [each.name for each in self.schema.digits]
        return self.leaves[chunk * len(names) + names.index(digit)]


def blob_header(registration: Registration, chunk: int, rows: int, digit: str, values: int) -> bytes:
    """The header of a digit's commitments (docs/spec/02-tables.md, section 3)."""
    return _blob(registration, chunk, rows, digit, values, b"").header()


def admission_lengths(schema: Schema, rows: int) -> list[int]:
    """How many bytes the proof of each part of the admission of a chunk has."""
    columns = shape(rows)[1]
    # The shape of a relation is the same for every challenge.
    return [row_proof_length(admission_relation(part, 1), rows, columns, 0) for part in admission_parts(schema)]


def package_size(registration: Registration, schema: Schema) -> int:
    """The most bytes that the package of this registration has."""
    values = sum(digit.values for digit in schema.digits)
    rows = registration.chunk_rows
    chunk = _LENGTH_BYTES + values * shape(rows)[0] * POINT_BYTES + sum(admission_lengths(schema, rows))
    return len(MAGIC) + _LENGTH_BYTES + MAX_REGISTRATION_BYTES + registration.chunks * chunk


def encode_package(signed: SignedRegistration, chunks: Iterable[ChunkEvidence]) -> bytes:
    """The bytes of a package; `chunks` are consumed one at a time."""
    parts = [MAGIC, _u32(len(signed.encoded)), signed.encoded]
    for chunk in chunks:
        parts += [_u32(chunk.rows), *chunk.points.values(), chunk.admission]
    return b"".join(parts)


def decode_package(data: bytes) -> Package:
    """Read a package, which is untrusted, and check it against the registration in it.

    Neither the signature nor the proofs are checked: `protocol.signatures.verify_registration` and
    `prover.admission.verify_admission` do that.

    Raises:
        PackageInvalid: a length is wrong, or commitments or proofs are not those that the registration names.
    """
    reader = _Reader(data)
    if reader.take(len(MAGIC)) != MAGIC:
        raise PackageInvalid("this is no dataset package", where="magic")
    signed, schema = _registration(reader)
    registration = signed.registration
    # Before anything is read for it: a chunk has at least a length.
    if registration.chunks > len(data) // _LENGTH_BYTES:
        raise PackageInvalid("the package is cut short", where="chunks")
    chunks, leaves = [], []
    for index in range(registration.chunks):
        chunk = _chunk(reader, registration, schema)
        for digit in schema.digits:
            blob = _blob(registration, index, chunk.rows, digit.name, digit.values, chunk.points[digit.name])
            leaves.append(blob.leaf_hash())
        chunks.append(chunk)
    if reader.left:
        raise PackageInvalid("there are bytes after the last chunk", where="chunks")
    if merkle_root(leaves).hex() != registration.commitments:
        raise PackageInvalid("the commitments are not those that were registered", where="commitments")
    if admission_digest(chunk.admission for chunk in chunks) != registration.admission:
        raise PackageInvalid("the admission proofs are not those that were registered", where="admission")
    return Package(signed, schema, tuple(chunks), tuple(leaves))


def admission_digest(proofs: Iterable[bytes]) -> str:
    """What a registration calls `admission`: SHA-256 over the proofs of all chunks, hexadecimal."""
    digest = hashlib.sha256()
    for proof in proofs:
        digest.update(proof)
    return digest.hexdigest()


def _registration(reader: "_Reader") -> tuple[SignedRegistration, Schema]:
    length = reader.u32()
    if length > MAX_REGISTRATION_BYTES:
        raise PackageInvalid("the registration is too long", where="registration")
    try:
        signed = SignedRegistration.from_bytes(reader.take(length), limit=MAX_REGISTRATION_BYTES)
        schema = read_schema(signed.registration.table_schema)
    except (MalformedInput, SchemaInvalid) as error:
        raise PackageInvalid(f"the registration cannot be read: {error.message}", where="registration") from None
    registration = signed.registration
    if schema.hash != registration.schema_hash or schema.name != registration.dataset:
        raise PackageInvalid("the registration names another schema than it holds", where="registration")
    return signed, schema


def _chunk(reader: "_Reader", registration: Registration, schema: Schema) -> ChunkEvidence:
    rows = reader.u32()
    try:
        row_blocks, columns = shape(rows)
    except ChunkInvalid as error:
        raise PackageInvalid(error.message, where="chunks") from None
    if rows > registration.chunk_rows or columns > registration.columns:
        raise PackageInvalid("a chunk has more rows than were registered", where="chunks")
    points = {digit.name: reader.take(digit.values * row_blocks * POINT_BYTES) for digit in schema.digits}
    return ChunkEvidence(rows, points, reader.take(sum(admission_lengths(schema, rows))))


def _blob(registration: Registration, chunk: int, rows: int, digit: str, values: int, points: bytes) -> CommitmentBlob:
    row_blocks, columns = shape(rows)
    return CommitmentBlob(
        dataset_id(registration.hospital, registration.dataset),
        registration.epoch, chunk, digit, values, row_blocks, columns, points,
    )  # fmt: skip


def dataset_id(hospital: int, dataset: str) -> str:
    """The identifier under which a hospital commits to a dataset."""
    return f"{hospital}/{dataset}"


def _u32(value: int) -> bytes:
    return value.to_bytes(_LENGTH_BYTES, "big")


class _Reader:
    """Takes bytes from the front, never more than there are."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise PackageInvalid("the package is cut short", where="length")
        self._at += count
        return self._data[self._at - count : self._at]

    def u32(self) -> int:
        return int.from_bytes(self.take(_LENGTH_BYTES), "big")

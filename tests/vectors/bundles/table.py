"""A hospital's table in memory: made-up patients, registered with their commitments and admission proofs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa

import prover
from circuits.chunk import EncodedChunk
from protocol.dataset import Registration, SignedRegistration
from protocol.signatures import sign_registration
from prover.admission import prove_admission
from prover.commit import CommitmentBlob, DatasetCommitment, commit_dataset, shape
from prover.contribution import CommittedTable
from prover.package import ChunkEvidence, admission_digest, dataset_id, encode_package
from tests.vectors.inputs import Stream

if TYPE_CHECKING:
    from tests.vectors.bundles.world import World


@dataclass(frozen=True)
class Rows:
    """Patients' rows in memory, as a source for the encoder."""

    batch: pa.RecordBatch
    name: str = "rows"

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield self.batch.select(list(columns))


def rows_of(hospital: int, count: int) -> Rows:
    """`count` patients; the third hospital has few women, so that small cohorts occur."""
    stream = Stream(f"patients of hospital {hospital}")
    draw: Callable[[int], int] = lambda limit: int.from_bytes(stream(8), "big") % limit  # noqa: E731
    ages = [draw(121) for _ in range(count)]
    return Rows(
        pa.RecordBatch.from_pydict(
            {
                "sex": ["F" if draw(20) < 9 else "M" for _ in range(count)],
                "smoker": [None if draw(17) == 0 else draw(3) == 0 for _ in range(count)],
                "age": ages,
                "glucose": [None if draw(11) == 0 else (20 + draw(381)) / 10 for _ in range(count)],
                "seen": [f"202{draw(5)}-0{1 + draw(9)}-1{draw(10)}" for _ in range(count)],
            }
        )
    )


@dataclass(frozen=True)
class Table:
    """One hospital's registered table, with all that its owner knows. Parts are made when they are first used."""

    world: "World"
    index: int

    @cached_property
    def secret(self) -> bytes:
        return Stream(f"dataset secret {self.index} {self.world.epoch}")(32)

    @cached_property
    def chunks(self) -> list[EncodedChunk]:
        return self.world.chunks[self.index]

    @cached_property
    def blobs(self) -> list[CommitmentBlob]:
        return []

    @cached_property
    def committed(self) -> DatasetCommitment:
        return commit_dataset(
            self.chunks,
            dataset_id=dataset_id(self.index, "patients"),
            epoch=self.world.epoch,
            secret=self.secret,
            store=self.blobs.append,
        )

    @cached_property
    def draft(self) -> Registration:
        """The registration, but for the digest of its admission."""
        world, committed = self.world, self.committed
        return Registration(
            consortium=world.consortium.digest,
            hospital=self.index,
            dataset="patients",
            epoch=world.epoch,
            table_schema=world.schema.canonical(),
            schema_hash=world.schema.hash,
            generators=prover.generator_digest(),
            chunk_rows=committed.rows,
            chunks=committed.chunks,
            columns=shape(committed.rows)[1],
            commitments=committed.root,
            admission="00" * 32,
            salt=Stream(f"salt {self.index}")(32).hex(),
            valid_from=1_699_000_000,
        )

    @cached_property
    def admission(self) -> list[bytes]:
        honest = prove_admission(
            self.draft,
            self.world.schema,
            self.chunks,
            self.committed.leaves,
            self.secret,
            entropy=Stream(f"admission {self.index}"),
        )
        return self.world.admit(self.index, honest)

    @cached_property
    def registration(self) -> Registration:
        members = {name: getattr(self.draft, name) for name in Registration.model_fields}
        return Registration(**{**members, "admission": admission_digest(self.admission)})

    @cached_property
    def package(self) -> bytes:
        return self.package_of(sign_registration(self.world.key(self.index), self.registration))

    def package_of(self, signed: SignedRegistration) -> bytes:
        """The commitments and proofs of this table under any registration."""
        names = [name for name, _ in self.committed.digits]
        points = {(blob.chunk, blob.digit): blob.points for blob in self.blobs}
        return encode_package(
            signed,
            [
                ChunkEvidence(chunk.rows, {name: points[i, name] for name in names}, proof)
                for i, (chunk, proof) in enumerate(zip(self.chunks, self.admission, strict=True))
            ],
        )

    @cached_property
    def owned(self) -> CommittedTable:
        """The table as its owner proves about it."""
        names = tuple(name for name, _ in self.committed.digits)
        return CommittedTable(self.registration, self.committed.leaves, names, self.secret, lambda: self.chunks)

"""The hospital's registered tables: encode, commit, prove, keep the snapshot, sign, and answer only from what is on chain.

    draft --rename--> snapshot --database--> registered --root on chain--> active

The draft already holds the admission proofs, so whatever has a root can show its package.

A crash before the database row leaves a folder that the next start deletes; after it, a registration that is posted
again. Blinders come from a secret that is fresh for every registration, not only for every dataset: if the database is
restored from a backup and an epoch is registered again with other rows, the commitments still share nothing.
Specification: docs/spec/06-rounds.md, "Datasets".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

import prover
from circuits.encode import DEFAULT_CHUNK_ROWS, EncodedChunk, RowSource, encode_chunks
from circuits.registered_schema import read_schema
from circuits.schema import Schema
from mpc_nodes.errors import DatasetEpoch, DatasetInactive, DatasetUnknown
from mpc_nodes.node_tables import registrations
from mpc_nodes.session import Identity
from mpc_nodes.snapshots import (
    BLINDERS_BYTES,
    Snapshot,
    SnapshotWriter,
    check_snapshot,
    read_blinders,
    read_chunks,
    read_evidence,
    read_leaves,
    remove_others,
)
from mpc_nodes.store import NodeStore
from mpc_nodes.transport_errors import PackageTooLarge
from protocol.dataset import Registration, SignedRegistration
from protocol.relay import LIMITS, TransferKind
from protocol.signatures import sign_registration
from prover.admission import prove_admission
from prover.commit import DatasetCommitment, commit_dataset, shape
from prover.contribution import CommittedTable
from prover.package import admission_digest, admission_lengths, dataset_id, encode_package

SALT_BYTES: Final = 32
_NO_ADMISSION: Final = "00" * 32  # in a draft: what is proved does not name the proof
_FRAME_BYTES: Final = 1 << 10  # signature and lengths around a registration, with room
_CHUNK_BYTES: Final = 4
_MAX_REGISTRATION: Final = 64 << 20  # of a document that this node wrote itself


@dataclass(frozen=True)
class Registered:
    """One epoch of a dataset."""

    signed: SignedRegistration
    schema: Schema
    snapshot: Snapshot
    posted: bool

    @property
    def registration(self) -> Registration:
        """What was signed."""
        return self.signed.registration


class Datasets:
    """The tables below one data directory, listed in the node's database."""

    def __init__(
        self,
        store: NodeStore,
        directory: Path,
        identity: Identity,
        *,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._root = directory / "snapshots"
        self._identity = identity
        self._clock = clock
        self._entropy = entropy
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = {registered.snapshot.folder for registered in self.all()}
        remove_others(self._root, known.__contains__)

    def register(
        self,
        source: RowSource,
        schema: Schema,
        *,
        epoch: int | None = None,
        chunk_rows: int = DEFAULT_CHUNK_ROWS,
        threads: int = 1,
        progress: Callable[[int, str], None] | None = None,
    ) -> SignedRegistration:
        """Commit to a table as the next epoch of the dataset that the schema names. It becomes active when it is posted.

        Args:
            epoch: greater than every earlier one; by default the next.
            progress: called with the chunk's index: after each digit of each chunk with the digit's name, and then after
                each part of each chunk's proofs with "admission".

        Raises:
            DatasetEpoch: the epoch is not greater than the last.
            PackageTooLarge: the others could not be sent what they need to check the table.
            ValueRefused and others of `circuits` and the source: the table; nothing is registered then.
        """
        earlier = [each.registration for each in self.all() if each.registration.dataset == schema.name]
        last = max((registration.epoch for registration in earlier), default=0)
        epoch = last + 1 if epoch is None else epoch
        if epoch <= last:
            raise DatasetEpoch(f"epoch {epoch} of {schema.name} does not follow epoch {last}")
        secret = self._entropy(BLINDERS_BYTES)
        salt = earlier[0].salt if earlier else self._entropy(SALT_BYTES).hex()
        folder = self._root / f"{schema.name}-{epoch}-{self._entropy(8).hex()}"
        with SnapshotWriter(folder, schema, secret) as writer:
            commitment = commit_dataset(
                writer.keep(encode_chunks(source, schema, chunk_rows=chunk_rows)),
                dataset_id=dataset_id(self._identity.index, schema.name),
                epoch=epoch,
                secret=secret,
                store=writer.keep_commitments,
                threads=threads,
                progress=progress,
            )
            draft = self._registration(schema, commitment, epoch=epoch, salt=salt)
            _check_size(draft, schema, writer.evidence_bytes)
            proofs = prove_admission(
                draft,
                schema,
                writer.chunks(),
                commitment.leaves,
                secret,
                entropy=self._entropy,
                threads=threads,
                progress=progress,
            )
            registration = draft.model_copy(update={"admission": admission_digest(proofs)})
            signed = sign_registration(self._identity.keys.signing, registration)
            snapshot = writer.finish(commitment.leaves, proofs)
        self._insert(signed, snapshot)
        return signed

    def mark_posted(self, root: str) -> None:
        """The root is on chain: queries may use it. Raises DatasetUnknown."""
        with self._store.writing() as connection:
            statement = registrations.update().where(registrations.c.root == root).values(posted=True)
            if connection.execute(statement).rowcount != 1:
                raise DatasetUnknown(f"no registration has the root {root}")

    def all(self) -> list[Registered]:
        """Every registration, by dataset and epoch."""
        select = sa.select(registrations).order_by(registrations.c.dataset, registrations.c.epoch)
        with self._store.reading() as connection:
            return [self._registered(row) for row in connection.execute(select)]

    def active(self, dataset: str, at: int) -> Registered:
        """The newest epoch of a dataset that is on chain and valid at `at`, Unix seconds.

        Raises:
            DatasetUnknown: no such dataset.
            DatasetInactive: it has epochs, but none that may be used yet.
        """
        epochs = [each for each in self.all() if each.registration.dataset == dataset]
        if not epochs:
            raise DatasetUnknown(f"this hospital has no dataset {dataset}")
        for registered in reversed(epochs):
            if registered.posted and registered.registration.valid_from <= at:
                return registered
        raise DatasetInactive(f"no epoch of {dataset} is on chain and valid yet")

    def schema(self, dataset: str, schema_hash: str) -> Schema:
        """The schema of this hash under which a dataset was registered, active or not; else of its newest epoch.

        Raises:
            DatasetUnknown: no such dataset.
        """
        schemas = [each.schema for each in self.all() if each.registration.dataset == dataset]
        if not schemas:
            raise DatasetUnknown(f"this hospital has no dataset {dataset}")
        return next((schema for schema in reversed(schemas) if schema.hash == schema_hash), schemas[-1])

    def by_root(self, root: str) -> Registered:
        """The registration with this root. Raises DatasetUnknown."""
        for registered in self.all():
            if registered.registration.root == root:
                return registered
        raise DatasetUnknown(f"no registration has the root {root}")

    def chunks(self, root: str) -> Iterator[EncodedChunk]:
        """The committed rows behind a root. Raises DatasetUnknown, SnapshotDamaged."""
        registered = self.by_root(root)
        return read_chunks(registered.snapshot, registered.schema)

    def table(self, root: str) -> CommittedTable:
        """The table behind a root, to compute on and to prove from. Raises DatasetUnknown, SnapshotDamaged, SecretInvalid."""
        registered = self.by_root(root)
        snapshot, schema = registered.snapshot, registered.schema
        return CommittedTable(
            registration=registered.registration,
            leaves=read_leaves(snapshot),
            digits=tuple(digit.name for digit in schema.digits),
            secret=read_blinders(snapshot),
            chunks=lambda: read_chunks(snapshot, schema),
        )

    def package(self, root: str) -> bytes:
        """What others need to check the table behind a root. Raises DatasetUnknown, SnapshotDamaged."""
        registered = self.by_root(root)
        return encode_package(registered.signed, read_evidence(registered.snapshot, registered.schema))

    def check(self) -> None:
        """Check every snapshot on disk. Raises SnapshotDamaged."""
        for registered in self.all():
            check_snapshot(registered.snapshot)

    def _registration(self, schema: Schema, commitment: DatasetCommitment, *, epoch: int, salt: str) -> Registration:
        return Registration(
            consortium=self._identity.consortium.digest,
            hospital=self._identity.index,
            dataset=schema.name,
            epoch=epoch,
            table_schema=schema.canonical(),
            schema_hash=schema.hash,
            generators=prover.generator_digest(),
            chunk_rows=commitment.rows,
            chunks=commitment.chunks,
            columns=shape(commitment.rows)[1],
            commitments=commitment.root,
            admission=_NO_ADMISSION,
            salt=salt,
            valid_from=self._clock(),
        )

    def _insert(self, signed: SignedRegistration, snapshot: Snapshot) -> None:
        registration = signed.registration
        with self._store.writing() as connection:
            connection.execute(
                registrations.insert().values(
                    dataset=registration.dataset,
                    epoch=registration.epoch,
                    root=registration.root,
                    registration=signed.encoded,
                    snapshot=snapshot.folder.name,
                    snapshot_digest=snapshot.digest,
                    posted=False,
                )
            )

    def _registered(self, row: sa.Row[tuple[object, ...]]) -> Registered:
        signed = SignedRegistration.from_bytes(row.registration, limit=_MAX_REGISTRATION)
        return Registered(
            signed=signed,
            schema=read_schema(signed.registration.table_schema),
            snapshot=Snapshot(self._root / row.snapshot, row.snapshot_digest),
            posted=row.posted,
        )


def _check_size(registration: Registration, schema: Schema, commitments: int) -> None:
    """Refuse a table before hours are spent on proving it, and long before it is posted."""
    # Every chunk has at most as many rows as the first, so that this is at most one chunk's difference too much.
    proofs = registration.chunks * sum(admission_lengths(schema, registration.chunk_rows))
    size = len(registration.encoded) + _FRAME_BYTES + commitments + proofs + _CHUNK_BYTES * registration.chunks
    if size > LIMITS[TransferKind.PACKAGE] or len(registration.encoded) + _FRAME_BYTES > LIMITS[TransferKind.REGISTRATION]:
        raise PackageTooLarge(
            f"the evidence about this table has {size} bytes, at most {LIMITS[TransferKind.PACKAGE]} can be sent",
            hint="leave out columns, tighten the bounds of integers, or register parts as datasets of their own",
        )

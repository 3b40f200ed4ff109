"""Admission: every committed row obeys the schema, proved once an epoch (docs/spec/03-admission.md).

Each chunk is proved by itself and in parts of bounded width, so that memory is bounded by the chunk.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import prover
from circuits.admission import AdmissionPart, admission_parts, admission_relation
from circuits.chunk import EncodedChunk
from circuits.relation import Relation
from circuits.schema import Schema
from protocol.dataset import Registration
from protocol.proof_statements import AdmissionStatement, admission_statement
from prover.backend import Backend, Transcript
from prover.commit import shape
from prover.errors import AdmissionProofInvalid, RowProofInvalid
from prover.package import Package, admission_lengths, blob_header
from prover.rows import RowInstance, RowStatement, RowWitness, split_proofs

TRANSCRIPT: Final = b"proofward/v1/admission"
STATEMENT: Final = b"statement"
BETA: Final = b"beta"


def prove_admission(
    draft: Registration,
    schema: Schema,
    chunks: Iterable[EncodedChunk],
    leaves: Sequence[bytes],
    secret: bytes,
    *,
    entropy: Callable[[int], bytes] = os.urandom,
    threads: int = 1,
    progress: Callable[[int, str], None] | None = None,
) -> list[bytes]:
    """Prove that the committed chunks obey the schema.

    Args:
        draft: the registration; its `admission`, which is the digest of what this returns, is not read.
        chunks: the chunks that were committed, in order; consumed one at a time.
        leaves: leaf hashes of `DatasetCommitment`.
        secret: from which the blinders of the commitments come.
        progress: called after each part with the chunk's index and "admission".

    Returns:
        The proofs of each chunk.

    Raises:
        KernelArgumentInvalid: a chunk is not the committed one in shape.
    """
    parts = admission_parts(schema)
    position = {digit.name: index for index, digit in enumerate(schema.digits)}
    proofs = []
    for index, chunk in enumerate(chunks):
        own = leaves[index * len(position) : (index + 1) * len(position)]
        pieces = []
        for number, part in enumerate(parts):
            statement = admission_statement(draft, chunk=index, rows=chunk.rows, part=number, parts=len(parts))
            transcript, relation = _begin(prover, statement, part)
            digits = relation.digits
            witness = RowWitness(
                codes=tuple(chunk.by_name[digit.name].codes for digit in digits),
                contexts=tuple(blob_header(draft, index, chunk.rows, digit.name, digit.values) for digit in digits),
                key=secret,
            )
            digests = b"".join(own[position[digit.name]] for digit in digits)
            row_statement = RowStatement(transcript, relation.encode(), digests, chunk.rows, shape(chunk.rows)[1])
            pieces.append(prover.prove_rows(row_statement, witness, entropy=entropy, threads=threads))
            if progress is not None:
                progress(index, "admission")
        proofs.append(b"".join(pieces))
    return proofs


def verify_admission(
    package: Package,
    backend: Backend = prover,
    *,
    entropy: Callable[[int], bytes] = os.urandom,
    threads: int = 1,
) -> None:
    """Verify every admission proof of a package, chunk by chunk. Raises AdmissionProofInvalid."""
    parts = admission_parts(package.schema)
    for index, chunk in enumerate(package.chunks):
        instances = []
        proofs = split_proofs(chunk.admission, admission_lengths(package.schema, chunk.rows))
        for number, (part, proof) in enumerate(zip(parts, proofs, strict=True)):
            statement = admission_statement(package.registration, chunk=index, rows=chunk.rows, part=number, parts=len(parts))
            transcript, relation = _begin(backend, statement, part)
            digests = b"".join(package.leaf(index, digit.name) for digit in relation.digits)
            row_statement = RowStatement(transcript, relation.encode(), digests, chunk.rows, shape(chunk.rows)[1])
            points = tuple(chunk.points[digit.name] for digit in relation.digits)
            instances.append(RowInstance(row_statement, points, proof))
        try:
            backend.verify_rows(instances, entropy=entropy, threads=threads)
        except RowProofInvalid as error:
            where = f"chunk {index}, part {error.index}, {error.where}"
            raise AdmissionProofInvalid("a committed table is not shown to obey its schema", where=where) from error


def _begin(backend: Backend, statement: AdmissionStatement, part: AdmissionPart) -> tuple[Transcript, Relation]:
    transcript = backend.Transcript(TRANSCRIPT)
    transcript.absorb(STATEMENT, statement.encoded)
    return transcript, admission_relation(part, int.from_bytes(transcript.challenge(BETA), "big"))

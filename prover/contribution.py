"""Contributions: a hospital's output commitment opens to the plan's cells of its committed table.

    1. Each chunk's cells are computed in the clear and committed to; the hospital's C_y is the sum.
    2. C_y is dealt, and so the statement is complete: what is proved names the shares' commitments too.
    3. Each chunk is read again and proved by itself: memory is bounded by the chunk.

The contribution proof is, chunk by chunk, the chunk's commitment and its row proof. Specification:
docs/spec/05-contribution.md.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import prover
from circuits.chunk import EncodedChunk
from circuits.evaluate import evaluate
from circuits.plan import Plan
from circuits.relation import Relation, cell_weights, contribution_relation
from protocol.dataset import Registration
from protocol.errors import MalformedInput
from protocol.messages import Contribution
from protocol.parameters import POINT_BYTES
from protocol.proof_statements import ContributionStatement, contribution_statement
from prover.backend import Backend, Transcript
from prover.commit import shape
from prover.errors import ContributionProofInvalid, RowProofInvalid
from prover.package import Package, blob_header
from prover.rows import RowInstance, RowStatement, RowWitness, row_proof_length, split_proofs

TRANSCRIPT: Final = b"proofward/v1/contribution"
STATEMENT: Final = b"statement"
GAMMA: Final = b"gamma"


@dataclass(frozen=True)
class CommittedTable:
    """A registered table as its owner has it.

    Attributes:
        leaves: leaf hashes of the commitments, chunk by chunk and digit by digit.
        digits: names of the digits, in the order of the leaves.
        secret: from which the blinders of the commitments come.
        chunks: the committed chunks, one in memory at a time; called twice.
    """

    registration: Registration
    leaves: tuple[bytes, ...] = field(repr=False)
    digits: tuple[str, ...]
    secret: bytes = field(repr=False)
    chunks: Callable[[], Iterable[EncodedChunk]] = field(repr=False)


@dataclass(frozen=True)
class ChunkCells:
    """The cells of one chunk, which only its owner knows, and the commitment to them."""

    values: tuple[int, ...] = field(repr=False)
    blinding: bytes = field(repr=False)
    commitment: bytes


@dataclass(frozen=True)
class ProvenContribution:
    """A contribution as it is checked. The plan is compiled by the verifier, the package's admission is verified."""

    contribution: Contribution
    plan: Plan
    package: Package
    proof: bytes = field(repr=False)


def compute_chunks(plan: Plan, table: CommittedTable, entropy: Callable[[int], bytes] = os.urandom) -> tuple[ChunkCells, ...]:
    """The plan's cells of every chunk, each committed to with a fresh blinder."""
    cells = []
    for chunk in table.chunks():
        values = evaluate(plan, [chunk])
        blinding = prover.random_scalars(1, entropy)
        cells.append(ChunkCells(tuple(values), blinding, prover.commit_outputs(values, blinding)))
    return tuple(cells)


def prove_contribution(
    contribution: Contribution,
    plan: Plan,
    table: CommittedTable,
    cells: Sequence[ChunkCells],
    *,
    entropy: Callable[[int], bytes] = os.urandom,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> bytes:
    """Prove a contribution; its `proof`, which is the digest of what this returns, is not read.

    Args:
        cells: what `compute_chunks` returned; the commitments add up to the contribution's.
        progress: called after each chunk with its index.
    """
    position = {name: index for index, name in enumerate(table.digits)}
    pieces = []
    for index, (chunk, own) in enumerate(zip(table.chunks(), cells, strict=True)):
        statement = _statement(contribution, index, len(cells), chunk.rows, own.commitment)
        transcript, relation, weights = _begin(prover, statement, plan)
        digits = relation.digits
        digests = b"".join(table.leaves[index * len(position) + position[digit.name]] for digit in digits)
        headers = (blob_header(table.registration, index, chunk.rows, digit.name, digit.values) for digit in digits)
        witness = RowWitness(
            codes=tuple(chunk.by_name[digit.name].codes for digit in digits),
            contexts=tuple(headers),
            key=table.secret,
            cells=b"".join(prover.scalar_from_int(value) for value in own.values),
            blinding=own.blinding,
        )
        row_statement = RowStatement(
            transcript, relation.encode(), digests, chunk.rows, shape(chunk.rows)[1], weights, own.commitment
        )
        pieces += [own.commitment, prover.prove_rows(row_statement, witness, entropy=entropy, threads=threads)]
        if progress is not None:
            progress(index)
    return b"".join(pieces)


def verify_contributions(
    items: Sequence[ProvenContribution],
    backend: Backend = prover,
    *,
    entropy: Callable[[int], bytes] = os.urandom,
    threads: int = 1,
) -> None:
    """Verify contributions together, of all hospitals and all chunks in one batch.

    That the digests of proofs and roots are the signed ones, and that each package's admission holds, is for the caller.

    Raises:
        ContributionProofInvalid: `index` says which item, `where` which step: `dataset`, `length`, `chunks`, or a step of the
            row argument.
    """
    if not items:
        raise ContributionProofInvalid("there is no contribution to verify", where="length")
    instances: list[RowInstance] = []
    origins: list[tuple[int, int]] = []
    for number, item in enumerate(items):
        for chunk, instance in enumerate(_instances(number, item, backend)):
            instances.append(instance)
            origins.append((number, chunk))
    try:
        backend.verify_rows(instances, entropy=entropy, threads=threads)
    except RowProofInvalid as error:
        number, chunk = origins[error.index]
        raise ContributionProofInvalid(
            f"the contribution does not follow from the committed table, chunk {chunk}: {error.message}",
            where=error.where,
            index=number,
        ) from error


def _instances(number: int, item: ProvenContribution, backend: Backend) -> list[RowInstance]:
    contribution, plan, package = item.contribution, item.plan, item.package
    if contribution.root != package.root or contribution.schema_hash != package.schema.hash:
        raise ContributionProofInvalid("the contribution is about another dataset", where="dataset", index=number)
    if contribution.plan_hash != plan.hash or plan.schema_hash != package.schema.hash:
        raise ContributionProofInvalid("the contribution answers another plan", where="dataset", index=number)
    shape_only = contribution_relation(plan, _ANY_GAMMA)
    lengths = [
        length
        for chunk in package.chunks
        for length in (POINT_BYTES, row_proof_length(shape_only, chunk.rows, shape(chunk.rows)[1], plan.cells))
    ]
    try:
        pieces = split_proofs(item.proof, lengths)
    except RowProofInvalid as error:
        raise ContributionProofInvalid(error.message, where=error.where, index=number) from None
    commitments, proofs = pieces[0::2], pieces[1::2]
    _check_sum(number, contribution, commitments, backend)
    instances = []
    for index, (chunk, commitment, proof) in enumerate(zip(package.chunks, commitments, proofs, strict=True)):
        statement = _statement(contribution, index, len(package.chunks), chunk.rows, commitment)
        transcript, relation, weights = _begin(backend, statement, plan)
        digests = b"".join(package.leaf(index, digit.name) for digit in relation.digits)
        columns = shape(chunk.rows)[1]
        row_statement = RowStatement(transcript, relation.encode(), digests, chunk.rows, columns, weights, commitment)
        points = tuple(chunk.points[digit.name] for digit in relation.digits)
        instances.append(RowInstance(row_statement, points, proof))
    return instances


# The shape of a relation is the same for every challenge; this one only measures it.
_ANY_GAMMA: Final = 3


def _check_sum(number: int, contribution: Contribution, commitments: Sequence[bytes], backend: Backend) -> None:
    """C_y = sum of the chunks' commitments."""
    try:
        total = backend.add_points(b"".join(commitments))
    except MalformedInput:
        raise ContributionProofInvalid("a chunk's commitment is not a point", where="encoding", index=number) from None
    if total.hex() != contribution.commitment:
        raise ContributionProofInvalid("the chunks do not add up to the contribution", where="chunks", index=number)


def _statement(contribution: Contribution, chunk: int, chunks: int, rows: int, commitment: bytes) -> ContributionStatement:
    return contribution_statement(
        contribution, chunk=chunk, chunks=chunks, rows=rows, columns=shape(rows)[1], chunk_commitment=commitment.hex()
    )


def _begin(backend: Backend, statement: ContributionStatement, plan: Plan) -> tuple[Transcript, Relation, bytes]:
    transcript = backend.Transcript(TRANSCRIPT)
    transcript.absorb(STATEMENT, statement.encoded)
    gamma = int.from_bytes(transcript.challenge(GAMMA), "big")
    return transcript, contribution_relation(plan, gamma), cell_weights(plan, gamma)

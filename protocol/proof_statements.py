"""What the zero-knowledge proofs are about: the documents that open their transcripts, field by field.

A statement repeats every field of the signed document that carries the proof, so that a proof cannot be moved to another
hospital, query, epoch or chunk (attacks.md P1, P8). Specification: docs/spec/03-admission.md, docs/spec/05-contribution.md.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from protocol.dataset import Registration
from protocol.document import Document
from protocol.identifiers import Hex32, Hex64, Name
from protocol.messages import Contribution
from protocol.parameters import MAX_CHUNK_ROWS, PROTOCOL_VERSION

Rows = Annotated[int, Field(ge=1, le=MAX_CHUNK_ROWS)]
Index = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class ContributionStatement(Document):
    """One chunk's share of a contribution: `chunk_commitment` opens to the cells of this chunk's committed rows."""

    type: Literal["proofward/contribution-statement/v1"] = "proofward/contribution-statement/v1"
    protocol: Literal["proofward/v1"] = PROTOCOL_VERSION
    generators: Hex32
    consortium: Hex32
    offer: Hex32
    query_id: Hex32
    nonce: Hex32
    plan_hash: Hex32
    schema_hash: Hex32
    decisions: Hex32
    hospital: int
    root: Hex32
    commitment: Hex64
    sharing: tuple[Hex64, ...]
    chunk: Index
    chunks: Count
    rows: Rows
    columns: Rows
    chunk_commitment: Hex64


class AdmissionStatement(Document):
    """One part of the admission of one chunk: its committed rows obey the schema."""

    type: Literal["proofward/admission-statement/v1"] = "proofward/admission-statement/v1"
    protocol: Literal["proofward/v1"] = PROTOCOL_VERSION
    consortium: Hex32
    hospital: int
    dataset: Name
    epoch: Count
    schema_hash: Hex32  # of table_schema, which the registration holds in full
    generators: Hex32
    chunk_rows: Rows
    chunks: Count
    columns: Count
    commitments: Hex32
    salt: Hex32
    valid_from: Index
    chunk: Index
    rows: Rows
    part: Index
    parts: Count


def contribution_statement(
    contribution: Contribution, *, chunk: int, chunks: int, rows: int, columns: int, chunk_commitment: str
) -> ContributionStatement:
    """The statement of one chunk of `contribution`, whose `proof` is not part of it."""
    return ContributionStatement(
        **_shared(contribution, {"type", "proof"}),
        chunk=chunk,
        chunks=chunks,
        rows=rows,
        columns=columns,
        chunk_commitment=chunk_commitment,
    )


def admission_statement(registration: Registration, *, chunk: int, rows: int, part: int, parts: int) -> AdmissionStatement:
    """The statement of one part of one chunk of a registration, whose `admission` is not part of it."""
    return AdmissionStatement(
        **_shared(registration, {"type", "admission", "table_schema"}), chunk=chunk, rows=rows, part=part, parts=parts
    )


def _shared(document: Document, without: set[str]) -> dict[str, Any]:
    # A field that is added to the document and not to the statement is refused here, not forgotten.
    return {name: getattr(document, name) for name in type(document).model_fields if name not in without}

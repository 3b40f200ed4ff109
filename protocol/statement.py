"""The attested statement: an in-toto Statement v1 whose predicate says what was asked, of whom, and what came out.

It is a deterministic function of the frozen transcript, so that every member derives the same bytes by itself and no
proposer has to be trusted or waited for. Specification: docs/spec/08-attestation.md; in-toto: github.com/in-toto/attestation.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from protocol.document import Document
from protocol.identifiers import Address, Decimal, Hex32, Hex64, HexBytes
from protocol.messages import LeftOut
from protocol.parameters import MAX_MEMBERS
from protocol.query import Offer

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://proofward.org/attestation/query/v1"

Level = Literal["proven", "signed", "none"]


class Sha256(Document):
    """An in-toto digest set with one member."""

    sha256: Hex32


class Subject(Document):
    """What the statement is about: the finished table, by the digest of its canonical JSON."""

    name: Literal["result"] = "result"
    # in-toto calls this member `digest`; Document.digest is the document's own.
    result: Sha256 = Field(validation_alias="digest", serialization_alias="digest")


class ChainAnchor(Document):
    """Where the attestation is posted; also the EIP-712 domain."""

    chain_id: Annotated[int, Field(ge=1)]
    contract: Address


class Part(Document):
    """One hospital's part in the answer."""

    hospital: int
    root: Hex32  # dataset root
    contribution: Hex32  # digest of the Contribution
    commitment: Hex64  # C_y


class MemberLog(Document):
    """The head of one member's access log when it decided on this query."""

    hospital: int
    sequence: int
    head: Hex32


class Aggregate(Document):
    """The opened total. Suppressed cells are null, and then the blinding is null too and `representation` proves that
    the remainder of the commitment is a commitment to the suppressed cells alone.

    Specification: docs/spec/08-attestation.md, "Suppression".
    """

    cells: tuple[Decimal | None, ...]
    suppressed: tuple[int, ...]  # indices of the null cells, increasing
    blinding: Hex32 | None
    representation: HexBytes | None


class Assurance(Document):
    """How far each part can be checked by an outsider: `proven` by mathematics, `signed` by whom it concerns, or `none`."""

    aggregate: Level  # the opened total is the sum of the contributions
    contribution: Level  # each contribution follows from the committed table
    dataset: Level  # each table was fixed before the query and obeys its schema
    noise: Level  # noise for differential privacy was added as stated


class Predicate(Document):
    """Everything a verifier needs to know about one answered query."""

    protocol: Literal["proofward/v1"]
    generators: Hex32
    consortium: Hex32
    chain: ChainAnchor
    offer: Offer
    plan_hash: Hex32
    cell_count: int
    parts: tuple[Part, ...]  # the qualified set, in order of hospital
    left_out: tuple[LeftOut, ...]
    blamed: tuple[LeftOut, ...]
    freeze: Hex32  # digest of the Freeze that a quorum signed
    minimum_cohort: int
    logs: tuple[MemberLog, ...]  # of every member that decided, in order of hospital
    aggregate: Aggregate
    assurance: Assurance


class Attested(Document):
    """An encoded statement with signatures of members, as it is passed on to members that may not have made it."""

    statement: HexBytes
    signatures: Annotated[tuple[HexBytes, ...], Field(max_length=MAX_MEMBERS)]  # 65 bytes each, EIP-712


class Statement(Document):
    """The in-toto statement."""

    # in-toto calls this member `_type`; a leading underscore is private in Python, hence the alias.
    type: Literal["https://in-toto.io/Statement/v1"] = Field(
        default=STATEMENT_TYPE, validation_alias="_type", serialization_alias="_type"
    )
    subject: tuple[Subject]
    predicateType: Literal["https://proofward.org/attestation/query/v1"] = PREDICATE_TYPE  # noqa: N815
    predicate: Predicate

"""The messages of one query, round by round. All are signed by a member; `SignedMessage` carries the exact bytes signed.

    round     a member receives            a member answers
    decision  the Offer                    Decision    accept or refuse, one-time keys, head of its access log
    deal      all decisions                Deal        output commitment, sharing commitments, sealed shares
    verdict   all deals                    Verdict     which deals are good; a complaint reveals a one-time key
    freeze    all verdicts                 Freeze      the qualified set, a deterministic function of what was received
    open      a quorum of equal freezes    Opening     its sealed sum of shares for every other member
    attest    all openings                 Endorsement the statement and its EIP-712 signature

Specification: docs/spec/06-rounds.md.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from protocol.document import Document
from protocol.identifiers import ErrorCode, Hex32, Hex64, Hex65, HexBytes, Name
from protocol.parameters import PROTOCOL_VERSION


class Round(StrEnum):
    """The rounds of a query, in order."""

    DECISION = "decision"
    DEAL = "deal"
    VERDICT = "verdict"
    FREEZE = "freeze"
    OPEN = "open"
    ATTEST = "attest"


MAX_BODY_BYTES = 16 << 20


class SignedMessage(Document):
    """A message body with the member's Ed25519 signature over `protocol.signing.message_bytes`."""

    query_id: Hex32
    round: Round
    sender: int
    body: HexBytes  # canonical encoding of the round's document
    signature: Hex64


class LogHead(Document):
    """Head of a member's hash-chained access log, just after it logged its decision on this query."""

    sequence: Annotated[int, Field(ge=1)]
    head: Hex32


class Decision(Document):
    """A hospital's answer to an offer. A refusal names a rule, never a property of the data."""

    offer: Hex32  # digest of the Offer
    accept: bool
    refusal: ErrorCode | None  # set if and only if accept is false
    root: Hex32 | None  # dataset root, set if and only if accept is true
    minimum_cohort: Annotated[int, Field(ge=0)]  # of this hospital's policy, 0 with a refusal
    minimum_hospitals: Annotated[int, Field(ge=0)]
    keys: tuple[Hex32, ...]  # fresh X25519 public keys, the i-th for what member i+1 seals for this member
    log: LogHead


class Contribution(Document):
    """The public part of a deal: everything that the contribution proof is about (protocol.md section 5, "Statement")."""

    type: Literal["proofward/contribution/v1"] = "proofward/contribution/v1"
    protocol: Literal["proofward/v1"] = PROTOCOL_VERSION
    generators: Hex32
    consortium: Hex32
    offer: Hex32
    query_id: Hex32
    nonce: Hex32
    plan_hash: Hex32
    schema_hash: Hex32
    decisions: Hex32  # digest of the decisions that the dealer saw
    hospital: int
    root: Hex32  # dataset root
    commitment: Hex64  # C_y = A_0
    sharing: tuple[Hex64, ...]  # A_1..A_t
    proof: Hex32  # SHA-256 of the contribution proof, which travels beside it


class SignedContribution(Document):
    """A contribution with the hospital's own signature, so that it can stand in a bundle without the sealed shares."""

    contribution: Contribution
    signature: Hex64


class Deal(Document):
    """A contribution, its proof, and the shares, sealed for members 1..n in order (the dealer's own included)."""

    contribution: SignedContribution
    proof: HexBytes  # of every chunk, in order (docs/spec/05-contribution.md)
    shares: tuple[HexBytes, ...]


class DealCheck(Document):
    """What one member says about one deal. The dealer's signature makes two different deals a proof of equivocation."""

    dealer: int
    deal: Hex32  # SHA-256 of the body of the dealer's message
    signature: Hex64  # the dealer's signature on that message
    complaint: Hex32 | None  # the one-time private key for this dealer, so that everybody can open the sealed share


class Verdict(Document):
    """A member's findings on all deals that it received, in order of dealer."""

    offer: Hex32
    decisions: Hex32
    checks: tuple[DealCheck, ...]


class LeftOut(Document):
    """A hospital that is not part of the answer, and why."""

    hospital: int
    reason: ErrorCode


class Freeze(Document):
    """The qualified set and everything that determined it. Signed at most once a query by an honest member."""

    offer: Hex32
    decisions: Hex32
    verdicts: Hex32  # digest of the verdicts
    contributions: tuple[Hex32, ...]  # digests of the qualified contributions, in order of `qualified`
    qualified: tuple[int, ...]
    left_out: tuple[LeftOut, ...]  # in order of hospital
    blamed: tuple[LeftOut, ...]  # members proven to have broken the protocol before the freeze
    minimum_cohort: Annotated[int, Field(ge=0)]


class Opening(Document):
    """A member's sum of shares over the qualified set, sealed for members 1..n; empty for members outside the quorum."""

    freeze: Hex32  # digest of the Freeze
    shares: tuple[HexBytes, ...]


class Endorsement(Document):
    """The statement that a member derived by itself, signed for the contract; and whose opened share was wrong."""

    statement: HexBytes  # payload of the DSSE envelope
    signature: Hex65  # EIP-712, r s v
    accused: tuple[LeftOut, ...]


class Refusal(Document):
    """A round that a member does not answer, with the error that stopped it. Not signed: it only informs the hub."""

    code: ErrorCode
    message: Annotated[str, Field(max_length=2000)]
    member: Name | None = None

"""What travels in the parts of the relay stream: one document a transfer. Specification: docs/spec/07-transport.md.

kind             from  document              answered by
request          hub   RoundRequest          reply
reply            node  RoundReply
explain-request  hub   ExplainRequest        explain-reply
explain-reply    node  ExplainReply
registration     both  SignedRegistration    acknowledgement
package          both  PackageFile           acknowledgement
acknowledgement  both  Acknowledgement
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field

from protocol.dataset import SignedRegistration
from protocol.document import Document
from protocol.errors import MalformedInput
from protocol.identifiers import ErrorCode, Hex32
from protocol.messages import MAX_BODY_BYTES, Refusal, Round, SignedMessage
from protocol.parameters import MAX_MEMBERS
from protocol.query import Offer
from protocol.statement import Attested

MAX_TRANSFER_BYTES: Final = 64 << 20
PART_BYTES: Final = 1 << 20  # of every part but the last, which may be shorter
CHALLENGE_BYTES: Final = 32


class TransferKind(StrEnum):
    """What a transfer carries."""

    REQUEST = "request"
    REPLY = "reply"
    EXPLAIN_REQUEST = "explain-request"
    EXPLAIN_REPLY = "explain-reply"
    REGISTRATION = "registration"
    PACKAGE = "package"
    ACKNOWLEDGEMENT = "acknowledgement"


class RoundRequest(Document):
    """The hub asks one member for its message of a round. `inputs` are the messages of the round before, by sender."""

    type: Literal["request"] = "request"
    round: Round
    query_id: Hex32
    offer: Offer | None  # in the first round only
    earlier: Attested | None = None  # with an offer that continues a query: the statement that it continues
    inputs: Annotated[tuple[SignedMessage, ...], Field(max_length=2 * MAX_MEMBERS)]
    deadline: Annotated[int, Field(ge=0)]  # Unix seconds: afterwards the hub goes on without this member


class RoundReply(Document):
    """The member's message, or why there is none."""

    type: Literal["reply"] = "reply"
    round: Round
    query_id: Hex32
    message: SignedMessage | None
    refusal: Refusal | None


class ExplainRequest(Document):
    """What would this member decide? Nothing is run, logged or spent; the offer's query id is used for nothing else."""

    type: Literal["explain-request"] = "explain-request"
    request_id: Hex32
    offer: Offer


class ExplainReply(Document):
    """What the member would decide now. Not signed: it only informs. The members are those of `Decision`."""

    type: Literal["explain-reply"] = "explain-reply"
    request_id: Hex32
    accept: bool
    refusal: ErrorCode | None
    minimum_cohort: Annotated[int, Field(ge=0)]
    minimum_hospitals: Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class PackageFile:
    """The evidence about one registration: bytes that `prover.package` reads, the only transfer that is not JSON."""

    encoded: bytes = field(repr=False)  # megabytes

    @classmethod
    def from_bytes(cls, data: bytes, *, limit: int) -> Self:
        """The file; what is in it is checked by whoever admits it. Raises MalformedInput if it is longer than `limit`."""
        if len(data) > limit:
            raise MalformedInput(f"a package of {len(data)} bytes is longer than {limit}")
        return cls(data)


class Acknowledgement(Document):
    """The answer to a registration or a package: send the package; or it is on disk here; or why it is refused."""

    type: Literal["acknowledgement"] = "acknowledgement"
    of: Hex32  # digest of the SignedRegistration, also if this answers its package
    wanted: bool  # the package is to be sent; never with a refusal
    refusal: Refusal | None


RelayDocument = RoundRequest | RoundReply | ExplainRequest | ExplainReply | SignedRegistration | PackageFile | Acknowledgement

DOCUMENTS: Final[dict[TransferKind, type[RelayDocument]]] = {
    TransferKind.REQUEST: RoundRequest,
    TransferKind.REPLY: RoundReply,
    TransferKind.EXPLAIN_REQUEST: ExplainRequest,
    TransferKind.EXPLAIN_REPLY: ExplainReply,
    TransferKind.REGISTRATION: SignedRegistration,
    TransferKind.PACKAGE: PackageFile,
    TransferKind.ACKNOWLEDGEMENT: Acknowledgement,
}

# A document that needs less than a whole transfer is not given one: the limit is what a hostile peer makes us hold.
LIMITS: Final[dict[TransferKind, int]] = {
    TransferKind.REQUEST: MAX_TRANSFER_BYTES,
    TransferKind.REPLY: 2 * MAX_BODY_BYTES + (64 << 10),  # a body travels in hexadecimal
    TransferKind.EXPLAIN_REQUEST: 256 << 10,
    TransferKind.EXPLAIN_REPLY: 16 << 10,
    TransferKind.REGISTRATION: 4 << 20,
    TransferKind.PACKAGE: MAX_TRANSFER_BYTES,
    TransferKind.ACKNOWLEDGEMENT: 16 << 10,
}

_BOTH: Final = frozenset({TransferKind.REGISTRATION, TransferKind.PACKAGE, TransferKind.ACKNOWLEDGEMENT})
FROM_HUB: Final = _BOTH | {TransferKind.REQUEST, TransferKind.EXPLAIN_REQUEST}
FROM_NODE: Final = _BOTH | {TransferKind.REPLY, TransferKind.EXPLAIN_REPLY}

_MESSAGE_ROOM: Final = 16 << 10  # of a decision with its keys, and of what surrounds the body of a deal
_ROUND_ROOM: Final = 1 << 20


def max_deal_bytes(members: int) -> int:
    """How large the body of a Deal may be: the deals of all members fit into the request of the next round.

    Without it, two dealers could together make a request that nobody can send, and so stop every query.
    """
    share = (MAX_TRANSFER_BYTES - _ROUND_ROOM) // members - 2 * _MESSAGE_ROOM
    return min(MAX_BODY_BYTES, share // 2)  # a body travels in hexadecimal

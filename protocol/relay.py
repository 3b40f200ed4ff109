"""What travels in the parts of the relay stream: one document a transfer."""

from typing import Annotated, Literal

from pydantic import Field

from protocol.document import Document
from protocol.identifiers import Hex32
from protocol.messages import Refusal, Round, SignedMessage
from protocol.parameters import MAX_MEMBERS
from protocol.query import Offer

MAX_TRANSFER_BYTES = 64 << 20


class RoundRequest(Document):
    """The hub asks one member for its message of a round. `inputs` are the messages of the round before, by sender."""

    type: Literal["request"] = "request"
    round: Round
    query_id: Hex32
    offer: Offer | None  # in the first round only
    inputs: Annotated[tuple[SignedMessage, ...], Field(max_length=2 * MAX_MEMBERS)]
    deadline: Annotated[int, Field(ge=0)]  # Unix seconds: afterwards the hub goes on without this member


class RoundReply(Document):
    """The member's message, or why there is none."""

    type: Literal["reply"] = "reply"
    round: Round
    query_id: Hex32
    message: SignedMessage | None
    refusal: Refusal | None

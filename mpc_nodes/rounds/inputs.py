"""The messages that come with a request, from signed bytes to documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mpc_nodes.errors import RoundInputsInvalid
from protocol import canonical
from protocol.consortium import Consortium
from protocol.document import Document
from protocol.errors import MalformedInput
from protocol.messages import Round, SignedMessage
from protocol.signatures import open_message

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Received(Generic[D]):
    """The messages of one round, by sender. Every signature was checked.

    Attributes:
        documents: what the senders said.
        malformed: senders whose signed body is not a document of the round: their fault, provably.
    """

    messages: Mapping[int, SignedMessage]
    documents: Mapping[int, D]
    malformed: frozenset[int]

    @property
    def digest(self) -> str:
        """Names exactly these messages: the digest of their digests, in order of sender."""
        return canonical.digest([message.digest for message in self.messages.values()])


def receive(
    consortium: Consortium, query_id: str, round_: Round, messages: Sequence[SignedMessage], document: type[D]
) -> Received[D]:
    """Read the messages of `round_`.

    A message with a wrong signature fails the whole request: the hub checks signatures before it relays, so it is the hub
    that is wrong, and dropping the message here would let it choose what each node sees.

    Raises:
        SignatureInvalid: a message is not signed by its sender for this query and round.
        RoundInputsInvalid: a sender occurs twice.
    """
    by_sender: dict[int, SignedMessage] = {}
    documents: dict[int, D] = {}
    malformed: set[int] = set()
    for message in sorted(messages, key=lambda each: each.sender):
        if message.sender in by_sender:
            raise RoundInputsInvalid(f"two {round_} messages are of member {message.sender}")
        by_sender[message.sender] = message
        try:
            opened = open_message(consortium, message, round_, query_id, document)
        except MalformedInput:
            malformed.add(message.sender)
            continue
        # A member of a document may be left out where it has a default: a second encoding of one document.
        if opened.encoded.hex() == message.body:
            documents[message.sender] = opened
        else:
            malformed.add(message.sender)
    return Received(by_sender, documents, frozenset(malformed))

"""Documents to parts and back. A peer can make us hold one transfer a direction, of at most its kind's limit.

There is one way to cut a document, so `count` fixes the length up to the last part, and every header is checked before
its data is kept (docs/spec/07-transport.md, "Transfers").
"""

from collections.abc import Iterator
from typing import Final

from mpc_nodes.transport_errors import TransferInvalid
from protocol.relay import DOCUMENTS, LIMITS, PART_BYTES, RelayDocument, TransferKind
from protocol.wire import relay_pb2

_KINDS: Final = {document: kind for kind, document in DOCUMENTS.items()}


def cut(transfer: int, document: RelayDocument) -> Iterator[relay_pb2.Part]:
    """The parts of `document` as transfer number `transfer`. Raises TransferInvalid if it is larger than its kind may be."""
    kind = _KINDS[type(document)]
    data = memoryview(document.encoded)
    if len(data) > LIMITS[kind]:
        raise TransferInvalid(f"a {kind} of {len(data)} bytes is too large to send, at most {LIMITS[kind]} are")
    count = -(-len(data) // PART_BYTES)
    for index in range(count):
        piece = bytes(data[index * PART_BYTES : (index + 1) * PART_BYTES])
        yield relay_pb2.Part(transfer=transfer, index=index, count=count, kind=str(kind), data=piece)


def parse(kind: TransferKind, data: bytes) -> RelayDocument:
    """The document in a complete transfer. Raises MalformedInput."""
    return DOCUMENTS[kind].from_bytes(data, limit=LIMITS[kind])


class Assembler:
    """Puts the parts of one direction of a stream together."""

    def __init__(self, accepted: frozenset[TransferKind]) -> None:
        self._accepted = {str(kind): kind for kind in accepted}
        self._transfer = 1  # number of the transfer that is awaited or in progress
        self._index = 0
        self._count = 0
        self._kind = ""
        self._data = bytearray()

    @property
    def in_progress(self) -> bool:
        """Whether a transfer has begun and is not complete."""
        return self._index > 0

    def add(self, part: relay_pb2.Part) -> tuple[TransferKind, bytes] | None:
        """Take the next part; the kind and bytes of the transfer if it was the last.

        Raises:
            TransferInvalid: it is not the next part, or the transfer is too large or of a kind that this peer may not send.
        """
        if part.transfer != self._transfer or part.index != self._index:
            raise TransferInvalid(
                f"part {part.index} of transfer {part.transfer} came instead of part {self._index} of {self._transfer}"
            )
        if self._index == 0:
            self._begin(part)
        elif (part.count, part.kind) != (self._count, self._kind):
            raise TransferInvalid("the parts of a transfer do not agree")
        kind = self._accepted[self._kind]
        last = self._index == self._count - 1
        size = len(part.data)
        if not (1 <= size <= PART_BYTES if last else size == PART_BYTES):
            raise TransferInvalid(f"a part has {size} bytes")
        if len(self._data) + size > LIMITS[kind]:
            raise TransferInvalid(f"a {kind} is larger than {LIMITS[kind]} bytes")
        self._data += part.data
        self._index += 1
        if not last:
            return None
        data = bytes(self._data)
        self._data = bytearray()
        self._transfer += 1
        self._index = 0
        return kind, data

    def _begin(self, part: relay_pb2.Part) -> None:
        kind = self._accepted.get(part.kind)
        if kind is None:
            raise TransferInvalid("a transfer is of a kind that this peer does not send")
        if not 1 <= part.count <= -(-LIMITS[kind] // PART_BYTES):
            raise TransferInvalid(f"a {kind} in {part.count} parts is not accepted")
        self._count = part.count
        self._kind = part.kind

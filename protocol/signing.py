"""The exact bytes under every Ed25519 signature. Each has its own prefix, so no signature means two things."""

from protocol.dataset import Registration
from protocol.messages import Contribution, Round

_MESSAGE = b"proofward/v1/message\x00"
_CONTRIBUTION = b"proofward/v1/contribution\x00"
_REGISTRATION = b"proofward/v1/registration\x00"
_HELLO = b"proofward/v1/hello\x00"
_SEAL = b"proofward/v1/seal\x00"


def message_bytes(consortium: str, query_id: str, round_: Round, sender: int, body_digest: str) -> bytes:
    """What a member signs for a message of a round. `body_digest` is the SHA-256 of the body, hexadecimal."""
    name = round_.value.encode()
    return b"".join(
        (
            _MESSAGE,
            bytes.fromhex(consortium),
            bytes.fromhex(query_id),
            len(name).to_bytes(1, "big"),
            name,
            sender.to_bytes(2, "big"),
            bytes.fromhex(body_digest),
        )
    )


def contribution_bytes(contribution: Contribution) -> bytes:
    """What a hospital signs for its contribution."""
    return _CONTRIBUTION + contribution.encoded


def registration_bytes(registration: Registration) -> bytes:
    """What a hospital signs for a dataset registration."""
    return _REGISTRATION + registration.encoded


def hello_bytes(consortium: str, sender: int, challenge: bytes) -> bytes:
    """What a node signs when it connects: the hub's fresh 32-byte challenge."""
    return _HELLO + bytes.fromhex(consortium) + sender.to_bytes(2, "big") + challenge


def seal_info(consortium: str, query_id: str, round_: Round, sender: int, receiver: int) -> bytes:
    """The HPKE `info` of a sealed share: it opens only as this round's message from this sender to this receiver."""
    return b"".join(
        (
            _SEAL,
            bytes.fromhex(consortium),
            bytes.fromhex(query_id),
            len(round_.value).to_bytes(1, "big"),
            round_.value.encode(),
            sender.to_bytes(2, "big"),
            receiver.to_bytes(2, "big"),
        )
    )

"""The Fiat-Shamir transcript: a labelled, length-prefixed keccak256 chain (docs/spec/01-primitives.md, section 4)."""

from eth_hash.auto import keccak

from prover.errors import KernelArgumentInvalid
from prover.reference import labels
from prover.reference.codec import encode_scalars, require_bytes
from prover.reference.field import wide_scalar

ABSORB = b"\x01"
SQUEEZE = b"\x02"
RATCHET = b"\x03"


class Transcript:
    """A transcript in progress. Labels have 1 to 255 bytes."""

    def __init__(self, label: bytes) -> None:
        self._state = keccak(labels.TRANSCRIPT + _framed(label))

    def absorb(self, label: bytes, data: bytes) -> None:
        """Add a message of any length."""
        length = len(require_bytes("data", data)).to_bytes(8, "big")
        self._state = keccak(self._state + ABSORB + _framed(label) + length + data)

    def challenge(self, label: bytes) -> bytes:
        """A scalar that depends on everything absorbed so far; the state moves on."""
        halves = [keccak(self._state + SQUEEZE + _framed(label) + bytes([half])) for half in (0, 1)]
        self._state = keccak(self._state + RATCHET + _framed(label))
        return encode_scalars([wide_scalar(b"".join(halves))])


def _framed(label: bytes) -> bytes:
    if not 1 <= len(require_bytes("label", label)) <= 255:
        raise KernelArgumentInvalid("a transcript label has between 1 and 255 bytes")
    return len(label).to_bytes(4, "big") + label

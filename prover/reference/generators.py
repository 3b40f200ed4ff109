"""Generators nobody knows a relation between (docs/spec/01-primitives.md, section 3)."""

import hashlib
from functools import cache
from itertools import count as count_up
from typing import Final

from eth_hash.auto import keccak

from protocol.parameters import FIELD_MODULUS, MAX_CELLS
from prover.errors import KernelArgumentInvalid
from prover.reference import labels
from prover.reference.codec import Point, affine, encode_point, require_int
from prover.reference.field import CURVE_B, square_root

# In the order of the generator digest, with the number of generators that enter it.
FAMILIES: Final = {"G": 1 << 13, "H": 1, "U": MAX_CELLS + 1, "V": 8, "g": 1, "h": 1}
MAX_INDEX: Final = 1 << 20


@cache
def generator(family: str, index: int) -> Point:
    """One generator, by try-and-increment: hash a counter until the hash is an x-coordinate of the curve."""
    prefix = labels.GENERATOR + bytes([len(family)]) + family.encode("ascii") + index.to_bytes(4, "big")
    for counter in count_up():
        digest = int.from_bytes(keccak(prefix + counter.to_bytes(4, "big")), "big")
        x = digest % (1 << 254)
        odd = digest >> 255
        if x >= FIELD_MODULUS:
            continue
        root = square_root(x * x * x + CURVE_B)
        if root is not None:
            return affine(x, root if root % 2 == odd else FIELD_MODULUS - root)
    raise KernelArgumentInvalid("no generator found")  # count_up() does not end


def generators(family: str, start: int, count: int) -> bytes:
    """Generators `start .. start + count` of a family, encoded."""
    if not isinstance(family, str) or family not in FAMILIES:
        raise KernelArgumentInvalid("unknown generator family")
    require_int("start", start, 0, MAX_INDEX)
    require_int("count", count, 0, MAX_INDEX - start)
    return b"".join(encode_point(generator(family, index)) for index in range(start, start + count))


def generator_digest() -> str:
    """SHA-256 over all generators of protocol version 1, as 64 hexadecimal digits."""
    digest = hashlib.sha256(labels.GENERATOR_DIGEST)
    for family, size in FAMILIES.items():
        digest.update(family.encode("ascii") + size.to_bytes(4, "big") + generators(family, 0, size))
    return digest.hexdigest()

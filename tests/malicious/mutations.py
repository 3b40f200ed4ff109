"""Proofs that are changed at random places, the way a forger or a bad disk would: a function of the seed alone."""

import random
from collections.abc import Callable, Sequence

from protocol.parameters import FIELD_MODULUS
from prover import kernel_backend
from prover.errors import RowProofInvalid
from tests.malicious.algebra import IDENTITY, point, scalar_bytes, scalars_of
from tests.malicious.layout import POINT, SCALAR, Element, elements
from tests.malicious.table import Claim
from tests.malicious.verifiers import check

Change = Callable[[random.Random, bytes, Sequence[Element], bytes], bytes]


def campaign(claim: Claim, proofs: Sequence[bytes], seeds: range, verifier: str = "kernel") -> dict[str, int]:
    """Verify one mutation for each seed. Returns how many were refused at each step; anything accepted raises.

    `proofs` are at least two good proofs of `claim`: pieces of one are put into the other.
    """
    steps: dict[str, int] = {}
    for seed in seeds:
        mutated = mutate(random.Random(seed), claim, proofs)
        if mutated in proofs:
            continue
        try:
            check(verifier, (claim, mutated))
        except RowProofInvalid as error:
            steps[str(error.where)] = steps.get(str(error.where), 0) + 1
        else:
            raise AssertionError(f"the mutation of seed {seed} was accepted")
    return steps


def mutate(chosen: random.Random, claim: Claim, proofs: Sequence[bytes]) -> bytes:
    """One of the proofs with one to three changes."""
    parts = elements(claim)
    proof, other = chosen.sample(list(proofs), 2)
    for _ in range(chosen.choice((1, 1, 1, 2, 3))):
        if len(proof) == len(other):
            proof = chosen.choice(CHANGES)(chosen, proof, parts, other)
    return proof


def flip(chosen: random.Random, proof: bytes, parts: Sequence[Element], other: bytes) -> bytes:
    """One bit."""
    changed = bytearray(proof)
    changed[chosen.randrange(len(proof))] ^= 1 << chosen.randrange(8)
    return bytes(changed)


def overwrite(chosen: random.Random, proof: bytes, parts: Sequence[Element], other: bytes) -> bytes:
    """Some bytes anywhere, across elements."""
    start, size = chosen.randrange(len(proof)), chosen.randrange(1, 100)
    filling = chosen.choice((bytes(size), b"\xff" * size, chosen.randbytes(size)))
    return (proof[:start] + filling + proof[start + size :])[: len(proof)]


def shift(chosen: random.Random, proof: bytes, parts: Sequence[Element], other: bytes) -> bytes:
    """Longer, shorter, or rotated by an element."""
    size = chosen.choice((1, SCALAR, POINT))
    start = chosen.choice(parts).start
    return chosen.choice(
        (
            proof[:start] + proof[start + size :],
            proof[:start] + chosen.randbytes(size) + proof[start:],
            proof[size:] + proof[:size],
            proof + bytes(size),
            proof[:start],
        )
    )


def exchange(chosen: random.Random, proof: bytes, parts: Sequence[Element], other: bytes) -> bytes:
    """Two elements of one kind."""
    first = chosen.choice(parts)
    second = chosen.choice([element for element in parts if element.size == first.size])
    return second.replaced(first.replaced(proof, second.of(proof)), first.of(proof))


def repeat(chosen: random.Random, proof: bytes, parts: Sequence[Element], other: bytes) -> bytes:
    """One element in the place of another one of its kind."""
    first = chosen.choice(parts)
    second = chosen.choice([element for element in parts if element.size == first.size])
    return first.replaced(proof, second.of(proof))


def graft(chosen: random.Random, proof: bytes, parts: Sequence[Element], other: bytes) -> bytes:
    """A run of elements of another proof of the same statement."""
    start = chosen.randrange(len(parts))
    stop = min(len(parts), start + chosen.randrange(1, 6))
    begin, end = parts[start].start, parts[stop - 1].start + parts[stop - 1].size
    return proof[:begin] + other[begin:end] + proof[end:]


def replace_point(chosen: random.Random, proof: bytes, parts: Sequence[Element], other: bytes) -> bytes:
    """A point by a point that is related to it or to nothing."""
    element = chosen.choice([element for element in parts if element.is_point])
    own, base = element.of(proof), kernel_backend.generators(chosen.choice("GHUVgh"), 0, 1)
    if not _is_point(own):
        return proof
    multiple = point([(chosen.randrange(1, 10), own)])
    options = (IDENTITY, base, kernel_backend.add_points(own + base), kernel_backend.subtract(IDENTITY, own), multiple)
    return element.replaced(proof, chosen.choice(options))


def replace_scalar(chosen: random.Random, proof: bytes, parts: Sequence[Element], other: bytes) -> bytes:
    """A scalar by a scalar that is related to it or to nothing."""
    element = chosen.choice([element for element in parts if not element.is_point])
    own = scalars_of(element.of(proof))[0]
    options = (0, 1, -1, own + 1, own - 1, -own, 2 * own, own + chosen.getrandbits(128), chosen.getrandbits(256))
    return element.replaced(proof, scalar_bytes(chosen.choice(options)))


def unreduce(chosen: random.Random, proof: bytes, parts: Sequence[Element], other: bytes) -> bytes:
    """A coordinate or a scalar that is not the only form of its value, or none at all."""
    element = chosen.choice(parts)
    place = element.start + chosen.choice((0, SCALAR) if element.is_point else (0,))
    top = proof[place] | chosen.choice((0x40, 0x80, 0xC0))
    return proof[:place] + bytes([top]) + proof[place + 1 :]


def _is_point(data: bytes) -> bool:
    x, y = int.from_bytes(data[:SCALAR], "big"), int.from_bytes(data[SCALAR:], "big")
    return (y * y - x * x * x - 3) % FIELD_MODULUS == 0 and max(x, y) < FIELD_MODULUS


CHANGES: tuple[Change, ...] = (
    flip, overwrite, shift, exchange, repeat, graft, replace_point, replace_scalar, unreduce,
)  # fmt: skip

"""The corpus of the kernel's fuzz targets: small honest inputs and a few known bad ones, as bytes.

`python -m tests.mutation.fuzz_corpus` writes them to `prover/kernel/fuzz/corpus`; the formats are those of the targets.
"""

from pathlib import Path
from typing import Final

from prover import kernel_backend, reference
from tests.malicious.algebra import generators, point, scalar_bytes, stream, vector_bytes
from tests.malicious.instances import MODES, honest
from tests.malicious.layout import elements
from tests.malicious.table import Claim

FUZZ: Final = Path(__file__).parents[2] / "prover/kernel/fuzz"


def corpus() -> dict[str, bytes]:
    """The files, by target and name."""
    files = encodings() | sharing() | representation() | onehot()
    for number, mode in enumerate(MODES):
        known = honest(mode, 4, 2, 2)
        proof = known.prove(reference.Transcript)
        files[f"row_instance/{mode}"] = framed(known.claim, proof)
        files[f"row_instance/{mode}-without-proof"] = framed(known.claim, b"")
        files[f"row_proof/{mode}"] = bytes([number]) + proof
        files[f"row_proof/{mode}-unchanged"] = bytes([2 | number])
        last = elements(known.claim)[-1].start // 32
        for kind, place, source in ((0, last, 0), (1, 0, 2), (2, last, 31), (3, last - 1, 0)):
            files[f"row_proof/{mode}-change-{kind}"] = bytes([2 | number]) + bytes([kind]) + _u16(place) + _u16(source)
    return files


def framed(claim: Claim, proof: bytes) -> bytes:
    """An instance as `statements.rs` cuts it."""
    parts = (claim.context, claim.relation, claim.digests, claim.weights, claim.commitment)
    shape = claim.rows.to_bytes(4, "big") + claim.columns.to_bytes(4, "big")
    points = bytes([len(claim.points)]) + b"".join(map(_prefixed, claim.points))
    return shape + b"".join(map(_prefixed, parts)) + points + proof


def encodings() -> dict[str, bytes]:
    first, second = generators("G", 0, 2)
    return {
        "encodings/points": first + second,
        "encodings/identity": bytes(64),
        "encodings/scalars": vector_bytes([1, -1]),
        "encodings/points-and-scalars": first + second + vector_bytes([3, 5, 7, 11]),
    }


def sharing() -> dict[str, bytes]:
    secrets, coefficients = vector_bytes([5, 6, 7]), kernel_backend.random_scalars(3, stream("sharing"))
    deal = kernel_backend.deal(secrets, 3, 1, coefficients)
    committee = [(index, 1, 3) for index in range(1, 4)] + [(0, 1, 3), (4, 1, 3), (1, 2, 3)]
    return {
        f"sharing/{index}-{threshold}-{members}": b"".join(n.to_bytes(4, "big") for n in (index, threshold, members))
        + _prefixed(deal.shares[(index - 1) % 3])
        + deal.commitments
        for index, threshold, members in committee
    }


def representation() -> dict[str, bytes]:
    indices, witness, context = (0, 2, 5), [9, 10, 11], b"context"
    bases = [kernel_backend.generators("U", index, 1) for index in indices]
    own = point(list(zip(witness, bases, strict=True)))
    proof = kernel_backend.prove_representation(indices, vector_bytes(witness), context, b"")
    head = bytes([len(indices)]) + b"".join(map(_u16, indices)) + _prefixed(context)
    return {
        "representation/honest": head + own + proof,
        "representation/identity": head + bytes(64) + proof,
        "representation/zeros": head + own + bytes(len(proof)),
        "representation/without-blinder": bytes([1]) + _u16(1) + _prefixed(b"") + own + proof[:64] + scalar_bytes(1),
    }


def onehot() -> dict[str, bytes]:
    key = bytes(range(32))

    def codes(values: int, columns: int, *words: int) -> bytes:
        listed = b"".join(word.to_bytes(2, "little") for word in words)
        return _u16(values) + _u16(columns) + key + _prefixed(b"digit") + listed

    return {
        "onehot/two-blocks": codes(3, 4, 0, 1, 2, 0xFFFF, 2, 2, 0, 1),
        "onehot/many-values": codes(20, 2, 19, 0),
        "onehot/out-of-range": codes(3, 2, 3, 0),
        "onehot/ragged": codes(3, 4, 0, 1, 2),
        "onehot/none": codes(1, 1),
    }


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _prefixed(data: bytes) -> bytes:
    return _u16(len(data)) + data


def main() -> None:
    for name, data in corpus().items():
        path = FUZZ / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()

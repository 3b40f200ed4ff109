"""SHA-256 Merkle trees of RFC 6962, section 2.1: the root of a dataset.

A leaf is hashed with the prefix 0x00 and a node with 0x01, so that neither can pass for the other. All functions work
on leaf hashes; `leaf_hash` makes one from the leaf's bytes.
"""

import hashlib
from collections.abc import Sequence

from prover.errors import ChunkInvalid, InclusionInvalid

HASH_BYTES = 32


def leaf_hash(*parts: bytes) -> bytes:
    """The hash of the leaf that is the concatenation of `parts`."""
    digest = hashlib.sha256(b"\x00")
    for part in parts:
        digest.update(part)
    return digest.digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over at least one leaf hash. Raises ChunkInvalid if there is none."""
    if not leaves:
        raise ChunkInvalid("a Merkle tree needs at least one leaf")
    if len(leaves) == 1:
        return leaves[0]
    middle = _split(len(leaves))
    return _node(merkle_root(leaves[:middle]), merkle_root(leaves[middle:]))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of leaf `index` (RFC 6962, section 2.1.1), from the leaf's sibling up to the root's child."""
    if type(index) is not int or not 0 <= index < len(leaves):
        raise InclusionInvalid(f"there is no leaf {index}")
    if len(leaves) == 1:
        return ()
    middle = _split(len(leaves))
    left, right = leaves[:middle], leaves[middle:]
    if index < middle:
        return (*inclusion_proof(left, index), merkle_root(right))
    return (*inclusion_proof(right, index - middle), merkle_root(left))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash `leaf` is at `index` of the tree of `size` leaves with this root.

    Raises:
        InclusionInvalid: the index, the number or length of hashes, or the root does not fit.
    """
    if type(index) is not int or type(size) is not int or not 0 <= index < size:
        raise InclusionInvalid("the leaf index is not below the size of the tree")
    if any(not isinstance(node, bytes) or len(node) != HASH_BYTES for node in (leaf, root, *proof)):
        raise InclusionInvalid(f"a hash does not have {HASH_BYTES} bytes")
    if _path_root(leaf, index, size, list(proof)) != root:
        raise InclusionInvalid("the path does not lead to the root")


def _path_root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    # The size alone fixes how long the path is and on which side each hash stands; the proof chooses neither.
    if size == 1:
        if path:
            raise InclusionInvalid("the path is too long")
        return leaf
    if not path:
        raise InclusionInvalid("the path is too short")
    middle = _split(size)
    sibling = path.pop()
    if index < middle:
        return _node(_path_root(leaf, index, middle, path), sibling)
    return _node(sibling, _path_root(leaf, index - middle, size - middle, path))


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()

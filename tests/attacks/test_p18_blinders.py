"""P18: no blinder is used twice: not across values, blocks, digits, chunks, epochs, datasets, threads or forks."""

import hashlib
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from circuits.chunk import EncodedChunk, EncodedDigit
from protocol.parameters import ABSENT_CODE
from prover import kernel_backend as kernel
from prover.commit import CommitmentBlob, commit_dataset, shape

SECRET = hashlib.sha256(b"p18").digest()
ROWS = 1024


def blinding_points(context: bytes, values: int = 256, blocks: int = 8, secret: bytes = SECRET) -> list[bytes]:
    """rho[t,i] H alone: the commitments of a digit that is absent everywhere."""
    absent = np.full(blocks * 4, ABSENT_CODE, dtype=np.uint16)
    points = kernel.commit_onehot(absent, values, 4, secret, context, 2)
    return [points[at : at + 64] for at in range(0, len(points), 64)]


def chunk() -> EncodedChunk:
    absent = EncodedDigit("dx.0", 32, np.full(ROWS, ABSENT_CODE, dtype=np.uint16))
    return EncodedChunk(ROWS, 0, (EncodedDigit("present", 1, np.full(ROWS, ABSENT_CODE, dtype=np.uint16)), absent))


def blobs(dataset_id: str = "d", epoch: int = 1, secret: bytes = SECRET, chunks: int = 1) -> list[bytes]:
    stored: list[CommitmentBlob] = []
    commit_dataset([chunk() for _ in range(chunks)], dataset_id=dataset_id, epoch=epoch, secret=secret, store=stored.append)
    return [blob.points[at : at + 64] for blob in stored for at in range(0, len(blob.points), 64)]


def test_no_blinder_is_seen_twice_among_a_hundred_thousand() -> None:
    seen: set[bytes] = set()
    count = 0
    for digit in range(50):
        points = blinding_points(f"digit {digit}".encode())
        seen.update(point[:32] for point in points)  # x alone: opposite blinders would be as bad as equal ones
        count += len(points)
    assert count >= 100_000
    assert len(seen) == count
    assert bytes(32) not in seen


def test_every_part_of_the_label_matters() -> None:
    variants = [
        blobs(),
        blobs(epoch=2),
        blobs(dataset_id="e"),
        blobs(secret=bytes(32)),
        blobs(chunks=2)[len(blobs()) :],  # the second chunk
    ]
    everything = [point[:32] for variant in variants for point in variant]
    assert len(set(everything)) == len(everything) == 5 * 33 * shape(1024)[0]


def test_the_same_call_is_reproducible() -> None:
    assert blobs() == blobs()
    assert blobs(chunks=2)[: len(blobs())] == blobs()


def test_the_difference_of_two_epochs_is_not_the_difference_of_the_data() -> None:
    before = np.array([0, 1, 0, 1], dtype=np.uint16)
    after = np.array([1, 1, 0, 1], dtype=np.uint16)
    first = kernel.commit_onehot(before, 2, 4, SECRET, b"epoch 1")
    second = kernel.commit_onehot(after, 2, 4, SECRET, b"epoch 2")
    difference = kernel.subtract(first[:64], second[:64])
    assert difference != kernel.generators("G", 0, 1)
    # Under one label it would be exactly that, which is why a changed table needs a new epoch.
    reused = kernel.commit_onehot(after, 2, 4, SECRET, b"epoch 1")
    assert kernel.subtract(first[:64], reused[:64]) == kernel.generators("G", 0, 1)


def test_fresh_scalars_differ_across_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: kernel.random_scalars(64), range(100)))
    scalars = [vector[at : at + 32] for vector in drawn for at in range(0, len(vector), 32)]
    assert len(set(scalars)) == len(scalars) == 6400


def test_fresh_scalars_differ_after_a_fork() -> None:
    kernel.random_scalars(1)  # a state that a fork would copy
    context = multiprocessing.get_context("fork")
    with context.Pool(3) as pool:
        drawn = pool.map(kernel.random_scalars, [4] * 9)
        pool.close()
        pool.join()
    drawn.append(kernel.random_scalars(4))
    scalars = [vector[at : at + 32] for vector in drawn for at in range(0, len(vector), 32)]
    assert len(set(scalars)) == len(scalars) == 40


def test_a_proof_for_another_statement_uses_other_nonces() -> None:
    # Equal nonces under two challenges would give the witness away: z - z' = (c - c') w.
    witness = kernel.random_scalars(3)
    proofs = [
        kernel.prove_representation([0, 1, 2], witness, b"a", b""),
        kernel.prove_representation([0, 1, 2], witness, b"b", b""),
        kernel.prove_representation([0, 1, 2], witness, b"a", b"seed"),
        kernel.prove_representation([0, 1, 3], witness, b"a", b""),
        kernel.prove_representation([0, 1], witness[:64], b"a", b""),
        kernel.prove_representation([0, 1, 2], kernel.random_scalars(3), b"a", b""),
    ]
    assert len({proof[:64] for proof in proofs}) == len(proofs)
    # Within one proof the nonces differ too: with equal ones z_i - z_j would be c (w_i - w_j) for a known c.
    equal = witness[:32] * 3
    proof = kernel.prove_representation([0, 1, 2], equal, b"a", b"")
    assert len({proof[at : at + 32] for at in (64, 96, 128)}) == 3

"""The Rust kernel behind typed Python functions. Its readable twin, with the same names, is `prover.reference`.

Encodings (docs/spec/01-primitives.md, section 2): a scalar is 32 bytes big-endian below r; a point is 64 bytes x||y
big-endian, the identity 64 zero bytes; a vector of either is a concatenation. Every function raises a `ProofwardError`
from `prover.errors` and nothing else; the heavy ones release the GIL.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from protocol.parameters import GROUP_ORDER, SCALAR_BYTES
from prover import _kernel
from prover.dealing import Deal
from prover.errors import KernelArgumentInvalid, ShareIndexInvalid, from_kernel
from prover.rows import RowInstance, RowStatement, RowWitness

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_WIDE_BYTES = 64
_ENTROPY_BYTES = 32
_U32_MAX = (1 << 32) - 1


def _typed(function: Callable[P, R]) -> Callable[P, R]:
    """Lets nothing but `ProofwardError` out: kernel codes become classes, refused arguments one class."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except _kernel.KernelError as error:
            raise from_kernel(*error.args) from None
        except (TypeError, OverflowError, UnicodeError) as error:
            # The message names the argument and its type, never its value.
            raise KernelArgumentInvalid(f"{function.__name__}: {error}") from None

    return call


def _integer(what: str, value: int) -> int:
    # bool is an int to isinstance; as a count or an index it is a mistake.
    if type(value) is not int:
        raise TypeError(f"{what} must be an int, not {type(value).__name__}")
    return value


def _sequence(what: str, values: Sequence[T]) -> Sequence[T]:
    # Bytes are a sequence of integers too; as values or indices they are a mistake.
    if not isinstance(values, Sequence) or isinstance(values, str | bytes | bytearray | memoryview):
        raise TypeError(f"{what} must be a sequence, not {type(values).__name__}")
    return values


def _record(what: str, value: T, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{what} must be a {kind.__name__}, not {type(value).__name__}")
    return value


def _indices(indices: Sequence[int]) -> list[int]:
    return [_integer("an index", index) for index in _sequence("indices", indices)]


def _share_index(index: int) -> int:
    if type(index) is not int or not 0 <= index <= _U32_MAX:
        raise ShareIndexInvalid("share index is not between 1 and the number of members")
    return index


def _drawn(entropy: Callable[[int], bytes], count: int) -> bytes:
    drawn = entropy(count)
    if not isinstance(drawn, bytes) or len(drawn) != count:
        raise KernelArgumentInvalid("the entropy source returned the wrong number of bytes")
    return drawn


def _words(codes: NDArray[np.uint16]) -> bytes:
    if not isinstance(codes, np.ndarray) or codes.dtype != np.uint16 or codes.ndim != 1:
        raise TypeError("codes must be a one-dimensional array of uint16")
    # A copy, in a fixed byte order: another thread that writes to the array cannot change it under the kernel.
    return codes.astype("<u2", copy=False).tobytes()


@_typed
def generators(family: str, start: int, count: int) -> bytes:
    """Generators `start .. start + count` of a family G, H, U, V, g or h, 64 bytes each; indices end at 2^20.

    Raises:
        KernelArgumentInvalid: unknown family or a range past the end.
    """
    return _kernel.generators_encoded(family, _integer("start", start), _integer("count", count))


@_typed
def generator_digest() -> str:
    """SHA-256 over the generators of protocol version 1 (docs/spec/01-primitives.md, section 3), as 64 hex digits."""
    return _kernel.generator_digest().hex()


@_typed
def check_points(data: bytes, count: int) -> None:
    """Check that `data` is exactly `count` canonical points. Raises EncodingLengthInvalid, PointInvalid."""
    _kernel.check_points(data, _integer("count", count))


@_typed
def check_scalars(data: bytes, count: int) -> None:
    """Check that `data` is exactly `count` canonical scalars. Raises EncodingLengthInvalid, ScalarInvalid."""
    _kernel.check_scalars(data, _integer("count", count))


@_typed
def scalar_from_int(value: int) -> bytes:
    """`value` modulo r; -1 becomes r - 1."""
    return (_integer("value", value) % GROUP_ORDER).to_bytes(SCALAR_BYTES, "big")


@_typed
def int_from_scalar(s: bytes, *, signed: bool) -> int:
    """The integer of a scalar: in 0 .. r - 1, or, if signed, in -(r - 1)/2 .. (r - 1)/2."""
    if type(signed) is not bool:
        raise TypeError(f"signed must be a bool, not {type(signed).__name__}")
    _kernel.check_scalars(s, 1)
    value = int.from_bytes(s, "big")
    return value - GROUP_ORDER if signed and value > GROUP_ORDER // 2 else value


class Transcript:
    """The Fiat-Shamir transcript (docs/spec/01-primitives.md, section 4). Labels have 1 to 255 bytes."""

    @_typed
    def __init__(self, label: bytes) -> None:
        self._inner = _kernel.Transcript(label)

    @_typed
    def absorb(self, label: bytes, data: bytes) -> None:
        """Add a message of any length."""
        self._inner.absorb(label, data)

    @_typed
    def challenge(self, label: bytes) -> bytes:
        """A scalar that depends on everything absorbed so far; the state moves on."""
        return self._inner.challenge(label)


def _output_vector(values: Sequence[int], blinding: bytes) -> bytes:
    # y and y + r have one commitment; a single accepted representative keeps openings unique.
    if any(abs(_integer("a value", value)) > GROUP_ORDER // 2 for value in _sequence("values", values)):
        raise KernelArgumentInvalid("an output value is not between -(r - 1)/2 and (r - 1)/2")
    _kernel.check_scalars(blinding, 1)
    return blinding + b"".join((value % GROUP_ORDER).to_bytes(SCALAR_BYTES, "big") for value in values)


@_typed
def commit_outputs(values: Sequence[int], blinding: bytes) -> bytes:
    """C_y = blinding U_0 + sum_k y_k U_k for values y_1 .. y_K, K <= 4096, each in -(r - 1)/2 .. (r - 1)/2."""
    return _kernel.commit_vector(_output_vector(values, blinding))


@_typed
def check_outputs(commitment: bytes, values: Sequence[int], blinding: bytes) -> None:
    """Check the audit equation of section 6: `commitment` opens to `values` and `blinding`.

    Raises:
        OpeningMismatch: it opens to something else.
        KernelArgumentInvalid: a value is not in its only accepted form.
    """
    _kernel.check_vector(commitment, _output_vector(values, blinding))


@_typed
def add_points(points: bytes) -> bytes:
    """The sum of any number of points; of none, the identity."""
    return _kernel.add_points(points)


@_typed
def subtract(a: bytes, b: bytes) -> bytes:
    """The point a - b."""
    return _kernel.subtract(a, b)


@_typed
def msm(points: bytes, scalars: bytes) -> bytes:
    """sum_k scalars[k] points[k]. Raises KernelArgumentInvalid if there are not as many points as scalars."""
    return _kernel.msm(points, scalars)


@_typed
def random_scalars(count: int, entropy: Callable[[int], bytes] = os.urandom) -> bytes:
    """`count` uniform scalars; each is reduced from 64 bytes of `entropy`, so its bias is below 2^-256."""
    if not 0 <= _integer("count", count) <= 1 << 20:
        raise KernelArgumentInvalid("between 0 and 2^20 scalars can be drawn at once")
    return _kernel.reduce_wide(_drawn(entropy, _WIDE_BYTES * count))


@_typed
def deal(secrets: bytes, members: int, threshold: int, coefficients: bytes) -> Deal:
    """Share `secrets` = (r, y_1 .. y_K) among members 1 .. n (docs/spec/06-sharing.md, section 2).

    Args:
        secrets: K + 1 scalars, the blinder first.
        members: n, at most 64.
        threshold: t with n >= 2t + 1; any t + 1 shares give the secrets, any t give nothing.
        coefficients: t (K + 1) fresh uniform scalars: those of x, then of x^2, and so on. Never used twice.

    Raises:
        KernelArgumentInvalid: n and t do not fit, or there is no secret.
        EncodingLengthInvalid, ScalarInvalid: the scalars.
        CommitmentCountInvalid: the last coefficients are all zero.
    """
    commitments, shares = _kernel.deal(secrets, _integer("members", members), _integer("threshold", threshold), coefficients)
    return Deal(commitments, tuple(shares))


@_typed
def check_share(index: int, share: bytes, commitments: bytes, threshold: int, members: int) -> None:
    """Check a member's share vector against sum_j index^j A_j.

    `commitments` are A_0 .. A_t of one dealer, or the sum over dealers if `share` is a sum.

    Raises:
        ShareMismatch: the share is wrong.
        ShareIndexInvalid: `index` is not one of 1 .. n.
        CommitmentCountInvalid: not exactly t + 1 commitments, or A_t is the identity.
    """
    index = _share_index(index)
    _kernel.check_share(index, share, commitments, _integer("threshold", threshold), _integer("members", members))


@_typed
def add_vectors(vectors: Sequence[bytes]) -> bytes:
    """The sum of at least one scalar vector, all of one length: the way shares are added."""
    return _kernel.add_vectors(list(_sequence("vectors", vectors)))


@_typed
def add_commitments(vectors: Sequence[bytes]) -> bytes:
    """The sum, place by place, of at least one vector A_0 .. A_t, all of one length."""
    return _kernel.add_commitments(list(_sequence("vectors", vectors)))


@_typed
def interpolate(shares: Mapping[int, bytes], threshold: int, members: int) -> bytes:
    """The secrets (r, y_1 .. y_K) from the shares of the t + 1 lowest indices. Check the shares first.

    Raises:
        SharesInsufficient: fewer than t + 1 shares.
        ShareIndexInvalid: an index is not one of 1 .. n.
        EncodingLengthInvalid: shares of different lengths.
    """
    if not isinstance(shares, Mapping):
        raise TypeError("shares must map member indices to share vectors")
    indexed = [(_share_index(index), share) for index, share in shares.items()]
    return _kernel.interpolate(indexed, _integer("threshold", threshold), _integer("members", members))


@_typed
def prove_representation(indices: Sequence[int], witness: bytes, context: bytes, nonce_seed: bytes) -> bytes:
    """Prove knowledge of w with D = sum_k w_k U_k over `indices` (docs/spec/01-primitives.md, section 6).

    The proof is a function of its inputs: members with one witness make one proof, byte for byte.

    Args:
        indices: generator indices, strictly increasing, the first 0 (the blinder).
        witness: one scalar for each index.
        context: what the proof is bound to.
        nonce_seed: further input to the nonces; may be empty.

    Returns:
        T (64 bytes) and one response z_i (32 bytes) for each index.
    """
    return _kernel.prove_representation(_indices(indices), witness, context, nonce_seed)


@_typed
def verify_representation(point: bytes, indices: Sequence[int], context: bytes, proof: bytes) -> None:
    """Check a proof of representation of `point`. Raises RepresentationInvalid, which names the failed step."""
    _kernel.verify_representation(point, _indices(indices), context, proof)


@_typed
def commit_onehot(
    codes: NDArray[np.uint16], values: int, columns: int, blinding_key: bytes, context: bytes, threads: int = 1
) -> bytes:
    """Commit to the N codes of one digit of one chunk (docs/spec/02-tables.md, section 2).

    Args:
        codes: N <= 2^20 codes, each below `values` or `ABSENT_CODE` (NULL and padding rows).
        values: K <= 256.
        columns: C <= 8192, a divisor of N; R = N / C row blocks.
        blinding_key: the 32-byte secret of the dataset, which yields the blinders rho[t,i].
        context: names dataset, epoch, chunk and digit. Under one key no two commitments share a context.
        threads: how many threads work on row blocks; the GIL is released.

    Returns:
        K R points: C[t,i] = sum_j [codes[i C + j] = t] G_j + rho[t,i] H at place t R + i.

    Raises:
        DigitCodeInvalid: a code is out of range.
        KernelArgumentInvalid: the shape, the array's type or the number of threads.
    """
    return _kernel.commit_onehot(
        _words(codes), _integer("values", values), _integer("columns", columns), blinding_key, context,
        _integer("threads", threads),
    )  # fmt: skip


def _inner(transcript: object) -> _kernel.Transcript:
    if not isinstance(transcript, Transcript):
        raise TypeError(f"the transcript must be one of the kernel, not {type(transcript).__name__}")
    return transcript._inner


@_typed
def prove_rows(
    statement: RowStatement,
    witness: RowWitness,
    *,
    entropy: Callable[[int], bytes] = os.urandom,
    threads: int = 1,
) -> bytes:
    """Prove that the rows of a chunk satisfy a relation (docs/spec/05-argument.md).

    Args:
        statement: its transcript is not changed.
        witness: rows and cells for which the statement is true.
        entropy: gives the 32 bytes that make this proof's masks its own.
        threads: how many threads of the kernel work; the GIL is released.

    Returns:
        The proof, `prover.rows.row_proof_length` bytes.

    Raises:
        OpeningMismatch: the commitment does not open to the cells.
        DigitCodeInvalid: a code is out of its digit's range.
        KernelArgumentInvalid: the rows do not satisfy the relation, or an argument has the wrong shape or type.
        EncodingLengthInvalid, ScalarInvalid: the cells, their blinding, the key or the codes.
    """
    _record("the statement", statement, RowStatement)
    _record("the witness", witness, RowWitness)
    codes = [_words(codes) for codes in witness.codes]
    if any(len(words) != 2 * _integer("rows", statement.rows) for words in codes):
        raise KernelArgumentInvalid("each digit must have one code for each row")
    return _kernel.prove_rows(
        _inner(statement.transcript), statement.relation, statement.digests, codes, list(witness.contexts), witness.key,
        _integer("columns", statement.columns), statement.weights, statement.commitment, witness.cells, witness.blinding,
        _drawn(entropy, _ENTROPY_BYTES), _integer("threads", threads),
    )  # fmt: skip


@_typed
def verify_rows(instances: Sequence[RowInstance], *, entropy: Callable[[int], bytes] = os.urandom, threads: int = 1) -> None:
    """Verify proofs, all in one multi-exponentiation (docs/spec/05-argument.md, section 7).

    Args:
        instances: their transcripts are the kernel's, and are not changed.
        entropy: gives the 32 bytes from which the weights of the equations come; no prover may know them.
        threads: how many threads of the kernel work; the GIL is released.

    Raises:
        RowProofInvalid: a proof fails; `index` says which is the first, `where` the step.
        KernelArgumentInvalid: an argument has the wrong type.
    """
    prepared = []
    for instance in _sequence("instances", instances):
        statement = _record("the statement", _record("an instance", instance, RowInstance).statement, RowStatement)
        prepared.append((
            _inner(statement.transcript), statement.relation, statement.digests, list(instance.points),
            _integer("rows", statement.rows), _integer("columns", statement.columns), statement.weights,
            statement.commitment, instance.proof,
        ))  # fmt: skip
    _kernel.verify_rows(prepared, _drawn(entropy, _ENTROPY_BYTES), _integer("threads", threads))

"""Verifiable secret sharing of a whole output vector (docs/spec/06-sharing.md)."""

from collections.abc import Mapping, Sequence

from protocol.parameters import GROUP_ORDER, MAX_MEMBERS, POINT_BYTES
from prover.dealing import Deal
from prover.errors import (
    CommitmentCountInvalid,
    EncodingLengthInvalid,
    KernelArgumentInvalid,
    ShareIndexInvalid,
    ShareMismatch,
    SharesInsufficient,
)
from prover.reference.codec import (
    IDENTITY,
    Point,
    decode_points,
    decode_scalars,
    encode_point,
    encode_scalars,
    is_identity,
    require_bytes,
    require_int,
    require_sequence,
)
from prover.reference.field import inverse
from prover.reference.group import multi, plus, same
from prover.reference.pedersen import commit


def deal(secrets: bytes, members: int, threshold: int, coefficients: bytes) -> Deal:
    """Share `secrets` = (r, y_1 .. y_K) by polynomials f_k(x) = s_k + a_{k,1} x + ... + a_{k,t} x^t."""
    _check_committee(members, threshold)
    constant = decode_scalars("the secrets", secrets)
    width = len(constant)
    flat = decode_scalars("the coefficients", coefficients, threshold * width)
    if width == 0:
        raise KernelArgumentInvalid("there is no secret to share")
    rows = [constant] + [flat[at : at + width] for at in range(0, len(flat), width)]
    commitments = [commit(row) for row in rows]
    _check_leading(commitments)
    shares = [
        [sum(row[k] * pow(index, j, GROUP_ORDER) for j, row in enumerate(rows)) for k in range(width)]
        for index in range(1, members + 1)
    ]
    return Deal(b"".join(map(encode_point, commitments)), tuple(map(encode_scalars, shares)))


def check_share(index: int, share: bytes, commitments: bytes, threshold: int, members: int) -> None:
    """Check a share vector against sum_j index^j A_j. Raises ShareMismatch and the errors of its inputs."""
    _check_committee(members, threshold)
    _check_index(index, members)
    if len(require_bytes("the commitments", commitments)) != (threshold + 1) * POINT_BYTES:
        raise CommitmentCountInvalid("there must be exactly threshold + 1 commitments")
    points = decode_points("the commitments", commitments)
    _check_leading(points)
    expected = multi(points, [pow(index, j, GROUP_ORDER) for j in range(threshold + 1)])
    if not same(commit(decode_scalars("the share", share)), expected):
        raise ShareMismatch(f"the share of member {index} does not lie on the committed polynomials")


def add_vectors(vectors: Sequence[bytes]) -> bytes:
    """The sum of at least one scalar vector, all of one length."""
    decoded = [decode_scalars("the vector", vector) for vector in _at_least_one(vectors)]
    _check_one_width(decoded)
    return encode_scalars([sum(column) for column in zip(*decoded, strict=True)])


def add_commitments(vectors: Sequence[bytes]) -> bytes:
    """The sum, place by place, of at least one vector A_0 .. A_t, all of one length."""
    decoded = [decode_points("the commitments", vector) for vector in _at_least_one(vectors)]
    if len({len(vector) for vector in decoded}) != 1:
        raise CommitmentCountInvalid("commitment vectors of different lengths cannot be added")
    sums = [IDENTITY] * len(decoded[0])
    for vector in decoded:
        sums = [plus(a, b) for a, b in zip(sums, vector, strict=True)]
    return b"".join(map(encode_point, sums))


def interpolate(shares: Mapping[int, bytes], threshold: int, members: int) -> bytes:
    """The secrets from the shares of the t + 1 lowest indices, by Lagrange's formula at 0."""
    _check_committee(members, threshold)
    if not isinstance(shares, Mapping):
        raise KernelArgumentInvalid("shares must map member indices to share vectors")
    for index in shares:
        _check_index(index, members)
    if len(shares) < threshold + 1:
        raise SharesInsufficient(f"{len(shares)} shares, {threshold + 1} are needed")
    decoded = {index: decode_scalars("the share", share) for index, share in shares.items()}
    _check_one_width(list(decoded.values()))
    chosen = sorted(decoded)[: threshold + 1]
    secrets = [0] * len(decoded[chosen[0]])
    for index in chosen:
        weight = 1
        for other in chosen:
            if other != index:
                weight = weight * other * inverse(other - index) % GROUP_ORDER
        secrets = [secret + weight * value for secret, value in zip(secrets, decoded[index], strict=True)]
    return encode_scalars(secrets)


def _check_committee(members: int, threshold: int) -> None:
    require_int("the number of members", members, 1, MAX_MEMBERS)
    require_int("the threshold", threshold, 0, (members - 1) // 2)


def _check_index(index: int, members: int) -> None:
    # Index 0 would be the secret itself.
    if type(index) is not int or not 1 <= index <= members:
        raise ShareIndexInvalid("share index is not between 1 and the number of members")


def _check_leading(commitments: list[Point]) -> None:
    # A vanishing A_t would lower the degree: t shares would then give the secret away.
    if len(commitments) > 1 and is_identity(commitments[-1]):
        raise CommitmentCountInvalid("the leading coefficient commitment is the identity")


def _at_least_one(vectors: Sequence[bytes]) -> Sequence[bytes]:
    if not require_sequence("vectors", vectors):
        raise KernelArgumentInvalid("at least one vector is needed")
    return vectors


def _check_one_width(vectors: list[list[int]]) -> None:
    if len({len(vector) for vector in vectors}) != 1:
        raise EncodingLengthInvalid("the vectors have different lengths")

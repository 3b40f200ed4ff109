"""Scalars modulo r, multilinear tables, and sums of points, as docs/spec/05-argument.md writes them."""

import hashlib
from collections.abc import Callable, Sequence
from functools import cache

from protocol.parameters import GROUP_ORDER, POINT_BYTES, SCALAR_BYTES
from prover import kernel_backend

Entropy = Callable[[int], bytes]
Sum = list[tuple[int, bytes]]  # scalars times points

IDENTITY = bytes(POINT_BYTES)


def invert(value: int) -> int:
    return pow(value, -1, GROUP_ORDER)


def scalar_bytes(value: int) -> bytes:
    return (value % GROUP_ORDER).to_bytes(SCALAR_BYTES, "big")


def vector_bytes(values: Sequence[int]) -> bytes:
    return b"".join(map(scalar_bytes, values))


def scalars_of(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + SCALAR_BYTES], "big") for at in range(0, len(data), SCALAR_BYTES)]


def points_of(data: bytes) -> list[bytes]:
    return [data[at : at + POINT_BYTES] for at in range(0, len(data), POINT_BYTES)]


def point(terms: Sum) -> bytes:
    """The sum of scalars times points."""
    return kernel_backend.msm(b"".join(base for _, base in terms), vector_bytes([scalar for scalar, _ in terms]))


@cache
def generator(family: str, index: int = 0) -> bytes:
    return kernel_backend.generators(family, index, 1)


@cache
def generators(family: str, start: int, count: int) -> tuple[bytes, ...]:
    return tuple(points_of(kernel_backend.generators(family, start, count)))


def draw(entropy: Entropy, count: int) -> list[int]:
    return scalars_of(kernel_backend.random_scalars(count, entropy))


def stream(seed: str) -> Entropy:
    """Bytes that depend on the seed and on how many were drawn before."""
    drawn = 0

    def entropy(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(f"{seed} {drawn}".encode()).digest(count)

    return entropy


def eq_table(r: Sequence[int]) -> list[int]:
    """eq(r, b) for all b, the highest bit of b paired with r_1."""
    table = [1]
    for r_l in r:
        table = [value * factor % GROUP_ORDER for value in table for factor in (1 - r_l, r_l)]
    return table


def eq_point(r: Sequence[int], s: Sequence[int]) -> int:
    """eq(r, s) for scalars s: its multilinear extension."""
    value = 1
    for r_l, s_l in zip(r, s, strict=True):
        value = value * (r_l * s_l + (1 - r_l) * (1 - s_l)) % GROUP_ORDER
    return value


def bind(table: Sequence[int], r: int) -> list[int]:
    """A multilinear table with its highest bit set to r."""
    half = len(table) // 2
    return [(low + r * (high - low)) % GROUP_ORDER for low, high in zip(table[:half], table[half:], strict=True)]


def inner(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(x * y for x, y in zip(a, b, strict=True)) % GROUP_ORDER


def times(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """The product of two polynomials, coefficients of the lowest power first."""
    product = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] = (product[i + j] + x * y) % GROUP_ORDER
    return product


def plus(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """The sum of two polynomials of any degrees."""
    length = max(len(a), len(b))
    return [(x + y) % GROUP_ORDER for x, y in zip(*([*p, *[0] * (length - len(p))] for p in (a, b)), strict=True)]


def evaluate(polynomial: Sequence[int], x: int) -> int:
    return sum(coefficient * pow(x, power, GROUP_ORDER) for power, coefficient in enumerate(polynomial)) % GROUP_ORDER


def interpolate(values: Sequence[int]) -> list[int]:
    """The polynomial with these values at 0, 1, 2, ... (Lagrange)."""
    result = [0] * len(values)
    for i, value in enumerate(values):
        basis, denominator = [1], 1
        for j in range(len(values)):
            if j != i:
                basis = times(basis, [-j, 1])
                denominator = denominator * (i - j) % GROUP_ORDER
        factor = value * invert(denominator)
        result = [(r + factor * b) % GROUP_ORDER for r, b in zip(result, basis, strict=True)]
    return result

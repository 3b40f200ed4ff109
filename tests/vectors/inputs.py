"""Reproducible inputs of the vectors."""

import hashlib
from typing import Any

import numpy as np

from protocol.parameters import ABSENT_CODE, FIELD_MODULUS, GROUP_ORDER
from prover import kernel_backend

G1 = (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
MINUS_G1 = (1).to_bytes(32, "big") + (FIELD_MODULUS - 2).to_bytes(32, "big")
IDENTITY = bytes(64)


class Stream:
    """Reproducible bytes: SHA-256 over a name and a counter."""

    def __init__(self, name: str) -> None:
        self._name = name.encode()
        self._counter = 0

    def __call__(self, size: int) -> bytes:
        out = b""
        while len(out) < size:
            out += hashlib.sha256(self._name + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        return out[:size]


def scalars(name: str, count: int) -> bytes:
    return kernel_backend.random_scalars(count, Stream(name))


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def plus_modulus(data: bytes, at: int, modulus: int) -> bytes:
    """`data` with the 32-byte integer at byte `at` raised by `modulus`."""
    return data[:at] + word(int.from_bytes(data[at : at + 32], "big") + modulus) + data[at + 32 :]


def vector(blinder: bytes, values: list[int]) -> bytes:
    return blinder + b"".join(word(value % GROUP_ORDER) for value in values)


def codes(name: str, values: int, rows: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Uniform codes with absent ones among them."""
    drawn = [byte % (values + 1) for byte in Stream(name)(rows)]
    return np.array([ABSENT_CODE if code == values else code for code in drawn], dtype=np.uint16)

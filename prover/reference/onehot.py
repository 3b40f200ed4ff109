"""One-hot commitments C[t,i] = sum_j [code(i,j) = t] G_j + rho[t,i] H (docs/spec/02-tables.md, section 2)."""

import hmac

import numpy as np
from numpy.typing import NDArray

from protocol.parameters import ABSENT_CODE, MAX_CHUNK_ROWS, MAX_DIGIT_VALUES
from prover.errors import DigitCodeInvalid, KernelArgumentInvalid
from prover.reference import labels
from prover.reference.codec import encode_point, require_bytes, require_int, split
from prover.reference.field import wide_scalar
from prover.reference.generators import FAMILIES, generator
from prover.reference.group import multi, plus, total


def onehot_blinder(blinding_key: bytes, context: bytes, value: int, block: int) -> int:
    """rho[t,i] of digit value `value` and row block `block`: HMAC-SHA-512 (RFC 2104) under the digit's own key."""
    digit_key = hmac.digest(blinding_key, labels.ONEHOT_BLINDER + context, "sha512")
    return wide_scalar(hmac.digest(digit_key, value.to_bytes(4, "big") + block.to_bytes(4, "big"), "sha512"))


def commit_onehot(
    codes: NDArray[np.uint16], values: int, columns: int, blinding_key: bytes, context: bytes, threads: int = 1
) -> bytes:
    """K R points, C[t,i] at place t R + i, for N = R C codes. `threads` has no effect here."""
    if not isinstance(codes, np.ndarray) or codes.dtype != np.uint16 or codes.ndim != 1:
        raise KernelArgumentInvalid("codes must be a one-dimensional array of uint16")
    require_int("values", values, 1, MAX_DIGIT_VALUES)
    require_int("columns", columns, 1, FAMILIES["G"])
    require_int("threads", threads, 1, 1024)
    require_bytes("context", context)
    split("the blinding key", blinding_key, 32, 1)
    if not 1 <= len(codes) <= MAX_CHUNK_ROWS or len(codes) % columns:
        raise KernelArgumentInvalid("the codes must fill between 1 and 2^20 places in whole row blocks")
    for position, code in enumerate(codes.tolist()):
        if code >= values and code != ABSENT_CODE:
            raise DigitCodeInvalid(f"position {position}: the code is not below the number of values")

    blocks = codes.reshape(-1, columns).tolist()
    return b"".join(
        encode_point(
            plus(
                total(generator("G", column) for column, code in enumerate(block_codes) if code == value),
                multi([generator("H", 0)], [onehot_blinder(blinding_key, context, value, block)]),
            )
        )
        for value in range(values)
        for block, block_codes in enumerate(blocks)
    )

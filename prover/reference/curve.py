"""What the reference takes from py_ecc, in one place: the projective arithmetic of BN254 G1."""

import sys
from typing import Final

_recursion_limit: Final = sys.getrecursionlimit()

from py_ecc.fields import optimized_bn128_FQ as FQ  # noqa: E402
from py_ecc.optimized_bn128.optimized_curve import Z1, add, double, eq, neg, normalize  # noqa: E402

# Importing py_ecc raises the limit to 100,000, more than the C stack carries: a deep recursion would then end the process
# where it should raise RecursionError.
sys.setrecursionlimit(_recursion_limit)

__all__ = ["FQ", "Z1", "add", "double", "eq", "neg", "normalize"]

"""The rounds of the row argument: eq, and the last claim as a linear functional (docs/spec/05-argument.md, section 3).

C. Lund, L. Fortnow, H. Karloff, N. Nisan, "Algebraic methods for interactive proof systems", J. ACM 39, 1992.
"""

from collections.abc import Sequence
from typing import Final

from protocol.parameters import GROUP_ORDER
from prover.reference.field import inverse

HALF: Final = inverse(2)


def eq_table(r: Sequence[int]) -> list[int]:
    """eq(r, b) for all b in 0 .. 2^len(r) - 1; r_1 is paired with the highest bit of b."""
    table = [1]
    for r_l in r:
        table = [entry * factor % GROUP_ORDER for entry in table for factor in (1 - r_l, r_l)]
    return table


def eq_point(r: Sequence[int], s: Sequence[int]) -> int:
    """eq(r, s) = prod_l (r_l s_l + (1 - r_l)(1 - s_l)), of two vectors of scalars."""
    product = 1
    for r_l, s_l in zip(r, s, strict=True):
        product = product * (r_l * s_l + (1 - r_l) * (1 - s_l)) % GROUP_ORDER
    return product


def last_claim(first_claim: int, rounds: Sequence[Sequence[int]], challenges: Sequence[int]) -> int:
    """f(S_0, g): the claim after the last round, linear in S_0 and all coefficients.

    S_l = S_{l-1} / 2 + sum_{e=1}^{D_l} g_{l,e} (r_l^e - 1/2)

    Args:
        rounds: of each round, g_{l,1} .. g_{l,D_l}.
    """
    claim = first_claim
    for coefficients, r_l in zip(rounds, challenges, strict=True):
        claim = claim * HALF + sum(g_e * (pow(r_l, e, GROUP_ORDER) - HALF) for e, g_e in enumerate(coefficients, start=1))
    return claim % GROUP_ORDER

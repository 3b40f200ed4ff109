"""CORR, COVAR_SAMP and COVAR_POP of two columns a and b, over the rows in which neither is NULL.

With n rows, sums A and B of the codes, AA and BB of their squares and AB of their products, the covariance is
(n AB - A B) / (n (n - 1)), or / n^2, divided by 10^(scale_a + scale_b), and the correlation is
(n AB - A B) / sqrt((n AA - A^2) (n BB - B^2)). Neither depends on `low`. Source: Pearson (1895); SQL:2003, CORR.
"""

from fractions import Fraction
from typing import Final

from circuits.statistics.roles import Moments, Role
from circuits.statistics.roots import signed_root

COVARIANCE: Final = (Role.COUNT, Role.SUM, Role.SUM_B, Role.PRODUCTS)
NEEDS: Final = (Role.COUNT, Role.SUM, Role.SUM_B, Role.SQUARES, Role.SQUARES_B, Role.PRODUCTS)


def finish_sample(moments: Moments) -> float | None:
    """The double nearest to the sample covariance; NULL for fewer than two rows."""
    return None if moments.count < 2 else float(_covariance(moments, moments.count - 1))


def finish_population(moments: Moments) -> float | None:
    """The double nearest to the population covariance; NULL for no rows."""
    return None if moments.count < 1 else float(_covariance(moments, moments.count))


def finish_correlation(moments: Moments) -> float | None:
    """The double nearest to the correlation, -1 to 1; NULL if a column does not vary."""
    n = moments.count
    spread_a, spread_b = n * moments.squares - moments.total**2, n * moments.squares_b - moments.total_b**2
    if n < 2 or spread_a <= 0 or spread_b <= 0:
        return None
    joint = n * moments.products - moments.total * moments.total_b
    return max(-1.0, min(1.0, signed_root(joint, Fraction(joint**2, spread_a * spread_b))))


def _covariance(moments: Moments, divisor: int) -> Fraction:
    joint = moments.count * moments.products - moments.total * moments.total_b
    return Fraction(joint, moments.count * divisor * 10 ** (moments.scale + moments.scale_b))

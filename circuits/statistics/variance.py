"""VAR_SAMP, VAR_POP and STDDEV_SAMP from count n, sum S and sum of squares Q of the codes.

Variance does not depend on `low`: it is (n Q - S^2) / (n (n - 1)) or (n Q - S^2) / n^2, divided by 10^(2 scale). The
textbook formula cancels badly in floating point; here every number is an exact integer and the result is rounded once.
"""

from fractions import Fraction
from typing import Final

from circuits.statistics.roles import Moments, Role
from circuits.statistics.roots import root

NEEDS: Final = (Role.COUNT, Role.SUM, Role.SQUARES)


def exact_sample(moments: Moments) -> Fraction | None:
    """The sample variance as a fraction; NULL for fewer than two rows, as in SQL."""
    if moments.count < 2:
        return None
    return _variance(moments, moments.count - 1)


def exact_population(moments: Moments) -> Fraction | None:
    """The population variance as a fraction; NULL for no rows."""
    if moments.count < 1:
        return None
    return _variance(moments, moments.count)


def finish_sample(moments: Moments) -> float | None:
    """The double nearest to the sample variance."""
    variance = exact_sample(moments)
    return None if variance is None else float(variance)


def finish_population(moments: Moments) -> float | None:
    """The double nearest to the population variance."""
    variance = exact_population(moments)
    return None if variance is None else float(variance)


def finish_deviation(moments: Moments) -> float | None:
    """The double nearest to the square root of the sample variance."""
    variance = exact_sample(moments)
    return None if variance is None else root(variance)


def _variance(moments: Moments, divisor: int) -> Fraction:
    spread = moments.count * moments.squares - moments.total**2
    # Negative only for cells that are no sums of one table (noise may do that); a variance is not negative.
    return Fraction(max(spread, 0), moments.count * divisor * 10 ** (2 * moments.scale))

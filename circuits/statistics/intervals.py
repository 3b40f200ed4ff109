"""95 % confidence intervals, computed with 50 digits and rounded once."""

from fractions import Fraction
from typing import Final

from mpmath import mp, mpf

from circuits.statistics.distributions import normal_quantile, student_quantile

DIGITS: Final = 50
UPPER: Final = Fraction(39, 40)  # the quantile that has 2.5 % above it

Interval = tuple[float, float]


def wald(estimate: Fraction, variance: Fraction, df: Fraction | None = None) -> Interval:
    """estimate -+ q sqrt(variance), with q of Student's t, or of the normal without degrees of freedom."""
    quantile = normal_quantile(UPPER) if df is None else student_quantile(UPPER, df)
    with mp.workdps(DIGITS):
        half = quantile * mp.sqrt(_mpf(variance))
        return float(_mpf(estimate) - half), float(_mpf(estimate) + half)


def of_ratio(estimate: Fraction, variance: Fraction) -> Interval:
    """exp(log(estimate) -+ z sqrt(variance)), for an estimate above 0 and the variance of its logarithm."""
    with mp.workdps(DIGITS):
        factor = mp.exp(normal_quantile(UPPER) * mp.sqrt(_mpf(variance)))
        return float(_mpf(estimate) / factor), float(_mpf(estimate) * factor)


def wilson(events: int, count: int) -> Interval:
    """The interval of a proportion by Wilson (1927), for a count above 0:

    (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
    """
    with mp.workdps(DIGITS):
        z = normal_quantile(UPPER)
        middle = (events + z * z / 2) / (count + z * z)
        half = z * mp.sqrt(_mpf(Fraction(events * (count - events), count)) + z * z / 4) / (count + z * z)
        return float(middle - half), float(middle + half)


def _mpf(number: Fraction) -> mpf:
    return mpf(number.numerator) / number.denominator

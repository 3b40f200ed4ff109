"""MIN(c) and MAX(c): the values of the first and the last rank. They are values of single patients, hence disclosive."""

from fractions import Fraction

from circuits.search import Quantile


def minimum(_: Fraction) -> Quantile:
    """Rank 1."""
    return Quantile(Fraction(0), interpolated=False)


def maximum(_: Fraction) -> Quantile:
    """Rank n."""
    return Quantile(Fraction(1), interpolated=False)

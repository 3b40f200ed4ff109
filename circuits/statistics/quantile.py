"""MEDIAN(c), QUANTILE(c, q) and QUANTILE_CONT(c, q), exactly, found digit by digit (`circuits/search.py`).

QUANTILE takes the value of rank max(1, ceil(n q)); MEDIAN and QUANTILE_CONT interpolate around rank 1 + (n - 1) q.
Source: Hyndman and Fan (1996), definitions 1 and 7; DuckDB's quantile_disc and quantile_cont.
"""

from fractions import Fraction

from circuits.columns import Column, DecimalColumn, IntegerColumn, Value
from circuits.search import Bracket, Quantile


def median(_: Fraction) -> Quantile:
    """The value in the middle, or half way between the two."""
    return Quantile(Fraction(1, 2), interpolated=True)


def discrete(fraction: Fraction) -> Quantile:
    """A value that the table has."""
    return Quantile(fraction, interpolated=False)


def continuous(fraction: Fraction) -> Quantile:
    """Interpolated."""
    return Quantile(fraction, interpolated=True)


def finish(column: Column, quantile: Quantile, count: int, brackets: tuple[Bracket, ...]) -> Value | float | None:
    """The quantile from its brackets; None if one of those that it needs is still wide.

    Args:
        count: values of the group, at least 1.
    """
    codes = []
    for rank in quantile.ranks(count):
        code = next((bracket.code for bracket in brackets if bracket.rank == rank), None)
        if code is None:
            return None
        codes.append(code)
    if not quantile.interpolated:
        return column.value(codes[0])
    if not isinstance(column, IntegerColumn | DecimalColumn):
        return None
    place = codes[0] + quantile.weight(count) * (codes[-1] - codes[0])
    return float((column.low + place) / Fraction(10**column.scale))

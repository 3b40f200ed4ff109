"""AVG(c) = (low + total / count) / 10^scale, rounded once."""

from fractions import Fraction
from typing import Final

from circuits.statistics.roles import Moments, Role

NEEDS: Final = (Role.COUNT, Role.SUM)


def exact(moments: Moments) -> Fraction | None:
    """The mean as a fraction; NULL for no rows."""
    if moments.count <= 0:
        return None
    return Fraction(moments.low * moments.count + moments.total, moments.count * 10**moments.scale)


def finish(moments: Moments) -> float | None:
    """The double nearest to the mean; NULL for no rows."""
    mean = exact(moments)
    return None if mean is None else float(mean)

"""WEIGHTED_AVG(c, w) = sum(c w) / sum(w), over the rows in which neither is NULL; NULL if the weights add up to 0.

In codes, with values (low + code) / 10^scale: (low_c low_w n + low_c W + low_w C + CW) / (low_w n + W) / 10^scale_c.
"""

from fractions import Fraction
from typing import Final

from circuits.statistics.roles import Moments, Role

NEEDS: Final = (Role.COUNT, Role.SUM, Role.SUM_B, Role.PRODUCTS)


def finish(moments: Moments) -> float | None:
    """The double nearest to the weighted mean."""
    n, low, low_w = moments.count, moments.low, moments.low_b
    weight = low_w * n + moments.total_b
    if n <= 0 or weight == 0:
        return None
    weighted = low * low_w * n + low * moments.total_b + low_w * moments.total + moments.products
    return float(Fraction(weighted, weight * 10**moments.scale))

"""SUM(c) = (low count + total) / 10^scale, exactly."""

from decimal import Decimal
from typing import Final

from circuits.columns import scaled_decimal
from circuits.statistics.roles import Moments, Role

NEEDS: Final = (Role.COUNT, Role.SUM)


def finish(moments: Moments) -> int | Decimal | None:
    """The sum: an integer if the column has no decimal places, else a decimal; NULL for no rows, as in SQL."""
    if moments.count <= 0:
        return None
    integer = moments.low * moments.count + moments.total
    return scaled_decimal(integer, moments.scale) if moments.scale else integer

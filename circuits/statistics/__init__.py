"""One file a statistic: the cells it needs and how it is finished from them. `STATISTICS` is the list of them all."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from circuits.query import Function
from circuits.statistics import average, count, variance
from circuits.statistics import sum as sum_
from circuits.statistics.roles import Moments, Role

__all__ = ["STATISTICS", "Moments", "Role", "Statistic"]


@dataclass(frozen=True)
class Statistic:
    """How one aggregate function is computed.

    Attributes:
        needs: the cells it needs for each group; COUNT(*) needs only ROWS.
        finish: the value from opened cells, None for NULL.
        exact: whether the value has the type of the column (integer or decimal); else it is the nearest double.
    """

    needs: tuple[Role, ...]
    finish: Callable[[Moments], int | Decimal | float | None]
    exact: bool


STATISTICS: Final = {
    Function.COUNT: Statistic(count.NEEDS, count.finish, exact=True),
    Function.SUM: Statistic(sum_.NEEDS, sum_.finish, exact=True),
    Function.AVG: Statistic(average.NEEDS, average.finish, exact=False),
    Function.VAR_SAMP: Statistic(variance.NEEDS, variance.finish_sample, exact=False),
    Function.VAR_POP: Statistic(variance.NEEDS, variance.finish_population, exact=False),
    Function.STDDEV_SAMP: Statistic(variance.NEEDS, variance.finish_deviation, exact=False),
}

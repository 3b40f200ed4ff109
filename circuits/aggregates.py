"""The aggregates of a SELECT list: one value a group each. `AGGREGATES` is the list of them all."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from circuits.query import Function
from circuits.search import Quantile
from circuits.statistics import average, correlation, count, extremes, quantile, variance, weighted_average
from circuits.statistics import sum as sum_
from circuits.statistics.roles import Moments, Role


@dataclass(frozen=True)
class Statistic:
    """How one aggregate function is computed.

    Attributes:
        needs: the cells it needs for each group; COUNT(*) needs only ROWS.
        finish: the value from opened cells, None for NULL.
        exact: whether the value has the type of the column (integer or decimal); else it is the nearest double.
        columns: how many columns it takes.
    """

    needs: tuple[Role, ...]
    finish: Callable[[Moments], int | Decimal | float | None]
    exact: bool
    columns: int = 1


@dataclass(frozen=True)
class OrderStatistic:
    """An aggregate that is searched for, round by round.

    Attributes:
        quantile: the point of the distribution, given the parameter of the function, if it takes one.
        parameter: whether it takes one, a fraction from 0 to 1.
        disclosive: whether it shows values that a single row may have: a policy must name it, nothing else protects it.
    """

    quantile: Callable[[Fraction], Quantile]
    parameter: bool
    disclosive: bool


AGGREGATES: Final = {
    Function.COUNT: Statistic(count.NEEDS, count.finish, exact=True),
    Function.SUM: Statistic(sum_.NEEDS, sum_.finish, exact=True),
    Function.AVG: Statistic(average.NEEDS, average.finish, exact=False),
    Function.VAR_SAMP: Statistic(variance.NEEDS, variance.finish_sample, exact=False),
    Function.VAR_POP: Statistic(variance.NEEDS, variance.finish_population, exact=False),
    Function.STDDEV_SAMP: Statistic(variance.NEEDS, variance.finish_deviation, exact=False),
    Function.CORR: Statistic(correlation.NEEDS, correlation.finish_correlation, exact=False, columns=2),
    Function.COVAR_SAMP: Statistic(correlation.COVARIANCE, correlation.finish_sample, exact=False, columns=2),
    Function.COVAR_POP: Statistic(correlation.COVARIANCE, correlation.finish_population, exact=False, columns=2),
    Function.WEIGHTED_AVG: Statistic(weighted_average.NEEDS, weighted_average.finish, exact=False, columns=2),
}
ORDER_STATISTICS: Final = {
    Function.MIN: OrderStatistic(extremes.minimum, parameter=False, disclosive=True),
    Function.MAX: OrderStatistic(extremes.maximum, parameter=False, disclosive=True),
    Function.MEDIAN: OrderStatistic(quantile.median, parameter=False, disclosive=False),
    Function.QUANTILE: OrderStatistic(quantile.discrete, parameter=True, disclosive=False),
    Function.QUANTILE_CONT: OrderStatistic(quantile.continuous, parameter=True, disclosive=False),
}

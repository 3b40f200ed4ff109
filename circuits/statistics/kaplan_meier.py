"""The product-limit estimate of survival and the cumulative hazard of one group, from its life table.

With d_i events among Y_i people at risk at time t_i, and z the 97.5 % quantile of the normal distribution:

    survival            S(t) = prod (1 - d_i / Y_i)
    its interval        S^exp(-+ z s), s^2 = sum d_i / (Y_i (Y_i - d_i)) / ln(S)^2
    cumulative hazard   H(t) = sum d_i / Y_i
    its interval        H exp(-+ z s), s^2 = sum d_i (Y_i - d_i) / Y_i^3 / H^2
    median              the first t with S(t) <= 1/2; its interval: the first t where that of S is

Sources, in this order: Kaplan and Meier (1958); Kalbfleisch and Prentice (1980); Nelson (1972), Aalen (1978); Klein and
Moeschberger (2003), section 4.3; Brookmeyer and Crowley (1982).

Where S is 1 or 0 its interval is that point. Products are exact integers; the rest has 50 digits and is rounded once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from mpmath import mp, mpf

from circuits.columns import Value
from circuits.statistics.distributions import normal_quantile

DIGITS: Final = 50


@dataclass(frozen=True)
class LifeTableRow:
    """One time: how many were at risk just before it, and left at it by an event or censored."""

    time: Value
    at_risk: int
    events: int
    censored: int


@dataclass(frozen=True)
class SurvivalPoint:
    """The estimates from one time on, with their 95 % intervals."""

    survival: float
    low: float
    high: float
    hazard: float
    hazard_low: float
    hazard_high: float


@dataclass(frozen=True)
class SurvivalCurve:
    """The curve of one group. A time of the median is None where the curve, or its bound, stays above 1/2."""

    points: tuple[SurvivalPoint, ...]
    median: Value | None
    median_low: Value | None
    median_high: Value | None


def survival_curve(rows: Iterable[LifeTableRow]) -> SurvivalCurve:
    """The estimates at the times of the rows, which ascend and have people at risk."""
    points: list[SurvivalPoint] = []
    crossings: list[Value | None] = [None, None, None]
    alive, of = 1, 1  # S, exactly
    with mp.workdps(DIGITS):
        z = normal_quantile(Fraction(39, 40))
        greenwood = hazard = hazard_square = mpf(0)
        for row in rows:
            at_risk, events = row.at_risk, row.events
            alive, of = alive * (at_risk - events), of * at_risk
            if at_risk > events:
                greenwood += mpf(events) / (at_risk * (at_risk - events))
            hazard += mpf(events) / at_risk
            hazard_square += mpf(events * (at_risk - events)) / at_risk**3
            survival = mpf(alive) / of
            low, high = _survival_interval(survival, greenwood, z)
            spread = mp.exp(z * mp.sqrt(hazard_square) / hazard) if hazard else mpf(1)
            points.append(
                SurvivalPoint(
                    float(survival), float(low), float(high), float(hazard), float(hazard / spread), float(hazard * spread)
                )
            )
            for place, crossed in enumerate((2 * alive <= of, 2 * low <= 1, 2 * high <= 1)):
                if crossed and crossings[place] is None:
                    crossings[place] = row.time
    return SurvivalCurve(tuple(points), *crossings)


def _survival_interval(survival: mpf, greenwood: mpf, z: mpf) -> tuple[mpf, mpf]:
    if survival in (0, 1):
        return survival, survival
    log = mp.log(survival)
    spread = mp.exp(z * mp.sqrt(greenwood) / -log)
    return mp.exp(log * spread), mp.exp(log / spread)

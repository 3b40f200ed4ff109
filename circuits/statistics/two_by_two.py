"""Risks and odds of a table of two rows and two columns. Source: Altman (1991), Practical Statistics for Medical Research."""

from dataclasses import dataclass
from fractions import Fraction

from circuits.statistics.intervals import of_ratio, wald

NO_RATIO = "a ratio is NULL where a count that it needs is zero; nothing is added to counts"

Bounds = tuple[float | None, float | None]
Estimate = tuple[float | None, Bounds]  # with its interval

_NONE: Estimate = (None, (None, None))


@dataclass(frozen=True)
class TwoByTwo:
    """Counts a, b of the first row and c, d of the second; the first column has the event. Rows have people."""

    a: int
    b: int
    c: int
    d: int

    @property
    def risk_difference(self) -> Estimate:
        """a / (a + b) - c / (c + d), with the interval of Wald."""
        first, second = self._risks
        variance = first * (1 - first) / (self.a + self.b) + second * (1 - second) / (self.c + self.d)
        return float(first - second), wald(first - second, variance)

    @property
    def risk_ratio(self) -> Estimate:
        """The first risk over the second, with the interval of Katz (1978); none if either is zero."""
        if not self.a or not self.c:
            return _NONE
        first, second = self._risks
        variance = (1 - first) / self.a + (1 - second) / self.c
        return float(first / second), of_ratio(first / second, variance)

    @property
    def odds_ratio(self) -> Estimate:
        """a d / (b c), with the interval of Woolf (1955); none if a cell is zero."""
        if not (self.a and self.b and self.c and self.d):
            return _NONE
        ratio = Fraction(self.a * self.d, self.b * self.c)
        return float(ratio), of_ratio(ratio, sum((Fraction(1, n) for n in (self.a, self.b, self.c, self.d)), Fraction(0)))

    @property
    def _risks(self) -> tuple[Fraction, Fraction]:
        return Fraction(self.a, self.a + self.b), Fraction(self.c, self.c + self.d)

"""The log-rank test: do groups have the same hazard? Source: Mantel (1966); Klein and Moeschberger (2003), section 7.3.

At each time, with d events among Y people at risk, group g is expected to have d Y_g / Y of them. With O - E summed over
times,

    chi^2 = (O - E)' V^-1 (O - E),   V_gh = sum of d (Y - d) / (Y - 1) (Y_g / Y) (1[g = h] - Y_h / Y)

over all groups but the last, with one degree of freedom a group but one. V is the Laplacian matrix of a graph: groups are
joined if at some time of an event both have people at risk. If the graph is not connected some groups are never compared,
and the test does not exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mpmath import mp, mpf

from circuits.statistics.distributions import chi_square_survival

DIGITS: Final = 50


@dataclass(frozen=True)
class LogRank:
    """The result of the test.

    Attributes:
        observed, expected: events of each group.
    """

    chi_square: float
    df: int
    p: float
    observed: tuple[int, ...]
    expected: tuple[float, ...]


def log_rank(events: Sequence[Sequence[int]], at_risk: Sequence[Sequence[int]]) -> LogRank | None:
    """The test, None if it does not exist.

    Args:
        events, at_risk: for each time, how many there are in each group.
    """
    groups = len(events[0]) if events else 0
    with mp.workdps(DIGITS):
        expected = [mpf(0)] * groups
        variance = [[mpf(0)] * groups for _ in range(groups)]
        joined = list(range(groups))  # the smallest group that each is connected with
        for died, risk in zip(events, at_risk, strict=True):
            total, present = sum(risk), [group for group in range(groups) if risk[group]]
            if not sum(died):
                continue
            for group in present:
                expected[group] += mpf(sum(died) * risk[group]) / total
            if sum(died) == total:
                continue
            joined = _connected(joined, present)
            weight = mpf(sum(died) * (total - sum(died))) / ((total - 1) * total * total)
            for group in present:
                for other in present:
                    own = total if group == other else 0
                    variance[group][other] += weight * risk[group] * (own - risk[other])
        if groups < 2 or any(joined):
            return None
        observed = tuple(sum(died[group] for died in events) for group in range(groups))
        difference = [observed[group] - expected[group] for group in range(groups - 1)]
        chi_square = _quadratic(variance, difference)
        return LogRank(
            float(chi_square),
            groups - 1,
            chi_square_survival(chi_square, groups - 1),
            observed,
            tuple(float(number) for number in expected),
        )


def _connected(joined: Sequence[int], present: Sequence[int]) -> list[int]:
    parts = {joined[group] for group in present}
    return [min(parts) if part in parts else part for part in joined]


def _quadratic(matrix: Sequence[Sequence[mpf]], vector: Sequence[mpf]) -> mpf:
    """x' A^-1 x for a positive definite A, of which the leading rows and columns count, by elimination."""
    size = len(vector)
    rows = [[*matrix[place][:size], vector[place]] for place in range(size)]
    total = mpf(0)
    for pivot in range(size):
        for below in range(pivot + 1, size):
            factor = rows[below][pivot] / rows[pivot][pivot]
            if factor:
                for column in range(pivot, size + 1):
                    rows[below][column] -= factor * rows[pivot][column]
        # Elimination is A = L D L'; the last column has become L^-1 x.
        total += rows[pivot][size] ** 2 / rows[pivot][pivot]
    return total

"""What the cells of a family sum, and the opened sums that a statistic is finished from."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What is summed over the rows of a group that satisfy WHERE."""

    ROWS = "rows"  # 1
    COUNT = "count"  # 1 where the column is not NULL
    SUM = "sum"  # the code of the column, 0 where it is NULL
    SQUARES = "squares"  # the square of the code


@dataclass(frozen=True)
class Moments:
    """Opened sums of one column in one group. A value is (low + code) / 10^scale; sums are over codes.

    Codes, not values, are summed because they start at 0: cells are small and never negative, and finishing is exact.

    Attributes:
        count: rows (for COUNT(*)) or rows that are not NULL.
        total: the sum of the codes; 0 if the statistic does not need it.
        squares: the sum of their squares; 0 if the statistic does not need it.
        low: the integer that code 0 stands for.
        scale: decimal places.
    """

    count: int
    total: int
    squares: int
    low: int
    scale: int

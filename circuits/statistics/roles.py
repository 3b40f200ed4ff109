"""What the cells of an aggregate sum, and the opened sums that it is finished from."""

from dataclasses import dataclass
from enum import StrEnum

from circuits.summand import Code, Known, Summand


class Role(StrEnum):
    """What is summed over the rows of a group that satisfy WHERE, for an aggregate of a column or of two (a, b).

    With two columns only the rows count in which neither is NULL.
    """

    ROWS = "rows"  # 1
    COUNT = "count"  # 1 where the columns are not NULL
    SUM = "sum"  # the code of a, 0 where it is NULL
    SQUARES = "squares"  # the square of the code
    SUM_B = "sum of b"
    SQUARES_B = "squares of b"
    PRODUCTS = "products"  # the code of a times that of b

    @classmethod
    def of(cls, summand: Summand) -> "Role":
        """The role whose cells these are, as far as aggregates of one column have it; PRODUCTS for anything else."""
        match summand.factors:
            case ():
                return cls.ROWS
            case (Known(),):
                return cls.COUNT
            case (Code(),):
                return cls.SUM
            case (Code(a), Code(b)) if a == b:
                return cls.SQUARES
            case _:
                return cls.PRODUCTS

    def summand(self, a: str, b: str | None) -> Summand:
        """What is summed."""
        first, second = Code(a), Code(b or a)
        known = () if b is None else (Known(a), Known(b))
        match self:
            case Role.ROWS:
                return Summand()
            case Role.COUNT:
                return Summand(known or (Known(a),))
            case Role.SUM:
                return Summand((first, *known[1:]))
            case Role.SQUARES:
                return Summand((first, first, *known[1:]))
            case Role.SUM_B:
                return Summand((second, *known[:1]))
            case Role.SQUARES_B:
                return Summand((second, second, *known[:1]))
            case Role.PRODUCTS:
                return Summand((first, second))


@dataclass(frozen=True)
class Moments:
    """Opened sums of one column, or of two, in one group. A value is (low + code) / 10^scale; sums are over codes.

    Codes, not values, are summed because they start at 0: cells are small and never negative, and finishing is exact.

    Attributes:
        count: rows (for COUNT(*)) or rows in which no column is NULL.
        total: the sum of the codes; 0, like all that follow, if the statistic does not need it.
        squares: the sum of their squares.
        low: the integer that code 0 stands for.
        scale: decimal places.
        total_b, squares_b, low_b, scale_b: the same of the second column.
        products: the sum of the products of the codes.
    """

    count: int
    total: int
    squares: int
    low: int
    scale: int
    total_b: int = 0
    squares_b: int = 0
    low_b: int = 0
    scale_b: int = 0
    products: int = 0

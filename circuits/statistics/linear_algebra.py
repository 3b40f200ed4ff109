"""Exact linear algebra of symmetric matrices: the sweep operator in integers.

Sweeping a positive semidefinite matrix A on the columns K solves the normal equations, inverts and finds dependent columns
at once: the swept matrix holds -inv(A_KK), inv(A_KK) A_KJ and A_JJ - A_JK inv(A_KK) A_KJ. Here it is held times
d = det A_KK, so that all entries are minors of A: whole numbers of bounded length, and every division is exact.
Sources: Goodnight (1979), A tutorial on the SWEEP operator, The American Statistician 33; Bareiss (1968), Sylvester's
identity and multistep integer-preserving Gaussian elimination, Mathematics of Computation 22.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

Matrix = Sequence[Sequence[int | Fraction]]


class Sweep:
    """A symmetric matrix, swept on some of its columns.

    Args:
        matrix: all of it; the part below the diagonal is not read.
    """

    def __init__(self, matrix: Matrix) -> None:
        self._factor = lcm(*(entry.denominator for row in matrix for entry in row))
        self._entries = [[int(entry * self._factor) for entry in row] for row in matrix]
        self._determinant = 1
        self._swept: list[int] = []

    def pivot(self, column: int) -> bool:
        """Sweep on a column that has not been swept; False, and nothing changes, if it depends on those that have been."""
        rows, k = self._entries, column
        pivot = rows[k][k]
        if pivot <= 0:
            return False
        last = self._determinant
        across = [rows[min(i, k)][max(i, k)] for i in range(len(rows))]
        for i, row in enumerate(rows):
            if i != k:
                own = across[i]
                for j in range(i, len(rows)):
                    if j != k:
                        row[j] = (pivot * row[j] - own * across[j]) // last
        rows[k][k] = -last
        self._determinant = pivot
        self._swept.append(column)
        return True

    def weights(self, column: int) -> dict[int, Fraction]:
        """What the swept columns are multiplied by to give this one, or what is nearest to it in least squares."""
        return {k: Fraction(self._entry(k, column), self._determinant) for k in sorted(self._swept)}

    def inverse(self, row: int, column: int) -> Fraction:
        """An entry of the inverse of the part that has been swept."""
        return Fraction(-self._entry(row, column) * self._factor, self._determinant)

    def residual(self, row: int, column: int) -> Fraction:
        """What is left of an entry outside that part: the sum of products of the residuals."""
        return Fraction(self._entry(row, column), self._determinant * self._factor)

    def _entry(self, row: int, column: int) -> int:
        return self._entries[min(row, column)][max(row, column)]

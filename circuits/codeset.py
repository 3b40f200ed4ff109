"""Sets of codes of one column, NULL included: what a condition over one column means. Specification: docs/spec/04-queries.md.

A condition in SQL is true, false or unknown. A row counts when the condition is true, so every condition over one column
is the set of codes (and possibly NULL) for which it is true, and every AND, OR of such conditions is again such a set.
"""

import datetime
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from circuits.columns import BooleanColumn, CategoryColumn, Column, DateColumn
from circuits.query import NEGATED, Compare, Constant, In, Is, Operator


@dataclass(frozen=True)
class CodeSet:
    """A subset of {0..size-1} and NULL.

    Attributes:
        intervals: half-open [low, high), sorted, disjoint, not adjacent, within 0..size.
        null: whether NULL belongs to it; never for a column that cannot be NULL.
    """

    intervals: tuple[tuple[int, int], ...]
    null: bool

    def is_empty(self) -> bool:
        return not self.intervals and not self.null

    def is_everything(self, column: Column) -> bool:
        """Whether every row that the column can have belongs to it."""
        return self.intervals == ((0, column.size),) and self.null == column.nullable

    def intersect(self, other: "CodeSet") -> "CodeSet":
        found = []
        left, right = list(self.intervals), list(other.intervals)
        i = j = 0
        while i < len(left) and j < len(right):
            low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
            if low < high:
                found.append((low, high))
            if left[i][1] < right[j][1]:
                i += 1
            else:
                j += 1
        return CodeSet(tuple(found), self.null and other.null)

    def union(self, other: "CodeSet") -> "CodeSet":
        return CodeSet(_joined([*self.intervals, *other.intervals]), self.null or other.null)

    def complement(self, column: Column) -> "CodeSet":
        """Everything that the column can be and that is not in this set: NULL changes sides too."""
        gaps, start = [], 0
        for low, high in self.intervals:
            gaps.append((start, low))
            start = high
        gaps.append((start, column.size))
        return CodeSet(_joined(gaps), column.nullable and not self.null)


def truth(predicate: Compare | In | Is, column: Column, *, negated: bool) -> CodeSet:
    """Where the condition, or (if `negated`) NOT of it, is true. An unknown condition is unknown either way."""
    match predicate:
        case Compare(_, operator, constant):
            return CodeSet(_compare(column, NEGATED[operator] if negated else operator, constant), False)
        case In(_, constants):
            found = CodeSet(_joined([interval for c in constants for interval in _compare(column, Operator.EQ, c)]), False)
            known = CodeSet(((0, column.size),), False)
            return found.complement(column).intersect(known) if negated else found
        case Is(_, None):
            found = CodeSet((), column.nullable)
        case Is(_, True):
            found = CodeSet(((1, 2),), False)
        case Is():
            found = CodeSet(((0, 1),), False)
    return found.complement(column) if negated else found


def _compare(column: Column, operator: Operator, constant: Constant) -> tuple[tuple[int, int], ...]:
    if isinstance(column, CategoryColumn):
        return _compare_text(column, operator, str(constant))
    below, upto = _position(column, constant)
    size = column.size
    match operator:
        case Operator.EQ:
            parts = [(below, upto)]
        case Operator.NE:
            parts = [(0, below), (upto, size)]
        case Operator.LT:
            parts = [(0, below)]
        case Operator.LE:
            parts = [(0, upto)]
        case Operator.GT:
            parts = [(upto, size)]
        case Operator.GE:
            parts = [(below, size)]
    return _joined(parts)


def _position(column: Column, constant: Constant) -> tuple[int, int]:
    """How many codes are below `constant`, and how many are at most `constant`; both in 0..size."""
    if isinstance(column, BooleanColumn):
        return int(bool(constant)), int(bool(constant)) + 1
    if isinstance(column, DateColumn) and isinstance(constant, datetime.date):
        floor, exact = constant.toordinal(), True
    elif isinstance(column, CategoryColumn | DateColumn) or not isinstance(constant, Decimal):
        raise TypeError("the constant is not of the column's type")
    else:
        numerator, denominator = constant.as_integer_ratio()
        floor, rest = divmod(numerator * 10**column.scale, denominator)
        exact = rest == 0
    upto = floor - column.low + 1
    below = upto - 1 if exact else upto
    return min(max(below, 0), column.size), min(max(upto, 0), column.size)


def _compare_text(column: CategoryColumn, operator: Operator, text: str) -> tuple[tuple[int, int], ...]:
    # SQL compares text by its bytes, whatever the order in which the schema lists the codes. Comparing code points
    # gives the order of the UTF-8 bytes.
    ordered = sorted((code, index) for index, code in enumerate(column.codes))
    texts = [code for code, _ in ordered]
    below, upto = bisect_left(texts, text), bisect_right(texts, text)
    match operator:
        case Operator.EQ:
            chosen = ordered[below:upto]
        case Operator.NE:
            chosen = ordered[:below] + ordered[upto:]
        case Operator.LT:
            chosen = ordered[:below]
        case Operator.LE:
            chosen = ordered[:upto]
        case Operator.GT:
            chosen = ordered[upto:]
        case Operator.GE:
            chosen = ordered[below:]
    return _joined((index, index + 1) for _, index in chosen)


def _joined(parts: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(part for part in parts if part[0] < part[1]):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return tuple(joined)

"""Rules on the codes of a table, before it is committed to: which rows break them, and the differences that are committed.

Specification: docs/spec/02-tables-schema.md, section "Rules".
"""

from collections.abc import Iterable, Mapping
from functools import reduce

import numpy as np
import numpy.typing as npt

from circuits.fields import NULL, CodeArray
from circuits.predicate import All, Atom, Condition
from circuits.rules import Check, ConditionCheck, Difference, EqualityCheck

Flags = npt.NDArray[np.bool_]
Codes = Mapping[str, CodeArray]  # of every column, by its name; NULL where there is no value


def broken_rows(check: Check, codes: Codes) -> Flags:
    """Which rows break the rule."""
    if isinstance(check, ConditionCheck):
        return _joined(np.logical_or, check.broken, codes)
    if isinstance(check, EqualityCheck):
        both, distance = _compare(codes[check.left.name], codes[check.right.name], check.left.low - check.right.low)
        broken: Flags = both & (distance != 0)
    else:
        both, distance = _compare_ordered(check.difference, codes)
        broken = both & (distance < 0)
    return broken


def difference_codes(difference: Difference, codes: Codes) -> CodeArray:
    """The codes of a difference in rows that obey its rule."""
    both, distance = _compare_ordered(difference, codes)
    return np.where(both, distance, NULL)


def _compare_ordered(difference: Difference, codes: Codes) -> tuple[Flags, CodeArray]:
    return _compare(codes[difference.greater.name], codes[difference.lesser.name], difference.offset)


def _compare(left: CodeArray, right: CodeArray, offset: int) -> tuple[Flags, CodeArray]:
    """Where both columns have a value, and the distance there."""
    return (left != NULL) & (right != NULL), left - right + offset


def _holds(condition: Condition, codes: Codes) -> Flags:
    if isinstance(condition, Atom):
        own = codes[condition.column.name]
        edges = np.array([edge for interval in condition.codes.intervals for edge in interval], dtype=np.int64)
        # Between the edges of an interval an odd number of edges is at or below the code.
        chosen: Flags = np.searchsorted(edges, own, side="right") % 2 == 1
        return chosen | (own == NULL) if condition.codes.null else chosen
    return _joined(np.logical_and if isinstance(condition, All) else np.logical_or, condition.parts, codes)


def _joined(join: np.ufunc, parts: Iterable[Condition], codes: Codes) -> Flags:
    joined: Flags = reduce(join, (_holds(part, codes) for part in parts))
    return joined

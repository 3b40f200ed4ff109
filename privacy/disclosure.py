"""Which cells may not be opened because too few patients are behind them. Specification: `docs/spec/04-queries.md`.

The rule: a cell is opened only if every cohort that protects it reaches the minimum. The cohorts of a cell are the
COUNT(*) of its group and, for statistics over a column, the COUNT of that column in the group. A cohort of none is
treated as a cohort of one: who sees a suppressed cell does not learn which it was.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from protocol.errors import Kind, ProofwardError


class CohortsMismatch(ProofwardError):
    """The cells do not belong to the plan."""

    code = "disclosure-cells-mismatch"
    kind = Kind.REFUSED


class Cohorts(Protocol):
    """A plan, as far as this rule needs it."""

    @property
    def never_opened(self) -> Collection[int]:
        """The cells that only protect others."""

    @property
    def cohorts(self) -> Sequence[Sequence[tuple[int, int | None]]]:
        """For each cell, its cohorts: cell a minus cell b of each pair (a, b), or cell a where b is None."""


def suppressed_cells(plan: Cohorts, cells: Sequence[int], minimum: int) -> list[int]:
    """The indices of the cells that may not be opened, ascending.

    Args:
        cells: the exact cells, one for each entry of `plan.cohorts`.
        minimum: the smallest cohort that may be shown; 1 or less suppresses nothing.

    Raises:
        CohortsMismatch: the number of cells is not that of the plan.
    """
    _check_count(plan, cells)
    if minimum <= 1:
        return []
    never = frozenset(plan.never_opened)
    return [
        index
        for index, cohorts in enumerate(plan.cohorts)
        if index in never or any(cells[a] - (0 if b is None else cells[b]) < minimum for a, b in cohorts)
    ]


def wrongly_shown_or_hidden(plan: Cohorts, cells: Sequence[int | None], minimum: int) -> list[int]:
    """The cells of which those that are shown tell that the rule was not kept, ascending.

    A cohort that is itself suppressed because it is too small stands for 0: what depends on it must be suppressed too. What
    depends on a cohort that is never opened may be shown or not: only who opened it can tell, and more than t of them signed.

    Args:
        cells: None where suppressed.

    Raises:
        CohortsMismatch: the number of cells is not that of the plan.
    """
    _check_count(plan, cells)
    if minimum <= 1:
        return [index for index, cell in enumerate(cells) if cell is None]
    unknown = _unknown(plan, cells)
    wrong = []
    for index, cohorts in enumerate(plan.cohorts):
        known = [(a, b) for a, b in cohorts if a not in unknown and b not in unknown]
        too_small = any((cells[a] or 0) - (0 if b is None else cells[b] or 0) < minimum for a, b in known)
        shown = cells[index] is not None
        may_be_hidden = too_small or len(known) < len(cohorts) or index in unknown
        if (shown and (too_small or index in unknown)) or not (shown or may_be_hidden):
            wrong.append(index)
    return wrong


def _unknown(plan: Cohorts, cells: Sequence[int | None]) -> set[int]:
    """Whose size outsiders cannot tell: cells that are never opened, and closed ones that may be closed because of them."""
    unknown = set(plan.never_opened)
    while True:
        more = {
            index
            for index, cohorts in enumerate(plan.cohorts)
            if index not in unknown and cells[index] is None and any(a in unknown or b in unknown for a, b in cohorts)
        }
        if not more:
            return unknown
        unknown |= more


def _check_count(plan: Cohorts, cells: Sequence[int | None]) -> None:
    if len(cells) != len(plan.cohorts):
        raise CohortsMismatch(f"the plan has {len(plan.cohorts)} cells, {len(cells)} were given")

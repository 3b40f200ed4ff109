"""Which cells may not be opened because too few patients are behind them. Specification: `docs/spec/04-queries.md`.

The rule: a cell is opened only if every cohort that protects it reaches the minimum. The cohorts of a cell are the
COUNT(*) of its group and, for statistics over a column, the COUNT of that column in the group. A cohort of none is
treated as a cohort of one: who sees a suppressed cell does not learn which it was.
"""

from collections.abc import Sequence
from typing import Protocol

from protocol.errors import Kind, ProofwardError


class CohortsMismatch(ProofwardError):
    """The cells do not belong to the plan."""

    code = "disclosure-cells-mismatch"
    kind = Kind.REFUSED


class Cohorts(Protocol):
    """A plan, as far as this rule needs it."""

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
    if len(cells) != len(plan.cohorts):
        raise CohortsMismatch(f"the plan has {len(plan.cohorts)} cells, {len(cells)} were given")
    if minimum <= 1:
        return []
    return [
        index
        for index, cohorts in enumerate(plan.cohorts)
        if any(cells[a] - (0 if b is None else cells[b]) < minimum for a, b in cohorts)
    ]

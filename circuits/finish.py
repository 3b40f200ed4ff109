"""From opened cells to the table a buyer gets, by public formulas. Specification: `docs/spec/04-queries.md`, "Results".

A deterministic function of plan and cells: the auditor repeats it and must arrive at the same table.
"""

import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from circuits.aggregates import AGGREGATES
from circuits.analysis import Answer, Prepared, Undefined, Withheld
from circuits.cells import Output
from circuits.columns import Value
from circuits.errors import CellsMismatch
from circuits.plan import Opened, Plan, found_by
from circuits.result import Cell, ResultTable
from circuits.search import Bracket, Search
from circuits.statistics import quantile
from circuits.statistics.roles import Moments, Role

# mpmath has one precision for all threads of a process: two at a time could round differently than everybody else.
_ONE_AT_A_TIME: Final = threading.Lock()
WITHHELD: Final = "withheld: too few people are behind a number that this statistic needs"


def finish(plan: Plan, cells: Sequence[int | None], minimum: int = 1) -> ResultTable:
    """Finish the statistics of `plan` from the cells of its last round.

    Args:
        cells: one integer a cell, None where the cell was not opened because its cohort is too small.
        minimum: the minimum cohort by which cells were opened.

    Returns:
        One row a group that has rows, and without GROUP BY always one row; or what the analysis gives.

    Raises:
        CellsMismatch: the number of cells is not that of the plan.
    """
    if len(cells) != plan.cells:
        raise CellsMismatch(f"the plan has {plan.cells} cells, {len(cells)} were given")
    last = Opened(tuple(cells), minimum)
    found = found_by(plan, last)
    # Everything but searches is opened in the first round.
    first, opened = plan.earlier[0] if plan.earlier else (plan, last)
    if first.analysis is not None:
        return _analysed(first.analysis, first, opened.cells, found)
    return _Aggregates(first, opened.cells, found).table()


def _analysed(
    analysis: Prepared, plan: Plan, cells: Sequence[int | None], found: Sequence[Mapping[int, tuple[Bracket, ...]]]
) -> ResultTable:
    opened = {}
    for (grid, summand), index in plan.index.items():
        family = plan.families[index]
        opened[plan.grids[grid], summand] = cells[family.first : family.first + family.cells]
    try:
        with _ONE_AT_A_TIME:
            return analysis.finish(Answer(plan.grids[0], opened, found))
    except Withheld as reason:
        return ResultTable((), (), (), ((),), (), notes=(WITHHELD, *map(str, reason.args)))
    except Undefined as reason:
        return ResultTable((), (), (), (), (), notes=(f"undefined: {reason}",))


class _Aggregates:
    def __init__(self, plan: Plan, cells: Sequence[int | None], found: Sequence[Mapping[int, tuple[Bracket, ...]]]) -> None:
        self._plan = plan
        self._cells = cells
        self._found = found

    def table(self) -> ResultTable:
        plan = self._plan
        rows: list[tuple[Cell, ...]] = []
        suppressed: list[tuple[Value | None, ...]] = []
        withheld: list[tuple[tuple[Value | None, ...], str]] = []
        for group, key in enumerate(plan.keys):
            count = self._cells[group]
            if count is None:
                suppressed.append(key)
                if not plan.groups:
                    rows.append((None,) * len(plan.outputs))
                continue
            if count <= 0 and plan.groups:
                continue
            row: list[Cell] = []
            for output in plan.outputs:
                value, shown = self._value(output, group, key)
                row.append(value)
                if not shown:
                    withheld.append((key, output.name))
            rows.append(tuple(row))
        columns = tuple((output.name, output.type) for output in plan.outputs)
        grouped = tuple((group.column, group.type) for group in plan.groups)
        return ResultTable(columns, grouped, tuple(rows), tuple(suppressed), tuple(withheld), notes=tuple(self._notes()))

    def _value(self, output: Output, group: int, key: Sequence[Value | None]) -> tuple[Cell, bool]:
        """The value, and whether it is shown: None is SQL's NULL if it is."""
        if output.group is not None:
            return key[output.group], True
        opened = {role: self._cells[self._plan.families[index].first + group] for role, index in output.families}
        if None in opened.values():
            return None, False
        known = {role: cell for role, cell in opened.items() if cell is not None}
        if output.search is not None:
            return self._searched(self._plan.searches[output.search], output.search, group, known[Role.COUNT])
        return _finished(output, known), True

    def _searched(self, search: Search, place: int, group: int, count: int) -> tuple[Cell, bool]:
        if count <= 0:
            return None, True
        value = quantile.finish(search.column, search.quantiles[0], count, self._found[place].get(group, ()))
        return value, value is not None

    def _notes(self) -> list[str]:
        """What is known of order statistics that are withheld: between which values they lie."""
        notes = []
        for output in self._plan.outputs:
            if output.search is None:
                continue
            search = self._plan.searches[output.search]
            for group, brackets in sorted(self._found[output.search].items()):
                wide = [
                    bracket
                    for bracket in brackets
                    if bracket.code is None and bracket.high - bracket.low < search.column.size
                ]
                if wide:
                    low, high = search.column.value(wide[0].low), search.column.value(wide[-1].high - 1)
                    of = f" of group {', '.join(map(str, self._plan.keys[group]))}" if self._plan.groups else ""
                    notes.append(f"{output.name}{of} lies between {low} and {high}: closer is not opened")
        return notes


def _finished(output: Output, cells: Mapping[Role, int]) -> Cell:
    if output.function is None:
        raise CellsMismatch(f"output {output.name} is neither a group column nor an aggregate")
    _, low_b, scale_b = output.other or ("", 0, 0)
    moments = Moments(
        cells[Role.COUNT],
        cells.get(Role.SUM, 0),
        cells.get(Role.SQUARES, 0),
        output.low,
        output.scale,
        cells.get(Role.SUM_B, 0),
        cells.get(Role.SQUARES_B, 0),
        low_b,
        scale_b,
        cells.get(Role.PRODUCTS, 0),
    )
    value = AGGREGATES[output.function].finish(moments)
    return Decimal(value) if output.type == "decimal" and isinstance(value, int) else value

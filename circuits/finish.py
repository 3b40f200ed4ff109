"""From opened cells to the table a buyer gets, by public formulas. Specification: `docs/spec/04-queries.md`, "Results".

A deterministic function of plan and cells: the auditor repeats it and must arrive at the same table.
"""

from collections.abc import Sequence
from decimal import Decimal

from circuits.cells import Output
from circuits.columns import Value
from circuits.errors import CellsMismatch
from circuits.plan import Plan
from circuits.result import Cell, ResultTable
from circuits.statistics import STATISTICS, Moments, Role


def finish(plan: Plan, cells: Sequence[int | None]) -> ResultTable:
    """Finish the statistics of `plan` from its opened cells.

    Args:
        cells: one integer a cell, None where the cell was not opened because its cohort is too small.

    Returns:
        One row a group that has rows; without GROUP BY always one row.

    Raises:
        CellsMismatch: the number of cells is not that of the plan.
    """
    if len(cells) != plan.cells:
        raise CellsMismatch(f"the plan has {plan.cells} cells, {len(cells)} were given")
    rows: list[tuple[Cell, ...]] = []
    suppressed: list[tuple[Value | None, ...]] = []
    withheld: list[tuple[tuple[Value | None, ...], str]] = []
    for group, key in enumerate(plan.keys):
        count = cells[group]
        if count is None:
            suppressed.append(key)
            if not plan.groups:
                rows.append((None,) * len(plan.outputs))
            continue
        if count <= 0 and plan.groups:
            continue
        row: list[Cell] = []
        for output in plan.outputs:
            if output.group is not None:
                row.append(key[output.group])
                continue
            opened = {role: cells[plan.families[index].first + group] for role, index in output.families}
            if None in opened.values():
                withheld.append((key, output.name))
                row.append(None)
            else:
                row.append(_value(output, {role: cell for role, cell in opened.items() if cell is not None}))
        rows.append(tuple(row))
    columns = tuple((output.name, output.type) for output in plan.outputs)
    grouped = tuple((group.column, group.type) for group in plan.groups)
    return ResultTable(columns, grouped, tuple(rows), tuple(suppressed), tuple(withheld))


def _value(output: Output, cells: dict[Role, int]) -> Cell:
    if output.function is None:
        raise CellsMismatch(f"output {output.name} is neither a group column nor an aggregate")
    moments = Moments(cells[Role.COUNT], cells.get(Role.SUM, 0), cells.get(Role.SQUARES, 0), output.low, output.scale)
    value = STATISTICS[output.function].finish(moments)
    return Decimal(value) if output.type == "decimal" and isinstance(value, int) else value

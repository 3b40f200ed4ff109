"""The table that a buyer gets, and its JSON form. Specification: `docs/spec/04-queries.md`, section "Results"."""

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from circuits.columns import Value

MAX_SAFE_INTEGER: Final = (1 << 53) - 1
TYPES: Final = ("category", "integer", "decimal", "boolean", "date", "number")

Cell = Value | float | None

_INTEGER: Final = re.compile(r"-?[0-9]{1,100}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?[0-9]{1,100}(\.[0-9]{1,18})?", re.ASCII)


@dataclass(frozen=True)
class ResultTable:
    """The finished statistics.

    Attributes:
        columns: (name, type) of each column; types are those of the schema, and `number` for doubles.
        rows: one row a group in the order of the group keys, NULL last; None is SQL's NULL or, where `withheld` says
            so, a value whose cohort is too small.
        suppressed: keys of the groups that are left out because their cohort is too small, empty groups among them.
        withheld: (group key, column name) of single values that are left out for the same reason.
    """

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]
    suppressed: tuple[tuple[Value | None, ...], ...]
    withheld: tuple[tuple[tuple[Value | None, ...], str], ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready members. Decimals and dates are strings, and so are integers that a double cannot hold."""
        return {
            "columns": [{"name": name, "type": kind} for name, kind in self.columns],
            "rows": [[_to_json(cell) for cell in row] for row in self.rows],
            "suppressed": [[_to_json(value) for value in key] for key in self.suppressed],
            "withheld": [{"key": [_to_json(v) for v in key], "column": name} for key, name in self.withheld],
        }


def _to_json(cell: Cell) -> Any:
    if isinstance(cell, bool) or cell is None:
        return cell
    if isinstance(cell, int):
        return cell if abs(cell) <= MAX_SAFE_INTEGER else str(cell)
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return cell.isoformat() if isinstance(cell, datetime.date) else cell

"""Results as text: numbers to five digits, p-values as journals print them, tables with aligned columns."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import floor, log10
from typing import Final

from circuits.result import Cell, ResultTable
from proofward.answered import TABLE, Answered

_DIGITS: Final = 5
_P_VALUES: Final = frozenset({"p", "p_value"})
_BOUNDS: Final = ("low", "high")
_BINNED: Final = frozenset({TABLE, "histogram", "quantiles"})  # kinds whose bounds are not of the estimate beside them
_NO_VALUE: Final = "NULL"
_ANYTHING: Final = "value"  # a column of figures of different kinds, beside their names
_CONFIDENCE: Final = 0.95  # of intervals, unless the result says otherwise
_LEAST: Final = 1e-4  # numbers smaller or larger are written with an exponent
_MOST: Final = 1e12
_MOST_PLACES: Final = 6


def summary(answered: Answered, circumstances: Iterable[tuple[str, str]]) -> str:
    """The whole result for people.

    Args:
        circumstances: what else there is to know, as pairs of a name and a text.
    """
    table = answered.table
    blocks = [[*([name] if name else []), *lines_of(each, table)] for name, each in tables_of(table)]
    facts = [("Data", answered.population), *circumstances]
    widest = max(len(name) for name, _ in facts) + 1
    width = max(len(answered.title), *(len(line) for block in blocks for line in block), 60)
    text = [answered.title.center(width).rstrip(), "=" * width]
    for block in blocks:
        text += [*block, "-" * width]
    return "\n".join([*text, *notes(table), *(f"{name + ':':<{widest}} {fact}" for name, fact in facts), "=" * width])


def tables_of(result: ResultTable) -> list[tuple[str, ResultTable]]:
    """The tables that are printed: the main one, which has no name, and the further ones without long matrices."""
    return [(name, each) for name, each in (("", result), *result.tables) if each.columns and not _is_matrix(name, result)]


def notes(result: ResultTable) -> list[str]:
    """The notes, and what is not shown, a line each."""
    lines = [f"Note: {note}" for note in result.notes]
    if result.suppressed and result.columns:
        lines.append(f"Suppressed: {len(result.suppressed)} with too few people behind them, or nobody")
    if result.withheld:
        lines.append(f"Withheld: {len(result.withheld)} values with too few people behind them")
    left = [f"{name} ({len(each.rows)} rows)" for name, each in result.tables if _is_matrix(name, result)]
    return [*lines, *([f"Not printed: {', '.join(left)}"] if left else [])]


def _is_matrix(name: str, result: ResultTable) -> bool:
    """Whether a table is one for programs: that of the covariances of estimates, a row a pair."""
    return name == "covariance" and result.kind != "correlation"


def lines_of(table: ResultTable, result: ResultTable) -> list[str]:
    """A table with aligned columns, a line a row after its header.

    Args:
        result: the whole result, which the table belongs to.
    """
    header, rows = cells_of(table, result)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    words = {name for name, kind in table.columns if kind not in ("integer", "decimal", "number")}
    return [
        "  ".join(
            text.ljust(width) if name in words else text.rjust(width)
            for text, width, name in zip(line, widths, header, strict=True)
        ).rstrip()
        for line in (header, *rows)
    ]


def cells_of(table: ResultTable, result: ResultTable) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table as text. The two bounds of an interval become one column.

    Args:
        result: the whole result, which the table belongs to.
    """
    header = [name for name, _ in table.columns]
    columns = [_column(table, place) for place in range(len(header))]
    if result.kind not in _BINNED and all(bound in header for bound in _BOUNDS):
        low, high = map(header.index, _BOUNDS)
        header[low] = f"{100 * _confidence(result):g} % interval"
        columns[low] = [
            _NO_VALUE if row[low] is row[high] is None else f"[{below}, {above}]"
            for row, below, above in zip(table.rows, columns[low], columns[high], strict=True)
        ]
        del header[high], columns[high]
    return header, [list(row) for row in zip(*columns, strict=True)]


def cell(value: Cell, name: str = "") -> str:
    """One value.

    Args:
        name: of its column: p-values have a form of their own.
    """
    if value is None:
        return _NO_VALUE
    if isinstance(value, float):
        return p_value(value) if name in _P_VALUES else number(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def number(value: float, places: int | None = None) -> str:
    """A number to five significant digits; larger whole parts are kept.

    Args:
        places: so many decimals instead, if the number is of ordinary size.
    """
    if value != 0 and not _LEAST <= abs(value) < _MOST:
        return f"{value:.{_DIGITS - 1}e}"
    return f"{value:.{_places(value) if places is None else places}f}"


def p_value(value: float) -> str:
    """A p-value: three decimals, and below that only that it is."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _places(value: float) -> int:
    return 0 if value == 0 else min(_MOST_PLACES, max(0, _DIGITS - 1 - floor(log10(abs(value)))))


def _column(table: ResultTable, place: int) -> list[str]:
    """The cells of a column. Its numbers have the same decimals, unless they are of different things."""
    name, values = table.columns[place][0], [row[place] for row in table.rows]
    if name == _ANYTHING:
        return [_figure(str(row[0]), row[place]) for row in table.rows]
    if name in _P_VALUES:
        return [cell(value, name) for value in values]
    # The bounds of an interval look alike.
    together = [k for k, (other, _) in enumerate(table.columns) if k == place or {name, other} <= set(_BOUNDS)]
    sizes = [abs(value) for row in table.rows for k in together if isinstance(value := row[k], float)]
    places = _common_places([size for size in sizes if _LEAST <= size < _MOST])
    return [number(value, places) if isinstance(value, float) else cell(value) for value in values]


def _common_places(sizes: Sequence[float]) -> int:
    """Decimals that show the smallest number well, without too many for the largest."""
    return min(_places(min(sizes)), _places(max(sizes)) + 2) if sizes else 0


def _figure(name: str, value: Cell) -> str:
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return cell(value, "p" if name.endswith("_p") else name)


def _confidence(result: ResultTable) -> float:
    fit = dict(result.tables).get("fit")
    found = next((row[1] for row in fit.rows if row[0] == "confidence"), None) if fit is not None else None
    return found if isinstance(found, float) else _CONFIDENCE

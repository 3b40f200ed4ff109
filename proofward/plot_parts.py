"""What charts are made of: data, titles, facets, colours, heat maps."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import altair as alt
from altair.typing import ChartType

from circuits.result import Cell, ResultTable
from proofward.answered import Answered
from proofward.client_errors import NothingToPlot
from proofward.summary import number

WIDTH: Final = 420
HEIGHT: Final = 280
# Of Okabe and Ito (2008): people with any colour vision tell them apart.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
GREY: Final = "#767676"
_NULL: Final = "(none)"
_SIZES: Final = frozenset({"count", "rows", "events"})  # of groups, beside their names

Row = dict[str, Any]


def rows_of(table: ResultTable) -> list[Row]:
    """Rows by column, numbers as a chart takes them."""
    names = [name for name, _ in table.columns]
    return [dict(zip(names, map(_plain, row), strict=True)) for row in table.rows]


def _plain(value: Cell) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value


def numbers(table: ResultTable, name: str) -> list[float]:
    """The values of one column that there are."""
    return [row[name] for row in rows_of(table) if row[name] is not None]


def fit_of(result: ResultTable) -> list[str]:
    """The figures of the table `fit`, each with its interval, if it has estimates."""
    fit = dict(result.tables).get("fit")
    rows = rows_of(fit) if fit is not None else []
    return [
        f"{row['name']} {number(row['estimate'])}"
        + (f" [{number(row['low'])}, {number(row['high'])}]" if row.get("low") is not None else "")
        for row in rows
        if row.get("estimate") is not None
    ]


def data(rows: Sequence[Row]) -> alt.InlineData:
    """Rows inside the chart."""
    return alt.InlineData(values=list(rows))


def titled(drawn: ChartType, answered: Answered, extra: Sequence[str] = ()) -> ChartType:
    """The finished chart: what it shows, of whom, and what else there is to say."""
    subtitle = [answered.population, *extra]
    chart: ChartType = (
        drawn.properties(title=alt.TitleParams(answered.title, subtitle=subtitle, anchor="start"))
        .configure_view(stroke=None)
        .configure_axis(grid=False, labelFontSize=12, titleFontSize=12)
    )
    return chart


def faceted(drawn: alt.Chart, by: Sequence[str], rows: Sequence[Row]) -> alt.Chart | alt.FacetChart:
    """One chart a group, below each other on one scale, so that they compare."""
    if not by:
        return drawn
    for row in rows:
        row["group"] = ", ".join(shown(row[name]) for name in by)
    order = unique([row["group"] for row in rows])
    return drawn.properties(height=HEIGHT // 2).facet(row=alt.Row("group:N", title=", ".join(by), sort=order))


def estimates(table: ResultTable) -> list[Row]:
    """The rows of a table with estimates, each with its name as `term`. Raises NothingToPlot if there is none."""
    names = [name for name, _ in table.columns]
    words = [name for name in names[: names.index("estimate")] if name not in _SIZES]
    rows = [
        row | {"term": " ".join(shown(row[name]) for name in words)} for row in rows_of(table) if row["estimate"] is not None
    ]
    if not rows:
        raise NothingToPlot("there is nothing to plot: no estimate is shown")
    return rows


def intervals(rows: Sequence[Row], title: str, neutral: float | None, *, log: bool = False) -> ChartType:
    """A forest plot: a point an estimate, and a line for its interval.

    Args:
        rows: with `term`, `estimate`, `low` and `high`.
        neutral: where a dashed line shows that nothing differs.
        log: for ratios.
    """
    texts = [
        number(row["estimate"])
        + ("" if None in (row["low"], row["high"]) else f" [{number(row['low'])}, {number(row['high'])}]")
        for row in rows
    ]
    base = alt.Chart(data([row | {"text": text} for row, text in zip(rows, texts, strict=True)])).encode(
        y=alt.Y("term:N", title=None, sort=None),
        tooltip=[alt.Tooltip("term:N"), alt.Tooltip("text:N", title="estimate")],
    )
    scale = alt.Scale(type="log") if log else alt.Scale(zero=False)
    layers = [
        base.mark_rule(color=COLOURS[0], strokeWidth=2).encode(x=alt.X("low:Q", title=title, scale=scale), x2="high:Q"),
        base.mark_point(color=COLOURS[0], filled=True, size=70, opacity=1).encode(x="estimate:Q"),
    ]
    if neutral is not None:
        at = alt.Chart(data([{"at": neutral}])).mark_rule(color=GREY, strokeDash=[4, 4])
        layers.insert(0, at.encode(x="at:Q"))
    chart: ChartType = alt.layer(*layers).properties(width=WIDTH, height=28 * max(2, len(rows)))
    return chart


def heat_map(
    cells: Sequence[tuple[str, str, float | None]], titles: tuple[str, str, str], form: str, scale: alt.Scale
) -> ChartType:
    """A coloured number for each pair.

    Args:
        cells: what stands across, what stands down, and the number.
        titles: of the three.
        form: of the numbers, as D3 writes it.
    """
    across, down = unique([x for x, _, _ in cells]), unique([y for _, y, _ in cells])
    rows = [{"x": x, "y": y, "value": value} for x, y, value in cells]
    base = alt.Chart(data(rows)).encode(
        x=alt.X("x:N", title=titles[0] or None, sort=across, axis=alt.Axis(labelAngle=-40)),
        y=alt.Y("y:N", title=titles[1] or None, sort=down),
    )
    tips = [
        alt.Tooltip(f"{field}:{kind}", title=title or field)
        for field, kind, title in zip(("x", "y", "value"), "NNQ", titles, strict=True)
    ]
    squares = base.mark_rect(stroke="white").encode(color=alt.Color("value:Q", title=titles[2], scale=scale), tooltip=tips)
    # Dark cells have light numbers.
    largest = max((abs(value) for _, _, value in cells if value is not None), default=1.0)
    text = base.mark_text(fontSize=12).encode(
        text=alt.Text("value:Q", format=form),
        color=alt.condition(f"abs(datum.value) > {0.6 * largest}", alt.value("white"), alt.value("black")),
    )
    chart: ChartType = alt.layer(squares, text).properties(width=alt.Step(56), height=alt.Step(36))
    return chart


def diagonal() -> ChartType:
    """Where both axes are equal."""
    ends = data([{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    chart: ChartType = alt.Chart(ends).mark_line(color=GREY, strokeDash=[4, 4]).encode(x="x:Q", y="y:Q")
    return chart


def colour(group: str, title: str) -> alt.Color:
    """One colour a group, in the order of the groups."""
    legend = alt.Legend(symbolType="stroke", symbolOpacity=1)
    return alt.Color(f"{group}:N", title=title, sort=None, scale=alt.Scale(range=list(COLOURS)), legend=legend)


def tooltips(rows: Sequence[Row]) -> list[str]:
    """All columns, shown when a mark is pointed at."""
    return [f"{name}:{encoded(rows, name)}" for name in rows[0]]


def encoded(rows: Sequence[Row], name: str) -> str:
    """Vega-Lite's type of a column: quantitative or nominal."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return "Q" if values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values) else "N"


def shown(value: object) -> str:
    """A key of a group, for people."""
    return _NULL if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def unique(values: Sequence[str]) -> list[str]:
    """Each once, in order of first appearance: charts sort them otherwise."""
    return list(dict.fromkeys(values))

"""Charts of results, as statisticians draw them: one function a shape, and a table of the kinds.

Charts hold the opened numbers and nothing else, so they may be shared wherever the result may.
"""

from collections.abc import Callable, Mapping
from typing import Final

import altair as alt
from altair.typing import ChartType

from circuits.query import GroupKey
from proofward.answered import TABLE, Answered
from proofward.client_errors import NothingToPlot
from proofward.plot_parts import (
    COLOURS,
    HEIGHT,
    WIDTH,
    colour,
    data,
    diagonal,
    encoded,
    estimates,
    faceted,
    fit_of,
    heat_map,
    intervals,
    numbers,
    rows_of,
    shown,
    titled,
    tooltips,
    unique,
)
from proofward.summary import number, p_value

_BINS: Final = ("low", "high", "count")
_UNEVEN: Final = 2.0  # bins whose widths differ by more than this factor are drawn as densities


def chart(answered: Answered) -> ChartType:
    """The chart of a result. Raises NothingToPlot."""
    table = answered.table
    if not table.rows:
        reason = "; ".join(table.notes) or "the result has no rows"
        raise NothingToPlot(f"there is nothing to plot: {reason}")
    draw = _KINDS.get(table.kind)
    if draw is None:
        raise NothingToPlot(f"there is no chart for results of kind {table.kind}", hint="start from result.to_pandas()")
    return draw(answered)


def _histogram(answered: Answered) -> ChartType:
    rows = [row for row in rows_of(answered.table) if row["low"] is not None]
    missing = sum(row["count"] for row in rows_of(answered.table) if row["low"] is None)
    if not rows:
        raise NothingToPlot("there is nothing to plot: no bin reaches the minimum cohort")
    variable = answered.arguments[0]
    # A bin holds the values from `low` to `high`; the next one begins a step of the column later.
    step = 10.0 ** -getattr(answered.schema.column(variable), "scale", 0)
    for row in rows:
        row["end"] = row["high"] + step
        row["density"] = row["count"] / (row["end"] - row["low"])
    widths = [row["end"] - row["low"] for row in rows]
    height, title = "count", "rows"
    if max(widths) > _UNEVEN * min(widths):
        height, title = "density", f"rows per {answered.schema.column(variable).unit or 'unit'}"
    extra = [f"{missing} rows without a value"] if missing else []
    if answered.table.suppressed:
        extra.append("bins with too few people are left out")
    bars = (
        alt.Chart(data(rows))
        .mark_bar(color=COLOURS[0], stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("low:Q", title=answered.label(variable), scale=alt.Scale(zero=False)),
            x2="end:Q",
            y=alt.Y(f"{height}:Q", title=title),
            y2=alt.datum(0),
            tooltip=["low:Q", "high:Q", "count:Q"],
        )
        .properties(width=WIDTH, height=HEIGHT)
    )
    by = [name for name in rows[0] if name not in (*_BINS, "end", "density")]
    return titled(faceted(bars, by, rows), answered, extra)


def _forest(answered: Answered) -> ChartType:
    """Estimates with their intervals."""
    rows = estimates(answered.table)
    # The intercept is on the scale of the outcome, not of a coefficient.
    rows = [row for row in rows if row["term"] != "Intercept"] or rows
    form = _ESTIMATES.get(answered.table.kind, "estimate")
    title = f"{form.format(answered.label(answered.arguments[0]))}, with interval"
    return titled(
        intervals(rows, title, _NEUTRAL.get(answered.table.kind)),
        answered,
        answered.table.notes[1:2] if answered.table.kind == "proportion" else (),
    )


def _risk(answered: Answered) -> ChartType:
    """The risk with and without the exposure, and what there is between them; ratios on a scale of their own."""
    exposure, outcome = answered.arguments
    panels = [intervals(estimates(answered.table.named("risks")), f"risk of {outcome} by {exposure}", None)]
    rows = estimates(answered.table)
    for ratio, title in ((False, "difference"), (True, "ratio")):
        if among := [row for row in rows if ("ratio" in row["term"]) is ratio]:
            panels.append(intervals(among, title, float(ratio), log=ratio))
    return titled(alt.vconcat(*panels), answered, answered.table.notes[1:2])


def _cross_table(answered: Answered) -> ChartType:
    """The counts that a test of independence is about."""
    (row,) = rows_of(answered.table)
    found = "" if row.get("estimate") is None else f"odds ratio {number(row['estimate'])}, "
    cells = [(shown(cell["b"]), shown(cell["a"]), cell["count"]) for cell in rows_of(answered.table.named("cells"))]
    a, b = map(answered.label, answered.arguments)
    drawn = heat_map(cells, (b, a, "rows"), ",", alt.Scale(range=["#f7f7f7", COLOURS[0]]))
    return titled(drawn, answered, [f"{found}p {p_value(row['p'])}"])


def _quantiles(answered: Answered) -> ChartType:
    """The share of values up to each cut point."""
    rows = rows_of(answered.table)
    by = [name for name, _ in answered.table.columns[:-4]]
    parts = max(row["bin"] for row in rows)
    points = [
        {"value": row["high"], "share": row["bin"] / parts, "group": ", ".join(shown(row[name]) for name in by)}
        for row in rows
        if row["high"] is not None
    ]
    if not points:
        raise NothingToPlot("there is nothing to plot: all cut points are withheld")
    drawn = (
        alt.Chart(data(points))
        .mark_line(point=True, color=COLOURS[0])
        .encode(
            x=alt.X("value:Q", title=answered.label(answered.arguments[0]), scale=alt.Scale(zero=False)),
            y=alt.Y("share:Q", title="share at or below", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%")),
            tooltip=["group:N", "value:Q", "share:Q"],
        )
    )
    if by:
        drawn = drawn.encode(color=colour("group", ", ".join(by)))
    return titled(drawn.properties(width=WIDTH, height=HEIGHT), answered)


def _completeness(answered: Answered) -> ChartType:
    """The share of missing values of each column."""
    rows = rows_of(answered.table)
    drawn = (
        alt.Chart(data(rows))
        .mark_bar(color=COLOURS[0])
        .encode(
            x=alt.X(
                "share_missing:Q",
                title="share of missing values",
                axis=alt.Axis(format=".0%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            y=alt.Y("column:N", title="column", sort=None),
            tooltip=tooltips(rows),
        )
    )
    return titled(drawn.properties(width=WIDTH, height=alt.Step(22)), answered, [f"{rows[0]['rows']} rows"])


def _survival(answered: Answered) -> ChartType:
    names = [name for name, _ in answered.table.columns]
    group = next(iter(names[: names.index("time")]), None)
    rows = [row | ({group: shown(row[group])} if group else {}) for row in rows_of(answered.table)]
    # Everybody is there at the beginning.
    groups = unique([row[group] for row in rows]) if group else [""]
    start = {"survival": 1.0, "low": 1.0, "high": 1.0, "time": min(0, *(row["time"] for row in rows))}
    rows = [*(start | ({group: each} if group else {}) for each in groups), *rows]
    test = dict(answered.table.tables).get("log_rank")
    extra = [] if test is None else [f"log-rank test: p {p_value(p)}" for p in numbers(test, "p")]
    base = alt.Chart(data(rows)).encode(x=alt.X("time:Q", title=answered.label(answered.arguments[0])))
    if group:
        base = base.encode(color=colour(group, group))
    y = alt.Y("survival:Q", title="share without the event", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%"))
    band = base.mark_area(interpolate="step-after", opacity=0.2).encode(y=alt.Y("low:Q"), y2="high:Q")
    line = base.mark_line(interpolate="step-after", strokeWidth=2).encode(
        y=y, tooltip=[f"{name}:{encoded(rows, name)}" for name in names]
    )
    if not group:
        band, line = band.encode(color=alt.value(COLOURS[0])), line.encode(color=alt.value(COLOURS[0]))
    return titled(alt.layer(band, line).properties(width=WIDTH, height=HEIGHT), answered, extra)


def _roc(answered: Answered) -> ChartType:
    rows = rows_of(answered.table)
    curve = (
        alt.Chart(data([row | {"place": place} for place, row in enumerate(rows)]))
        .mark_line(color=COLOURS[0], point=alt.OverlayMarkDef(color=COLOURS[0]))
        .encode(
            x=alt.X("fpr:Q", title="false positive rate (1 - specificity)", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("tpr:Q", title="true positive rate (sensitivity)", scale=alt.Scale(domain=[0, 1])),
            order="place:Q",
            tooltip=[f"{name}:{encoded(rows, name)}" for name in ("threshold", "fpr", "tpr")],
        )
    )
    return titled(alt.layer(diagonal(), curve).properties(width=HEIGHT, height=HEIGHT), answered, fit_of(answered.table))


def _calibration(answered: Answered) -> ChartType:
    rows = rows_of(answered.table)
    base = alt.Chart(data(rows)).encode(
        x=alt.X("mean_score:Q", title=f"mean of {answered.arguments[0]}, the predicted risk", scale=alt.Scale(domain=[0, 1])),
        tooltip=list(tooltips(rows)),
    )
    y = alt.Y("observed:Q", title="observed share", scale=alt.Scale(domain=[0, 1]))
    layers = [diagonal(), base.mark_point(color=COLOURS[0], filled=True, size=60, opacity=1).encode(y=y)]
    if {"low", "high"} <= set(rows[0]):
        layers.insert(1, base.mark_rule(color=COLOURS[0], strokeWidth=2).encode(y="low:Q", y2="high:Q"))
    return titled(alt.layer(*layers).properties(width=HEIGHT, height=HEIGHT), answered, fit_of(answered.table))


def _correlation(answered: Answered) -> ChartType:
    cells = [(row["a"], row["b"], row["correlation"]) for row in rows_of(answered.table)]
    scale = alt.Scale(domain=[-1, 0, 1], range=[COLOURS[1], "#f7f7f7", COLOURS[0]])
    return titled(heat_map(cells, ("", "", "correlation"), ".2f", scale), answered)


def _scree(answered: Answered) -> ChartType:
    rows = rows_of(answered.table)
    base = alt.Chart(data(rows)).encode(
        x=alt.X("component:O", title="principal component", axis=alt.Axis(labelAngle=0)), tooltip=tooltips(rows)
    )
    share = alt.Y("explained_share:Q", title="share of the variance", axis=alt.Axis(format=".0%"))
    bars = base.mark_bar(color=COLOURS[0], opacity=0.4).encode(y=share)
    total = base.mark_line(color=COLOURS[1], point=alt.OverlayMarkDef(color=COLOURS[1])).encode(y="cumulative_share:Q")
    chart = alt.layer(bars, total).properties(width=WIDTH, height=HEIGHT)
    return titled(chart, answered, ["bars: of each component; line: of all up to it"])


def _table(answered: Answered) -> ChartType:
    """Bars for one group column, a heat map of counts for two."""
    table = answered.table
    keys = [output.name for output in answered.query.outputs if isinstance(output, GroupKey)]
    values = [name for name, kind in table.columns if name not in keys and kind in ("integer", "decimal", "number")]
    rows = [row | {key: shown(row[key]) for key in keys} for row in rows_of(table)]
    if len(keys) == 2 and len(values) == 1:
        cells = [(row[keys[1]], row[keys[0]], row[values[0]]) for row in rows]
        labels = (answered.label(keys[1]), answered.label(keys[0]), values[0])
        return titled(heat_map(cells, labels, ",", alt.Scale(range=["#f7f7f7", COLOURS[0]])), answered)
    if len(keys) != 1 or not values:
        raise NothingToPlot(
            "there is no chart for this table", hint="there are charts of one group column with numbers, and of two with one"
        )
    bars = [
        alt.Chart(data(rows))
        .mark_bar(color=COLOURS[place % len(COLOURS)])
        .encode(
            x=alt.X(f"{keys[0]}:N", title=answered.label(keys[0]), sort=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y(f"{value}:Q", title=value),
            tooltip=list(tooltips(rows)),
        )
        .properties(width=alt.Step(48), height=HEIGHT)
        for place, value in enumerate(values)
    ]
    return titled(bars[0] if len(bars) == 1 else alt.hconcat(*bars), answered)


_ESTIMATES: Final[Mapping[str, str]] = {
    "ttest": "difference of the means of {}",
    "anova": "mean of {}",
    "proportion": "share of {}",
    "standardized": "rate of {}",
    "linear": "coefficient",
}
# Where nothing differs: drawn as a dashed line.
_NEUTRAL: Final[Mapping[str, float]] = {"ttest": 0.0, "linear": 0.0}
_KINDS: Final[Mapping[str, Callable[[Answered], ChartType]]] = {
    TABLE: _table,
    "histogram": _histogram,
    "ttest": _forest,
    "anova": _forest,
    "proportion": _forest,
    "risk": _risk,
    "chisquare": _cross_table,
    "fisher": _cross_table,
    "quantiles": _quantiles,
    "summary": _completeness,
    "linear": _forest,
    "standardized": _forest,
    "survival": _survival,
    "roc": _roc,
    "calibration": _calibration,
    "correlation": _correlation,
    "pca": _scree,
}

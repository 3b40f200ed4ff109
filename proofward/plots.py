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
    GREY,
    HEIGHT,
    WIDTH,
    colour,
    data,
    diagonal,
    encoded,
    faceted,
    fit_of,
    heat_map,
    numbers,
    rows_of,
    shown,
    titled,
    tooltips,
    unique,
)
from proofward.summary import number, p_value

_SIZES: Final = frozenset({"count", "rows", "events"})  # of groups, beside their names
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
    table = answered.table
    names = [name for name, _ in table.columns]
    before = [name for name in names[: names.index("estimate")] if name not in _SIZES]
    rows = [
        row | {"term": " ".join(shown(row[name]) for name in before)}
        for row in rows_of(table)
        if row.get("estimate") is not None
    ]
    # The intercept is on the scale of the outcome, not of a coefficient.
    rows = [row for row in rows if row["term"].strip("()").lower() != "intercept"] or rows
    if not rows:
        raise NothingToPlot("there is nothing to plot: no estimate is shown")
    for row in rows:
        row["shown"] = f"{number(row['estimate'])}" + (
            f" [{number(row['low'])}, {number(row['high'])}]" if None not in (row["low"], row["high"]) else ""
        )
    base = alt.Chart(data(rows)).encode(y=alt.Y("term:N", title=", ".join(before), sort=None), tooltip=["term:N", "shown:N"])
    x = alt.X("low:Q", title=_ESTIMATES.get(table.kind, "estimate") + " with interval", scale=alt.Scale(zero=False))
    layers = [
        base.mark_rule(color=COLOURS[0], strokeWidth=2).encode(x=x, x2="high:Q"),
        base.mark_point(color=COLOURS[0], filled=True, size=70, opacity=1).encode(x="estimate:Q"),
    ]
    neutral = _NEUTRAL.get(table.kind)
    if neutral is not None:
        layers.insert(0, alt.Chart(data([{"at": neutral}])).mark_rule(color=GREY, strokeDash=[4, 4]).encode(x="at:Q"))
    return titled(alt.layer(*layers).properties(width=WIDTH, height=max(60, 28 * len(rows))), answered)


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
        base = base.encode(color=colour(group))
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
    found = [row for row in rows_of(answered.table) if row["correlation"] is not None]
    pairs = {(row["a"], row["b"]): row["correlation"] for row in found}
    order = unique([name for pair in pairs for name in pair])
    # The matrix is symmetric, and one on its diagonal.
    cells = [(a, b, 1.0 if a == b else pairs.get((a, b), pairs.get((b, a)))) for a in order for b in order]
    scale = alt.Scale(domain=[-1, 0, 1], range=[COLOURS[1], "#f7f7f7", COLOURS[0]])
    return titled(heat_map(cells, ("", "", "correlation"), ".2f", scale), answered)


def _scree(answered: Answered) -> ChartType:
    rows = rows_of(answered.table)
    names = [name for name, _ in answered.table.columns]
    share = next((name for name in names if "explained" in name or "ratio" in name), names[1])
    place = names[0]
    base = alt.Chart(data(rows)).encode(
        x=alt.X(f"{place}:O", title="principal component", axis=alt.Axis(labelAngle=0), sort=None),
        y=alt.Y(f"{share}:Q", title=share.replace("_", " ")),
        tooltip=list(tooltips(rows)),
    )
    bars = base.mark_bar(color=COLOURS[0], opacity=0.35)
    return titled((bars + base.mark_line(color=COLOURS[0], point=True)).properties(width=WIDTH, height=HEIGHT), answered)


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
    "ttest": "difference of means",
    "anova": "mean",
    "proportion": "share",
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
    "risk": _forest,
    "linear": _forest,
    "standardized": _forest,
    "survival": _survival,
    "roc": _roc,
    "calibration": _calibration,
    "correlation": _correlation,
    "pca": _scree,
}

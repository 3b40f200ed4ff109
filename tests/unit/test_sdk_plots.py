"""Charts: every kind is valid Vega-Lite, holds the numbers of its result, and says what it shows."""

import json
from typing import Any

import pytest

from circuits.catalogue import ANALYSES
from circuits.result import ResultTable
from proofward.answered import Answered
from proofward.client_errors import NothingToPlot
from proofward.plots import chart
from tests.unit.answers import SCHEMA, SQL, answer

# Kinds of results that have no chart: their tables say it all.
WITHOUT: set[str] = set()
CALLS = {
    "HISTOGRAM": SQL.histogram("bmi", bins=12),
    "SURVIVAL": SQL.survival("days", "ill", "sex", intervals=20),
    "LINEAR": SQL.linear("bmi ~ age + C(sex) + C(region)"),
    "TTEST": SQL.ttest("bmi", "sex"),
    "ANOVA": SQL.anova("bmi", "region"),
    "CORRELATION": SQL.correlation("age", "bmi", "score", "days"),
    "PCA": SQL.pca("age", "bmi", "score", "days"),
    "CHISQUARE": SQL.chisquare("region", "ill"),
    "FISHER": SQL.fisher("sex", "ill"),
    "RISK": SQL.risk("smoker", "ill"),
    "PROPORTION": SQL.proportion("ill", "region"),
    "QUANTILES": SQL.quantiles("bmi", 10, by="sex"),
    "STANDARDIZED_RATE": SQL.standardized_rate("ill", "region", 1, 2, 3),
    "SUMMARY": SQL.describe(),
    "ROC": SQL.roc("score", "ill"),
    "CALIBRATION": SQL.calibration("risk", "ill"),
}


def drawn(found: Answered) -> dict[str, Any]:
    """The chart as Vega-Lite; Altair checks it against the schema."""
    specification: dict[str, Any] = chart(found).to_dict()
    json.dumps(specification, allow_nan=False)
    return specification


def data_of(specification: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the chart with the most of them."""
    inline = list(specification.get("datasets", {}).values())

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            values = node.get("data", {}).get("values") if isinstance(node.get("data"), dict) else None
            if isinstance(values, list):
                inline.append(values)
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(specification)
    return max(inline, key=len)


def axis_titles(node: Any) -> set[str]:
    """Titles of all axes, wherever they are."""
    if isinstance(node, list):
        return set().union(*map(axis_titles, node))
    if not isinstance(node, dict):
        return set()
    own = {
        axis["title"]
        for name, axis in node.get("encoding", {}).items()
        if name in ("x", "y") and isinstance(axis, dict) and axis.get("title")
    }
    return own.union(*map(axis_titles, node.values()))


@pytest.mark.parametrize("name", sorted(ANALYSES))
def test_every_analysis_has_a_chart_or_is_known_to_have_none(name: str) -> None:
    if ANALYSES[name].kind in WITHOUT:
        return
    found = answer(CALLS[name])
    specification = drawn(found)
    assert specification["title"]["text"] == found.title
    assert specification["title"]["subtitle"][0] == "A survey"
    assert axis_titles(specification) or name == "CORRELATION"  # whose axes are the columns themselves
    assert data_of(specification)


def test_a_histogram_has_bars_between_the_bounds_of_its_bins() -> None:
    found = answer(SQL.histogram("bmi", bins=12, where="age >= 40"))
    specification = drawn(found)
    rows = data_of(specification)
    assert [row["count"] for row in rows] == [row[-1] for row in found.table.rows if row[0] is not None]
    # A bar ends where the next begins.
    ends = {round(row["end"], 9) for row in rows[:-1]}
    assert ends <= {round(row["low"], 9) for row in rows[1:]}
    assert axis_titles(specification) == {"bmi (kg/m2)", "rows"}
    missing = next(row[-1] for row in found.table.rows if row[0] is None)
    assert specification["title"]["subtitle"] == ["A survey, where age >= 40", f"{missing} rows without a value"] or (
        specification["title"]["subtitle"][:2] == ["A survey, where age >= 40", f"{missing} rows without a value"]
    )


def test_bins_of_uneven_width_are_drawn_as_densities() -> None:
    specification = drawn(answer(SQL.histogram("bmi", [18.5, 25, 30])))
    assert axis_titles(specification) == {"bmi (kg/m2)", "rows per kg/m2"}
    assert specification["encoding"]["y"]["field"] == "density"
    for row in data_of(specification):
        assert row["density"] * (row["end"] - row["low"]) == pytest.approx(row["count"])


def test_groups_of_a_histogram_are_facets() -> None:
    specification = drawn(answer(SQL.histogram("bmi", bins=10, by=["sex", "smoker"])))
    assert specification["facet"]["row"]["title"] == "sex, smoker"
    assert {row["group"] for row in data_of(specification)} >= {"female, false", "female, (none)", "male, true"}


def test_a_survival_curve_begins_with_everybody_and_has_a_band() -> None:
    found = answer(SQL.survival("days", "ill", "sex", intervals=20))
    specification = drawn(found)
    rows = data_of(specification)
    for group in ("female", "male"):
        first = next(row for row in rows if row["sex"] == group)
        assert (first["time"], first["survival"], first["low"], first["high"]) == (0, 1.0, 1.0, 1.0)
    band, line = specification["layer"]
    assert (band["mark"]["type"], line["mark"]["type"]) == ("area", "line")
    assert band["mark"]["interpolate"] == line["mark"]["interpolate"] == "step-after"
    assert (band["encoding"]["y"]["field"], band["encoding"]["y2"]["field"]) == ("low", "high")
    assert specification["title"]["subtitle"][1].startswith("log-rank test: p ")
    assert axis_titles(specification) >= {"days (day)", "share without the event"}


def test_coefficients_are_drawn_without_the_intercept_beside_zero() -> None:
    specification = drawn(answer(SQL.linear("bmi ~ age + C(sex)")))
    assert [row["term"] for row in data_of(specification)] == ["C(sex)[T.male]", "age"]
    assert [{"at": 0.0}] in specification["datasets"].values()


def test_risks_and_ratios_have_scales_of_their_own() -> None:
    specification = drawn(answer(SQL.risk("smoker", "ill")))
    assert specification["title"]["subtitle"] == ["A survey", "of ill = true, with smoker = true to without"]
    risks, difference, ratios = specification["vconcat"]
    assert axis_titles(risks) == {"risk of ill by smoker"}
    assert [{"at": 0.0}] in specification["datasets"].values()
    assert [{"at": 1.0}] in specification["datasets"].values()
    assert ratios["layer"][1]["encoding"]["x"]["scale"] == {"type": "log"}
    assert difference["layer"][1]["encoding"]["x"]["scale"] == {"zero": False}
    shares = drawn(answer(SQL.proportion("ill", "region")))
    assert shares["title"]["subtitle"] == ["A survey", "share of ill = true"]


def test_one_group_gives_bars_and_two_a_heat_map() -> None:
    bars = drawn(answer("SELECT sex, AVG(bmi) AS bmi FROM survey GROUP BY sex"))
    assert (bars["mark"]["type"], axis_titles(bars)) == ("bar", {"sex", "bmi"})
    several = drawn(answer("SELECT sex, COUNT(*) AS n, AVG(bmi) AS bmi FROM survey GROUP BY sex"))
    assert len(several["hconcat"]) == 2
    heat = drawn(answer(SQL.crosstab("region", "smoker")))
    assert [layer["mark"]["type"] for layer in heat["layer"]] == ["rect", "text"]
    assert len(data_of(heat)) == 9


@pytest.mark.parametrize(
    "sql",
    ["SELECT COUNT(*) AS n FROM survey", SQL.crosstab("sex", "region", "smoker"), SQL.linear("bmi ~ age", where="age > 90")],
)
def test_what_has_no_chart_says_so(sql: str) -> None:
    with pytest.raises(NothingToPlot):
        chart(answer(sql))


def test_a_withheld_statistic_is_not_drawn() -> None:
    with pytest.raises(NothingToPlot, match="withheld"):
        chart(answer(SQL.linear("bmi ~ age + C(region)"), minimum=5000))
    hidden = answer(SQL.histogram("bmi", bins=10), minimum=5000)
    with pytest.raises(NothingToPlot):
        chart(hidden)


def test_an_unknown_kind_has_no_chart() -> None:
    table = ResultTable((("a", "integer"),), (), ((1,),), (), (), "from-the-future")
    with pytest.raises(NothingToPlot, match="from-the-future"):
        chart(Answered(table, answer(SQL.histogram("bmi")).query, SCHEMA))

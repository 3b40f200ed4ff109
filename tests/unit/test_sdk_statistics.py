"""The methods of the client, one a statistic: the SQL that each composes, and what a real service makes of it."""

import asyncio
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from api.keys import Role
from circuits.catalogue import ANALYSES
from circuits.errors import QueryType, QueryUnknownName, QueryUnsupported
from circuits.query import Call, ColumnName, Compare
from circuits.schema import parse_schema
from circuits.sql import parse
from proofward import Client, connect
from proofward.client_errors import ExtraMissing, QuestionIncomplete
from proofward.demo_data import SCHEMA_TEXT
from proofward.sql import call
from proofward.statistics import SqlTexts
from tests.unit.api_served import served
from tests.unit.api_support import FAST, Ground, Running, make_ground

NHANES = parse_schema(SCHEMA_TEXT)


def _values(column: str, _: object) -> list[object]:
    found = NHANES.column(column)
    return [found.value(code) for code in range(found.size)]


SQL = SqlTexts(lambda options: options.get("dataset", "nhanes"), _values)


def test_one_clause_a_line_and_every_name_quoted() -> None:
    text = SQL.histogram("bmi", bins=12, where="age >= 18", by="sex")
    assert text == 'SELECT HISTOGRAM("bmi", 12)\nFROM "nhanes"\nWHERE age >= 18\nGROUP BY "sex"'
    query = parse(text, NHANES)
    assert query.call == Call("HISTOGRAM", (ColumnName("bmi"), Decimal(12)))
    assert (query.where, query.group_by) == (Compare("age", query.where.operator, Decimal(18)), ("sex",))  # type: ignore[union-attr]


def test_edges_are_numbers_as_written() -> None:
    edges = parse(SQL.histogram("bmi", [18.5, 25, Decimal("30.0"), 1e2]), NHANES).call
    assert edges == Call("HISTOGRAM", (ColumnName("bmi"), Decimal("18.5"), Decimal(25), Decimal("30.0"), Decimal(100)))
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="no SQL numbers"):
            SQL.histogram("bmi", [1, bad])


def test_aggregates_of_groups() -> None:
    assert SQL.crosstab("sex", "smoked", dataset="other") == (
        'SELECT "sex", "smoked", COUNT(*) AS count\nFROM "other"\nGROUP BY "sex", "smoked"'
    )
    assert SQL.median("bmi") == 'SELECT MEDIAN("bmi") AS median\nFROM "nhanes"'
    by = SQL.quantile("bmi", 0.9, by=["sex", "smoked"], interpolated=True)
    assert by.startswith('SELECT "sex", "smoked", QUANTILE_CONT("bmi", 0.9) AS quantile\n')
    for text in (SQL.crosstab("sex", "smoked", "health"), SQL.median("bmi", by="sex"), SQL.quantile("bmi", 0.25), by):
        parse(text, NHANES)


def test_a_name_stays_a_name_whatever_it_contains() -> None:
    with pytest.raises(QueryUnknownName) as caught:
        parse(SQL.histogram('bmi") FROM nhanes; DROP TABLE nhanes --'), NHANES)
    assert caught.value.where == "line 1, column 18"
    with pytest.raises(QueryUnknownName):
        parse(SQL.crosstab('sex" , "smoked'), NHANES)
    with pytest.raises(QueryUnknownName):
        parse(SQL.crosstab("sex", dataset='nhanes" WHERE "age'), NHANES)


def test_a_comment_in_a_condition_does_not_swallow_the_groups() -> None:
    assert parse(SQL.crosstab("sex", where="age > 20 -- adults"), NHANES).group_by == ("sex",)


def test_the_place_of_an_error_in_a_condition_is_that_of_its_line() -> None:
    with pytest.raises(QueryUnknownName) as caught:
        parse(SQL.crosstab("sex", where="ages > 20"), NHANES)
    assert caught.value.where == "line 3, column 7"


def test_arguments_left_out_are_null_between_others_and_nothing_at_the_end() -> None:
    assert call("histogram", ["bmi", None, None]) == 'HISTOGRAM("bmi")'
    assert call("HISTOGRAM", ["bmi", None, 3]) == 'HISTOGRAM("bmi", NULL, 3)'


def test_an_analysis_that_does_not_exist_never_becomes_sql() -> None:
    with pytest.raises(QueryUnsupported, match="is not supported"):
        SQL.analyse("HISTOGRAM(bmi) FROM nhanes --", "age")


def test_weights_by_value_are_put_in_the_order_of_the_domain() -> None:
    with pytest.raises(ValueError, match="give a weight to each value of sex, female, male, and to nothing else: 'mail'"):
        SQL.standardized_rate("smoked", "sex", {"female": 1, "mail": 2})
    if "STANDARDIZED_RATE" in ANALYSES:
        ordered = SQL.standardized_rate("smoked", "sex", {"male": 2, "female": 1})
        assert ordered == SQL.standardized_rate("smoked", "sex", 1, 2)


@pytest.mark.parametrize("analysis", ANALYSES.values(), ids=lambda analysis: analysis.name)
def test_the_example_of_an_analysis_is_a_call_of_the_client(analysis: Any) -> None:
    text = eval(analysis.example, {"client": SQL})
    assert text.startswith(f"SELECT {analysis.name}(")


def test_every_analysis_of_the_catalogue_has_a_method() -> None:
    asked = {}

    class Asked(SqlTexts):
        def analyse(self, analysis: str, *arguments: Any, **options: Any) -> str:
            asked[analysis] = arguments
            return ""

    methods = Asked(lambda _: "nhanes", lambda *_: ["a"])
    methods.describe(), methods.histogram("c"), methods.quantiles("c"), methods.ttest("c", "d"), methods.anova("c", "d")
    methods.proportion("c"), methods.chisquare("c", "d"), methods.fisher("c", "d"), methods.risk("c", "d")
    methods.standardized_rate("c", "d", {"a": 1}), methods.linear("c ~ d"), methods.correlation("c", "d")
    methods.pca("c", "d"), methods.survival("c", "d"), methods.roc("c", "d"), methods.calibration("c", "d")
    assert set(ANALYSES) <= set(asked)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ground = make_ground(tmp_path_factory.mktemp("ground"))
    yield ground
    ground.close()


async def _ask(ground: Ground, work: Callable[[Client], None], **options: Any) -> None:
    running: Running = ground.restart(FAST)
    key = running.key(Role.BUYER, "acme")
    async with served(running) as url:
        with connect(url, api_key=key, trust=ground.trust, **options) as client:
            await asyncio.to_thread(work, client)


async def test_a_method_asks_the_only_dataset_for_the_purpose_of_the_connection(ground: Ground) -> None:
    def work(client: Client) -> None:
        result = client.crosstab("sex", where="age >= 40", progress=False)
        pooled = [sex for sex, age, _ in ground.world.pooled if age >= 40]
        assert result.rows == tuple((sex, pooled.count(sex)) for sex in "fm")
        offer = result.attestation.statement.predicate.offer
        assert (offer.purpose, offer.dataset, offer.sql) == (
            "research",
            "survey",
            client.sql.crosstab("sex", where="age >= 40"),
        )
        explained = client.explain(client.sql.histogram("score", by="sex", bins=4))
        assert explained["cells"] > 8
        with pytest.raises(QueryUnknownName) as caught:
            client.histogram("scores")
        assert caught.value.where == "line 1, column 18"
        with pytest.raises(QueryType):
            client.explain(client.sql.histogram("sex"))

    await _ask(ground, work, purpose="research")


async def test_a_result_shows_itself_as_text_as_a_table_and_as_a_chart(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(client: Client) -> None:
        result = client.crosstab("sex", progress=False)
        assert (result.kind, dict(result.tables), result.notes) == ("table", {}, ())
        assert result.schema == ground.world.schema
        text = result.summary()
        assert text.splitlines()[0].strip() == "count by sex"
        for fact in ("Data:", "A survey for tests", "hospital-1, hospital-2, hospital-3, hospital-4", "Minimum cohort: 1"):
            assert fact in text
        assert f"Query:          {result.query_id}" in text
        assert "total proven, contributions proven, datasets proven, noise none" in text
        assert str(result.rows[0][1]) in result._repr_html_()
        chart = result.plot().to_dict()
        assert chart["title"] == {"anchor": "start", "subtitle": ["A survey for tests"], "text": "count by sex"}
        with pytest.raises(KeyError):
            result.to_pandas("fit")
        for module in ("proofward.plots", "proofward.plot_parts"):
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, "altair", None)
        with pytest.raises(ExtraMissing, match="Altair"):
            result.plot()

    await _ask(ground, work, purpose="research")


async def test_a_question_without_a_purpose_or_a_dataset_is_not_sent(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(client: Client) -> None:
        for incomplete in (client.crosstab, lambda by: client.explain(client.sql.crosstab(by))):
            with pytest.raises(QuestionIncomplete, match="what the answer is for"):
                incomplete("sex")
        monkeypatch.setattr(client, "_only", None)
        monkeypatch.setattr(client, "datasets", lambda: [{"name": "survey"}, {"name": "visits"}])
        with pytest.raises(QuestionIncomplete) as caught:
            client.crosstab("sex", purpose="research")
        assert caught.value.hint == "dataset= one of survey, visits"

    await _ask(ground, work)

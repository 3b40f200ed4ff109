"""The accepted SQL, and for everything else the code, the place and the nearest supported form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.errors import QuerySyntax, QueryTooLarge, QueryType, QueryUnknownName, QueryUnsupported
from circuits.query import Aggregate, Function, GroupKey
from circuits.schema import parse_schema
from circuits.sql import parse
from protocol.errors import ProofwardError

SCHEMA = parse_schema("""
name = "visits"
[[columns]]
name = "sex"
type = "category"
codes = ["m", "f"]
[[columns]]
name = "age"
type = "integer"
min = 0
max = 120
nullable = true
[[columns]]
name = "weight"
type = "decimal"
scale = 1
min = 0
max = 300
[[columns]]
name = "seen"
type = "date"
min = 2000-01-01
max = 2020-12-31
[[columns]]
name = "dead"
type = "boolean"
nullable = true
[[columns]]
name = "date"
type = "date"
min = 2000-01-01
max = 2000-12-31
[[columns]]
name = "left"
type = "integer"
min = 0
max = 9
""")
ALL = "SELECT COUNT(*) FROM visits"

ACCEPTED = [
    (ALL, 'SELECT COUNT(*) AS "count" FROM "visits"'),
    (f"  {ALL.lower()} ; ", 'SELECT COUNT(*) AS "count" FROM "visits"'),
    (f"{ALL} -- comment\n/* another */", 'SELECT COUNT(*) AS "count" FROM "visits"'),
    (
        'select "sex", AVG(AGE) mean, variance(age), stddev(age) as s from VISITS group by SEX',
        'SELECT "sex" AS "sex", AVG("age") AS "mean", VAR_SAMP("age") AS "var_samp_age", STDDEV_SAMP("age") AS "s" '
        'FROM "visits" GROUP BY "sex"',
    ),
    (f"{ALL} WHERE 5 < age", 'WHERE "age" > 5'),
    (f"{ALL} WHERE 5 >= (age)", 'WHERE "age" <= 5'),
    (f"{ALL} WHERE age != 007.50", 'WHERE "age" <> 7.5'),
    (f"{ALL} WHERE age = -0", 'WHERE "age" = 0'),
    (f"{ALL} WHERE weight > .5 AND weight < 5.", 'WHERE ("weight" > 0.5 AND "weight" < 5)'),
    (f"{ALL} WHERE weight BETWEEN -1 AND (2)", 'WHERE ("weight" >= -1 AND "weight" <= 2)'),
    (f"{ALL} WHERE weight NOT BETWEEN 1 AND 2", 'WHERE (NOT ("weight" >= 1 AND "weight" <= 2))'),
    (f"{ALL} WHERE age IN (3, 1, 3, 2.0)", 'WHERE "age" IN (1, 2, 3)'),
    (f"{ALL} WHERE age NOT IN (3)", 'WHERE (NOT "age" IN (3))'),
    (f"{ALL} WHERE sex = 'it''s'", "WHERE \"sex\" = 'it''s'"),
    (f"{ALL} WHERE sex = 'm' /* ' */ AND dead", 'WHERE ("sex" = \'m\' AND "dead" = TRUE)'),
    (f"{ALL} WHERE dead IS NOT TRUE", 'WHERE (NOT "dead" IS TRUE)'),
    (f"{ALL} WHERE age IS NOT NULL", 'WHERE (NOT "age" IS NULL)'),
    (f"{ALL} WHERE NOT dead", 'WHERE (NOT "dead" = TRUE)'),
    (f"{ALL} WHERE dead AND (dead AND (dead))", 'WHERE ("dead" = TRUE AND "dead" = TRUE AND "dead" = TRUE)'),
    (f"{ALL} WHERE dead OR dead AND dead", 'WHERE ("dead" = TRUE OR ("dead" = TRUE AND "dead" = TRUE))'),
    (f"{ALL} WHERE seen >= '2001-02-03' AND date < DATE '2000-05-05'", "DATE '2001-02-03'"),
    (f"{ALL} WHERE left = 3 GROUP BY left", 'GROUP BY "left"'),
    ("SELECT COUNT(*) AS rows FROM visits", 'AS "rows"'),
]


@pytest.mark.parametrize(("sql", "part"), ACCEPTED)
def test_accepted_sql_has_one_normal_form(sql: str, part: str) -> None:
    query = parse(sql, SCHEMA)
    assert part in query.canonical()
    assert parse(query.canonical(), SCHEMA) == query


def test_outputs_and_groups_are_typed() -> None:
    query = parse("SELECT sex AS s, COUNT(age), SUM(weight) FROM visits GROUP BY sex, dead", SCHEMA)
    assert query.outputs == (
        GroupKey("sex", "s"),
        Aggregate(Function.COUNT, "age", "count_age"),
        Aggregate(Function.SUM, "weight", "sum_weight"),
    )
    assert query.group_by == ("sex", "dead")


UNSUPPORTED = [
    (f"{ALL} ORDER BY 1", "line 1, column 29", "order of the GROUP BY"),
    (f"{ALL}\n  GROUP BY sex\n  HAVING COUNT(*) > 3", "line 3, column 3", "WHERE"),
    (f"{ALL} LIMIT 3", "line 1, column 29", "whole result"),
    (f"{ALL} OFFSET 3", "line 1, column 29", "whole result"),
    (f"{ALL} AS v", "line 1, column 22", "name of the dataset"),
    (f"{ALL}, visits", "line 1, column 8", "one dataset"),
    (f"{ALL} JOIN visits ON dead", "line 1, column 29", "one dataset"),
    (f"{ALL} CROSS JOIN visits", "line 1, column 29", "one dataset"),
    ("SELECT COUNT(*) FROM other.visits", "line 1, column 27", "column name alone"),
    ("SELECT COUNT(visits.age) FROM visits", "line 1, column 20", "column name alone"),
    (f"{ALL} UNION {ALL}", "line 1, column 29", "two queries"),
    (f"WITH x AS ({ALL}) {ALL}", "line 1, column 1", "COUNT(*)"),
    (f"{ALL} WHERE age IN ({ALL})", "line 1, column 35", "constants"),
    (f"{ALL} WHERE EXISTS ({ALL})", "line 1, column 35", "without subqueries"),
    (f"{ALL} WHERE age = ({ALL})", "line 1, column 49", "constant"),
    (f"SELECT COUNT(*) FROM ({ALL}) x", "line 1, column 30", "FROM visits"),
    ("SELECT COUNT(DISTINCT age) FROM visits", "line 1, column 14", "GROUP BY"),
    ("SELECT DISTINCT sex FROM visits", "line 1, column 8", "GROUP BY"),
    ("SELECT COUNT(*) FILTER (WHERE dead) FROM visits", "line 1, column 17", "WHERE"),
    ("SELECT SUM(age) OVER () FROM visits", "line 1, column 17", "GROUP BY"),
    ("SELECT * FROM visits", "line 1, column 8", "COUNT(*)"),
    ("SELECT age FROM visits", "line 1, column 8", "rows are never shown"),
    ("SELECT age, COUNT(*) FROM visits GROUP BY sex", "line 1, column 8", "GROUP BY age"),
    ("SELECT sex FROM visits GROUP BY sex", "line 1, column 8", "COUNT(*)"),
    ("SELECT COUNT(1) FROM visits", "line 1, column 8", "COUNT(column)"),
    ("SELECT 1 FROM visits", "line 1, column 8", "COUNT(*)"),
    ("SELECT SUM(age + 1) FROM visits", "line 1, column 16", "column name"),
    ("SELECT SUM(-age) FROM visits", "line 1, column 12", "column name"),
    ("SELECT SUM(age) / COUNT(*) FROM visits", "line 1, column 17", "column name"),
    ("SELECT MODE(age) FROM visits", "line 1, column 8", "AVG"),
    ("SELECT STDDEV_POP(age) FROM visits", "line 1, column 8", "STDDEV_SAMP"),
    ("SELECT ARBITRARY(age) FROM visits", "line 1, column 8", "COUNT"),
    ("SELECT read_csv('/etc/passwd') FROM visits", "line 1, column 8", "nearest"),
    ("SELECT CAST(age AS TEXT) FROM visits", "line 1, column 8", "constant"),
    (f"{ALL} WHERE age::text = '3'", "line 1, column 38", "constant"),
    (f"{ALL} WHERE sex LIKE 'm%'", "line 1, column 39", "IN"),
    (f"{ALL} WHERE age = weight", "line 1, column 35", "constant"),
    (f"{ALL} WHERE age > weight + 1", "line 1, column 48", "compute"),
    (f"{ALL} WHERE 1 = 1", "line 1, column 35", "column with a constant"),
    (f"{ALL} WHERE TRUE", "line 1, column 35", "leave it out"),
    (f"{ALL} WHERE age = NULL", "line 1, column 35", "IS [NOT] NULL"),
    (f"{ALL} WHERE age IN (1, NULL)", "line 1, column 35", "IS [NOT] NULL"),
    (f"{ALL} WHERE age IS DISTINCT FROM 3", "line 1, column 42", "GROUP BY"),
    (f"{ALL} WHERE age IS TRUE", "line 1, column 35", "boolean"),
    (f"{ALL} WHERE age = 1e3", "line 1, column 41", "decimal"),
    (f"{ALL} WHERE age = 0x10", "line 1, column 41", "supported"),
    (f"{ALL} WHERE age = {'1' * 41}", "line 1, column 41", "40 digits"),
    (f"{ALL} WHERE dead < TRUE", "line 1, column 35", "dead = TRUE"),
    (f"{ALL} WHERE (age, sex) = (1, 'm')", "line 1, column 36", "constant"),
    (f"{ALL} WHERE age BETWEEN SYMMETRIC 1 AND 2", "line 1, column 35", "smaller bound first"),
    (f"{ALL} GROUP BY 1", "line 1, column 38", "column name"),
    (f"{ALL} GROUP BY sex, sex", "line 1, column 43", "once"),
    (f"{ALL} GROUP BY sex, dead, left, age", "line 1, column 38", "each combination"),
    (f"{ALL} GROUP BY ROLLUP (sex)", "line 1, column 38", "nearest|supported"),
    ("SELECT COUNT(*), COUNT(*) FROM visits", "line 1, column 18", "alias"),
    ('SELECT COUNT(*) AS "=cmd" FROM visits', "line 1, column 20", "letters"),
    ("SELECT COUNT(*)", "line 1, column 8", "FROM visits"),
    (f"FROM visits {ALL}", "line 1, column 1", "SELECT"),
    (f"{ALL}; DROP TABLE visits", "line 1, column 30", "one query at a time"),
    ("DROP TABLE visits", "line 1, column 1", "SELECT"),
    ("", "line 1, column 1", "SELECT"),
    ("-- nothing", "line 1, column 1", "SELECT"),
    (f"{ALL} WHERE sex = $1", "line 1, column 41", "supported"),
    (f"{ALL} WHERE sex = ?", "line 1, column 41", "supported"),
    (f"{ALL} WHERE sex = E'm'", "line 1, column 41", "supported"),
    (f"{ALL} WHERE date = DATE '2000-01-01' + INTERVAL '1 day'", "line 1, column 60", "compute"),
    (f"{ALL} FOR UPDATE", "line 1, column 29", "supported"),
    (f"{ALL} TABLESAMPLE BERNOULLI (10)", "line 1, column 29", "supported"),
    (f"{ALL} WHERE CASE WHEN dead THEN TRUE END", "line 1, column 35", "WHERE"),
]


@pytest.mark.parametrize(("sql", "where", "hint"), UNSUPPORTED)
def test_anything_else_is_refused_with_its_place_and_the_nearest_form(sql: str, where: str, hint: str) -> None:
    with pytest.raises(QueryUnsupported) as caught:
        parse(sql, SCHEMA)
    assert caught.value.where == where
    assert any(part in str(caught.value.hint) for part in hint.split("|")), caught.value.hint


OTHERS = [
    (QuerySyntax, f"{ALL} WHERE", None),
    (QuerySyntax, f"{ALL} WHERE (age = 1", None),
    (QuerySyntax, f"{ALL} WHERE sex = 'm", None),
    (QuerySyntax, f"{ALL} GROUP BY", None),
    (QuerySyntax, "SELECT COUNT(*) FROM visits\x00", "line 1, column 28"),
    (QuerySyntax, f"{ALL} WHERE sex = '\ud800'", "line 1, column 42"),
    (QueryUnknownName, "SELECT COUNT(*) FROM visit", "line 1, column 22"),
    (QueryUnknownName, "SELECT AVG(wieght) FROM visits", "line 1, column 12"),
    (QueryUnknownName, f"{ALL}\nWHERE\n agee = 3", "line 3, column 2"),
    (QueryUnknownName, f"{ALL} GROUP BY SEXX", "line 1, column 38"),
    (QueryUnknownName, f"{ALL} WHERE ſex = 'm'", "line 1, column 35"),
    (QueryType, "SELECT AVG(sex) FROM visits", "line 1, column 12"),
    (QueryType, "SELECT SUM(dead) FROM visits", "line 1, column 12"),
    (QueryType, f"{ALL} WHERE age", "line 1, column 35"),
    (QueryType, f"{ALL} WHERE age = '3'", "line 1, column 41"),
    (QueryType, f"{ALL} WHERE sex = 3", "line 1, column 41"),
    (QueryType, f"{ALL} WHERE dead = 1", "line 1, column 42"),
    (QueryType, f"{ALL} WHERE age = TRUE", "line 1, column 35"),
    (QueryType, f"{ALL} WHERE seen = 20000101", "line 1, column 42"),
    (QueryType, f"{ALL} WHERE seen = '2000-1-1'", "line 1, column 42"),
    (QueryType, f"{ALL} WHERE seen = '2001-02-29'", "line 1, column 42"),
    (QueryType, f"{ALL} WHERE age = DATE '2000-01-01'", "line 1, column 46"),
    (QueryTooLarge, f"{ALL} WHERE sex = '{'m' * 20_000}'", None),
    (QueryTooLarge, f"{ALL} WHERE {'(' * 17}dead{')' * 17}", "line 1, column 51"),
    (QueryTooLarge, f"{ALL} WHERE {'NOT ' * 17}dead", "line 1, column 99"),
    (QueryTooLarge, f"{ALL} WHERE {'NOT (' * 9}dead{')' * 9}", "line 1, column 75"),
    (QueryTooLarge, f"{ALL} WHERE {' OR '.join(['dead'] * 600)}", None),
    (QueryTooLarge, f"{ALL} WHERE age IN ({', '.join(map(str, range(1100)))})", "line 1, column 35"),
    (QueryTooLarge, f"{ALL} WHERE age IN ({','.join('1' * 4100)})", None),
    (QueryTooLarge, f"SELECT {', '.join(f'COUNT(*) AS c{i}' for i in range(65))} FROM visits", None),
]


@pytest.mark.parametrize(("kind", "sql", "where"), OTHERS, ids=[str(i) for i in range(len(OTHERS))])
def test_other_mistakes_have_their_own_codes(kind: type[ProofwardError], sql: str, where: str | None) -> None:
    with pytest.raises(kind) as caught:
        parse(sql, SCHEMA)
    if where is not None:
        assert caught.value.where == where
    assert len(str(caught.value)) < 500


def test_a_misspelt_column_is_suggested() -> None:
    with pytest.raises(QueryUnknownName, match="did you mean weight"):
        parse("SELECT AVG(wieght) FROM visits", SCHEMA)


def test_acceptance_does_not_depend_on_the_stack_of_the_caller() -> None:
    deepest = f"{ALL} WHERE {'(' * 15}dead{')' * 15}"

    def descend(levels: int) -> str:
        return parse(deepest, SCHEMA).canonical() if levels == 0 else descend(levels - 1)

    assert descend(400) == descend(0)


def outcome(sql: str) -> str:
    """The code of the error, or `query-accepted`; then the query must also have a normal form."""
    try:
        query = parse(sql, SCHEMA)
    except ProofwardError as error:
        return error.code
    assert parse(query.canonical(), SCHEMA) == query
    return "query-accepted"


CHARACTERS = "SELECTFROMWHEREAND()*,'\"=<>-;0123.\n\t %$:[]{}\\ éabcvisit"
WORDS = """
    SELECT COUNT(*) COUNT( SUM( AVG( ) , FROM visits WHERE age sex dead weight seen 'm' 3 -1 2.5 DATE '2000-01-01' AND
    OR NOT IN ( IS NULL TRUE = < >= <> BETWEEN GROUP BY AS x ORDER LIMIT CASE END ; . :: JOIN
"""


@given(st.text(alphabet=st.sampled_from(CHARACTERS), max_size=60))
def test_no_text_causes_anything_but_a_typed_error(text: str) -> None:
    for sql in (text, f"{ALL} WHERE {text}", f"SELECT {text} FROM visits"):
        assert outcome(sql).startswith("query-")


@given(st.lists(st.sampled_from(WORDS.split()), max_size=25))
def test_no_sequence_of_words_causes_anything_but_a_typed_error(words: list[str]) -> None:
    for sql in (" ".join(words), f"{ALL} WHERE {' '.join(words)}"):
        assert outcome(sql).startswith("query-")

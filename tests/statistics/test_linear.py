"""Linear regression over hospitals is that of statsmodels over the pooled rows, and defined for whatever rows there are."""

import random
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from sklearn.linear_model import Ridge

from circuits.errors import PlanTooComplex, QueryTooLarge, QueryType, QueryUnsupported
from circuits.evaluate import evaluate
from circuits.finish import WITHHELD
from circuits.relation import contribution_relation
from circuits.result import ResultTable
from circuits.schema import parse_schema
from protocol.parameters import GROUP_ORDER
from tests.properties.onehot import row_of, row_value
from tests.statistics.pooled import Pool
from tests.statistics.ward import nhanes

SCHEMA = parse_schema(
    'name = "visits"\n'
    '[[columns]]\nname = "y"\ntype = "decimal"\nscale = 1\nmin = -100.0\nmax = 300.0\nnullable = true\n'
    '[[columns]]\nname = "a"\ntype = "integer"\nmin = -10\nmax = 100\n'
    '[[columns]]\nname = "b"\ntype = "decimal"\nscale = 2\nmin = -2.00\nmax = 30.00\nnullable = true\n'
    '[[columns]]\nname = "n"\ntype = "integer"\nmin = 3\nmax = 7\n'
    '[[columns]]\nname = "sex"\ntype = "category"\ncodes = ["m", "f"]\nnullable = true\n'
    '[[columns]]\nname = "ward"\ntype = "category"\ncodes = ["w1", "w2", "w3", "w4"]\n'
    '[[columns]]\nname = "smoked"\ntype = "boolean"\n'
    '[[columns]]\nname = "age"\ntype = "integer"\nmin = 0\nmax = 200\n'
    '[[columns]]\nname = "stay"\ntype = "integer"\nmin = 0\nmax = 200\n'
)
WARDS = ["w1", "w2", "w3", "w4"]


def visits(seed: int, count: int = 400, wards: int = 4) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        row: dict[str, Any] = {
            "a": rng.randint(-10, 100),
            "b": round(rng.uniform(-2, 30), 2),
            "n": rng.randint(3, 7),
            "sex": rng.choice("mf"),
            "ward": rng.choice(WARDS[:wards]),
            "smoked": rng.random() < 0.3,
            "age": 0,
            "stay": 0,
        }
        mean = 0.5 * row["a"] + row["b"] * (row["sex"] == "m") + 3 * row["smoked"] - row["n"]
        row["y"] = round(mean + rng.gauss(0, 5), 1)
        rows.append({name: None if name in "y b sex" and rng.random() < 0.05 else value for name, value in row.items()})
    return rows


def frame(rows: list[dict[str, Any]], *columns: str) -> pd.DataFrame:
    table = pd.DataFrame(rows).dropna(subset=list(columns))
    for name, codes in (("sex", ["m", "f"]), ("ward", WARDS)):
        table[name] = pd.Categorical(table[name], [code for code in codes if (table[name] == code).any()])
    return table


def ask(rows: list[dict[str, Any]], formula: str, *more: object, where: str = "", minimum: int = 1) -> ResultTable:
    arguments = ", ".join([f"'{formula}'", *map(str, more)])
    return uneven(rows).ask(f"SELECT LINEAR({arguments}) FROM visits {where}", minimum)


def uneven(rows: list[dict[str, Any]]) -> Pool:
    """Four hospitals, one of them without rows."""
    return Pool.of(SCHEMA, [rows[:3], [], rows[3 : len(rows) // 4], rows[max(3, len(rows) // 4) :]])


def fit(table: ResultTable) -> dict[str, Any]:
    return dict(table.named("fit").rows)  # type: ignore[arg-type]


def close(found: Any, expected: Any, relative: float = 1e-9) -> bool:
    return bool(np.allclose(np.array(found, float), np.array(expected, float), rtol=relative, atol=1e-11))


def is_that_of_statsmodels(table: ResultTable, model: Any, alpha: float = 0.05) -> None:
    names, estimates, errors, ts, ps, lows, highs = zip(*table.rows, strict=True)
    assert list(names) == list(model.params.index)
    assert close(estimates, model.params, 1e-6)
    assert close(errors, model.bse)
    assert close(ts, model.tvalues, 1e-6)
    assert close(ps, model.pvalues, 1e-6)
    assert close(list(zip(lows, highs, strict=True)), model.conf_int(alpha), 1e-6)
    covariances = np.array([row[2] for row in table.named("covariance").rows]).reshape(len(names), -1)
    assert close(covariances, model.cov_params(), 1e-8)
    figures = fit(table)
    assert figures["n"] == model.nobs
    assert (figures["df"], figures["df_model"]) == (model.df_resid, model.df_model)
    assert close(figures["r_squared"], model.rsquared)
    assert close(figures["adjusted_r_squared"], model.rsquared_adj)
    assert close(figures["residual_std_error"], np.sqrt(model.scale))
    if model.df_model:
        assert close(figures["f"], model.fvalue, 1e-8)
        assert close(figures["f_p"], model.f_pvalue, 1e-6)


FORMULAS = [
    ("y ~ a + b", "yb"),
    ("y ~ a*sex + ward + b", "ybsex"),
    ("y ~ ward:sex", "y sex"),
    ("y ~ ward:sex + ward", "y sex"),
    ("y ~ 0 + ward:sex + sex", "y sex"),
    ("y ~ ward - 1", "y"),
    ("y ~ a - 1", "y"),
    ("y ~ a + C(n)", "y"),
    ("y ~ n + C(n):a + smoked", "y"),
    ("y ~ C(smoked)*b", "yb"),
    ("y ~ 1", "y"),
    ("y ~ a:b:smoked", "yb"),
    ("y ~ a:smoked - 1", "y"),
    ("y ~ sex*smoked*ward + a", "y sex"),
]


@pytest.mark.parametrize(("formula", "used"), FORMULAS)
@pytest.mark.parametrize("seed", [1, 2])
def test_least_squares_is_that_of_statsmodels(formula: str, used: str, seed: int) -> None:
    rows = visits(seed)
    columns = [name for name in ("y", "b", "sex") if name in used]
    is_that_of_statsmodels(ask(rows, formula), smf.ols(formula, frame(rows, *columns)).fit())


def test_filters_and_confidence() -> None:
    rows = visits(3)
    table = ask(rows, "y ~ a + ward", "NULL", 0.9, where="WHERE ward <> 'w1' AND smoked AND b >= 3")
    kept = frame(rows, "y", "b")
    kept = kept[(kept.ward != "w1") & kept.smoked & (kept.b >= 3)]
    kept["ward"] = kept.ward.cat.remove_unused_categories()
    is_that_of_statsmodels(table, smf.ols("y ~ a + ward", kept).fit(), alpha=0.1)
    assert "no row has ward = w1, which has no coefficient" in table.notes
    assert "the reference of ward is w2" in table.notes


def test_groups_at_one_hospital_only() -> None:
    rows = visits(4)
    parts = [[row for row in rows if row["ward"] == ward] for ward in WARDS]
    table = Pool.of(SCHEMA, [*parts, []]).ask("SELECT LINEAR('y ~ a + ward') FROM visits", 10)
    is_that_of_statsmodels(table, smf.ols("y ~ a + ward", frame(rows, "y")).fit())


@pytest.mark.parametrize("penalty", [0.5, 40, 100000])
@pytest.mark.parametrize("intercept", [True, False])
def test_ridge_is_that_of_scikit_learn(penalty: float, intercept: bool) -> None:
    rows = visits(5)
    table = ask(rows, "y ~ a + b + sex" + (" - 1" if not intercept else ""), penalty)
    kept = frame(rows, "y", "b", "sex")
    design = pd.get_dummies(kept[["sex"]], drop_first=intercept).astype(float)
    design = pd.concat([design, kept[["a", "b"]]], axis=1)
    model = Ridge(alpha=penalty, fit_intercept=intercept, solver="cholesky").fit(design, kept.y)
    expected = [*([model.intercept_] if intercept else []), *model.coef_]
    assert close([row[1] for row in table.rows], expected, 1e-6)
    assert all(row[2:] == (None,) * 5 for row in table.rows)
    assert "ridge estimates are biased: they have no standard errors, tests and intervals" in table.notes
    assert [name for name, _ in table.tables] == ["fit"]
    residual = ((kept.y - model.predict(design)) ** 2).sum()
    figures = fit(table)
    assert close(figures["residual_sum_of_squares"], residual, 1e-8)
    if intercept:
        assert close(figures["r_squared"], model.score(design, kept.y), 1e-8)
    centred = design - design.mean() if intercept else design
    hat = centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(design.shape[1]), centred.T)
    assert close(figures["effective_df"], np.trace(hat) + intercept, 1e-8)


def test_no_penalty_is_least_squares_and_a_little_is_nearly() -> None:
    rows = visits(6)
    exact = ask(rows, "y ~ a + b")
    assert ask(rows, "y ~ a + b", 0) == exact
    near = ask(rows, "y ~ a + b", "0.0000001")
    assert close([row[1] for row in near.rows], [row[1] for row in exact.rows], 1e-6)


def test_ridge_works_where_least_squares_does_not() -> None:
    rows = [
        {"y": 3 * n, "a": 2 * n, "n": n, "b": n + 0.5, "ward": "w1", "smoked": False, "age": 0, "stay": 0}
        for n in range(3, 8)
    ]
    assert "linear combination" in ask(rows, "y ~ n + a").notes[-1]
    table = ask(rows, "y ~ n + a + b", 2)
    model = Ridge(alpha=2).fit(pd.DataFrame(rows)[["n", "a", "b"]], [row["y"] for row in rows])
    assert close([row[1] for row in table.rows], [model.intercept_, *model.coef_], 1e-6)


def simple(**values: Any) -> dict[str, Any]:
    return {"y": 1, "a": 1, "b": 1, "n": 3, "sex": "m", "ward": "w1", "smoked": False, "age": 0, "stay": 0, **values}


@pytest.mark.parametrize(
    ("formula", "rows", "reason"),
    [
        ("y ~ a", [], "no row in which all columns have values"),
        ("y ~ a", [simple(y=None)] * 20, "no row in which all columns have values"),
        ("y ~ a", [simple(a=a) for a in range(2)], "2 rows are too few for 2 coefficients"),
        ("y ~ 1", [simple()], "1 rows are too few"),
        ("y ~ a", [simple(a=a) for a in range(9)], "the outcome has the same value in all rows"),
        ("y ~ a - 1", [simple(a=a, y=0) for a in range(9)], "the outcome has the same value in all rows"),
        ("y ~ a", [simple(y=y) for y in range(9)], "a is a linear combination of Intercept"),
        ("y ~ a - 1", [simple(y=y, a=0) for y in range(9)], "a is 0 in all rows"),
        ("y ~ a + n + b", [simple(y=y * y, a=y, n=3 + y % 5, b=2 * y) for y in range(9)], "b is a linear combination of a:"),
        ("y ~ sex + smoked", [simple(y=y, smoked=y > 4, sex="fm"[y > 4]) for y in range(9)],
         "smoked[T.True] is a linear combination of Intercept, sex[T.f]"),
    ],
)  # fmt: skip
def test_undefined_in_words(formula: str, rows: list[dict[str, Any]], reason: str) -> None:
    table = ask(rows, formula)
    assert table.rows == ()
    assert table.tables == ()
    assert table.notes[0].startswith("undefined: ")
    assert reason in table.notes[0]


def test_a_perfect_fit_has_no_tests() -> None:
    table = ask([simple(y=2 * a - 1, a=a) for a in range(9)], "y ~ a")
    assert table.rows == (("Intercept", -1.0, 0.0, None, None, -1.0, -1.0), ("a", 2.0, 0.0, None, None, 2.0, 2.0))
    figures = fit(table)
    assert (figures["r_squared"], figures["f"], figures["f_p"], figures["residual_std_error"]) == (1.0, None, None, 0.0)
    assert "the fit is perfect" in table.notes[-1]


def test_without_an_intercept_a_constant_outcome_is_defined() -> None:
    rows = [simple(a=a) for a in range(1, 9)]
    is_that_of_statsmodels(ask(rows, "y ~ a - 1"), smf.ols("y ~ a - 1", pd.DataFrame(rows)).fit())


def test_categories_that_no_row_has_have_no_coefficient() -> None:
    rows = [row for row in visits(7) if row["ward"] in ("w2", "w4") and not (row["ward"] == "w4" and row["sex"] == "f")]
    table = ask(rows, "y ~ a + ward")
    is_that_of_statsmodels(table, smf.ols("y ~ a + ward", frame(rows, "y")).fit())
    assert "no row has ward = w1, w3, which has no coefficient" in table.notes
    table = ask(rows, "y ~ ward*sex")
    assert [row[0] for row in table.rows] == ["Intercept", "ward[T.w4]", "sex[T.f]"]
    assert "ward[T.w4]:sex[T.f] has no coefficient, because no row has these categories together" in table.notes
    is_that_of_statsmodels(table, smf.ols("y ~ ward + sex", frame(rows, "y", "sex")).fit())
    one = [row for row in rows if row["ward"] == "w2"]
    assert [row[0] for row in ask(one, "y ~ ward").rows] == ["Intercept"]


@pytest.mark.parametrize("few", WARDS)
@pytest.mark.parametrize("formula", ["y ~ ward", "y ~ a*ward", "y ~ ward + sex", "y ~ ward - 1"])
def test_nothing_of_a_small_category_is_opened(few: str, formula: str) -> None:
    seen = 0
    rows = []
    for row in visits(8):
        seen += row["ward"] == few
        if row["ward"] != few or seen <= 7:
            rows.append(row)
    pool = uneven(rows)
    sql = f"SELECT LINEAR('{formula}') FROM visits"
    table = pool.ask(sql, minimum=10)
    assert (table.rows, table.tables, table.notes[0]) == ((), (), WITHHELD)
    assert "ward" in table.notes[1]
    plan = pool.plan(sql)
    opened = pool.opened(plan, 10).cells
    for family in plan.families:
        cells = opened[family.first : family.first + family.cells]
        axes = [axis.column for axis in plan.grids[family.grid]]
        # Neither the category nor, by subtraction from the total, what is left of it beside the others.
        assert all(cell is None for cell in cells) if "ward" in axes else None not in cells
    excluded = f"{sql} WHERE ward <> '{few}'"
    assert pool.ask(excluded, minimum=10).rows == pool.ask(excluded).rows != ()


@pytest.mark.parametrize("minimum", [1, 10])
@pytest.mark.parametrize("seed", range(20))
def test_any_table_has_an_answer(seed: int, minimum: int) -> None:
    rng = random.Random(seed)
    rows = [
        simple(
            y=rng.choice([None, 0, 1, -2.5]),
            a=rng.randint(-1, 1),
            b=rng.choice([None, 0, 0.5]),
            n=rng.choice([3, 4]),
            sex=rng.choice([None, "m", "f"]),
            ward=rng.choice(WARDS),
            smoked=rng.random() < 0.5,
        )
        for _ in range(rng.choice([0, 1, 3, 12, 40, 120]))
    ]
    pool = uneven(rows)
    for formula in ("y ~ a*sex + b", "y ~ ward*smoked - 1", "y ~ C(n):ward:a", "y ~ a:b:n + smoked"):
        for penalty in ("NULL", "0.5"):
            table = pool.ask(f"SELECT LINEAR('{formula}', {penalty}) FROM visits", minimum)
            if not table.rows:
                assert table.notes[0] == WITHHELD or table.notes[0].startswith("undefined: ")
            if penalty == "0.5" or not (table.rows or "linear combination" in table.notes[0]):
                continue
            kept = frame(rows, *({"y", "b", "sex"} & set(formula.replace(":", " ").replace("*", " ").split())))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # theirs keeps columns that are 0 in all rows
                model = smf.ols(formula, kept.astype({"y": float})).fit()
            if table.rows:
                # The fitted values are the same, whatever became of columns that are 0.
                assert close(fit(table)["residual_std_error"] ** 2 * fit(table)["df"], model.ssr, 1e-7)
                assert len(table.rows) == np.linalg.matrix_rank(model.model.exog)
            else:
                assert np.linalg.matrix_rank(model.model.exog) < model.model.exog.any(axis=0).sum()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("'sex ~ a'", QueryType),
        ("'y ~ a', 0, 'x'", QueryType),
        ("'y ~ a', -1", QueryType),
        ("'y ~ a', 0, 1", QueryType),
        ("'y ~ a', 0, 0", QueryType),
        ("'y ~ a', 0, 0.9, 1", QueryType),
        ("y", QueryType),
        ("", QueryType),
        ("'y ~ 0'", QueryUnsupported),
        ("'y ~ C(a)'", QueryUnsupported),
        ("'y ~ C(a):C(age):C(stay):C(n):ward:sex'", QueryUnsupported),
        ("'y ~ ward*C(n)*sex*smoked'", QueryUnsupported),
        ("'y ~ b:b:b + a:b:n:sex:smoked:ward:C(n)'", QueryTooLarge),
    ],
)  # fmt: skip
def test_bad_calls_are_refused(arguments: str, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        Pool.of(SCHEMA, [[]]).plan(f"SELECT LINEAR({arguments}) FROM visits")
    assert raised.value.hint  # type: ignore[attr-defined]


def test_too_many_nullable_columns_are_too_complex() -> None:
    with pytest.raises(PlanTooComplex):
        Pool.of(SCHEMA, [[]]).plan("SELECT LINEAR('y ~ a*n*b*ward') FROM visits WHERE sex = 'm' AND smoked AND b > 7")


@pytest.mark.parametrize("formula", ["y ~ a + b", "y ~ a*sex + ward + b", "y ~ ward:sex - 1", "y ~ C(n):b + n"])
@pytest.mark.parametrize("where", ["", "WHERE smoked AND ward <> 'w2'", "WHERE a > 3 OR sex = 'm'"])
def test_what_is_proved_are_the_cells(formula: str, where: str) -> None:
    pool = Pool.of(SCHEMA, [visits(9, count=60)])
    plan = pool.plan(f"SELECT LINEAR('{formula}') FROM visits {where}")
    ((chunk,),) = pool.hospitals
    gamma = 0xABCDEF0123456789
    relation = contribution_relation(plan, gamma)
    proved = sum(row_value(relation, row_of(chunk, index)) for index in range(61))
    cells = evaluate(plan, [chunk])
    assert any(cells)
    assert (proved - sum(pow(gamma, k, GROUP_ORDER) * cell for k, cell in enumerate(cells))) % GROUP_ORDER == 0


def test_ten_regressors_are_about_eleven_products() -> None:
    names = [f"x{place}" for place in range(10)]
    columns = "".join(
        f'[[columns]]\nname = "{name}"\ntype = "integer"\nmin = -5\nmax = {100 if name < "x5" else 1000}\n' for name in names
    )
    schema = parse_schema(f'name = "t"\n{columns}[[columns]]\nname = "y"\ntype = "integer"\nmin = 0\nmax = 1000\n')
    pool = Pool.of(schema, [[]])
    plan = pool.plan(f"SELECT LINEAR('y ~ {' + '.join(names)}') FROM t")
    assert plan.cells == 12 * 13 // 2
    assert len(plan.combination.terms) <= 12
    assert len(plan.combination.forms) <= 24


def test_the_survey() -> None:
    _, survey, pooled = nhanes()
    for formula, columns in (
        ("systolic ~ age + C(sex) + bmi + cholesterol", ["systolic", "bmi", "cholesterol"]),
        ("bmi ~ age*sex + origin", ["bmi"]),
    ):
        kept = pooled[pooled.age >= 20].dropna(subset=columns).copy()
        kept["origin"] = pd.Categorical(kept.origin, ["mexican", "hispanic", "white", "black", "asian", "other"])
        table = survey.ask(f"SELECT LINEAR('{formula}') FROM nhanes WHERE age >= 20", 10)
        is_that_of_statsmodels(table, smf.ols(formula, kept).fit())
    # Too few did not know their education, and nobody can tell how many.
    withheld = survey.ask("SELECT LINEAR('bmi ~ health + education') FROM nhanes WHERE age >= 20", 10)
    assert (withheld.rows, withheld.tables, withheld.notes[0]) == ((), (), WITHHELD)
    assert "a value of education has too few rows" in withheld.notes[1]
    where = "age >= 20 AND education NOT IN ('unknown', 'below_9th') AND health <> 'excellent'"
    table = survey.ask(f"SELECT LINEAR('bmi ~ health + education') FROM nhanes WHERE {where}", 10)
    kept = pooled[pooled.age >= 20].dropna(subset=["bmi", "education", "health"])
    kept = kept[~kept.education.isin(["unknown", "below_9th"]) & (kept.health != "excellent")].copy()
    kept["health"] = pd.Categorical(kept.health, ["very_good", "good", "fair", "poor"])
    kept["education"] = pd.Categorical(kept.education, ["9th_to_11th", "high_school", "some_college", "college"])
    is_that_of_statsmodels(table, smf.ols("bmi ~ health + education", kept).fit())

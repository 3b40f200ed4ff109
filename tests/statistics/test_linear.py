"""Linear regression over hospitals is that of statsmodels over the pooled rows, and defined for whatever rows there are."""

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from sklearn.linear_model import Ridge

from circuits.errors import PlanTooComplex, QueryType, QueryUnsupported
from circuits.finish import WITHHELD
from circuits.result import ResultTable
from circuits.schema import parse_schema
from tests.statistics.pooled import Pool

SCHEMA = parse_schema(
    'name = "visits"\n'
    '[[columns]]\nname = "y"\ntype = "decimal"\nscale = 1\nmin = -100.0\nmax = 300.0\nnullable = true\n'
    '[[columns]]\nname = "a"\ntype = "integer"\nmin = -10\nmax = 100\n'
    '[[columns]]\nname = "b"\ntype = "decimal"\nscale = 2\nmin = -2.00\nmax = 30.00\nnullable = true\n'
    '[[columns]]\nname = "n"\ntype = "integer"\nmin = 3\nmax = 7\n'
    '[[columns]]\nname = "sex"\ntype = "category"\ncodes = ["m", "f"]\nnullable = true\n'
    '[[columns]]\nname = "ward"\ntype = "category"\ncodes = ["w1", "w2", "w3", "w4"]\n'
    '[[columns]]\nname = "smoked"\ntype = "boolean"\n'
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
    return Pool.split(SCHEMA, rows).ask(f"SELECT LINEAR({arguments}) FROM visits {where}", minimum)


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

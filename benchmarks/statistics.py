"""How long does each statistic take, proven, end to end, and how exact is it? One JSON object a statistic.

    python -m benchmarks.statistics --rows 16384 --json [--only HISTOGRAM,LINEAR] [--repeat 3]

Four hospitals with `--rows` rows each, every one a process; hub, HTTP interface and embedded chain in another. The clock runs
from the buyer's request to an answer that is proven by every hospital, checked by every node, attested, posted, confirmed,
downloaded with its evidence, and audited offline. The minimum cohort is 1, so that every number is there to be compared with
its oracle on the pooled table; it makes no difference to the time. A first query, not reported, builds tables of generators.
Figures and what they consist of: docs/notes/statistics-speed.md.
"""

import argparse
import json
import math
import statistics as averages
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.commit import commit, machine
from benchmarks.service import SECONDS, Service, service
from circuits.result import ResultTable

HOSPITALS: Final = 4
REGRESSORS: Final = tuple(f"x{index}" for index in range(1, 11))
SCHEMA: Final = "\n".join(
    [
        'name = "clinic"',
        *(
            f'[[columns]]\nname = "{name}"\ntype = "integer"\nmin = 0\nmax = {top}'
            for name, top in [
                ("lab", 4095),
                ("outcome", 4095),
                *((x, 100) for x in REGRESSORS),
                ("months", 49),
                ("score", 99),
            ]
        ),
        '[[columns]]\nname = "event"\ntype = "boolean"',
        '[[columns]]\nname = "treated"\ntype = "boolean"',
        '[[columns]]\nname = "ward"\ntype = "category"\ncodes = ["a", "b", "c", "d"]',
        '[[columns]]\nname = "risk"\ntype = "decimal"\nscale = 2\nmin = 0\nmax = 1',
    ]
)


def table(rows: int, hospital: int) -> pd.DataFrame:
    """The table of a hospital: an outcome that depends on the regressors, survival that depends on treatment."""
    rng = np.random.default_rng([20261121, hospital])
    x = rng.integers(0, 101, (rows, len(REGRESSORS)))
    outcome = 600 + x @ np.arange(1, 11) + rng.normal(0, 200, rows)
    treated = rng.random(rows) < 0.5
    months = np.minimum(49, rng.exponential(np.where(treated, 40, 25))).astype(int)
    score = np.clip(rng.normal(45 + 12 * treated, 18), 0, 99).astype(int)
    frame = pd.DataFrame(x, columns=list(REGRESSORS))
    frame["lab"] = np.clip(rng.normal(1800, 700, rows), 0, 4095).astype(int)
    frame["outcome"] = np.clip(outcome, 0, 4095).astype(int)
    frame["months"], frame["score"] = months, score
    frame["event"] = (months < 49) & (rng.random(rows) < 0.2 + score / 200)
    frame["treated"] = treated
    frame["ward"] = rng.choice(list("abcd"), rows)
    frame["risk"] = np.round(score / 99, 2)
    return frame


@dataclass(frozen=True)
class Case:
    """One statistic: what is asked, and pairs of a number in the answer and what its oracle says."""

    select: str
    pairs: Callable[[ResultTable, pd.DataFrame], Iterable[tuple[Any, Any]]]


def column(found: ResultTable, name: str) -> list[Any]:
    """The values of a column."""
    place = [each for each, _ in found.columns].index(name)
    return [row[place] for row in found.rows]


def _histogram(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    edges = [*column(found, "low"), np.inf]
    return zip(column(found, "count"), np.histogram(pooled.lab, edges)[0], strict=True)


def _linear(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    import statsmodels.api as sm

    fitted = sm.OLS(pooled.outcome.astype(float), sm.add_constant(pooled[list(REGRESSORS)].astype(float))).fit()
    pairs = [*zip(column(found, "estimate"), fitted.params, strict=True)]
    return [*pairs, *zip(column(found, "std_error"), fitted.bse, strict=True)]


def _survival(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    from lifelines import KaplanMeierFitter

    for treated in (False, True):
        part = pooled[pooled.treated == treated]
        curve = KaplanMeierFitter().fit(part.months, part.event).survival_function_at_times
        for group, at, value in zip(*(column(found, name) for name in ("treated", "time", "survival")), strict=True):
            if group is treated:
                yield value, float(curve(at).iloc[0])


def _log_rank(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    from lifelines.statistics import multivariate_logrank_test

    yield from _survival(found, pooled)
    yield (
        found.named("log_rank").rows[0][0],
        multivariate_logrank_test(pooled.months, pooled.treated, pooled.event).test_statistic,
    )


def _welch(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    from scipy import stats

    test = stats.ttest_ind(pooled.lab[~pooled.treated], pooled.lab[pooled.treated], equal_var=False)
    return [(column(found, "t")[0], test.statistic), (column(found, "p")[0], test.pvalue)]


def _anova(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    from scipy import stats

    test = stats.f_oneway(*(part.lab for _, part in pooled.groupby("ward")))
    return [(column(found.named("variance"), "f")[0], test.statistic)]


def _chi_square(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    from scipy import stats

    test = stats.chi2_contingency(pd.crosstab(pooled.ward, pooled.event), correction=False)
    return [(column(found, "chi_square")[0], test.statistic), (column(found, "p")[0], test.pvalue)]


def _auc(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    from sklearn.metrics import roc_auc_score

    return [(found.named("fit").rows[0][1], roc_auc_score(pooled.event, pooled.score))]


def _components(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    values = np.linalg.eigvalsh(np.corrcoef(pooled[list(REGRESSORS[:5])].to_numpy(dtype=float).T))
    return zip(column(found, "eigenvalue"), values[::-1], strict=True)


def _correlations(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    return zip(column(found, "correlation"), np.corrcoef(pooled[["lab", "outcome", "x1"]].T).ravel(), strict=True)


def _risks(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    with_, without = pooled.event[pooled.treated].mean(), pooled.event[~pooled.treated].mean()
    return [(column(found, "estimate")[0], with_ - without), (column(found, "estimate")[1], with_ / without)]


def _fisher(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    from scipy import stats

    return [(column(found, "p")[0], stats.fisher_exact(pd.crosstab(pooled.treated, pooled.event)).pvalue)]


def _quartiles(found: ResultTable, pooled: pd.DataFrame) -> Iterable[tuple[Any, Any]]:
    cuts = np.quantile(pooled.lab, [0.25, 0.5, 0.75], method="inverted_cdf")
    return zip(column(found, "high")[:3], cuts, strict=True)


CASES: Final = {
    "HISTOGRAM": Case("HISTOGRAM(lab, 100)", _histogram),
    "MEDIAN": Case("MEDIAN(lab)", lambda found, pooled: [(found.rows[0][0], pooled.lab.median())]),
    "MAX": Case("MAX(lab)", lambda found, pooled: [(found.rows[0][0], pooled.lab.max())]),
    "QUANTILES": Case("QUANTILES(lab, 4)", _quartiles),
    "CORR": Case("CORR(lab, outcome)", lambda found, pooled: [(found.rows[0][0], pooled.lab.corr(pooled.outcome))]),
    "CORRELATION": Case("CORRELATION(lab, outcome, x1)", _correlations),
    "PCA": Case(f"PCA({', '.join(REGRESSORS[:5])})", _components),
    "LINEAR": Case(f"LINEAR('outcome ~ {' + '.join(REGRESSORS)}')", _linear),
    "SURVIVAL": Case("SURVIVAL(months, event, treated)", _log_rank),
    "TTEST": Case("TTEST(lab, treated)", _welch),
    "ANOVA": Case("ANOVA(lab, ward)", _anova),
    "PROPORTION": Case(
        "PROPORTION(event, ward)",
        lambda found, pooled: zip(column(found, "estimate"), pooled.groupby("ward").event.mean(), strict=True),
    ),
    "CHISQUARE": Case("CHISQUARE(ward, event)", _chi_square),
    "FISHER": Case("FISHER(treated, event)", _fisher),
    "RISK": Case("RISK(treated, event)", _risks),
    "STANDARDIZED_RATE": Case(
        "STANDARDIZED_RATE(event, ward, 1, 1, 1, 1)",
        lambda found, pooled: [(column(found, "estimate")[1], pooled.groupby("ward").event.mean().mean())],
    ),
    "ROC": Case("ROC(score, event)", _auc),
    "CALIBRATION": Case("CALIBRATION(risk, event)", lambda found, pooled: [(sum(column(found, "count")), len(pooled))]),
    "SUMMARY": Case(
        "SUMMARY(lab, outcome, ward)",
        lambda found, pooled: [
            (column(found, "mean")[0], pooled.lab.mean()),
            (column(found, "mean")[1], pooled.outcome.mean()),
        ],
    ),
}


def relative_error(pairs: Iterable[tuple[Any, Any]]) -> float:
    """The largest relative difference; 0 counts from an oracle that says 0."""
    worst = 0.0
    for mine, theirs in pairs:
        if float(mine) != float(theirs):
            worst = max(worst, abs(float(mine) - float(theirs)) / max(abs(float(theirs)), sys.float_info.min))
    return worst


def measure(running: Service, name: str, pooled: pd.DataFrame, repeat: int) -> dict[str, object]:
    """Ask one statistic and compare it."""
    case, seconds = CASES[name], []
    sql = f"SELECT {case.select} FROM clinic"
    for _ in range(repeat):
        began = time.perf_counter()
        result = running.client.query(sql, purpose="benchmark", progress=False, wait=SECONDS)
        seconds.append(time.perf_counter() - began)
    verified = result.attestation.verified
    predicate = verified.statement.predicate
    if predicate.assurance.contribution != "proven" or len(predicate.parts) != HOSPITALS:
        raise SystemExit(f"{name} is not proven by every hospital")
    error = relative_error(case.pairs(verified.result, pooled))
    if not math.isfinite(error):
        raise SystemExit(f"{name} is not comparable with its oracle")
    return {
        "name": name,
        "seconds": round(averages.median(seconds), 3),
        "cells": predicate.cell_count + sum(len(each.cells) for each in predicate.offer.earlier),
        "rounds": 1 + len(predicate.offer.earlier),
        "max_relative_error": error,
        "hospitals": HOSPITALS,
        "rows_per_hospital": len(pooled) // HOSPITALS,
        "repeat": repeat,
        "machine": machine(),
        "commit": commit(),
    }


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1 << 14, help="of each hospital")
    parser.add_argument("--repeat", type=int, default=3, help="the median of so many is reported")
    parser.add_argument("--only", default=",".join(CASES), help="names, separated by commas")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = parser.parse_args()
    tables = [table(arguments.rows, index) for index in range(1, HOSPITALS + 1)]
    with tempfile.TemporaryDirectory(prefix="proofward-bench-") as directory:
        write: Callable[[Path, int], None] = lambda path, index: tables[index - 1].to_csv(path, index=False)  # noqa: E731
        with service(Path(directory), SCHEMA, HOSPITALS, write, minimum=1) as running:
            running.client.query("SELECT COUNT(*) FROM clinic", purpose="benchmark", progress=False, wait=SECONDS)
            for name in arguments.only.split(","):
                found = measure(running, name, pd.concat(tables), arguments.repeat)
                short = f"{name:18} {found['seconds']:>7} s  {found['cells']:>5} cells  {found['rounds']} rounds"
                print(
                    json.dumps(found) if arguments.json else f"{short}  error {found['max_relative_error']:.1e}", flush=True
                )


if __name__ == "__main__":
    main()

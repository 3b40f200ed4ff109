"""The examples about survival, asked of a real service that has a study; for the others see tests/documentation."""

import csv
import importlib
import io
import math
from collections.abc import Iterator
from pathlib import Path

import pandas
import pytest
from lifelines import KaplanMeierFitter
from lifelines.datasets import load_lung
from lifelines.statistics import logrank_test
from sklearn.metrics import roc_auc_score

from tests.architecture.source import ROOT
from tests.end_to_end.consortium import HOSPITALS, Consortium, Dataset, consortium

POLICY = """\
[[allow]]
buyers = ["acme"]
purposes = ["research"]
datasets = ["lung"]
columns = ["*"]
aggregates = ["SURVIVAL", "ROC", "CALIBRATION"]
publication = ["digest"]

[limits]
minimum_cohort = 5
minimum_hospitals = 3
"""


def patients() -> pandas.DataFrame:
    """The study with the columns of examples/lung.toml, and the hospital of each patient."""
    lung = load_lung()
    study = pandas.DataFrame({"days": lung["time"].astype(int), "died": lung["status"] == 1})
    study["sex"] = ["female" if sex == 2 else "male" for sex in lung["sex"]]
    ecog = lung["ph.ecog"].fillna(1)
    odds = (2.2 - 0.03 * lung["age"] - 0.5 * ecog + 0.5 * (lung["sex"] == 2)).map(math.exp)
    study["risk"] = (1 / (1 + odds)).round(2)
    within = (study["days"] <= 365) & study["died"]
    study["died_within_year"] = within.astype(object).where(study["died"] | (study["days"] >= 365), None)
    study["hospital"] = lung["inst"].fillna(0).astype(int) % len(HOSPITALS) + 1
    return study


PATIENTS = patients()


def lung(hospital: int) -> str:
    """The table of a hospital: the patients of every fourth institution."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    columns = ["days", "died", "sex", "risk", "died_within_year"]
    table.writerow(columns)
    for row in PATIENTS[PATIENTS["hospital"] == hospital][columns].itertuples(index=False):
        days, died, sex, risk, within = row
        table.writerow([days, str(died).lower(), sex, f"{risk:.2f}", "" if within is None else str(within).lower()])
    return out.getvalue()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    study = Dataset("lung", (ROOT / "examples" / "lung.toml").read_text(encoding="utf-8"), lung)
    with consortium(tmp_path_factory.mktemp("examples"), datasets=[study], policy=POLICY) as started:
        yield started


@pytest.mark.parametrize(
    ("name", "charts"),
    [("statistics_survival", {"survival.html"}), ("statistics_diagnostic", {"roc.html", "calibration.html"})],
)
def test_an_example_answers(
    running: Consortium,
    name: str,
    charts: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with running.client(purpose="research") as client:
        importlib.import_module(f"examples.{name}").main(client)
    said = capsys.readouterr().out
    assert "withheld:" not in said
    assert "undefined:" not in said
    assert "total proven, contributions proven, datasets proven" in said
    assert {chart.name for chart in tmp_path.glob("*.html")} == charts


def test_the_survival_curve_is_that_of_lifelines(running: Consortium) -> None:
    with running.client(purpose="research") as client:
        result = client.survival("days", "died", by="sex", intervals=40)
    assert result.kind == "survival"
    # At the times that are told apart the curve over all patients, whose times are rounded up to them.
    for sex in ("female", "male"):
        rows = [row for row in result.rows if row[0] == sex]
        ends = [row[1] for row in rows]
        among = PATIENTS[PATIENTS["sex"] == sex]
        rounded = [next(end for end in ends if days <= end) for days in among["days"]]
        fitted = KaplanMeierFitter().fit(rounded, among["died"])
        for row in rows:
            assert row[5] == pytest.approx(fitted.predict(row[1]), rel=1e-9)
    women = PATIENTS["sex"] == "female"
    test = logrank_test(PATIENTS["days"][women], PATIENTS["days"][~women], PATIENTS["died"][women], PATIENTS["died"][~women])
    ((_, df, p),) = result.tables["log_rank"].rows
    assert df == 1
    assert p == pytest.approx(test.p_value, abs=0.01)  # of coarser times


def test_the_area_under_the_curve_is_near_that_of_all_scores(running: Consortium) -> None:
    with running.client(purpose="research") as client:
        result = client.roc("risk", "died_within_year")
    known = PATIENTS[PATIENTS["died_within_year"].notna()]
    ((name, area, low, high),) = result.tables["fit"].rows
    assert name == "auc"
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert low < roc_auc_score(known["died_within_year"].astype(bool), known["risk"]) < high
    assert isinstance(area, float)

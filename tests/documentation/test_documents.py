"""What the documents tell people to type works when it is typed, in order, from the document alone."""

import os
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from circuits.schema import load_schema
from circuits.sql import parse
from mpc_nodes.policy import parse_policy
from proofward.demo_data import SCHEMA_TEXT
from tests.architecture.source import ROOT, tracked_files
from tests.demonstration import Demonstration
from tests.documentation.blocks import Block, blocks
from tests.processes import descendants, kill_tree

DOCUMENTS = sorted({ROOT / "README.md", *(path for path in tracked_files() if path.suffix == ".md" and "docs" in path.parts)})
# A block in one of these is run or parsed; `text` and pictures are not.
RUN = {"sh", "python", "toml", "sql", "json"}
SHOWN = {"text", "mermaid", ""}
# The commands are on the path as after `source .venv/bin/activate`.
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def _of(name: str, language: str) -> list[Block]:
    return [block for block in blocks(ROOT / name) if block.language == language]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_is_of_a_language_that_is_checked_or_only_shown(document: Path) -> None:
    for block in blocks(document):
        assert block.language in RUN | SHOWN, f"line {block.line}: {block.language!r}"
        if block.language == "toml":
            tomllib.loads(block.code)


def test_the_readme_names_targets_that_exist() -> None:
    for block in _of("README.md", "sh"):
        for line in block.code.splitlines():
            assert line.startswith("make "), line
            run = subprocess.run(["make", "-n", *line.split()[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
            assert run.returncode == 0, run.stderr


def test_the_question_of_the_life_of_a_query_is_one_that_the_demonstration_can_answer(tmp_path: Path) -> None:
    (tmp_path / "schema.toml").write_text(SCHEMA_TEXT)
    schema = load_schema(tmp_path / "schema.toml")
    questions = _of("docs/life-of-a-query.md", "sql")
    assert questions
    for block in questions:
        parse(block.code, schema)


def test_the_policy_in_the_quickstart_is_the_example_without_its_comments() -> None:
    (shown,) = _of("docs/for-hospitals.md", "toml")
    example = parse_policy((ROOT / "examples" / "policy.toml").read_text(encoding="utf-8"))
    policy = parse_policy(shown.code)
    assert policy.allow == example.allow
    assert policy.limits.minimum_cohort == example.limits.minimum_cohort


def _ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


@pytest.mark.timeout(300)
def test_the_quickstart_for_hospitals(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    http, relay = map(str, _ports(2))
    script = "\n".join(block.code for block in _of("docs/for-hospitals.md", "sh"))
    assert "8080" in script
    script = script.replace("8080", http).replace("7443", relay)
    # What was started in the background ends with the script, as it would with the terminal.
    script = f"set -eu\ntrap 'kill $(jobs -p); wait' EXIT\n{script}"
    with (tmp_path / "output").open("w+") as output:
        process = subprocess.Popen(
            ["bash", "-c", script], cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "PATH": PATH}
        )
        try:
            code = process.wait(240)
        finally:
            for pid in (*descendants(process.pid), process.pid):
                kill_tree(pid)
            process.wait()
        output.seek(0)
        said = output.read()
    assert code == 0, said[-4000:]
    assert "every value of" in said
    assert "registered and on chain" in said
    assert "0 decisions" in said
    assert "FAILED" not in said


@pytest.mark.timeout(600)
def test_the_quickstart_for_buyers(demo: Demonstration, tmp_path: Path) -> None:
    shells = "\n".join(block.code for block in _of("docs/for-buyers.md", "sh"))
    programs = "\n".join(block.code for block in _of("docs/for-buyers.md", "python"))
    assert shells or programs
    environment = {**demo.environment, "PATH": PATH}
    shutil.copy(demo.directory / "trial" / "trust.toml", tmp_path)
    if shells:
        run = subprocess.run(
            ["bash", "-c", f"set -eu\n{shells}"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
    run = subprocess.run(
        [sys.executable, "-c", programs], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.timeout(600)
# Those about survival ask another table: tests/end_to_end/test_examples.py.
@pytest.mark.parametrize(
    ("program", "saying", "writing"),
    [
        # Women of 20 and older in the survey.
        ("ask", ["2724", "verified"], ["answer.bundle.json"]),
        ("statistics_dictionary", ["Body mass index", "numbers would be opened", "Data dictionary"], ["completeness.html"]),
        (
            "statistics_distributions",
            ["Histogram: bmi by sex", "median by sex", "Quantile bins: bmi", "excellent"],
            ["histogram.html", "quantiles.html", "crosstab.html"],
        ),
        (
            "statistics_comparisons",
            ["female - male", "Analysis of variance", "cramers_v", "odds ratio", "risk difference", "standardized"],
            [
                "ttest.html",
                "anova.html",
                "proportion.html",
                "chisquare.html",
                "fisher.html",
                "risk.html",
                "standardized.html",
            ],
        ),
        (
            "statistics_regression",
            ["C(sex)[T.male]", "r_squared", "Correlation matrix", "explained_share"],
            ["coefficients.html", "correlation.html", "scree.html"],
        ),
    ],
)
def test_an_example_runs_beside_the_demonstration(
    program: str, saying: list[str], writing: list[str], demo: Demonstration, tmp_path: Path
) -> None:
    path = ROOT / "examples" / f"{program}.py"
    run = subprocess.run([sys.executable, str(path)], cwd=tmp_path, env=demo.environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert [words for words in saying if words not in run.stdout] == []
    assert "withheld:" not in run.stdout
    assert "undefined:" not in run.stdout
    for name in writing:
        assert (tmp_path / name).stat().st_size > 1000


def test_every_example_is_run() -> None:
    here = {"ask", "statistics_dictionary", "statistics_distributions", "statistics_comparisons", "statistics_regression"}
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == here | {"statistics_survival", "statistics_diagnostic"}

"""docs/statistics.md is what the catalogue says, and says something of everything."""

import json

import pytest
from typer.testing import CliRunner

from circuits.call import signature
from circuits.catalogue import ANALYSES, NAMES
from proofward.cli import app
from proofward.reference import page, section
from tests.architecture.source import ROOT


def _printed(*arguments: str) -> str:
    found = CliRunner().invoke(app, ["statistics", *arguments], env={"COLUMNS": "200"})
    assert found.exit_code == 0, found.output
    return found.stdout


def test_the_page_is_current() -> None:
    committed = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    assert committed == _printed("--page"), "run: proofward statistics --page > docs/statistics.md"


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_a_policy_can_allow_is_on_the_page(name: str) -> None:
    assert f"`{name}(" in page() or f"### {name}\n" in page()


@pytest.mark.parametrize("analysis", ANALYSES.values(), ids=lambda analysis: analysis.name)
def test_an_analysis_is_documented_in_full(analysis) -> None:  # type: ignore[no-untyped-def]
    for text in (analysis.title, analysis.formula, analysis.source, analysis.revealed, analysis.limits, analysis.example):
        assert len(text) > 4
    assert all(parameter.description for parameter in analysis.parameters)
    shown = section(analysis)
    assert signature(analysis) in shown
    assert shown.rstrip("\n") in _printed(analysis.name.lower())


def test_the_command_lists_them() -> None:
    assert set(json.loads(_printed("--json"))["analyses"]) == set(ANALYSES)
    text = _printed()
    assert all(name in text for name in NAMES)
    unknown = CliRunner().invoke(app, ["statistics", "astrology", "--json"])
    assert (unknown.exit_code, json.loads(unknown.stdout)["error"]["code"]) == (1, "query-unsupported")

"""The verifiers without one of their absorbs, checks, equations or fields are noticed by the test suite."""

import subprocess
import sys

import pytest

from tests.mutation.python_mutants import ROOT, python_mutants


def run(campaign: str) -> None:
    # A process of its own: it forks for each mutant, and loads another kernel.
    command = [sys.executable, "-m", "tests.mutation", campaign]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3500)
    assert ended.returncode == 0, f"{ended.stdout[-6000:]}\n{ended.stderr[-3000:]}"


def test_each_message_equation_and_field_is_missed() -> None:
    run("quick")


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("campaign", ["python", "kernel"])
def test_everything_that_can_be_taken_out_is_missed(campaign: str) -> None:
    run(campaign)


def test_mutants_have_names_of_their_own() -> None:
    mutants = python_mutants()
    assert len(mutants) > 200
    assert {mutant.kind for mutant in mutants} == {"absorb", "refusal", "check", "equation", "field"}

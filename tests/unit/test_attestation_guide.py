"""The commands and the program of docs/for-auditors.md run as they stand there, and its tables name every step."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from attestation.verify import STEPS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "for-auditors.md").read_text(encoding="utf-8")
SPECIFICATION = (ROOT / "docs" / "spec" / "08-attestation.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_guide_verifies_the_bundle(command: str) -> None:
    program, *arguments = command.split()
    assert program == "proofward"
    run = subprocess.run(
        [sys.executable, "-c", "from proofward.cli import main; main()", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "verified" in run.stdout


def test_the_guide_has_commands() -> None:
    assert len(commands()) == 3


@pytest.mark.parametrize("program", blocks("python"))
def test_the_program_of_the_guide_runs(program: str) -> None:
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "['alpha', 'bravo', 'charlie', 'delta'] proven" in run.stdout


def test_every_step_is_explained() -> None:
    for step in STEPS:
        assert f"| {step.number} | {step.name} |" in SPECIFICATION
        assert f"{step.number} {step.name}" in GUIDE
    for number, name in ((18, "contract"), (19, "registered"), (20, "posted")):
        assert f"| {number} | {name} |" in SPECIFICATION
        assert f"{number} {name}" in GUIDE

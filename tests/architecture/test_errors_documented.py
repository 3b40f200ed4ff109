"""Every error code has a page and every page a code, so that whoever meets an error finds what to do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGES, ROOT

PAGES = sorted((ROOT / "docs" / "errors").glob("*.md"))
SECTIONS = ("## What happened", "## Why", "## What to do")

# In a process of its own: tests declare errors too, and those need no page.
_PROGRAM = f"""
import importlib, json, pkgutil
for package in {PACKAGES!r}:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, package + "."):
        if "._pb2" not in found.name and ".migrations" not in found.name and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
from protocol.errors import REGISTRY
print(json.dumps({{code: error.__module__ for code, error in REGISTRY.items()}}))
"""


@pytest.fixture(scope="module")
def codes() -> dict[str, str]:
    run = subprocess.run([sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, str] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_every_code_has_a_page(codes: dict[str, str]) -> None:
    assert sorted(set(codes) - {page.stem for page in PAGES}) == []


def test_every_page_has_a_code(codes: dict[str, str]) -> None:
    assert sorted({page.stem for page in PAGES} - set(codes)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_why_and_what_to_do(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# {page.stem}"
    positions = [lines.index(section) for section in SECTIONS if section in lines]
    assert len(positions) == len(SECTIONS)
    assert positions == sorted(positions)
    assert len(lines) <= 30
    # Each section says something.
    for start, end in zip(positions, [*positions[1:], len(lines)], strict=True):
        assert any(line.strip() for line in lines[start + 1 : end])

"""The threat model names a test for every attack that it claims to answer, and every such test is named."""

import re
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

DOCUMENT = ROOT / "docs" / "threat-model.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
# Those that the first release must answer for what exists.
REQUIRED = [
    *("P5", "P6", "P7", "P8", "P20"),
    *("M1", "M2", "M3", "M4", "M7", "M8", "M9", "M10"),
    *("A1", "A3", "A4", "A5", "A10", "C2", "C4"),
]
# One table row an attack: `| P5 | what it is | what is claimed | links |`.
_ROW = re.compile(r"^\| ([A-Z]\d+) \|(.*)\|$", re.MULTILINE)
_LINK = re.compile(r"\]\(\.\./(tests/[\w/.-]+)\)")


def _rows() -> dict[str, list[Path]]:
    return {row: [ROOT / link for link in _LINK.findall(rest)] for row, rest in _ROW.findall(TEXT)}


ROWS = _rows()


@pytest.mark.parametrize("row", REQUIRED)
def test_a_required_attack_has_a_row_with_tests(row: str) -> None:
    assert ROWS.get(row), f"{row} has no row with a test"


@pytest.mark.parametrize("row", sorted(ROWS))
def test_the_tests_of_a_row_exist_and_test_something(row: str) -> None:
    for path in ROWS[row]:
        assert path.is_file(), f"{path.relative_to(ROOT)} does not exist"
        assert re.search(r"^\s*(async )?def test_", path.read_text(encoding="utf-8"), re.MULTILINE), path


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "attacks").glob("test_*.py")), ids=lambda path: path.name)
def test_every_attack_test_is_named_in_its_row(path: Path) -> None:
    match = re.match(r"test_([a-z]\d+)_", path.name)
    assert match, "an attack test is called test_<row>_<name>.py"
    assert path in ROWS.get(match[1].upper(), []), f"docs/threat-model.md, row {match[1].upper()}, does not link {path.name}"


def test_every_claim_has_a_test() -> None:
    section = TEXT.partition("## Claims")[2].partition("\n## ")[0]
    claims = re.split(r"\n(?=\d+\. )", section)[1:]
    assert len(claims) >= 8
    for claim in claims:
        links = _LINK.findall(claim)
        assert links, claim
        assert all((ROOT / link).is_file() for link in links), claim

"""Documents point at things that exist: files, headings, specification sections, and the code of each section."""

import re
import unicodedata
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, shipped_files, tracked_files

MARKDOWN = [path for path in tracked_files() if path.suffix == ".md"]
SPECIFICATION = sorted((ROOT / "docs" / "spec").glob("*.md"))

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_DOCUMENT = re.compile(r"docs/[\w/.-]+\.md")
_SECTION = re.compile(r"(docs/[\w/.-]+\.md)[`]?,?\s+(?:#\s+|//[/!]?\s+)?[\"“]([^\"”\n]+)[\"”]")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """The anchors that a forge makes of the headings of a document."""
    found: dict[str, int] = {}
    for line in _FENCE.sub("", path.read_text(encoding="utf-8")).splitlines():
        if match := re.match(r"#{1,6}\s+(.*)", line):
            text = unicodedata.normalize("NFC", re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", match[1])).strip().lower()
            slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
            if found[slug]:
                found[f"{slug}-{found[slug]}"] = 0
    return set(found)


def headings(path: Path) -> set[str]:
    """The texts of the headings, without their numbers."""
    lines = _FENCE.sub("", path.read_text(encoding="utf-8")).splitlines()
    return {re.sub(r"^#{1,6}\s+(?:[\d.]+\s+)?", "", line).strip() for line in lines if line.startswith("#")}


@pytest.mark.parametrize("path", MARKDOWN, ids=_name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in _LINK.findall(_FENCE.sub("", path.read_text(encoding="utf-8"))):
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{link} does not exist"
        assert file.is_relative_to(ROOT), f"{link} leads out of the repository"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{link}: no such heading"


@pytest.mark.parametrize("path", shipped_files(".py", ".rs", ".sol", ".pyi"), ids=_name)
def test_documents_that_code_mentions_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for document in _DOCUMENT.findall(text):
        assert (ROOT / document).is_file(), f"{document} does not exist"
    for document, section in _SECTION.findall(text):
        assert section in headings(ROOT / document), f"{document} has no section {section!r}"


@pytest.mark.parametrize("path", SPECIFICATION, ids=_name)
def test_every_specification_is_named_by_the_code_that_implements_it(path: Path) -> None:
    name = _name(path)
    assert any(name in source.read_text(encoding="utf-8") for source in shipped_files(".py", ".rs", ".sol"))

"""What is committed works on any machine: no path of one, no registry of one, no secret of anybody."""

import re
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, tracked_files

# Written in pieces, so that this file obeys the rule too.
_HOSTS = tuple(
    ".".join(parts)
    for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"), ("static", "crates", "io"))
)
_HOMES = re.compile(r"(?<![\w.])/(?:home/\w|root/|Users/\w|work/(?:main|shared)|opt/wheels)")
_KEYS = re.compile(r"-----BEGIN (?:EC |RSA |OPENSSH )?PRIVATE KEY-----\n\w")
_SECRET_FILES = {".pem", ".key", ".p12", ".db", ".sqlite", ".pkl", ".so"}


def _texts() -> list[tuple[Path, str]]:
    return [(path, path.read_text(encoding="utf-8", errors="replace")) for path in tracked_files()]


def test_no_registry_host_is_named() -> None:
    found = [(str(path.relative_to(ROOT)), host) for path, text in _texts() for host in _HOSTS if host in text]
    assert found == []


def test_no_directory_of_one_machine_is_named() -> None:
    found = [(str(path.relative_to(ROOT)), match.group()) for path, text in _texts() for match in _HOMES.finditer(text)]
    assert found == []


def test_no_private_key_is_committed() -> None:
    found = [str(path.relative_to(ROOT)) for path, text in _texts() if _KEYS.search(text) or path.suffix in _SECRET_FILES]
    assert found == []


@pytest.mark.parametrize("script", [".ci/run"])
def test_scripts_are_executable(script: str) -> None:
    assert (ROOT / script).stat().st_mode & 0o111

"""The lock pins every dependency by hash, above the versions with known holes (docs/decisions/0007-dependencies.md)."""

import importlib.metadata
import re

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.architecture.source import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")

# Package, first version without the hole, the hole. Those not in the lock are not installed and need no minimum.
MINIMUM = [
    ("aiohttp", "3.13.3", "CVE-2025-69223 and relatives: decompression and smuggling"),
    ("cryptography", "46.0.5", "CVE-2026-26007: subgroup attack on binary curves"),
    ("h11", "0.16.0", "CVE-2025-43859: request smuggling by chunked encoding"),
    ("protobuf", "6.33.5", "CVE-2025-4565 and CVE-2026-0994: unbounded recursion"),
    ("pyarrow", "14.0.1", "CVE-2023-47248: pickle in a file"),
    ("python-multipart", "0.0.26", "CVE-2024-24762, CVE-2026-40347: slow parsing"),
    ("requests", "2.32.4", "CVE-2024-47081: credentials leak to another host"),
    ("starlette", "0.49.1", "CVE-2024-47874, CVE-2025-54121, CVE-2025-62727: unbounded form fields, Range merging"),
    ("urllib3", "2.6.3", "CVE-2025-66418, CVE-2025-66471, CVE-2026-21441: decompression bombs"),
    ("web3", "8.0.0", "CVE-2026-40072: CCIP read follows URLs chosen by a contract"),
]


def _locked() -> dict[str, list[Version]]:
    pins: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", LOCK, re.MULTILINE):
        pins.setdefault(name, []).append(Version(version))
    return pins


def test_every_pin_has_hashes_and_nothing_else_is_in_the_lock() -> None:
    for block in re.split(r"\n(?=\S)", LOCK.strip()):
        assert re.match(r"[a-z0-9-]+(\[[^\]]*\])?==\S+", block), block[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:80]


def test_the_lock_holds_every_declared_dependency() -> None:
    pins = _locked()
    for text in importlib.metadata.requires("proofward") or []:
        requirement = Requirement(text)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert name in pins, name
        assert all(requirement.specifier.contains(version, prereleases=True) for version in pins[name]), text


@pytest.mark.parametrize(("name", "minimum", "hole"), MINIMUM, ids=[row[0] for row in MINIMUM])
def test_no_version_with_a_known_hole(name: str, minimum: str, hole: str) -> None:
    for version in _locked().get(name, []):
        assert version >= Version(minimum), hole


def test_what_runs_is_what_is_locked() -> None:
    pins = _locked()
    for name in ("cryptography", "duckdb", "fastapi", "grpcio", "pydantic", "sqlglot", "starlette", "web3"):
        assert Version(importlib.metadata.version(name)) in pins[name], name

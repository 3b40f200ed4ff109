"""Imports go down only, so that a part can be read, tested and trusted with what lies below it alone."""

import ast
import sys
from pathlib import Path

import pytest

from tests.architecture.source import LAYERS, PACKAGES, ROOT, imports, module_file, place, shipped_files, tree

RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}
# Packages that nothing below the front door may know: they are not shipped.
UNSHIPPED = {"tests", "benchmarks", "examples"}

# What the verifier may stand on: nothing here opens a connection when it is imported or used as the verifier uses it.
OFFLINE_LIBRARIES = {
    "cryptography", "eth_abi", "eth_account", "eth_hash", "eth_keys", "eth_typing", "eth_utils", "hexbytes", "mpmath",
    "numpy", "py_ecc", "pydantic", "pydantic_core", "rfc8785", "rlp", "securesystemslib", "sqlglot", "typing_extensions",
}  # fmt: skip
# Of the standard library, what can reach a network or start a program that does.
CONNECTING = {
    "asyncio", "ftplib", "http", "imaplib", "poplib", "select", "selectors", "smtplib", "socket", "socketserver", "ssl",
    "subprocess", "telnetlib", "urllib.request", "webbrowser", "xmlrpc",
}  # fmt: skip
TOUCHES_ROWS = {"duckdb", "psycopg"}


@pytest.mark.parametrize("path", shipped_files(".py"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    for line, name in imports(path):
        top = name.split(".")[0]
        assert top not in UNSHIPPED, f"{place(path, line)}: shipped code imports {name}"
        if top in RANK and top != package:
            assert RANK[top] > RANK[package], f"{place(path, line)}: {package} may not import {name}"


def test_every_package_has_a_layer() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - UNSHIPPED
    assert packages == set(PACKAGES)


def _reach(start: str) -> dict[str, str]:
    """Modules of the project that importing `start` may run, now or later, each with who imports it."""
    reached = {start: "the test"}
    queue = [start]
    while queue:
        module = queue.pop()
        path = module_file(module)
        if path is None:
            continue
        names = {name for _, name in imports(path) if name.split(".")[0] in PACKAGES}
        for name in names:
            # `from a.b import c`: a, a.b, and a.b.c if that is a module.
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                candidate = ".".join(parts[:end])
                if module_file(candidate) is not None and candidate not in reached:
                    reached[candidate] = module
                    queue.append(candidate)
    return reached


def test_the_verifier_reaches_nothing_that_opens_a_socket() -> None:
    standard = sys.stdlib_module_names
    for module, importer in _reach("attestation.verify").items():
        path = module_file(module)
        assert path is not None, f"{importer} imports {module}, which does not exist"
        for line, name in imports(path):
            top = name.split(".")[0]
            if top in PACKAGES:
                continue
            where = f"{place(path, line)} (imported by {importer})"
            connects = any(name == bad or name.startswith(f"{bad}.") for bad in CONNECTING)
            assert not connects, f"{where}: the verifier would reach {name}"
            assert top in standard or top in OFFLINE_LIBRARIES, f"{where}: {top} is not known to stay offline"


def test_only_the_data_sources_touch_rows() -> None:
    allowed = {
        "proofward/doctor.py",  # asks for versions
        "proofward/demo_data.py",  # makes the hospitals' tables and the pooled answer that no real deployment has
    }
    for path in shipped_files(".py"):
        name = str(path.relative_to(ROOT))
        if name in allowed or name.startswith("mpc_nodes/data_"):
            continue
        for line, imported in imports(path):
            assert imported.split(".")[0] not in TOUCHES_ROWS, f"{place(path, line)} imports {imported}"


def test_every_module_says_what_it_is_for() -> None:
    for path in shipped_files(".py"):
        if path.read_text(encoding="utf-8").strip():
            assert ast.get_docstring(tree(path)), f"{path.relative_to(ROOT)} has no docstring"


def test_no_module_is_called_utils() -> None:
    vague = {"common", "helpers", "misc", "util", "utils"}
    assert [path for path in shipped_files(".py", ".rs") if path.stem.lower() in vague] == []

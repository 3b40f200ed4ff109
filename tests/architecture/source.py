"""The shipped source, as files and as imports, for the tests in this directory."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# From the front door down; packages on one line know nothing of each other.
LAYERS = (
    ("proofward",),
    ("api",),
    ("mpc_nodes",),
    ("attestation",),
    ("prover",),
    ("circuits", "privacy"),
    ("protocol",),
)
PACKAGES = tuple(package for layer in LAYERS for package in layer)


def is_generated(path: Path) -> bool:
    """Whether a tool wrote this file: nobody reads it, so no rule of style applies to it."""
    return "_pb2" in path.name or "node_modules" in path.parts


@cache
def shipped_files(*suffixes: str) -> tuple[Path, ...]:
    """Files of the packages that are installed, written by people, in order. `suffixes` with the dot."""
    return tuple(
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*"))
        if path.suffix in suffixes and path.is_file() and not is_generated(path) and "target" not in path.parts
    )


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    """The dotted name under which a shipped file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_file(name: str) -> Path | None:
    """The file of a module or package of the project, or None."""
    path = ROOT.joinpath(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a file imports, in functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            package = module_name(path).split(".")
            if node.level:
                package = package[: len(package) - node.level + (path.name == "__init__.py")]
                base = ".".join([*package, node.module] if node.module else package)
            else:
                base = node.module or ""
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"import_module", "importlib.import_module"}:
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield node.lineno, name.value


def place(path: Path, line: int) -> str:
    """`file:line` for a message."""
    return f"{path.relative_to(ROOT)}:{line}"

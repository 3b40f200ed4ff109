"""Rules that every shipped file obeys."""

import ast
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, imports, is_generated, place, shipped_files, tracked_files, tree

MAX_LINES = 500

# Modules that run what they read, or whose randomness can be predicted.
FORBIDDEN_MODULES = {"dill", "joblib", "marshal", "numpy.random", "pickle", "random", "shelve", "tempfile.mktemp", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "os.system", "os.popen", "np.load", "numpy.load", "torch.load", "breakpoint"}
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error")

FILES = shipped_files(".py")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    "path",
    [path for path in tracked_files() if path.suffix in {".py", ".rs", ".sol", ".mjs"} and not is_generated(path)],
    ids=_name,
)
def test_no_file_is_too_long_to_read(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{lines} lines: split it by job"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_shipped_code_asserts_nothing(path: Path) -> None:
    # `python -O` removes assertions, so none may carry a check.
    lines = [node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.Assert)]
    assert lines == []


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_shipped_code_runs_nothing_that_it_reads(path: Path) -> None:
    for line, name in imports(path):
        bad = [module for module in FORBIDDEN_MODULES if name == module or name.startswith(f"{module}.")]
        assert not bad, f"{place(path, line)} imports {name}"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in FORBIDDEN_CALLS, f"{place(path, node.lineno)} calls {called}"
            for keyword in node.keywords:
                unsafe = keyword.arg in {"shell", "allow_pickle"} and not (
                    isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                )
                assert not unsafe, f"{place(path, node.lineno)} passes {keyword.arg}"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in {"np.random", "numpy.random"}, place(path, node.lineno)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_handler_swallows_everything(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            silent = all(isinstance(statement, ast.Pass) for statement in node.body)
            assert not silent, f"{place(path, node.lineno)}: an error is swallowed"
            assert node.type is not None, f"{place(path, node.lineno)}: a bare except"


@pytest.mark.parametrize("path", shipped_files(".py", ".rs", ".sol"), ids=_name)
def test_nothing_is_left_unfinished(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [mark for mark in UNFINISHED if mark in text] == []

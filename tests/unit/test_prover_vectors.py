"""Both backends on all vectors (tests/vectors/FORMAT.md)."""

import json
from pathlib import Path
from types import ModuleType

import pytest

from protocol.errors import ProofwardError
from tests.vectors import generate
from tests.vectors.values import from_json, over_both_backends, run

GOOD = sorted(generate.HERE.glob("good/*.json"))
BAD = sorted(generate.HERE.glob("bad/*.json"))


def test_the_files_are_what_the_program_writes() -> None:
    on_disk = {str(path.relative_to(generate.HERE)): path.read_text(encoding="utf-8") for path in GOOD + BAD}
    assert on_disk == generate.files()


@over_both_backends
@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good(backend: ModuleType, path: Path) -> None:
    for case in json.loads(path.read_text(encoding="utf-8")):
        arguments = {name: from_json(value) for name, value in case["arguments"].items()}
        assert run(backend, case["function"], arguments) == from_json(case["result"]), case["what"]


@over_both_backends
@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad(backend: ModuleType, path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    arguments = {name: from_json(value) for name, value in case["arguments"].items()}
    with pytest.raises(ProofwardError) as caught:
        run(backend, case["function"], arguments)
    assert caught.value.code == case["error"], case["step"]

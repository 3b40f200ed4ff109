"""Writes the vector files: `python -m tests.vectors.generate`. Results come from the kernel; the reference must agree."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prover import kernel_backend
from tests.vectors.bad_cases import bad
from tests.vectors.good_cases import good
from tests.vectors.values import run, to_json

HERE = Path(__file__).parent


def files() -> dict[str, str]:
    """Every vector file and its text."""
    found: dict[str, str] = {}
    for area, cases in good().items():
        listed = [
            {
                "what": what,
                "function": function,
                "arguments": _arguments(arguments),
                "result": to_json(run(kernel_backend, function, arguments)),
            }
            for what, function, arguments in cases
        ]
        found[f"good/{area}.json"] = _text(listed)
    for broken, (function, arguments, error, step) in bad().items():
        case = {
            "what": broken.replace("_", " "),
            "function": function,
            "arguments": _arguments(arguments),
            "error": error,
            "step": step,
        }
        found[f"bad/{broken}.json"] = _text(case)
    return found


def _arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: to_json(value) for name, value in arguments.items()}


def _text(value: Any) -> str:
    return json.dumps(value, indent=1) + "\n"


def write(report: Callable[[str], None] = print) -> None:
    """Write all files and delete those that no case has any more."""
    wanted = files()
    for old in [*HERE.glob("good/*.json"), *HERE.glob("bad/*.json")]:
        if str(old.relative_to(HERE)) not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (HERE / name).write_text(text, encoding="utf-8")
    report(f"{len(wanted)} files")


if __name__ == "__main__":
    write()

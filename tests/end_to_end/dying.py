"""`proofward`, killed with SIGKILL at one of its durable steps: python -m tests.end_to_end.dying PLAN COMMAND...

A durable step is a database commit that changed something, or an fsync. The file PLAN, while it exists, holds one line
`NAME STEP WHEN`: die at that step, counted from when a plan of that NAME was first seen, `before` or `after` it; step 0
kills nobody. Each counted step appends a line to PLAN.steps, so that a test knows how many there are.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

_lock = threading.Lock()
_plan_name = ""
_count = 0
_changes: dict[int, int] = {}  # total_changes of each connection when it last committed


def _changed(connection: Any) -> bool:
    total = getattr(connection, "total_changes", None)
    if total is None:  # not SQLite: every commit counts
        return True
    before = _changes.get(id(connection), 0)
    _changes[id(connection)] = total
    return bool(total != before)


def _watched(plan: Path, name: str, step: Callable[..., Any], counts: Callable[..., bool]) -> Callable[..., Any]:
    def watched(*arguments: Any) -> Any:
        die = _count_step(plan, name) if counts(*arguments) else ""
        if die == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = step(*arguments)
        if die == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return watched


def _count_step(plan: Path, what: str) -> str:
    """Count a step; say when to die, if at all."""
    global _count, _plan_name
    with _lock:
        try:
            name, deadly, when = plan.read_text().split()
        except (FileNotFoundError, ValueError):  # no plan, or one that is being written
            return ""
        if name != _plan_name:
            _plan_name, _count = name, 0
        _count += 1
        with plan.with_suffix(".steps").open("a") as steps:
            steps.write(f"{name} {_count} {what}\n")
        return when if _count == int(deadly) else ""


def main() -> None:
    """Watch the steps, then run the command."""
    plan = Path(sys.argv[1])
    patched = _watched(plan, "commit", DefaultDialect.do_commit, lambda _dialect, connection: _changed(connection))
    DefaultDialect.do_commit = patched  # type: ignore[method-assign]
    os.fsync = _watched(plan, "fsync", os.fsync, lambda _descriptor: True)
    sys.argv = ["proofward", *sys.argv[2:]]
    from proofward.cli import main as proofward  # after the patches, so that nothing has bound the originals

    proofward()


if __name__ == "__main__":
    main()

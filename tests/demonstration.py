"""One whole demonstration that keeps running, for the tests that look at it or ask it something."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.processes import kill_tree

COMMAND = (sys.executable, "-m", "proofward", "demo")


@dataclass(frozen=True)
class Demonstration:
    """What it reported, where it keeps its files, and how to reach it."""

    directory: Path
    report: dict[str, Any]
    url: str
    process: "subprocess.Popen[str]"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the demonstration tells a person to set, beside those of this process."""
        key = (self.directory / "buyer.key").read_text().strip()
        trust = str(self.directory / "trial" / "trust.toml")
        return {**os.environ, "PROOFWARD_URL": self.url, "PROOFWARD_TRUST": trust, "PROOFWARD_API_KEY": key}


@contextmanager
def demonstration(directory: Path) -> Iterator[Demonstration]:
    """Run `proofward demo --stay` in `directory`, which must not exist; ends it by Ctrl-C."""
    with (directory.parent / "demonstration.err").open("w+") as errors:
        process = subprocess.Popen(
            [*COMMAND, "--stay", "--json", "--keep", str(directory)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        try:
            report = _read_report(process)
            if report is None:
                errors.seek(0)
                raise AssertionError(f"the demonstration ended early:\n{errors.read()[-3000:]}")
            yield Demonstration(directory, report, report["url"], process)
            process.send_signal(signal.SIGINT)
            if process.wait(60) != 128 + signal.SIGINT:
                raise AssertionError(f"the demonstration ended with {process.returncode}")
        finally:
            kill_tree(process.pid)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _read_report(process: "subprocess.Popen[str]") -> dict[str, Any] | None:
    text = ""
    for line in process.stdout or ():
        text += line
        if line == "}\n":
            report: dict[str, Any] = json.loads(text)
            return report
    return None

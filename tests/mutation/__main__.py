"""Run a campaign: `python -m tests.mutation quick`, `python`, or `kernel`. Ends with 1 if an unlisted mutant survives."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutation import campaign, kernel_mutants
from tests.mutation.equivalent import KERNEL, PYTHON
from tests.mutation.python_mutants import Mutant, python_mutants
from tests.mutation.suite import Suite


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("campaign", choices=("quick", "python", "kernel"))
    parser.add_argument("--only", default="", help="mutants whose description contains one of these, separated by commas")
    parser.add_argument("--tests", nargs="+", help="files of tests to judge them, instead of the usual ones")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mutation-") as directory:
        mutants, equivalent, tests, selection = _chosen(options.campaign, Path(directory))
        chosen = [mutant for mutant in mutants if any(name in str(mutant) for name in options.only.split(","))]
        started = time.monotonic()
        files = tuple({mutant.place.partition("::")[0] for mutant in chosen if mutant.called})
        suite = Suite(options.tests or tests, selection, traced=files)
        _say(f"{len(suite)} tests pass on the code as it is ({time.monotonic() - started:.0f} s)")
        report = campaign.run(chosen, suite, equivalent, _say)
    report.gone = campaign.gone(mutants, equivalent)
    _say(f"{report}\n{time.monotonic() - started:.0f} s")
    return bool(report.complaints)


def _chosen(name: str, directory: Path) -> tuple[list[Mutant], dict[tuple[str, str, str], str], Sequence[str], str]:
    """Mutants, those of them that are equivalent, the tests that judge them, and which of these."""
    if name == "kernel":
        mutants = kernel_mutants.mutated_crate(directory)
        kernel_mutants.load(kernel_mutants.build(directory))
        return mutants, KERNEL, campaign.KERNEL_TESTS, campaign.KERNEL_SMALL
    mutants = python_mutants()
    if name == "quick":
        return [mutant for mutant in mutants if campaign.is_quick(mutant)], {}, campaign.QUICK_TESTS, campaign.QUICK
    return mutants, PYTHON, campaign.ALL_TESTS, campaign.SMALL


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

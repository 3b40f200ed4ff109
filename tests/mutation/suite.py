"""The test suite as a judge of mutants: run once on the code as it is, then, for each mutant, in a forked process.

The first run measures how long each test takes and which functions it calls. A mutant is judged by the tests that call the
function it is in until one fails: first those that failed before, then the quickest. What the first run has cached (proofs,
above all) is the evidence of unchanged code, as a committed vector is; what a test makes anew is made by the mutant.
"""

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from _pytest.config import Config
from _pytest.main import Session
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, settings

TIMEOUT: Final = 60  # seconds that a test may take under a mutant; a loop that does not end is noticed
# Nothing is reported and nothing is kept.
_PLAIN: Final = (
    "-o", "addopts=", "--strict-markers", "--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:terminal",
    "-o", f"timeout={TIMEOUT}",
)  # fmt: skip
SURVIVED: Final = (1 << 32) - 1
NOT_APPLIED: Final = SURVIVED - 1


class SuiteBroken(Exception):
    """The tests fail, or cannot be collected, on the code as it is: no mutant can be judged."""


@dataclass(eq=False)
class Judged:
    """A test, as the first run saw it: its seconds and the functions it called, as (file, first line)."""

    item: pytest.Item
    seconds: float = 0.0
    called: set[tuple[str, int]] = field(default_factory=set)


class MutantBroken(Exception):
    """A mutant could not be made: it judges nothing."""


class Suite:
    """Collected tests that have run once."""

    def __init__(self, paths: Sequence[str], selection: str = "", *, traced: Sequence[str] = ()) -> None:
        """Collect and run. Raises SuiteBroken.

        Args:
            paths: files of tests.
            selection: a pytest -k expression.
            traced: ends of the names of files whose functions are told apart; without, every test judges every mutant.
        """
        _choose_examples()
        chosen = ["-k", selection] if selection else []
        self._config = _configured([*paths, *chosen, *_PLAIN])
        self._session = Session.from_config(self._config)
        self._config.hook.pytest_sessionstart(session=self._session)
        with _silent():
            self._session.perform_collect()
        if self._session.testsfailed or not self._session.items:
            raise SuiteBroken("the tests cannot be collected")
        self._tests = [Judged(item) for item in self._session.items]
        for place, test in enumerate(self._tests):
            following = self._tests[place + 1].item if place + 1 < len(self._tests) else None
            started = time.process_time()
            with _calls(test.called, tuple(traced)):
                failure = _failure(test.item, following)
            test.seconds = time.process_time() - started
            if failure:
                raise SuiteBroken(f"{test.item.nodeid} fails on the code as it is:\n{failure}")
        self._tests.sort(key=lambda test: test.seconds)

    def __len__(self) -> int:
        return len(self._tests)

    def killer(self, apply: Callable[[], None], called: tuple[str, int, int] | None = None) -> str | None:
        """The first test that fails when `apply` has changed the code, or None.

        Args:
            called: file and range of lines of the function that changes; without, all tests are asked.

        Raises:
            MutantBroken: `apply` failed.
        """
        tests = [test for test in self._tests if called is None or _calls_into(test, called)]
        if not tests:
            return None
        reading, writing = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.close(reading)
            os._exit(_judge(tests, apply, writing))
        os.close(writing)
        with os.fdopen(reading, "rb") as answer:
            said = answer.read()
        _, status = os.waitpid(child, 0)
        if len(said) != 4:
            return f"the process ended with status {status}"
        place = int.from_bytes(said, "big")
        if place == NOT_APPLIED:
            raise MutantBroken("the mutant could not be applied")
        if place != SURVIVED:
            # What has noticed one mutant often notices the next.
            self._tests.remove(tests[place])
            self._tests.insert(0, tests[place])
        return None if place == SURVIVED else tests[place].item.nodeid


def _judge(tests: Sequence[Judged], apply: Callable[[], None], writing: int) -> int:
    verdict = SURVIVED
    try:
        apply()
    except (LookupError, SyntaxError, ValueError, ImportError):
        traceback.print_exc()
        verdict, tests = NOT_APPLIED, ()
    with _silent():
        for place, test in enumerate(tests):
            if _failure(test.item, None):
                verdict = place
                break
    os.write(writing, verdict.to_bytes(4, "big"))
    return 0


def _failure(item: pytest.Item, following: pytest.Item | None) -> str:
    reports = runtestprotocol(item, log=False, nextitem=following)
    return "\n".join(str(report.longrepr) for report in reports if report.failed)


def _calls_into(test: Judged, called: tuple[str, int, int]) -> bool:
    file, first, last = called
    return any(own == file and first <= line <= last for own, line in test.called)


@contextmanager
def _calls(called: set[tuple[str, int]], files: tuple[str, ...]) -> Iterator[None]:
    """Notes the functions of these files that are called."""

    def call(frame: Any, event: str, argument: object) -> None:
        code = frame.f_code
        if code.co_filename.endswith(files):
            called.add((code.co_filename, code.co_firstlineno))

    before = sys.gettrace()
    if files:
        sys.settrace(call)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing is printed, by nobody: a mutant's traceback is of no interest."""
    kept = [os.dup(1), os.dup(2)]
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        for number, copy in enumerate(kept, start=1):
            os.dup2(copy, number)
            os.close(copy)


def _configured(arguments: list[str]) -> Config:
    from _pytest.config import _prepareconfig

    config = _prepareconfig(arguments)
    config._do_configure()
    return config


def _choose_examples() -> None:
    """Few examples, always the same, and no search for a smaller one: a failure is all that is asked for."""
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.mkdtemp(prefix="mutation-")
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    phases = [Phase.explicit, Phase.generate]
    settings.register_profile(
        "mutation", max_examples=25, derandomize=True, database=None, deadline=None, phases=phases,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip

"""The fixtures that the other tests stand on do what they say."""

import os
import subprocess
import sys
import time

import pytest
from sqlalchemy import create_engine, text

from tests.processes import LeftBehind, children, descendants, kill_tree, state

pytest_plugins = ["pytester"]


def test_the_database_is_real_and_empty(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE only_here (number INTEGER)"))
        connection.execute(text("INSERT INTO only_here VALUES (42)"))
        assert connection.execute(text("SELECT number FROM only_here")).scalar_one() == 42
    engine.dispose()


def test_the_database_of_another_test_is_another_one(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE only_here (number INTEGER)"))
    engine.dispose()


def test_children_are_seen_until_they_end() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '60'])"])
    try:
        assert process.pid in children(os.getpid())
        deadline = time.monotonic() + 10
        while not any("sleep" in command for command in descendants(process.pid).values()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        grandchildren = descendants(process.pid)
        kill_tree(process.pid)
        process.wait()
    deadline = time.monotonic() + 10
    while any(state(pid) not in {"", "Z"} for pid in grandchildren):
        assert time.monotonic() < deadline


def test_a_test_that_leaves_an_orphan_fails(pytester: pytest.Pytester) -> None:
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(
        """
        import subprocess

        def test_orphan():
            subprocess.run("sleep 77 & disown", shell=True, executable="/bin/bash", check=True)
        """
    )
    pytester.makeini("[pytest]\npythonpath = " + root)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "0")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"*{LeftBehind.__name__}*sleep 77*"])

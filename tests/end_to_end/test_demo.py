"""The demonstration as a newcomer runs it: a process with an exit code, output for people or programs, and nothing left."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demonstration import COMMAND, Demonstration
from tests.processes import descendants, kill_tree, state

pytestmark = pytest.mark.timeout(600)


def test_every_answer_equals_the_pooled_one(demo: Demonstration) -> None:
    report = demo.report
    assert report["ok"] is True
    assert [question["name"] for question in report["questions"]] == ["count", "means", "two-way"]
    for question in report["questions"]:
        assert question["equal"] is True
        assert len(question["verified"]) == len(question["pooled"]) > 0
        assert len(question["hospitals"]) == 4
        assert question["audit"]["verdict"] == "verified"
        assert question["audit"]["assurance"]["contribution"] == question["audit"]["assurance"]["dataset"] == "proven"
    # A number that anybody can find in the published survey: 8,366 rows, of which 231 are what the first question counts.
    assert sum(report["rows"].values()) == 8366
    assert all(rows > 1900 for rows in report["rows"].values())
    assert report["questions"][0]["verified"] == [[231]]
    # The groups of the last question that are too small are hidden, and were there.
    assert report["questions"][2]["suppressed_groups"] == 5


def test_the_verifier_in_pure_python_says_the_same(demo: Demonstration) -> None:
    first = demo.report["questions"][0]
    assert first["reference"] == first["audit"]


def test_every_forgery_is_refused_at_the_step_that_catches_it(demo: Demonstration) -> None:
    report = demo.report
    assert [(each["name"], each["check"]) for each in report["forgeries"]] == [
        ("forged-by-a-stranger", "signatures"),
        ("forged-by-everybody", "aggregate"),
        ("overstated-by-a-hospital", "proofs"),
    ]


def test_the_time_of_every_phase_is_told(demo: Demonstration) -> None:
    report = demo.report
    assert {"consortium", "tables", "start", "datasets", "audits", "reference", "forgeries", "total"} <= set(
        report["seconds"]
    )


def test_kept_evidence_is_audited_by_the_command_line(demo: Demonstration) -> None:
    directory = demo.directory
    command = [sys.executable, "-m", "proofward", "audit", "count.evidence.zip", "--trust", "trial/trust.toml"]
    true = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert true.returncode == 0, true.stderr
    assert re.search(r"Verdict:\s+verified", true.stdout)
    command[4] = "forged-by-a-stranger.evidence.zip"
    forged = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert forged.returncode == 1
    assert re.search(r"Verdict:\s+refused.*signatures", forged.stdout)


def test_the_access_logs_lead_to_what_was_attested(demo: Demonstration) -> None:
    directory = demo.directory
    files = [part for name in ("count", "means", "two-way") for part in ("--evidence", f"{name}.evidence.zip")]
    command = [sys.executable, "-m", "proofward", "log", "verify", "trial/nodes/lakeview/node.toml", *files]
    run = subprocess.run([*command, "--trust", "trial/trust.toml", "--json"], cwd=directory, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(run.stdout)
    assert found["attested_heads"] == 3
    assert found["entries"] == found["allowed"] >= 3


def test_a_log_that_was_rewritten_is_found(demo: Demonstration, tmp_path: Path) -> None:
    node = tmp_path / "node"
    shutil.copytree(demo.directory / "trial" / "nodes" / "hillcrest", node)
    show = [sys.executable, "-m", "proofward", "log", "show", str(node / "node.toml"), "--json"]
    before = json.loads(subprocess.run(show, capture_output=True, text=True, check=True).stdout)["entries"]
    assert {entry["buyer"] for entry in before} == {"acme"}
    with sqlite3.connect(node / "state" / "node.db") as database:
        (entry,) = database.execute("SELECT entry FROM access_log WHERE sequence = 1").fetchone()
        changed = bytes(entry).replace(b'"acme"', b'"nobody"')
        database.execute("UPDATE access_log SET entry = ? WHERE sequence = 1", [changed])
    verify = [sys.executable, "-m", "proofward", "log", "verify", str(node / "node.toml"), "--json"]
    run = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert json.loads(run.stdout)["error"]["code"] == "log-broken"


def test_nothing_kept_can_be_read_by_others(demo: Demonstration) -> None:
    directory = demo.directory
    assert directory.stat().st_mode & 0o077 == 0
    secrets = [path for path in directory.rglob("*") if path.suffix in {".key", ".pem", ".db"}]
    assert len(secrets) >= 4 * 3 + 3
    assert [path for path in secrets if path.stat().st_mode & 0o077] == []


def _follow(process: "subprocess.Popen[str]", until: str, seconds: float = 240) -> str:
    assert process.stdout is not None
    seen, deadline = "", time.monotonic() + seconds
    for line in process.stdout:
        seen += line
        if re.search(until, line):
            return seen
        assert time.monotonic() < deadline, seen
    raise AssertionError(f"the output ended before {until!r}:\n{seen}")


@pytest.fixture
def running(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        list(COMMAND),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        yield process
    finally:
        kill_tree(process.pid)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _all_gone(pids: list[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(state(pid) not in {"", "Z"} for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, r"ok splitting"),  # while the processes start
        (signal.SIGTERM, r"ok every hospital commits"),  # while a question runs
        (signal.SIGKILL, r"ok every hospital commits"),
    ],
)
def test_a_signal_leaves_no_process_and_no_file_behind(
    running: "subprocess.Popen[str]", tmp_path: Path, number: signal.Signals, moment: str
) -> None:
    _follow(running, moment)
    deadline = time.monotonic() + 60
    while len(started := list(descendants(running.pid))) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(number)
    rest = running.communicate(timeout=60)[0]
    assert _all_gone(started, 20)
    if number == signal.SIGKILL:
        assert running.returncode == -signal.SIGKILL
    else:
        assert running.returncode == 128 + number
        assert "demo: stopped" in rest
        assert list(tmp_path.iterdir()) == []


def test_what_stays_can_be_asked_from_another_terminal(demo: Demonstration) -> None:
    question = "SELECT sex, COUNT(*) AS people FROM nhanes GROUP BY sex"
    command = [sys.executable, "-m", "proofward", "query", question, "--purpose", "research", "--json"]
    run = subprocess.run(command, env=demo.environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["result"]["rows"] == [["female", 4272], ["male", 4094]]


def test_a_directory_that_exists_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    run = subprocess.run([*COMMAND, "--keep", str(tmp_path)], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "file-unusable" in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]

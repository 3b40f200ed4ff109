"""The whole service as real processes: on SQLite with the embedded chain, and on PostgreSQL with a real anvil."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proofward.client import Client
from protocol.errors import ProofwardError
from tests.contracts.chains import anvil, anvil_missing
from tests.databases import PostgresServer
from tests.end_to_end.consortium import HOSPITALS, Consortium, consortium, rows

EVERYBODY = [age for index in range(1, 5) for age, sex in rows(index)]


@pytest.fixture(scope="module", params=["sqlite-embedded", "postgresql-anvil"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    directory = tmp_path_factory.mktemp("service")
    if request.param == "sqlite-embedded":
        with consortium(directory) as started:
            yield started
        return
    missing = anvil_missing()
    if missing:
        pytest.skip(missing)
    server: PostgresServer = request.getfixturevalue("postgres")
    with contextlib.ExitStack() as stack:
        names = {name: stack.enter_context(server.fresh_database()) for name in ("hub", HOSPITALS[0])}
        databases = {name: server.url(database) for name, database in names.items()}
        yield stack.enter_context(consortium(directory, databases=databases, chain=stack.enter_context(anvil())))


@pytest.fixture
def client(running: Consortium) -> Iterator[Client]:
    with running.client() as connected:
        yield connected


@pytest.mark.parametrize("publication", ["digest", "aggregate"])
def test_a_query_gives_the_pooled_answer(client: Client, publication: str) -> None:
    result = client.query(
        "SELECT COUNT(*) AS n, SUM(age) AS total, AVG(age) AS mean FROM visits",
        purpose="research",
        publication=publication,  # type: ignore[arg-type]
        progress=False,
    )
    assert result.rows == ((len(EVERYBODY), sum(EVERYBODY), sum(EVERYBODY) / len(EVERYBODY)),)
    assert set(result.hospitals) == set(HOSPITALS)
    assert result.attestation.transaction is not None


def test_the_audit_accepts_it_offline_and_against_the_chain(running: Consortium, client: Client, tmp_path: Path) -> None:
    result = client.query("SELECT sex, COUNT(*) FROM visits GROUP BY sex", purpose="research", progress=False)
    evidence = result.attestation.save(tmp_path / "evidence.zip")
    rpc = _rpc(running)
    for options in ([], ["--rpc", rpc]):
        code, report = _audit(evidence, running, *options)
        assert (code, report["verdict"]) == (0, "verified"), report
    # The same file against a chain that does not answer: nobody can tell.
    code, report = _audit(evidence, running, "--rpc", "http://127.0.0.1:9")
    assert code == 2, report


def test_a_hospital_that_is_down_is_left_out_and_the_answer_says_so(running: Consortium, client: Client) -> None:
    absent = HOSPITALS[3]
    running.kill(absent)
    try:
        result = client.query("SELECT COUNT(*) AS n FROM visits", purpose="research", progress=False)
        assert dict(result.left_out) == {absent: "no-answer"}
        assert result.rows == ((sum(len(rows(index)) for index in (1, 2, 3)),),)
    finally:
        running.start(absent)
        running.wait_ready(absent)
        running.wait_until(running.all_connected, "all members")


def test_a_refused_query_is_a_typed_failure(client: Client) -> None:
    with pytest.raises(ProofwardError) as caught:
        client.query("SELECT COUNT(*) FROM visits", purpose="marketing", progress=False)
    assert caught.value.code == "too-few-hospitals"


def test_the_whole_service_explains_before_it_runs(client: Client) -> None:
    explained = client.explain("SELECT sex, AVG(age) FROM visits GROUP BY sex", purpose="research")
    assert {hospital["hospital"] for hospital in explained["hospitals"]} == set(HOSPITALS)
    assert client.queries() == [] or all("sql" in query for query in client.queries())


def _rpc(running: Consortium) -> str:
    config = running.trial.node_config(HOSPITALS[0]).read_text()
    return next(line.split('"')[1] for line in config.splitlines() if line.startswith("rpc"))


def _audit(evidence: Path, running: Consortium, *options: str) -> tuple[int, dict[str, object]]:
    process = subprocess.run(
        [sys.executable, "-m", "proofward", "audit", str(evidence), "--trust", str(running.trial.trust), "--json", *options],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return process.returncode, json.loads(process.stdout)

"""kill -9 of the hub, and of a node, at each durable step of a query; then restart.

The query must end with the right answer over the hospitals that it names, or with a typed failure: never with a wrong
answer, and never with two attestations. The steps are walked on one running consortium, a query a step.
"""

from collections.abc import Iterator

import httpx
import pytest
from eth_utils.crypto import keccak

from proofward.client import Client
from proofward.client_errors import ServiceUnreachable
from proofward.result import Result
from protocol.errors import ProofwardError
from tests.end_to_end.consortium import HOSPITALS, Consortium, consortium, rows

SQL = "SELECT COUNT(*) AS n, SUM(age) AS total FROM visits WHERE sex = 'F'"
# Every step by default; a larger stride for a quick look.
# Death just after a step is the state before the next one, with nothing sent in between; death just before a step is the
# same state with it sent. The default walk is bounded to minutes; the long one takes every step, both ways.
SHORT = [("hub", 4, ("after",)), (HOSPITALS[0], 1, ("after",))]
LONG = [("hub", 1, ("after", "before")), (HOSPITALS[0], 1, ("after", "before"))]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    with consortium(tmp_path_factory.mktemp("crashes")) as started:
        yield started


def truth(hospitals: tuple[str, ...]) -> tuple[int, int]:
    """The answer over some hospitals, from the plain tables."""
    ages = [age for name in hospitals for age, sex in rows(HOSPITALS.index(name) + 1) if sex == "F"]
    return len(ages), sum(ages)


def check(client: Client, query_id: str) -> Result | ProofwardError:
    """Whatever the query ended with is right: the verified answer, or a typed failure."""
    try:
        result = client.result(query_id)
    except ProofwardError as failure:
        error = failure
    else:
        assert result.rows == (truth(result.hospitals),)
        assert result.attestation.transaction is not None
        return result
    assert client.status(query_id)["state"] == "failed"
    assert error.code != "internal"
    return error


def count_steps(running: Consortium, name: str) -> int:
    """How many durable steps `name` takes for one query that nothing disturbs."""
    plan = running.plan(name)
    plan.write_text("counting 0 after")
    with running.client() as client:
        result = client.query(SQL, purpose="research", progress=False, wait=60)
        assert result.rows == (truth(HOSPITALS),)
    plan.unlink()
    return len(plan.with_suffix(".steps").read_text().splitlines())


def die_at(running: Consortium, name: str, step: int, when: str) -> tuple[Result | ProofwardError, bool]:
    """Let `name` die at a step of a fresh query, start it again, and judge how the query ended.

    Returns what it ended with, and whether the process died.
    """
    plan, key = running.plan(name), f"{name}-{step}-{when}"
    running.wait_until(running.all_connected, "all members")
    plan.write_text(f"{key} {step} {when}")
    process = running.processes[name]
    with running.client(patience=0.0) as watching:
        query_id = _submit(watching, key)
        running.wait_until(
            lambda: process.poll() is not None or (query_id is not None and _finished(watching, query_id)),
            f"death or answer of {key}",
        )
    died = process.poll() is not None
    plan.unlink()
    if died:
        running.start(name)
        running.wait_ready(name)
    with running.client() as client:
        # The same key again: the same query if it had been stored, a new one if not.
        again = client.submit(SQL, purpose="research", idempotency_key=key)
        assert query_id in {None, again}
        running.wait_until(lambda: _finished(client, again), f"the end of {key}")
        return check(client, again), died


def _submit(client: Client, key: str) -> str | None:
    try:
        return client.submit(SQL, purpose="research", idempotency_key=key)
    except ServiceUnreachable:
        return None


def _finished(client: Client, query_id: str) -> bool:
    try:
        return client.status(query_id)["state"] in {"done", "failed"}
    except ServiceUnreachable:
        return False


def attested(running: Consortium) -> list[str]:
    """The query ids of all Attested events on chain, in order."""
    topic = "0x" + keccak(b"Attested(bytes32,bytes32,bool)").hex()
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "eth_getLogs",
        "params": [{"fromBlock": "0x0", "toBlock": "latest", "address": running.trial.chain.contract, "topics": [topic]}],
    }
    answer = httpx.post(f"{running.url}/chain/rpc", json=request, timeout=30).json()
    return [entry["topics"][1].removeprefix("0x") for entry in answer["result"]]


def walk(running: Consortium, name: str, stride: int, moments: tuple[str, ...]) -> None:
    """Kill `name` at every `stride`-th durable step of a query, a fresh query each time."""
    running.wait_until(running.all_connected, "all members")
    steps = count_steps(running, name)
    assert steps >= 6, "a query has at least a durable step a round"
    deaths = 0
    for step in range(1, steps + 1, stride):
        for when in moments:
            outcome, died = die_at(running, name, step, when)
            deaths += died
            # With t = 1 neither a node that vanishes nor a hub that comes back costs the answer.
            assert isinstance(outcome, Result), (step, when, outcome)
    # The last steps may fall after the answer, where the watcher has gone already.
    assert deaths >= len(range(1, steps + 1, stride)) * len(moments) * 3 // 4, "the walk killed nobody"
    seen = attested(running)
    assert len(seen) == len(set(seen)) >= deaths


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("name", "stride", "moments"), SHORT)
def test_a_query_survives_kills_at_its_durable_steps(
    running: Consortium, name: str, stride: int, moments: tuple[str, ...]
) -> None:
    walk(running, name, stride, moments)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("name", "stride", "moments"), LONG)
def test_a_query_survives_kills_at_all_its_durable_steps(
    running: Consortium, name: str, stride: int, moments: tuple[str, ...]
) -> None:
    walk(running, name, stride, moments)

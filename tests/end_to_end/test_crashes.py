"""kill -9 of the hub, and of a node, at each durable step of a query; then restart.

The query must end with the right answer over the hospitals that it names, or with a typed failure: never with a wrong
answer, and never with two attestations. The steps are walked on one running consortium, a query a step.
"""

import os
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
# Death just after a step is the state before the next one, with what is sent in between not yet sent; death just before a
# step is the same state with it sent. `make soak` walks both.
WHEN = tuple(os.environ.get("PROOFWARD_CRASH_WHEN", "after").split(","))
STRIDE = int(os.environ.get("PROOFWARD_CRASH_STRIDE", "1"))


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


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", ["hub", HOSPITALS[0]])
def test_a_query_survives_a_kill_at_every_durable_step(running: Consortium, name: str) -> None:
    steps = count_steps(running, name)
    assert steps >= 6, "a query has at least a durable step a round"
    answered = deaths = 0
    for step in range(1, steps + 1, STRIDE):
        for when in WHEN:
            outcome, died = die_at(running, name, step, when)
            deaths += died
            answered += isinstance(outcome, Result)
    assert deaths >= steps // STRIDE, "the walk killed nobody"
    # With t = 1 a node that vanishes, and a hub that comes back, never cost the answer.
    assert answered == len(range(1, steps + 1, STRIDE)) * len(WHEN)
    seen = attested(running)
    assert len(seen) == len(set(seen))

"""The hub as a real process: first start, readiness, one process a directory, orderly end, kill and restart."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.server import OPERATOR_KEY_FILE, READY_FILE
from mpc_nodes.trial import Trial, init_consortium

REPOSITORY = Path(__file__).parents[2]
PROGRAM = "import sys; from pathlib import Path; from api.server import run_hub; run_hub(Path(sys.argv[1]))"


@pytest.fixture
def trial(tmp_path: Path, free_port: int) -> Trial:
    hospitals = ["alpha", "bravo", "charlie", "delta"]
    return init_consortium(tmp_path / "trial", hospitals=hospitals, now=time.time(), hub_port=0, api_port=free_port)


def start(trial: Trial) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROGRAM, str(trial.hub_config)]
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)


@contextmanager
def hub(trial: Trial) -> Iterator["tuple[subprocess.Popen[str], httpx.Client]"]:
    """A hub that is ready. It is killed at the end if it still runs."""
    process = start(trial)
    try:
        ready = trial.hub_config.parent / "state" / READY_FILE
        deadline = time.monotonic() + 60
        while not ready.exists() or ready.read_text() != f"{process.pid}\n":
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        port = re.search(r'\[http\]\nlisten = "127.0.0.1:(\d+)"', trial.hub_config.read_text())
        assert port is not None
        with httpx.Client(base_url=f"http://127.0.0.1:{port[1]}") as client:
            yield process, client
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def test_the_life_of_a_hub_process(trial: Trial) -> None:
    state = trial.hub_config.parent / "state"
    with hub(trial) as (process, client):
        # The first start makes the first key: a file for the operator alone, of which the log says the path only.
        key = (state / OPERATOR_KEY_FILE).read_text().strip()
        assert stat.S_IMODE((state / OPERATOR_KEY_FILE).stat().st_mode) == 0o600
        assert client.get("/v1/health").json() == {"status": "ok"}
        assert client.get("/v1/ready").json()["code"] == "not-ready"
        assert client.get("/v1/keys", headers={"Authorization": f"Bearer {key}"}).status_code == 200
        call = {"jsonrpc": "2.0", "id": 1, "method": "eth_getCode", "params": [trial.chain.contract, "latest"]}
        code = client.post("/chain/rpc", json=call).json()["result"]
        assert len(code) > 1000
        assert "uvicorn" not in client.get("/v1/health").headers.get("server", "")

        second = start(trial)
        _, errors = second.communicate(timeout=60)
        assert second.returncode != 0
        assert "another process" in errors

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert not (state / READY_FILE).exists()
        assert process.stderr is not None
        log = process.stderr.read()
        assert str(state / OPERATOR_KEY_FILE) in log
        assert key.split("_")[2] not in log
        assert "hub-ready" in log

    with hub(trial) as (process, client):
        # The same chain, the same key, and no second one.
        assert client.post("/chain/rpc", json=call).json()["result"] == code
        assert (state / OPERATOR_KEY_FILE).read_text().strip() == key
        assert len(client.get("/v1/keys", headers={"Authorization": f"Bearer {key}"}).json()["keys"]) == 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    with hub(trial) as (_, client):
        assert client.get("/v1/keys", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_interrupt_ends_the_hub_too(trial: Trial) -> None:
    with hub(trial) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_files_that_disagree_are_refused(trial: Trial) -> None:
    config = trial.hub_config
    text = config.read_text()
    config.write_text(text.replace(trial.chain.contract, "0x" + "11" * 20))
    process = start(trial)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "another chain or contract" in errors
    config.write_text(text + '\n[api]\nconcurrent_queries = "many"\n')
    process = start(trial)
    _, errors = process.communicate(timeout=60)
    assert "api.concurrent_queries" in errors

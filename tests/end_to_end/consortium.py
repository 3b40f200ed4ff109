"""A whole trial consortium as real processes, any of which can be killed and started again."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from mpc_nodes.trial import Trial, init_consortium
from proofward.client import Client, connect
from tests.contracts.chains import TestChain
from tests.processes import LASTING

HOSPITALS = ("northside", "riverside", "lakeview", "hillcrest")
SECONDS = 60.0

SCHEMA = """\
name = "visits"
title = "Visits"

[[columns]]
name = "age"
type = "integer"
min = 0
max = 100

[[columns]]
name = "sex"
type = "category"
codes = ["F", "M"]
"""

POLICY = """\
[[allow]]
buyers = ["acme"]
purposes = ["research"]
datasets = ["visits"]
columns = ["*"]
aggregates = ["COUNT", "SUM", "AVG"]
publication = ["digest", "aggregate"]

[limits]
minimum_cohort = 2
minimum_hospitals = 2
queries_per_day = 100000
"""


def rows(hospital: int) -> list[tuple[int, str]]:
    """The table of a hospital, 1..4. Every hospital's sums differ, so a total tells who is in it."""
    return [((7 * row + 11 * hospital) % 90 + 5, "FM"[(row + hospital) % 2]) for row in range(20 + 3**hospital)]


@dataclass
class Consortium:
    """The processes, by name: `hub` and the hospitals."""

    directory: Path
    trial: Trial
    url: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def plan(self, name: str) -> Path:
        """The file that arms the death of a process (tests/end_to_end/dying.py)."""
        return self.directory / f"{name}.plan"

    def start(self, name: str) -> None:
        """Start or restart a process."""
        if name == "hub":
            command = ["hub", "run", str(self.trial.hub_config), "--with-parent"]
        else:
            command = ["node", "run", str(self.trial.node_config(name)), "--with-parent"]
        with (self.directory / f"{name}.log").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.end_to_end.dying", str(self.plan(name)), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        LASTING.add(self.processes[name].pid)

    def wait_ready(self, name: str) -> None:
        """Until the hub serves, or the node is connected."""
        if name == "hub":
            port = int(self.url.rpartition(":")[2])
            self.wait_until(lambda: _listens(port), "the hub")
        else:
            self.wait_until((self.trial.node_config(name).parent / "state" / "ready").exists, name)

    def run(self, *command: str) -> str:
        """Run `proofward COMMAND` and return what it prints."""
        process = subprocess.run(
            [sys.executable, "-m", "proofward", *command], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if process.returncode != 0:
            raise AssertionError(f"{command} ended with {process.returncode}: {process.stdout}{process.stderr}")
        return process.stdout

    def client(self, patience: float = SECONDS, purpose: str | None = None) -> Client:
        """As the buyer."""
        key = (self.directory / "buyer.key").read_text().strip()
        return connect(self.url, api_key=key, trust=self.trial.trust, purpose=purpose, patience=patience)

    def all_connected(self) -> bool:
        """Whether the hub sees every node."""
        try:
            answer = httpx.get(f"{self.url}/v1/ready", timeout=10)
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and answer.json()["connected"] == len(self.trial.consortium.members)

    def kill(self, name: str) -> None:
        """SIGKILL."""
        process = self.processes[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait for a condition. The bound is a safety net, not a measurement."""
        deadline = time.monotonic() + SECONDS
        while not ready():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come; {self.tail()}")
            time.sleep(0.02)

    def tail(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in sorted(self.directory.glob("*.log"))
        )

    def stop(self) -> None:
        """End every process."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for name, process in self.processes.items():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill(name)
            if process.stdin is not None:
                process.stdin.close()


def visits(hospital: int) -> str:
    """The table of a hospital as CSV."""
    return "age,sex\n" + "".join(f"{age},{sex}\n" for age, sex in rows(hospital))


@dataclass(frozen=True)
class Dataset:
    """What every hospital registers: a schema, and the CSV of hospital 1, 2, ..."""

    name: str
    schema: str
    csv: Callable[[int], str]


VISITS = Dataset("visits", SCHEMA, visits)


@contextlib.contextmanager
def consortium(
    directory: Path,
    hospitals: Sequence[str] = HOSPITALS,
    *,
    datasets: Sequence[Dataset] = (VISITS,),
    policy: str = POLICY,
    databases: Mapping[str, str] | None = None,
    chain: TestChain | None = None,
) -> Iterator[Consortium]:
    """Four hospitals with registered tables, all connected.

    Args:
        datasets: what each hospital registers.
        policy: of each hospital.
        databases: SQLAlchemy URLs of processes that do not keep their state in SQLite.
        chain: a running chain with an RPC URL; None is the chain embedded in the hub.
    """
    hub_port, api_port = _free_ports(2)
    trial = init_consortium(
        directory / "trial",
        hospitals=hospitals,
        now=time.time(),
        threshold=1,
        name="test",
        hub_port=hub_port,
        api_port=api_port,
        chain_rpc=chain.url if chain else None,
    )
    if chain:
        for account in (trial.deployer, *(member.address for member in trial.consortium.members)):
            chain.control("anvil_setBalance", account, hex(10**24))
    for name, url in (databases or {}).items():
        config = trial.hub_config if name == "hub" else trial.node_config(name)
        text, changed = re.subn(r'(?m)^database = ".*"$', f'database = "{url}"', config.read_text())
        assert changed == 1
        config.write_text(text)
    for dataset in datasets:
        (directory / f"{dataset.name}.toml").write_text(dataset.schema)
    for index, name in enumerate(hospitals, 1):
        node = trial.node_config(name).parent
        (node / "policy.toml").write_text(policy)
        (node / "tables").mkdir(exist_ok=True)
        for dataset in datasets:
            (node / "tables" / f"{dataset.name}.csv").write_text(dataset.csv(index))
    running = Consortium(directory, trial, f"http://127.0.0.1:{api_port}")
    try:
        running.start("hub")
        running.wait_ready("hub")
        running.run(
            *("keys", "create", str(trial.hub_config), "--role", "buyer", "--buyer", "acme"),
            *("-o", str(directory / "buyer.key")),
        )
        for name in hospitals:
            for dataset in datasets:
                schema = ("--schema", str(directory / f"{dataset.name}.toml"))
                running.run("dataset", "register", str(trial.node_config(name)), *schema, "--file", f"{dataset.name}.csv")
            running.start(name)
        for name in hospitals:
            running.wait_ready(name)
        with running.client() as client:
            running.wait_until(lambda: _all_registered(client, hospitals, datasets), "the registrations")
        yield running
    finally:
        running.stop()


def _all_registered(client: Client, hospitals: Sequence[str], datasets: Sequence[Dataset]) -> bool:
    found = {each["name"]: set(each["hospitals"]) for each in client.datasets()}
    return all(found.get(dataset.name) == set(hospitals) for dataset in datasets)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]

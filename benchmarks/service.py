"""A whole service to measure: hospitals with tables, a hub and the embedded chain, every one a process."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from circuits.catalogue import NAMES
from circuits.schema import parse_schema
from mpc_nodes.data_config import FileConfig
from mpc_nodes.node_main import register_dataset
from mpc_nodes.trial import init_consortium
from proofward.client import Client, connect
from proofward.demo import free_ports
from proofward.demo_processes import Processes
from proofward.keys import issue_key

SECONDS: Final = 120.0  # for anything
_POLICY: Final = """\
[[allow]]
buyers = ["bench"]
purposes = ["benchmark"]
datasets = ["{dataset}"]
columns = ["*"]
aggregates = {names}
publication = ["digest", "aggregate"]

[limits]
minimum_cohort = {minimum}
minimum_hospitals = 3
queries_per_day = 100000
"""


@dataclass(frozen=True)
class Service:
    """A running service with registered tables.

    Attributes:
        register_s: seconds to register all tables, one after the other.
    """

    client: Client
    register_s: float


@contextlib.contextmanager
def service(
    directory: Path, schema: str, hospitals: int, write: Callable[[Path, int], None], *, minimum: int = 10
) -> Iterator[Service]:
    """Start everything, register a table at every hospital, and stop everything in the end.

    Args:
        schema: text of a schema.toml.
        write: writes the table of the hospital with this number, from 1, as CSV.
        minimum: the minimum cohort of every hospital.
    """
    dataset = parse_schema(schema).name
    names = [f"hospital{index}" for index in range(1, hospitals + 1)]
    hub_port, api_port = free_ports(2)
    trial = init_consortium(
        directory / "trial", hospitals=names, now=time.time(), name="bench", hub_port=hub_port, api_port=api_port
    )
    policy = _POLICY.format(dataset=dataset, minimum=minimum, names=str(list(NAMES)).replace("'", '"'))
    for index, name in enumerate(names, start=1):
        node = trial.node_config(name).parent
        (node / "policy.toml").write_text(policy, encoding="utf-8")
        write(node / "tables" / "table.csv", index)
    logs = directory / "logs"
    logs.mkdir()
    with Processes(logs, os.environ) as processes:
        processes.start("hub", ["hub", "run", str(trial.hub_config), "--with-parent"])
        for name in names:
            processes.start(name, ["node", "run", str(trial.node_config(name)), "--with-parent"])
        states = [trial.hub_config.parent, *(trial.node_config(name).parent for name in names)]
        processes.wait_until(lambda: all((each / "state" / "ready").exists() for each in states), "the start", SECONDS)
        key = issue_key(trial.hub_config, "buyer", buyer="bench", label="bench").key
        began = time.perf_counter()
        for name in names:
            source = FileConfig(kind="csv", path="table.csv")
            register_dataset(trial.node_config(name), schema=parse_schema(schema), source=source)
        register_s = time.perf_counter() - began
        with connect(f"http://127.0.0.1:{api_port}", api_key=key, trust=trial.trust) as client:
            processes.wait_until(lambda: _registered(client, hospitals), "the registrations' way", SECONDS)
            yield Service(client, register_s)


def _registered(client: Client, hospitals: int) -> bool:
    found = client.datasets()
    return bool(found) and len(found[0]["hospitals"]) == hospitals

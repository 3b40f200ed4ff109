"""How long does a proven query take, end to end? One JSON object a run (docs/notes/proof-speed.md).

    python benchmarks/query.py --rows 65536 --hospitals 4 --json

Four hospitals with `--rows` rows each, every one a process; hub, HTTP interface and embedded chain in another. The clock
runs from the buyer's request to an answer that is proven by every hospital, checked by every node, attested, posted,
confirmed, downloaded with its evidence, and audited offline. The workload is W1 of `benchmarks/prove.py`. The first query
of a process also builds tables of generators; it is reported apart.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.commit import commit, machine
from benchmarks.prove import CLINIC, SEED, SQL
from circuits.schema import parse_schema
from mpc_nodes.data_config import FileConfig
from mpc_nodes.node_main import register_dataset
from mpc_nodes.trial import init_consortium
from proofward.client import Client, connect
from proofward.demo import free_ports
from proofward.demo_processes import Processes
from proofward.keys import issue_key

_SECONDS: Final = 120.0
_POLICY: Final = """\
[[allow]]
buyers = ["bench"]
purposes = ["benchmark"]
datasets = ["clinic"]
columns = ["*"]
aggregates = ["COUNT", "SUM", "AVG", "VAR_POP"]
publication = ["digest", "aggregate"]

[limits]
minimum_cohort = 10
minimum_hospitals = 3
"""


def write_table(path: Path, rows: int, seed: int) -> None:
    """A random table as CSV."""
    generator = np.random.default_rng([SEED, seed])
    columns = [generator.integers(0, size, rows) for size in (101, 2, 32, 4096, 256)]
    np.savetxt(path, np.stack(columns, axis=1), fmt="%d", delimiter=",", header="age,sex,dx,lab,weight", comments="")


def measure(rows: int, hospitals: int, queries: int, directory: Path) -> dict[str, object]:
    """Start everything, ask, stop everything."""
    names = [f"hospital{index}" for index in range(1, hospitals + 1)]
    hub_port, api_port = free_ports(2)
    trial = init_consortium(
        directory / "trial", hospitals=names, now=time.time(), name="bench", hub_port=hub_port, api_port=api_port
    )
    for index, name in enumerate(names):
        node = trial.node_config(name).parent
        (node / "policy.toml").write_text(_POLICY, encoding="utf-8")
        write_table(node / "tables" / "clinic.csv", rows, index)
    logs = directory / "logs"
    logs.mkdir()
    with Processes(logs, os.environ) as processes:
        processes.start("hub", ["hub", "run", str(trial.hub_config), "--with-parent"])
        for name in names:
            processes.start(name, ["node", "run", str(trial.node_config(name)), "--with-parent"])
        states = [trial.hub_config.parent, *(trial.node_config(name).parent for name in names)]
        processes.wait_until(lambda: all((each / "state" / "ready").exists() for each in states), "the start", _SECONDS)
        key = issue_key(trial.hub_config, "buyer", buyer="bench", label="bench").key
        began = time.perf_counter()
        for name in names:
            register_dataset(
                trial.node_config(name), schema=parse_schema(CLINIC), source=FileConfig(kind="csv", path="clinic.csv")
            )
        register_s = time.perf_counter() - began
        with connect(f"http://127.0.0.1:{api_port}", api_key=key, trust=trial.trust) as client:
            processes.wait_until(lambda: _registered(client, len(names)), "the registrations' way", _SECONDS)
            seconds = [_ask(client, hospitals) for _ in range(queries + 1)]
    return {
        "hospitals": hospitals,
        "rows_per_hospital": rows,
        "register_s": round(register_s, 3),
        "first_query_s": round(seconds[0], 3),
        "query_s": round(statistics.median(seconds[1:]), 3),
        "queries": queries,
        "machine": machine(),
        "commit": commit(),
    }


def _registered(client: Client, hospitals: int) -> bool:
    found = client.datasets()
    return bool(found) and len(found[0]["hospitals"]) == hospitals


def _ask(client: Client, hospitals: int) -> float:
    began = time.perf_counter()
    result = client.query(SQL["W1"], purpose="benchmark", progress=False, wait=_SECONDS)
    assurance = result.attestation.assurance  # of a bundle that the client has verified
    if (assurance.contribution, len(result.hospitals)) != ("proven", hospitals):
        raise SystemExit(f"the answer is not proven by every hospital: {assurance}, {dict(result.left_out)}")
    return time.perf_counter() - began


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1 << 16, help="of each hospital")
    parser.add_argument("--hospitals", type=int, default=4)
    parser.add_argument("--queries", type=int, default=5, help="after the first; the median is reported")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="proofward-bench-") as directory:
        result = measure(arguments.rows, arguments.hospitals, arguments.queries, Path(directory))
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:20} {value}", file=sys.stdout)


if __name__ == "__main__":
    main()

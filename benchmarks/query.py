"""How long does a proven query take, end to end? One JSON object a run (docs/notes/proof-speed.md).

    python benchmarks/query.py --rows 65536 --hospitals 4 --json

Four hospitals with `--rows` rows each, every one a process; hub, HTTP interface and embedded chain in another. The clock
runs from the buyer's request to an answer that is proven by every hospital, checked by every node, attested, posted,
confirmed, downloaded with its evidence, and audited offline. The workload is W1 of `benchmarks/prove.py`. The first query
of a process also builds tables of generators; it is reported apart.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.commit import commit, machine
from benchmarks.prove import CLINIC, SEED, SQL
from benchmarks.service import SECONDS, service
from proofward.client import Client


def write_table(path: Path, rows: int, seed: int) -> None:
    """A random table as CSV."""
    generator = np.random.default_rng([SEED, seed])
    columns = [generator.integers(0, size, rows) for size in (101, 2, 32, 4096, 256)]
    np.savetxt(path, np.stack(columns, axis=1), fmt="%d", delimiter=",", header="age,sex,dx,lab,weight", comments="")


def measure(rows: int, hospitals: int, queries: int, directory: Path) -> dict[str, object]:
    """Start everything, ask, stop everything."""
    with service(directory, CLINIC, hospitals, lambda path, index: write_table(path, rows, index)) as running:
        seconds = [_ask(running.client, hospitals) for _ in range(queries + 1)]
    return {
        "hospitals": hospitals,
        "rows_per_hospital": rows,
        "register_s": round(running.register_s, 3),
        "first_query_s": round(seconds[0], 3),
        "query_s": round(statistics.median(seconds[1:]), 3),
        "queries": queries,
        "machine": machine(),
        "commit": commit(),
    }


def _ask(client: Client, hospitals: int) -> float:
    began = time.perf_counter()
    result = client.query(SQL["W1"], purpose="benchmark", progress=False, wait=SECONDS)
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

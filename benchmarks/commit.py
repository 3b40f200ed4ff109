"""How fast are one-hot commitments? One JSON object a run (docs/notes/commit-speed.md).

    python benchmarks/commit.py --rows 1048576 --threads 1 --json

The table has the columns of the common workload: age (101 values), sex (2), dx (32), lab (12 bit, two digits of 64) and
weight (8 bit), uniform from a fixed seed. An entry is one row of one digit; `present` is committed besides, as in every
table, and its entries are not counted. Tables of generators are built before the clock starts: they are made once a process.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from circuits.chunk import EncodedChunk, EncodedDigit
from protocol.parameters import MAX_CHUNK_ROWS
from prover import commit_onehot
from prover.commit import CommitmentBlob, commit_dataset, shape

SEED = 20261
DIGITS = (("age.0", 101), ("sex.0", 2), ("dx.0", 32), ("lab.0", 64), ("lab.1", 64), ("weight.0", 256))


def chunks(rows: int) -> Iterator[EncodedChunk]:
    """The benchmark's table in chunks of at most 2^20 rows; `rows` is a power of two."""
    generator = np.random.default_rng(SEED)
    size = min(rows, MAX_CHUNK_ROWS)
    for _ in range(rows // size):
        present = EncodedDigit("present", 1, np.zeros(size, dtype=np.uint16))
        drawn = [EncodedDigit(name, values, generator.integers(0, values, size, dtype=np.uint16)) for name, values in DIGITS]
        yield EncodedChunk(size, size, (present, *drawn))


def measure(rows: int, threads: int) -> dict[str, object]:
    """Commit to the table once and say what it took."""
    _, columns = shape(min(rows, MAX_CHUNK_ROWS))
    for values in (1, 256):  # one digit for each kind of table
        commit_onehot(np.zeros(columns, dtype=np.uint16), values, columns, bytes(32), b"warm-up", threads)
    stored = 0

    def store(blob: CommitmentBlob) -> None:
        nonlocal stored
        stored += len(blob.encode())

    seconds = cpu_seconds = 0.0
    source = chunks(rows)
    for chunk in source:  # drawing the random table is not part of committing to it
        start, cpu_start = time.perf_counter(), time.process_time()
        commit_dataset([chunk], dataset_id="benchmark", epoch=1, secret=bytes(32), store=store, threads=threads)
        seconds += time.perf_counter() - start
        cpu_seconds += time.process_time() - cpu_start
    entries = rows * len(DIGITS)
    return {
        "entries_per_s_core": round(entries / seconds / threads),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "rows": rows,
        "threads": threads,
        "seconds": round(seconds, 4),
        "cpu_seconds": round(cpu_seconds, 4),  # less than threads x seconds where other programs took the cores
        "entries": entries,
        "columns": columns,
        "commitment_bytes": stored,
        "machine": machine(),
        "commit": commit(),
    }


def machine() -> str:
    """Processor and number of cores."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def commit() -> str:
    """The revision that is measured."""
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return result.stdout.strip() or "unknown"


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1 << 20, help="a power of two, at least 1024")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    arguments = parser.parse_args()
    if arguments.rows < 1024 or arguments.rows & arguments.rows - 1:
        parser.error("--rows must be a power of two, at least 1024")
    result = measure(arguments.rows, arguments.threads)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:20} {value}")


if __name__ == "__main__":
    main()

"""How fast are admission and contributions proved and verified? One JSON object a run (docs/notes/proof-speed.md).

    python benchmarks/prove.py --workload W1 --rows 1048576 --threads 2 --json [--reference]

Columns: age (101 values), sex (2), dx (32), lab (12 bit), weight (8 bit), uniformly random from a fixed seed.

    W1  count, sum and sum of squares of lab where sex = 1 and age in [40, 65) and dx in a set of 8
    W2  count and sum(lab) by dx (64 cells) where age >= 50
    W3  one gradient of a logistic regression with a linear link, on 8 features of 8 bits, 9 cells

Rows beyond 2^20 are cut into chunks. Drawing the random table is not part of any time. `evaluate_s` is the clear
computation of the cells, `prove_s` the proof. W3 is not SQL: its relation is written here.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Any, Final

import numpy as np

import prover
import prover.reference
from benchmarks.commit import commit, machine
from circuits.chunk import EncodedChunk, EncodedDigit, padded_rows
from circuits.columns import PRESENT_DIGIT
from circuits.plan import Plan, compile_query
from circuits.relation import LinearForm, Relation
from circuits.schema import Schema, parse_schema
from circuits.sql import parse
from protocol.canonical import sha256_hex
from protocol.dataset import Registration, SignedRegistration
from protocol.messages import Contribution
from protocol.parameters import ABSENT_CODE, GROUP_ORDER, MAX_CHUNK_ROWS, SCALAR_BYTES
from prover.admission import prove_admission, verify_admission
from prover.backend import Backend
from prover.commit import CommitmentBlob, DatasetCommitment, commit_dataset, shape
from prover.contribution import (
    CommittedTable,
    ProvenContribution,
    compute_chunks,
    prove_contribution,
    verify_contributions,
)
from prover.package import ChunkEvidence, Package, admission_digest, blob_header, dataset_id, decode_package, encode_package
from prover.rows import RowInstance, RowStatement, RowWitness

SEED: Final = 20261
SECRET: Final = bytes(range(32))

_DX: Final = ", ".join(f'"{code}"' for code in range(32))
CLINIC: Final = f"""
name = "clinic"
columns = [
  {{name = "age", type = "integer", min = 0, max = 100}},
  {{name = "sex", type = "category", codes = ["0", "1"]}},
  {{name = "dx", type = "category", codes = [{_DX}]}},
  {{name = "lab", type = "integer", min = 0, max = 4095}},
  {{name = "weight", type = "integer", min = 0, max = 255}},
]
"""
FEATURES: Final = "\n".join(
    ['name = "features"', *(f'[[columns]]\nname = "x{index}"\ntype = "integer"\nmin = 0\nmax = 255' for index in range(8))]
)

SQL: Final = {
    "W1": """SELECT COUNT(*), SUM(lab), VAR_POP(lab) FROM clinic WHERE sex = '1' AND age >= 40 AND age < 65
             AND dx IN ('1', '3', '7', '11', '15', '20', '25', '31')""",
    "W2": "SELECT dx, COUNT(*), SUM(lab) FROM clinic WHERE age >= 50 GROUP BY dx",
}


@dataclass
class Table:
    """A random table in chunks of at most 2^20 rows, drawn again each time it is read; the drawing is timed apart."""

    schema: Schema
    rows: int
    drawing: float = field(default=0.0)

    def chunks(self) -> Iterator[EncodedChunk]:
        """The chunks, one in memory at a time."""
        for index, start in enumerate(range(0, self.rows, MAX_CHUNK_ROWS)):
            began = time.perf_counter()
            real = min(MAX_CHUNK_ROWS, self.rows - start)
            generator = np.random.default_rng([SEED, index])
            chunk = EncodedChunk(padded_rows(real), real, tuple(self._digits(generator, real)))
            self.drawing += time.perf_counter() - began
            yield chunk

    def _digits(self, generator: np.random.Generator, real: int) -> Iterator[EncodedDigit]:
        for digit in self.schema.digits:
            codes = np.full(padded_rows(real), ABSENT_CODE, dtype=np.uint16)
            codes[:real] = generator.integers(0, digit.values, real, dtype=np.uint16)
            yield EncodedDigit(digit.name, digit.values, codes)


@dataclass
class Clock:
    """Seconds of a piece of work, without the drawing of the table in it."""

    table: Table
    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        """Do `work` and note its time under `name`."""
        drawn, began = self.table.drawing, time.perf_counter()
        result = work()
        elapsed = time.perf_counter() - began - (self.table.drawing - drawn)
        self.seconds[name] = round(self.seconds.get(name, 0.0) + elapsed, 4)
        return result


@dataclass
class Registered:
    """A committed and admitted table."""

    table: Table
    registration: Registration
    committed: DatasetCommitment
    package: Package


def register(table: Table, clock: Clock, threads: int) -> Registered:
    """Commit to the table and admit it, as a hospital's node does."""
    blobs: list[CommitmentBlob] = []
    name = table.schema.name
    committed = clock.time(
        "commit_s",
        lambda: commit_dataset(
            table.chunks(), dataset_id=dataset_id(1, name), epoch=1, secret=SECRET, store=blobs.append, threads=threads
        ),
    )
    zero = "00" * 32
    draft = Registration(
        consortium=zero, hospital=1, dataset=name, epoch=1, table_schema=table.schema.canonical(),
        schema_hash=table.schema.hash, generators=prover.generator_digest(), chunk_rows=committed.rows,
        chunks=committed.chunks, columns=shape(committed.rows)[1], commitments=committed.root, admission=zero, salt=zero,
        valid_from=0,
    )  # fmt: skip
    proofs = clock.time(
        "admit_s",
        lambda: prove_admission(draft, table.schema, table.chunks(), committed.leaves, SECRET, threads=threads),
    )
    registration = draft.model_copy(update={"admission": admission_digest(proofs)})
    signed = SignedRegistration(registration=registration, signature="00" * 64)
    width = len(table.schema.digits)
    chunks = [
        ChunkEvidence(
            blobs[at].row_blocks * blobs[at].columns, {blob.digit: blob.points for blob in blobs[at : at + width]}, proof
        )
        for at, proof in zip(range(0, len(blobs), width), proofs, strict=True)
    ]
    package = clock.time("package_s", lambda: decode_package(encode_package(signed, chunks)))
    return Registered(table, registration, committed, package)


def run_query(plan: Plan, registered: Registered, clock: Clock, threads: int, backends: dict[str, Backend]) -> int:
    """Prove and verify one query; returns the bytes of the proof."""
    zero, registration = "00" * 32, registered.registration
    names = tuple(digit.name for digit in registered.table.schema.digits)
    table = CommittedTable(registration, registered.committed.leaves, names, SECRET, registered.table.chunks)
    cells = clock.time("evaluate_s", lambda: compute_chunks(plan, table))
    total = prover.add_points(b"".join(chunk.commitment for chunk in cells)).hex()
    contribution = Contribution(
        generators=prover.generator_digest(), consortium=zero, offer=zero, query_id=zero, nonce=zero, plan_hash=plan.hash,
        schema_hash=plan.schema_hash, decisions=zero, hospital=1, root=registration.root, commitment=total, sharing=(),
        proof=zero,
    )  # fmt: skip
    proof = clock.time("prove_s", lambda: prove_contribution(contribution, plan, table, cells, threads=threads))
    contribution = contribution.model_copy(update={"proof": sha256_hex(proof)})
    item = ProvenContribution(contribution, plan, registered.package, proof)
    for name, backend in backends.items():
        clock.time(name, partial(verify_contributions, [item], backend, threads=threads))
    return len(proof)


def run_gradient(registered: Registered, clock: Clock, threads: int, backends: dict[str, Backend]) -> int:
    """Prove and verify W3, chunk by chunk; returns the bytes of the proofs.

    y_k = sum over rows of (sum_j w_j x_j + w_0) x_k with x_0 = 1: 9 cells, one product of two forms over all features.
    """
    digits = (PRESENT_DIGIT, *registered.table.schema.digits[1:])
    weights = [3, 1, -2, 5, -1, 4, -3, 2, 1]
    gammas = list(accumulate([7**40 % GROUP_ORDER] * 8, lambda power, base: power * base % GROUP_ORDER, initial=1))
    scaled = b"".join(gamma.to_bytes(SCALAR_BYTES, "big") for gamma in gammas)
    residual, mixed = (_feature_form(digits, factors) for factors in (weights, gammas))
    relation = Relation(digits, (residual, mixed), ((1, (0, 1)),)).encode()
    size = 0
    for index, (chunk, evidence) in enumerate(zip(registered.table.chunks(), registered.package.chunks, strict=True)):
        cells = clock.time("evaluate_s", partial(_gradient, chunk, weights))
        blinding = prover.random_scalars(1)
        commitment = prover.commit_outputs(cells, blinding)
        leaves = b"".join(registered.package.leaf(index, digit.name) for digit in digits)
        columns = shape(chunk.rows)[1]

        def statement(backend: Backend, rows: int = chunk.rows, columns: int = columns, leaves: bytes = leaves,
                      commitment: bytes = commitment) -> RowStatement:  # fmt: skip
            return RowStatement(backend.Transcript(b"benchmark"), relation, leaves, rows, columns, scaled, commitment)

        witness = RowWitness(
            codes=tuple(chunk.by_name[digit.name].codes for digit in digits),
            contexts=tuple(blob_header(registered.registration, index, chunk.rows, d.name, d.values) for d in digits),
            key=SECRET,
            cells=b"".join(prover.scalar_from_int(value) for value in cells),
            blinding=blinding,
        )
        proof = clock.time("prove_s", partial(prover.prove_rows, statement(prover), witness, threads=threads))
        points = tuple(evidence.points[digit.name] for digit in digits)
        size += len(proof)
        for name, backend in backends.items():
            instance = RowInstance(statement(backend), points, proof)
            clock.time(name, partial(backend.verify_rows, [instance], threads=threads))
    return size


def _feature_form(digits: tuple[Any, ...], factors: list[int]) -> LinearForm:
    return LinearForm(
        tuple(
            (index, tuple((factor * (value if index else 1)) % GROUP_ORDER for value in range(digit.values)))
            for index, (digit, factor) in enumerate(zip(digits, factors, strict=True))
        )
    )


def _gradient(chunk: EncodedChunk, weights: list[int]) -> list[int]:
    features = [digit.codes[: chunk.real].astype(np.int64) for digit in chunk.digits[1:]]
    rows = np.stack([np.ones(chunk.real, dtype=np.int64), *features])
    residual = np.array(weights, dtype=np.int64) @ rows
    return [int(total) for total in rows @ residual]


def measure(workload: str, rows: int, threads: int, *, reference: bool) -> dict[str, object]:
    """Run one workload once and say what it took."""
    schema = parse_schema(FEATURES if workload == "W3" else CLINIC)
    warm_up = Table(schema, 1024)
    _run(workload, warm_up, Clock(warm_up), threads, {"verify_s": prover})  # tables of generators, once a process
    table = Table(schema, rows)
    clock = Clock(table)
    backends: dict[str, Backend] = {"verify_s": prover}
    if reference:
        _run(workload, warm_up, Clock(warm_up), threads, {"verify_reference_s": prover.reference})
        backends["verify_reference_s"] = prover.reference
    size, registered = _run(workload, table, clock, threads, backends)
    clock.time("verify_admission_s", lambda: verify_admission(registered.package, threads=threads))
    chunks = len(registered.package.chunks)
    entries = sum(chunk.rows for chunk in registered.package.chunks) * len(schema.digits)
    return {
        "workload": workload,
        "rows": rows,
        "threads": threads,
        **clock.seconds,
        "admit_us_per_row_digit_core": round(clock.seconds["admit_s"] * threads / entries * 1e6, 3),
        "proof_bytes": size,
        "proof_bytes_per_chunk": size // chunks,
        "chunks": chunks,
        "admission_bytes": sum(len(chunk.admission) for chunk in registered.package.chunks),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "cores": os.cpu_count(),
        "machine": machine(),
        "commit": commit(),
    }


def _run(workload: str, table: Table, clock: Clock, threads: int, backends: dict[str, Backend]) -> tuple[int, Registered]:
    registered = register(table, clock, threads)
    if workload == "W3":
        return run_gradient(registered, clock, threads, backends), registered
    plan = compile_query(parse(SQL[workload], table.schema), table.schema)
    return run_query(plan, registered, clock, threads, backends), registered


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workload", choices=["W1", "W2", "W3"], default="W1")
    parser.add_argument("--rows", type=int, default=1 << 20)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--reference", action="store_true", help="verify with the reference in Python too")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    arguments = parser.parse_args()
    result = measure(arguments.workload, arguments.rows, arguments.threads, reference=arguments.reference)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:28} {value}")


if __name__ == "__main__":
    main()

"""What does each call of the contract cost? Measured on the embedded EVM (Prague rules), which charges what anvil charges.

`python benchmarks/gas.py --json` prints one JSON object. Cells are random in 1 .. 2^40 - 1, blinders random in full.
Gas depends on hospitals, cells and signatures; rows appear nowhere in the call.
"""

import argparse
import itertools
import json
import os
import platform
import secrets
import subprocess
import tempfile
from pathlib import Path

from eth_account import Account

from attestation import artefact
from attestation.artefact import Terms
from attestation.chain_client import ChainClient, Receipt
from attestation.eip712 import AttestationFields, Opening, sign_attestation
from attestation.embedded_chain import EmbeddedChain
from attestation.embedded_rpc import EmbeddedProvider
from attestation.ledger import Ledger
from attestation.transactions import Call, sign
from protocol.parameters import GROUP_ORDER, MAX_CHAIN_CELLS
from prover import commit_outputs, random_scalars

HOSPITALS, CELLS, THRESHOLD, REPEATS = 4, 8, 1, 5


class Bench:
    """One contract with n members on a fresh chain."""

    def __init__(self, chain: EmbeddedChain, keys: list[bytes]) -> None:
        self.keys = keys
        self.client = ChainClient(EmbeddedProvider(chain), chain.chain_id)
        self.terms = Terms(tuple(account(key) for key in keys), THRESHOLD, secrets.token_bytes(32))
        self.deployment = self.send(keys[0], Call(None, artefact.load().creation_code(self.terms)))
        self.ledger = Ledger(self.client, str(self.deployment.contract), self.terms)
        self.registrations = [self.register(key) for key in keys]

    def send(self, key: bytes, call: Call) -> Receipt:
        """Mine `call`; it must succeed."""
        raw = sign(
            key,
            call,
            chain_id=self.client.chain_id,
            nonce=self.client.nonce(account(key)),
            gas=8_000_000,
            fees=self.client.fees(),
        )
        receipt = self.client.receipt(self.client.send(raw))
        if receipt is None or not receipt.succeeded:
            raise SystemExit("a transaction of the benchmark failed")
        return receipt

    def register(self, key: bytes) -> tuple[bytes, int]:
        """A new root, and the gas of registering it."""
        root = secrets.token_bytes(32)
        call = self.ledger.register_dataset(secrets.token_bytes(32), 1, root)
        return root, self.send(key, call).gas_used

    def attest(self, hospitals: int, cells: int | None, signers: int = THRESHOLD + 1) -> int:
        """Gas of one attestation; `cells` None posts the digest alone. The mean of REPEATS, for calldata is random."""
        return round(sum(self._attest(hospitals, cells, signers) for _ in range(REPEATS)) / REPEATS)

    def _attest(self, hospitals: int, cells: int | None, signers: int) -> int:
        fields = AttestationFields(
            consortium=self.terms.consortium,
            query_id=secrets.token_bytes(32),
            statement=secrets.token_bytes(32),
            roots=tuple(root for root, _ in self.registrations[:hospitals]),
            opening=None if cells is None else opening(hospitals, cells),
        )
        signatures = {
            account(key): sign_attestation(key, self.ledger.domain, fields) for key in self.keys[:signers]
        }  # fmt: skip
        post = self.ledger.attest if cells is None else self.ledger.attest_opened
        return self.send(self.keys[0], post(fields, signatures)).gas_used


def account(key: bytes) -> str:
    """Address of a secret key."""
    return str(Account.from_key(key).address).lower()


def opening(hospitals: int, cells: int) -> Opening:
    """A total of `hospitals` honest contributions."""
    parts = [[1 + secrets.randbelow((1 << 40) // hospitals) for _ in range(cells)] for _ in range(hospitals)]
    blinders = [random_scalars(1) for _ in parts]
    commitments = tuple(commit_outputs(part, r) for part, r in zip(parts, blinders, strict=True))
    blinding = sum(int.from_bytes(r, "big") for r in blinders) % GROUP_ORDER
    return Opening(commitments, tuple(map(sum, zip(*parts, strict=True))), blinding.to_bytes(32, "big"))


def slope(points: dict[int, int]) -> int:
    """Gas for each further step, between the first and the last point."""
    (first, low), *_, (last, high) = points.items()
    return round((high - low) / (last - first))


def measure() -> dict[str, object]:
    """Everything, as one JSON-ready object."""
    keys = [secrets.token_bytes(32) for _ in range(HOSPITALS)]
    clock = itertools.count(1)
    with tempfile.TemporaryDirectory() as directory:
        funded = [account(key) for key in keys]
        chain = EmbeddedChain(Path(directory) / "journal", funded=funded, clock=lambda: float(next(clock)))
        bench = Bench(chain, keys)
        by_cells = {cells: bench.attest(HOSPITALS, cells) for cells in (1, 2, 4, CELLS, 16, 32, MAX_CHAIN_CELLS)}
        by_hospitals = {hospitals: bench.attest(hospitals, CELLS) for hospitals in range(1, HOSPITALS + 1)}
        by_signers = {signers: bench.attest(HOSPITALS, CELLS, signers) for signers in (2, 3, 4)}
        digest = bench.attest(HOSPITALS, None)
        chain.close()
    return {
        "benchmark": "gas",
        "attest_gas": by_cells[CELLS],
        "attest_digest_gas": digest,
        "register_gas": round(sum(gas for _, gas in bench.registrations) / HOSPITALS),
        "deploy_gas": bench.deployment.gas_used,
        "gas_per_cell": slope(by_cells),
        "gas_per_hospital": slope(by_hospitals),
        "gas_per_signature": slope(by_signers),
        "by_cells": by_cells,
        "by_hospitals": by_hospitals,
        "hospitals": HOSPITALS,
        "cells": CELLS,
        "rows": "constant: no argument depends on them",
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()},
        "commit": commit(),
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def commit() -> str:
    """The commit that is measured."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    arguments = parser.parse_args()
    figures = measure()
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()

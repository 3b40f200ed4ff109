"""What is committed is what the sources compile to, and what is deployed is what is committed."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from attestation import artefact
from attestation.artefact import Terms
from attestation.chain_errors import ChainArgumentInvalid, ChainMismatch
from attestation.contracts.generators import COUNT, TARGET, render
from attestation.ledger import Ledger
from prover import generators
from tests.contracts.chains import TestChain, account, running_chain  # noqa: F401 (fixture)
from tests.contracts.consortium import deploy, terms

CONTRACTS = Path(__file__).parents[2] / "attestation" / "contracts"


def test_the_contract_carries_the_generators_of_the_prover() -> None:
    assert TARGET.read_text(encoding="ascii") == render(generators("U", 0, COUNT))
    code = artefact.load().deployed
    points = generators("U", 0, COUNT)
    for offset in range(0, len(points), 32):
        assert points[offset : offset + 32].lstrip(b"\x00") in code


def test_a_fresh_compilation_is_the_committed_one(tmp_path: Path) -> None:
    if shutil.which("node") is None or not (CONTRACTS / "node_modules" / "solc").exists():
        pytest.skip("the compiler is not installed: run `npm ci` in attestation/contracts")
    # Elsewhere, so that it is seen not to depend on where the repository lies.
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    shutil.copytree(CONTRACTS / "src", copy / "src")
    for name in ("build.mjs", "package.json"):
        shutil.copy(CONTRACTS / name, copy / name)
    (copy / "node_modules").symlink_to(CONTRACTS / "node_modules")
    committed = (CONTRACTS / "Proofward.json").read_text()
    subprocess.run(["node", "build.mjs"], cwd=copy, capture_output=True, check=True)
    assert (copy / "Proofward.json").read_text() == committed
    # And the check of `make lint` can fail.
    (copy / "Proofward.json").write_text(committed.replace('"runs": 1000000', '"runs": 200'))
    run = subprocess.run(["node", "build.mjs", "--check"], cwd=copy, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "differs" in run.stderr


def test_the_artefact_states_compiler_and_settings() -> None:
    document = json.loads((CONTRACTS / "Proofward.json").read_text())
    assert document["compiler"].startswith("0.8.37+")
    assert document["settings"]["evmVersion"] == "shanghai"
    assert document["settings"]["metadata"] == {"appendCBOR": False, "bytecodeHash": "none"}
    assert document["deployedBytecodeHash"] == "0x" + keccak(artefact.load().deployed).hex()
    assert len(artefact.load().deployed) <= 24_576  # EIP-170


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (CONTRACTS / "package-lock.json").read_text()


def test_the_code_on_chain_follows_from_artefact_and_terms(chain: TestChain) -> None:
    ledger = deploy(chain)
    assert ledger.client.code(ledger.contract) == artefact.load().runtime_code(terms())


@pytest.mark.parametrize(
    "wrong",
    [
        terms(4, 1, digest=b"\x12" * 32),
        terms(5, 2),
        Terms((*terms().members[:3], account("stranger")), 1, terms().consortium),
        Terms(terms().members[::-1], 1, terms().consortium),
        terms(3, 1),
    ],
)
def test_a_contract_with_other_terms_is_not_used(chain: TestChain, wrong: Terms) -> None:
    ledger = deploy(chain)
    with pytest.raises(ChainMismatch):
        Ledger.connect(chain.provider, chain.chain_id, ledger.contract, wrong)


def test_an_address_without_code_is_not_used(chain: TestChain) -> None:
    with pytest.raises(ChainMismatch, match="no contract"):
        Ledger.connect(chain.provider, chain.chain_id, account("stranger"), terms())


def test_another_chain_is_not_used(chain: TestChain) -> None:
    with pytest.raises(ChainMismatch, match="serves chain"):
        Ledger.connect(chain.provider, chain.chain_id + 1, account("stranger"), terms())


@pytest.mark.parametrize(
    ("members", "threshold", "digest"),
    [
        (("0x" + "11" * 20,) * 3, 1, b"\x11" * 32),
        (terms().members, 0, b"\x11" * 32),
        (terms().members, 2, b"\x11" * 32),
        (terms().members, 1, bytes(32)),
        (terms().members, 1, b"\x11" * 31),
    ],
)
def test_terms_that_cannot_be_deployed(members: tuple[str, ...], threshold: int, digest: bytes) -> None:
    with pytest.raises(ChainArgumentInvalid):
        Terms(members, threshold, digest)

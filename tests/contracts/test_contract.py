"""The contract does what docs/spec/08-chain.md says, on the embedded chain and on anvil."""

import os

import pytest

from attestation.eip712 import attestation_digest, recover
from attestation.embedded_chain import BLOCK_GAS_LIMIT
from attestation.ledger import DatasetRecord, Ledger
from protocol.parameters import MAX_CHAIN_CELLS
from tests.contracts.chains import TestChain, account, running_chain  # noqa: F401 (fixture)
from tests.contracts.consortium import attestation, deploy, opened, register, send, signatures, terms

ATTEST_GAS_LIMIT = 150_000  # the goal for 4 hospitals and 8 cells


@pytest.fixture(scope="module")
def ledger(chain: TestChain) -> Ledger:
    return deploy(chain)


@pytest.fixture(scope="module")
def roots(ledger: Ledger) -> tuple[bytes, ...]:
    return tuple(register(ledger, i) for i in range(1, 5))


def test_a_deployment_states_its_terms(ledger: Ledger) -> None:
    assert ledger.members() == terms().members
    assert ledger.threshold() == 1
    assert ledger.consortium() == terms().consortium
    assert ledger.is_member(account("member 3"))
    assert not ledger.is_member(account("stranger"))


def test_a_registered_root_names_its_owner_epoch_and_block(ledger: Ledger) -> None:
    root, dataset_key = os.urandom(32), os.urandom(32)
    assert ledger.dataset(root) is None
    assert ledger.last_epoch(account("member 2"), dataset_key) == 0
    receipt = send(ledger.client, "member 2", ledger.register_dataset(dataset_key, 7, root))
    assert receipt.succeeded
    assert ledger.dataset(root) == DatasetRecord(account("member 2"), 7, receipt.block_number)
    assert ledger.last_epoch(account("member 2"), dataset_key) == 7


def test_a_digest_is_attested(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    fields = attestation(ledger, roots)
    assert ledger.attestation(fields.query_id) is None
    receipt = send(ledger.client, "hub", ledger.attest(fields, signatures(ledger, fields)))
    assert receipt.succeeded
    assert ledger.attestation(fields.query_id) == fields.statement


@pytest.mark.parametrize("hospitals", [1, 3, 4])
def test_an_opened_total_is_attested(ledger: Ledger, roots: tuple[bytes, ...], hospitals: int) -> None:
    opening = opened([[17 * h, -h, 0, 1 if h == 1 else 0] for h in range(1, hospitals + 1)])
    fields = attestation(ledger, roots[:hospitals], opening)
    receipt = send(ledger.client, "hub", ledger.attest_opened(fields, signatures(ledger, fields)))
    assert receipt.succeeded
    assert ledger.attestation(fields.query_id) == fields.statement


def test_the_goal_for_gas(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    opening = opened([[int.from_bytes(os.urandom(4), "big") + 2 for _ in range(8)] for _ in range(4)])
    fields = attestation(ledger, roots, opening)
    receipt = send(ledger.client, "hub", ledger.attest_opened(fields, signatures(ledger, fields)))
    assert receipt.succeeded
    assert receipt.gas_used <= ATTEST_GAS_LIMIT


def test_the_largest_opening_fits_far_below_a_block(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    opening = opened([[2**40 + 1000 * k + h for k in range(MAX_CHAIN_CELLS)] for h in range(4)])
    fields = attestation(ledger, roots, opening)
    receipt = send(ledger.client, "hub", ledger.attest_opened(fields, signatures(ledger, fields, (1, 2, 3, 4))))
    assert receipt.succeeded
    assert receipt.gas_used < BLOCK_GAS_LIMIT // 20


def test_python_and_the_contract_sign_the_same_bytes(ledger: Ledger, roots: tuple[bytes, ...]) -> None:
    fields = attestation(ledger, roots)
    for address, signature in signatures(ledger, fields, (1, 2, 3)).items():
        assert recover(ledger.domain, fields, signature) == address
    assert len(attestation_digest(ledger.domain, fields)) == 32

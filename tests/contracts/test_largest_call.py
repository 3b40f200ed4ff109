"""C5: the largest call that the contract accepts is far below what a block and a transaction can hold."""

import time
from pathlib import Path

from attestation.embedded_chain import BLOCK_GAS_LIMIT, MAX_TRANSACTION_BYTES, EmbeddedChain
from attestation.embedded_rpc import EmbeddedProvider
from protocol.parameters import MAX_CHAIN_CELLS, MAX_MEMBERS
from tests.contracts.chains import TestChain, account
from tests.contracts.consortium import attestation, deploy, opened, register, send, signatures, terms


def test_sixty_four_hospitals_cells_and_signatures(tmp_path: Path) -> None:
    everybody = range(1, MAX_MEMBERS + 1)
    funded = [account("hub"), *(account(f"member {i}") for i in everybody)]
    chain = EmbeddedChain(tmp_path / "journal", funded=funded, clock=time.time)
    ledger = deploy(TestChain("embedded", EmbeddedProvider(chain), chain.chain_id), terms(MAX_MEMBERS, 31))
    roots = [register(ledger, i) for i in everybody]
    opening = opened([[2**34 + 1000 * k + h for k in range(MAX_CHAIN_CELLS)] for h in everybody])
    fields = attestation(ledger, roots, opening)
    call = ledger.attest_opened(fields, signatures(ledger, fields, everybody))
    receipt = send(ledger.client, "hub", call)
    assert receipt.succeeded
    assert receipt.gas_used < BLOCK_GAS_LIMIT // 20, receipt.gas_used
    assert len(call.data) < MAX_TRANSACTION_BYTES // 4
    chain.close()

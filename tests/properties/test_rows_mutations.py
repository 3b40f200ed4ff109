"""No mutation of a proof is accepted, and none makes a verifier fail in any other way than by refusing the proof.

A proof of one statement with pieces of another proof of it is a mutation too: nothing in a proof is exchangeable.
"""

from functools import cache

import pytest

from prover import kernel_backend, reference
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.mutations import CHANGES, campaign
from tests.malicious.verifiers import EQUATIONS, assert_accepted, check

STEPS = {"length", "encoding", "identity", *EQUATIONS}
CAMPAIGN = 100_000


@cache
def case(mode: str, large: bool = False) -> tuple[Honest, tuple[bytes, ...]]:
    """A statement and two proofs of it: the kernel's and the other prover's."""
    known = honest(mode, 512, 512, 300) if large else honest(mode, 4, 2, 2)
    native = kernel_backend.prove_rows(known.claim.statement(kernel_backend.Transcript), known.row_witness())
    return known, (native, known.prove(reference.Transcript))


@pytest.mark.parametrize("mode", MODES)
def test_the_proofs_that_are_mutated_are_good(mode: str) -> None:
    known, proofs = case(mode)
    for proof in proofs:
        assert_accepted(known.claim, proof)
    folded, folded_proofs = case(mode, large=True)
    check("kernel", *((folded.claim, proof) for proof in folded_proofs))


@pytest.mark.parametrize("mode", MODES)
def test_mutations_are_refused(mode: str) -> None:
    known, proofs = case(mode)
    steps = campaign(known.claim, proofs, range(400))
    assert set(steps) <= STEPS
    assert sum(steps.values()) > 380  # the others put back what was there
    # Every kind of change is met, and the checks behind the encodings do their part.
    assert {"length", "encoding", "identity", "rounds", "evaluations", "rows", "product"} <= set(steps)


@pytest.mark.parametrize("mode", MODES)
def test_mutations_are_refused_by_the_reference(mode: str) -> None:
    known, proofs = case(mode)
    ours = campaign(known.claim, proofs, range(24), "reference")
    assert ours == campaign(known.claim, proofs, range(24), "kernel")


@pytest.mark.parametrize("mode", MODES)
def test_mutations_of_folded_proofs_are_refused(mode: str) -> None:
    known, proofs = case(mode, large=True)
    assert set(campaign(known.claim, proofs, range(40))) <= STEPS


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", MODES)
def test_a_hundred_thousand_mutations_are_refused(mode: str) -> None:
    known, proofs = case(mode)
    steps = campaign(known.claim, proofs, range(1_000_000, 1_000_000 + CAMPAIGN + CAMPAIGN // 20))
    assert set(steps) <= STEPS
    assert sum(steps.values()) >= CAMPAIGN
    assert len(CHANGES) == 9

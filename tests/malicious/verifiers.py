"""Both verifiers, and what they say of a proof."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Final

import pytest

from prover import kernel_backend, reference
from prover.errors import RowProofInvalid
from tests.malicious.table import Claim

VERIFIERS: Final[dict[str, ModuleType]] = {"reference": reference, "kernel": kernel_backend}
EQUATIONS: Final = ("rounds", "evaluations", "cells", "rows", "product")


def check(verifier: str, *proven: tuple[Claim, bytes], entropy: Callable[[int], bytes] | None = None) -> None:
    """Verify proofs of claims together. Raises RowProofInvalid."""
    backend = VERIFIERS[verifier]
    instances = [claim.instance(backend.Transcript, proof) for claim, proof in proven]
    backend.verify_rows(instances, **({} if entropy is None else {"entropy": entropy}))


def refusal(verifier: str, *proven: tuple[Claim, bytes]) -> tuple[int, str]:
    """Which proof is refused, and at which step. Anything but a RowProofInvalid, or none, fails the test."""
    with pytest.raises(RowProofInvalid) as raised:
        check(verifier, *proven)
    error = raised.value
    assert error.where is not None
    return error.index, error.where


def assert_refused(claim: Claim, proof: bytes, steps: str | Sequence[str]) -> None:
    """Both verifiers refuse the proof at this step, or both at the same one of these."""
    found = {refusal(verifier, (claim, proof)) for verifier in VERIFIERS}
    assert len(found) == 1, f"the verifiers differ: {found}"
    ((index, step),) = found
    assert (index, step in ([steps] if isinstance(steps, str) else steps)) == (0, True), step


def assert_accepted(claim: Claim, proof: bytes) -> None:
    """Both verifiers accept the proof."""
    for verifier in VERIFIERS:
        check(verifier, (claim, proof))

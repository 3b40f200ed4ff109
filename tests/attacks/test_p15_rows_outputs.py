"""P15: a commitment to false cells is refused, whichever step its prover chooses to fail at."""

from dataclasses import replace

import pytest

from protocol.parameters import GROUP_ORDER
from prover import reference
from tests.malicious.algebra import inner, stream
from tests.malicious.instances import Honest, honest
from tests.malicious.prover import Lies, prove
from tests.malicious.table import Claim, Witness, commit_cells
from tests.malicious.verifiers import assert_accepted, assert_refused, refusal

KNOWN = honest("cells", 8, 4, 3)


def false_claim(cells: tuple[int, ...]) -> tuple[Claim, Witness]:
    witness = replace(KNOWN.witness, cells=cells)
    return replace(KNOWN.claim, commitment=commit_cells(cells, witness.blinding)), witness


def proof(claim: Claim, witness: Witness, lies: Lies | None = None) -> bytes:
    return prove(claim.statement(reference.Transcript), witness, lies=lies, entropy=stream("outputs"))


def false_cells(known: Honest) -> dict[str, tuple[int, ...]]:
    first, second, third = known.witness.cells
    return {
        "one more": (first + 1, second, third),
        "one less": (first - 1, second, third),
        "moved": (first, second + 1, third - 1),
        "swapped": (second, first, third),
        "nothing": (0, 0, 0),
        "half the order": (first + GROUP_ORDER // 2, second, third),
        "largest": (first, second, GROUP_ORDER - 1),
    }


@pytest.mark.parametrize("name", false_cells(KNOWN))
def test_false_cells_are_refused(name: str) -> None:
    claim, witness = false_claim(false_cells(KNOWN)[name])
    # The sum of the false cells does not follow from the rounds; the sum of the true ones does not follow from Y.
    assert_refused(claim, proof(claim, witness), "product")
    true_sum = inner(KNOWN.weights, KNOWN.witness.cells)
    assert_refused(claim, proof(claim, witness, Lies({"S_0": lambda _: true_sum})), "cells")
    assert refusal("kernel", (claim, proof(claim, KNOWN.witness))) == (0, "cells")


def test_cells_with_the_same_weighted_sum_are_the_callers_concern() -> None:
    """The argument is about the weighted sum. That the weights are powers of a challenge drawn after Y makes it about y."""
    first, second, third = KNOWN.witness.cells
    claim, witness = false_claim((first + KNOWN.weights[1], second - 1, third))
    assert_accepted(claim, proof(claim, witness))


def test_another_blinder_of_the_cells_is_refused() -> None:
    lying = replace(KNOWN.witness, blinding=KNOWN.witness.blinding + 1)
    assert_refused(KNOWN.claim, proof(KNOWN.claim, lying), "cells")

"""P17: many proofs are verified together, and each as strictly as by itself. Errors that cancel do not."""

import os
import random
from collections.abc import Sequence
from functools import cache

import pytest

from protocol.parameters import GROUP_ORDER
from prover import reference
from prover.errors import RowProofInvalid
from tests.malicious.algebra import scalar_bytes, scalars_of
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.layout import elements
from tests.malicious.table import Claim
from tests.malicious.verifiers import VERIFIERS, check, refusal

Proven = tuple[Claim, bytes]


@cache
def proven(mode: str, seed: str = "first") -> Proven:
    known: Honest = honest(mode, 4, 2, 2, seed)
    return known.claim, known.prove(reference.Transcript)


def shifted(proof: Proven, **shifts: int) -> Proven:
    """The proof with amounts added to its responses. No challenge moves: responses are sent last."""
    claim, data = proof
    by_name = {element.name.replace(" ", "_"): element for element in elements(claim)}
    for name, amount in shifts.items():
        element = by_name[name]
        data = element.replaced(data, scalar_bytes(scalars_of(element.of(data))[0] + amount))
    return claim, data


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_good_proofs_of_both_modes_are_accepted_together(verifier: str) -> None:
    check(verifier, *(proven(mode, seed) for seed in ("first", "second") for mode in MODES))


# A response in one proof and another in the next, whose equations have the same generator: V_0, U_0, H, h, h, V_1, G_0.
PAIRS = {
    "g_0_rho": "g_1_rho",
    "epsilon": "epsilon",
    "rows_zeta": "rows_zeta",
    "rows_theta": "sigma",
    "sigma": "sigma",
    "g_0_1": "g_1_1",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("first", "verifier"), [*((first, "kernel") for first in PAIRS), ("g_0_rho", "reference")])
def test_errors_that_cancel_between_two_proofs_are_refused(mode: str, first: str, verifier: str) -> None:
    step = {"g": "rounds", "epsilon": "evaluations", "rows": "rows", "sigma": "product"}[first.split("_")[0]]
    lower = shifted(proven(mode, "first"), **{first: 5})
    upper = shifted(proven(mode, "second"), **{PAIRS[first]: -5})
    assert refusal(verifier, lower, upper) == (0, step)
    assert refusal(verifier, proven(mode), lower, upper) == (1, step)


@pytest.mark.parametrize("verifier", VERIFIERS)
@pytest.mark.parametrize(
    ("mode", "shifts", "step"),
    [
        ("zero", {"g_0_rho": 1, "g_1_rho": -1}, "rounds"),
        ("cells", {"g_0_1": 1, "g_1_1": -1}, "rounds"),
        ("cells", {"epsilon": 1, "cells_zeta": -1}, "evaluations"),  # both on U_0
        ("cells", {"cells_theta": 1, "rows_theta": -1}, "cells"),  # both on h
        ("zero", {"rows_theta": 1, "sigma": -1}, "rows"),
        ("cells", {"cells_theta": 1, "sigma": -1}, "cells"),
        ("cells", {"cells_theta": 1, "rows_theta": 1, "sigma": -2}, "cells"),
    ],
)
def test_errors_that_cancel_in_one_proof_are_refused(mode: str, shifts: dict[str, int], step: str, verifier: str) -> None:
    assert refusal(verifier, shifted(proven(mode), **shifts)) == (0, step)


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_one_proof_and_its_negation_do_not_make_two_good_ones(verifier: str) -> None:
    # The same claim twice: with equal weights the errors would cancel exactly.
    up, down = shifted(proven("zero"), sigma=1), shifted(proven("zero"), sigma=-1)
    assert refusal(verifier, up, down) == (0, "product")
    assert refusal(verifier, down, up) == (0, "product")
    assert refusal(verifier, up, up)[1] == "product"
    many = [up, down] * 4
    assert refusal(verifier, proven("cells"), *many) == (1, "product")


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_r_copies_of_one_error_do_not_vanish(verifier: str) -> None:
    # e + e + .. with amounts that add up to the group order.
    parts = [GROUP_ORDER // 3, GROUP_ORDER // 3, GROUP_ORDER - 2 * (GROUP_ORDER // 3)]
    assert sum(parts) == GROUP_ORDER
    batch = [shifted(proven("zero"), sigma=part) for part in parts]
    assert refusal(verifier, *batch) == (0, "product")


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_the_order_and_the_place_of_the_bad_proof_do_not_matter(verifier: str) -> None:
    good = [proven(mode, seed) for seed in ("first", "second") for mode in MODES]
    for place in range(len(good)):
        batch = [*good[:place], shifted(good[place], sigma=3), *good[place + 1 :]]
        assert refusal(verifier, *batch) == (place, "product")


def test_both_verifiers_name_the_same_proof_of_several_bad_ones() -> None:
    """The first proof that fails, and its first step."""
    wrong, unreadable, short = (
        shifted(proven("zero"), sigma=1),
        truncated(proven("cells"), b"\xff"),
        truncated(proven("zero"), b""),
    )
    two_steps = shifted(proven("cells"), sigma=1, epsilon=1)
    for batch, expected in (
        ((wrong, unreadable), (0, "product")),
        ((wrong, short, unreadable), (0, "product")),
        ((unreadable, short), (0, "encoding")),
        ((two_steps, wrong), (0, "evaluations")),
        ((wrong, two_steps), (0, "product")),
    ):
        assert {refusal(verifier, *batch) for verifier in VERIFIERS} == {expected}


def truncated(proof: Proven, last: bytes) -> Proven:
    """The proof with its last scalar cut off, or filled with one byte."""
    claim, data = proof
    return claim, data[:-32] + last * 32


def agree_with_singles(mixes: Sequence[random.Random]) -> None:
    """A batch is accepted exactly if all its members are, and the first bad one is named with its first bad step."""
    names = {"sigma": "product", "rows_theta": "rows", "epsilon": "evaluations", "g_0_rho": "rounds"}
    for chosen in mixes:
        batch: list[Proven] = []
        expected = None
        for place in range(chosen.randrange(1, 6)):
            proof = proven(chosen.choice(MODES), chosen.choice(("first", "second")))
            if chosen.random() < 0.25:
                name = chosen.choice(list(names))
                proof = shifted(proof, **{name: chosen.choice((1, -1, 2, GROUP_ORDER // 2))})
                expected = expected or (place, names[name])
            batch.append(proof)
        if expected is None:
            check("kernel", *batch)
        else:
            assert refusal("kernel", *batch) == expected


def test_a_batch_says_what_its_members_say() -> None:
    agree_with_singles([random.Random(f"mix {number}") for number in range(60)])


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ten_thousand_batches_say_what_their_members_say() -> None:
    agree_with_singles([random.Random(f"mix {number}") for number in range(10_000)])


def test_the_verifiers_randomness_is_drawn_anew_for_each_batch() -> None:
    drawn: list[bytes] = []

    def watched(count: int) -> bytes:
        drawn.append(os.urandom(count))
        return drawn[-1]

    for _ in range(2):
        check("kernel", proven("zero"), proven("cells"), entropy=watched)
    assert drawn
    assert len(set(drawn)) == len(drawn)
    assert all(len(weights) >= 32 for weights in drawn)


@pytest.mark.parametrize("constant", [b"\x00", b"\x01", b"\xff"])
def test_a_verifier_with_a_bad_generator_still_does_not_add_errors_up_with_one_weight(constant: bytes) -> None:
    up, down = shifted(proven("zero", "first"), sigma=1), shifted(proven("zero", "second"), sigma=-1)
    with pytest.raises(RowProofInvalid):
        check("kernel", up, down, entropy=lambda count: constant * count)
    with pytest.raises(RowProofInvalid):
        check("kernel", shifted(proven("zero"), g_0_rho=1, g_1_rho=-1), entropy=lambda count: constant * count)

"""The reference's verifier of the row argument: its pieces against their definitions, and what it says of whole proofs."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.parameters import GROUP_ORDER
from prover import errors, kernel_backend, reference
from prover.errors import RowProofInvalid
from prover.reference.codec import IDENTITY
from prover.reference.field import inverse
from prover.reference.opening import MAX_TAIL, Opening, fold_lengths, inner
from prover.reference.rounds import eq_point, eq_table, last_claim
from prover.reference.rows import verify_rows
from prover.rows import MAX_TAIL as ANNOUNCED_TAIL
from prover.rows import RowInstance, RowStatement
from tests.malicious.instances import MODES, Honest, honest
from tests.malicious.layout import elements, length

SCALARS = st.integers(0, GROUP_ORDER - 1)


# The pieces.


@given(st.lists(st.tuples(st.lists(SCALARS, min_size=1, max_size=8), SCALARS), max_size=5))
def test_the_last_claim_is_that_of_the_polynomials(rounds: list[tuple[list[int], int]]) -> None:
    # Any coefficients are those of an honest run if each sum of two values is the claim before: work backwards from them.
    claim = first = 12345
    for polynomial, r in rounds:
        constant = (claim - sum(polynomial)) * inverse(2)  # g(0) + g(1) = claim
        polynomial = [constant, *polynomial]
        assert (polynomial[0] + sum(polynomial) - claim) % GROUP_ORDER == 0
        claim = sum(g * pow(r, e, GROUP_ORDER) for e, g in enumerate(polynomial)) % GROUP_ORDER
    assert last_claim(first, [g for g, _ in rounds], [r for _, r in rounds]) == claim


@given(st.lists(SCALARS, max_size=5))
def test_eq_pairs_the_first_challenge_with_the_highest_bit(r: list[int]) -> None:
    table = eq_table(r)
    assert len(table) == 1 << len(r)
    for b, entry in enumerate(table):
        bits = [b >> len(r) - 1 - place & 1 for place in range(len(r))]
        assert entry == eq_point(r, bits)
        assert entry == math.prod(r_l if bit else 1 - r_l for r_l, bit in zip(r, bits, strict=True)) % GROUP_ORDER
    assert sum(table) % GROUP_ORDER == 1


@settings(max_examples=30)
@given(st.integers(1, 9000), st.randoms(use_true_random=False))
def test_coefficients_are_those_of_folding_the_bases(size: int, random: Random) -> None:
    lengths = fold_lengths(size)
    u = [random.randrange(1, GROUP_ORDER) for _ in lengths[1:]]
    bases = [random.randrange(GROUP_ORDER) for _ in range(size)]
    folded = bases
    for challenge in u:
        middle = -(-len(folded) // 2)
        pairs = zip(folded[:middle], [*folded[middle:], 0], strict=False)
        folded = [(lo + inverse(challenge) * hi) % GROUP_ORDER for lo, hi in pairs]
    assert len(folded) == lengths[-1] <= MAX_TAIL
    z = [random.randrange(GROUP_ORDER) for _ in folded]
    opening = Opening("rows", IDENTITY, [IDENTITY] * size, IDENTITY, bases, 0)
    assert opening.folded_weights(u) == folded
    assert inner(opening.unfolded(z, u), bases) == inner(z, folded)


def test_vectors_are_folded_as_far_as_announced() -> None:
    assert MAX_TAIL == ANNOUNCED_TAIL
    assert fold_lengths(256) == [256]
    assert fold_lengths(8192) == [8192, 4096, 2048, 1024, 512, 256]
    assert fold_lengths(1027) == [1027, 514, 257, 129]


# Whole proofs. Shapes are (N, C, K): one row; one row block; R = 4; K = 1 and K = 300, which is folded; C folded twice.

SHAPES = [(1, 1, 1), (8, 8, 1), (8, 2, 3), (16, 4, 300), (1024, 1024, 2)]


@cache
def case(mode: str, shape: tuple[int, int, int]) -> tuple[Honest, bytes]:
    known = honest(mode, *shape)
    return known, known.prove(reference.Transcript)


def instance(known: Honest, proof: bytes) -> RowInstance:
    return known.claim.instance(reference.Transcript, proof)


def refusal(*instances: RowInstance) -> tuple[int, str | None]:
    with pytest.raises(RowProofInvalid) as raised:
        verify_rows(instances)
    return raised.value.index, raised.value.where


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_honest_proofs_are_accepted(mode: str, shape: tuple[int, int, int]) -> None:
    verify_rows([instance(*case(mode, shape))])


def test_zero_mode_without_boolean_digits() -> None:
    known = honest("zero")
    plain = replace(known.relation, terms=((1, (0, 0)), (GROUP_ORDER - 1, (0,))), boolean=())  # present is 0 or 1
    claim = replace(known.claim, relation=plain.encode())
    weaker = replace(known, relation=plain, claim=claim)
    proof = weaker.prove(reference.Transcript)
    verify_rows([instance(weaker, proof)])
    false = replace(plain, terms=((1, (0,)),))
    untrue = replace(known, relation=false, claim=replace(claim, relation=false.encode()))
    assert refusal(instance(untrue, untrue.prove(reference.Transcript))) == (0, "product")


STEPS = {
    "R": "rounds", "E": "rounds", "cells L": "rounds", "cells R": "rounds", "rows L": "rounds", "rows R": "rounds",
    "T": "rounds", "Theta": "rounds", "g": "rounds", "S_0": "evaluations", "e": "evaluations", "epsilon": "evaluations",
    "cells": "cells", "rows": "rows", "sigma": "product",
}  # fmt: skip


@pytest.mark.parametrize("shape", [(4, 2, 2), (512, 512, 260)], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_each_element_is_refused_at_its_step(mode: str, shape: tuple[int, int, int]) -> None:
    # A point moves c, under which the first equation to fail is that of a round.
    known, proof = case(mode, shape)
    fields = elements(known.claim)
    assert len(proof) == length(known.claim)
    found = {}
    for element in one_of_each_kind([field.name for field in fields]):
        field = next(field for field in fields if field.name == element)
        old = field.of(proof)
        new = reference.add_points(old + reference.generators("h", 0, 1)) if field.is_point else plus_one(old)
        found[element] = refusal(instance(known, field.replaced(proof, new)))
    assert found == {name: (0, STEPS.get(" ".join(name.split()[:2])) or STEPS[name.split()[0]]) for name in found}


def one_of_each_kind(names: list[str]) -> list[str]:
    """The last name of those that differ in numbers only."""
    kinds = {"".join(character for character in name if not character.isdigit()): name for name in names}
    return list(kinds.values())


def plus_one(scalar: bytes) -> bytes:
    return ((int.from_bytes(scalar, "big") + 1) % GROUP_ORDER).to_bytes(32, "big")


Change = Callable[[RowStatement], RowStatement]

BAD_STATEMENTS: dict[str, Change] = {
    "no relation": lambda s: replace(s, relation=b""),
    "more than the relation": lambda s: replace(s, relation=s.relation + b"\x00"),
    "no digests": lambda s: replace(s, digests=b""),
    "another digest": lambda s: replace(s, digests=s.digests + bytes(32)),
    "half a digest": lambda s: replace(s, digests=s.digests[:-1]),
    "no rows": lambda s: replace(s, rows=0),
    "negative rows": lambda s: replace(s, rows=-4),
    "three rows": lambda s: replace(s, rows=3),
    "too many rows": lambda s: replace(s, rows=1 << 21),
    "no columns": lambda s: replace(s, columns=0),
    "three columns": lambda s: replace(s, columns=3),
    "more columns than rows": lambda s: replace(s, columns=8),
    "too many columns": lambda s: replace(s, rows=1 << 14, columns=1 << 14),
    "half a weight": lambda s: replace(s, weights=s.weights + b"\x00"),
    "a weight that is not reduced": lambda s: replace(s, weights=GROUP_ORDER.to_bytes(32, "big")),
    "4097 cells": lambda s: replace(s, weights=bytes(32 * 4097)),
    "two commitments": lambda s: replace(s, commitment=s.commitment * 2 or bytes(64)),
    "a commitment that is no point": lambda s: replace(s, commitment=b"\x01" * 64),
}


@pytest.mark.parametrize("change", BAD_STATEMENTS.values(), ids=BAD_STATEMENTS.keys())
@pytest.mark.parametrize("mode", MODES)
def test_a_statement_out_of_bounds_is_refused(mode: str, change: Change) -> None:
    good = instance(*case(mode, (4, 2, 2)))
    assert refusal(replace(good, statement=change(good.statement))) == (0, "relation")


def test_the_mode_is_that_of_the_weights() -> None:
    cells, zero = (instance(*case(mode, (4, 2, 2))) for mode in MODES)
    without = replace(cells.statement, weights=b"", commitment=b"")
    assert refusal(replace(cells, statement=replace(cells.statement, weights=b""))) == (0, "relation")
    assert refusal(replace(cells, statement=replace(cells.statement, commitment=b""))) == (0, "relation")
    assert refusal(replace(cells, statement=without)) == (0, "length")
    # Boolean digits belong to zero mode.
    borrowed = replace(zero.statement, weights=cells.statement.weights, commitment=cells.statement.commitment)
    assert refusal(replace(zero, statement=borrowed)) == (0, "relation")


def test_commitments_are_k_r_points_for_each_digit() -> None:
    good = instance(*case("cells", (4, 2, 2)))
    first, *rest = good.points
    for points in ((), good.points[1:], (*good.points, first), (first[:-64], *rest), (first + first, *rest), (b"", *rest)):
        assert refusal(replace(good, points=points)) == (0, "commitments")
    assert refusal(replace(good, points=(b"\xff" * len(first), *rest))) == (0, "commitments")
    # The identity commits to nothing with the blinder 0, which no step forbids; here it is not what was proved about.
    assert refusal(replace(good, points=(bytes(len(first)), *rest))) == (0, "rows")


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(MODES), st.randoms(use_true_random=False))
def test_any_bytes_of_the_right_length_are_refused(mode: str, random: Random) -> None:
    known, proof = case(mode, (4, 2, 2))
    start = random.randrange(len(proof))
    noise = proof[:start] + random.randbytes(len(proof) - start)
    assert refusal(instance(known, noise))[0] == 0


def test_the_first_bad_proof_is_named() -> None:
    good, bad = instance(*case("cells", (4, 2, 2))), instance(*case("zero", (4, 2, 2)))
    wrong = replace(bad, proof=bad.proof[:-32] + plus_one(bad.proof[-32:]))
    assert refusal(good, wrong, wrong) == (1, "product")
    assert refusal(good, wrong, replace(good, proof=b"")) == (1, "product")
    assert refusal(good, replace(good, proof=b""), wrong) == (1, "length")
    verify_rows([])


@pytest.mark.parametrize("mode", MODES)
def test_transcripts_are_not_changed(mode: str) -> None:
    known, proof = case(mode, (4, 2, 2))
    shared = instance(known, proof)
    before = copy.copy(shared.statement.transcript).challenge(b"x")
    verify_rows([shared, shared])
    assert shared.statement.transcript.challenge(b"x") == before


def test_a_fold_challenge_of_zero_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known, proof = case("cells", (512, 512, 260))
    challenge = reference.Transcript.challenge
    for folds, where in ((1, "rows"), (0, "cells")):
        seen: list[bytes] = []

        def lucky(transcript: Any, label: bytes, folds: int = folds, seen: list[bytes] = seen) -> bytes:
            seen += [label] * (label == b"u")
            return bytes(32) if label == b"u" and len(seen) > folds else challenge(transcript, label)

        monkeypatch.setattr(reference.Transcript, "challenge", lucky)
        assert refusal(instance(known, proof)) == (0, where)


@pytest.mark.parametrize(
    "arguments",
    [
        {"instances": 7},
        {"instances": b"proof"},
        {"threads": 0},
        {"threads": True},
        {"entropy": b"entropy"},
    ],
    ids=str,
)
def test_arguments_of_another_type_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(errors.KernelArgumentInvalid):
        verify_rows(**{"instances": [], **arguments})


def test_parts_of_another_type_are_refused() -> None:
    known, proof = case("zero", (4, 2, 2))
    good = instance(known, proof)
    statement = good.statement
    for bad in (
        known.claim.instance(kernel_backend.Transcript, proof),
        replace(good, proof=bytearray(proof)),  # type: ignore[arg-type]
        replace(good, points=tuple(map(bytearray, good.points))),  # type: ignore[arg-type]
        replace(good, points=good.points[0]),  # type: ignore[arg-type]
        replace(good, statement=replace(statement, relation="relation")),  # type: ignore[arg-type]
        replace(good, statement=replace(statement, rows=4.0)),  # type: ignore[arg-type]
        replace(good, statement=replace(statement, columns=True)),
        replace(good, statement=replace(statement, digests=None)),  # type: ignore[arg-type]
    ):
        with pytest.raises(errors.KernelArgumentInvalid):
            verify_rows([bad])


# Proofs of the kernel.


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_the_reference_accepts_what_the_kernel_proves(mode: str, shape: tuple[int, int, int]) -> None:
    known = honest(mode, *shape)
    proof = kernel_backend.prove_rows(known.claim.statement(kernel_backend.Transcript), known.row_witness())
    verify_rows([instance(known, proof)])
    assert refusal(instance(known, proof[:-32] + plus_one(proof[-32:]))) == (0, "product")

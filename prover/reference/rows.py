"""The verifier of the row argument, each equation by itself (docs/spec/05-argument.md).

    1. The statement, the digits' commitments and the proof are decoded: `relation`, `commitments`, `length`, `encoding`,
       `identity`.
    2. The transcript is run over the proof: all challenges.
    3. Five equations of points: `rounds`, `evaluations`, `cells`, `rows`, `product`.

All proofs are decoded before any equation is checked. The first that fails is named, and in it the first step.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from protocol.errors import MalformedInput
from protocol.parameters import GROUP_ORDER
from prover.errors import KernelArgumentInvalid, RowProofInvalid
from prover.reference.codec import Point, is_identity, require_bytes, require_int, require_sequence
from prover.reference.combined import combined_commitment
from prover.reference.generators import generator
from prover.reference.group import multi, same
from prover.reference.opening import Opening, inner
from prover.reference.relation import Term
from prover.reference.rounds import eq_point, eq_table, last_claim
from prover.reference.row_challenges import Challenges, derive_challenges
from prover.reference.row_proof import RowProof, decode_row_proof
from prover.reference.row_statement import PublicInput, read_commitments, read_statement
from prover.rows import RowInstance, RowStatement

Sum = list[tuple[int, Point]]  # scalars times points


def verify_rows(instances: Sequence[RowInstance], *, entropy: Callable[[int], bytes] = os.urandom, threads: int = 1) -> None:
    """Verify proofs, one after the other.

    Args:
        instances: their transcripts are the reference's, and are not changed.
        entropy: has no effect here: no equations are added up, so no weights are drawn.
        threads: has no effect here.

    Raises:
        RowProofInvalid: `index` says which proof, `where` which step.
        KernelArgumentInvalid: an argument is of the wrong type.
    """
    require_int("threads", threads, 1, 1024)
    if not callable(entropy):
        raise KernelArgumentInvalid("the entropy source is not callable")
    for index, instance in enumerate(require_sequence("instances", instances)):
        _verify(index, instance)


def _decode(index: int, instance: RowInstance) -> tuple[PublicInput, list[list[Point]], RowProof]:
    """Statement, commitments C[d,t,i] and proof."""
    if not isinstance(instance, RowInstance) or not isinstance(instance.statement, RowStatement):
        raise KernelArgumentInvalid("an instance must be a RowInstance about a RowStatement")
    with _step(index, "relation"):
        public = read_statement(instance.statement)
    with _step(index, "commitments"):
        digits = read_commitments(public, instance.points)
    shape = public.proof_shape
    if len(require_bytes("the proof", instance.proof)) != shape.size:
        raise RowProofInvalid(f"{len(instance.proof)} bytes instead of {shape.size}", where="length", index=index)
    with _step(index, "encoding"):
        proof = decode_row_proof(instance.proof, shape)
    if any(map(is_identity, proof.points)):
        raise RowProofInvalid("a point of the proof is the identity", where="identity", index=index)
    return public, digits, proof


def _verify(index: int, instance: RowInstance) -> None:
    public, digits, proof = _decode(index, instance)
    challenges = derive_challenges(instance.statement, public, proof)
    for name, u in challenges.u.items():
        if 0 in u:
            raise RowProofInvalid("a challenge of a fold is 0, which has no inverse", where=name, index=index)
    for name, left, right in _equations(public, digits, proof, challenges):
        if not same(_total(left), _total(right)):
            raise RowProofInvalid("the equation does not hold", where=name, index=index)


@contextmanager
def _step(index: int, name: str) -> Iterator[None]:
    try:
        yield
    except MalformedInput as error:
        raise RowProofInvalid(error.message, where=name, index=index) from None


def _equations(
    public: PublicInput, digits: list[list[Point]], proof: RowProof, challenges: Challenges
) -> Iterator[tuple[str, Sum, Sum]]:
    """The steps of section 5, each with the two sides of its equation; `rounds` once for each round."""
    c, degree = challenges.c, public.relation.degree
    g, h, u_0 = generator("g", 0), generator("h", 0), generator("U", 0)
    first_claim, e = (proof.evaluations[0], proof.evaluations[1:]) if public.cells_mode else (0, proof.evaluations)

    for commitment, mask, response in zip(proof.rounds, proof.round_masks, proof.responses, strict=True):
        left = [(response.rho, generator("V", 0)), *zip(response.g, _bases("V", 1, len(response.g)), strict=True)]
        yield "rounds", left, [(1, mask), (c, commitment)]

    left = [(proof.epsilon, u_0), *zip(proof.evaluations, _bases("U", 1, len(proof.evaluations)), strict=True)]
    yield "evaluations", left, [(1, proof.evaluation_mask), (c, proof.evaluation)]

    if public.cells_mode:
        bases = _bases("U", 1, len(public.weights))
        cells = Opening("cells", public.cells, bases, u_0, public.weights, first_claim)
        yield "cells", *_opening_equation(cells, proof, challenges)

    block_bits = public.row_bits - public.column_bits
    r_row, r_col = challenges.r_x[:block_bits], challenges.r_x[block_bits:]
    forms = public.all_forms(eq_table(challenges.r_t))
    deltas = [pow(challenges.delta, j, GROUP_ORDER) for j in range(len(forms))]
    commitment = combined_commitment(digits, forms, deltas, eq_table(r_row))
    bases = _bases("G", 0, public.columns)
    rows = Opening("rows", commitment, bases, generator("H", 0), eq_table(r_col), inner(deltas, e))
    yield "rows", *_opening_equation(rows, proof, challenges)

    terms = public.all_terms(challenges.alpha, eq_point(challenges.tau, challenges.r_t))
    w = 1 if public.cells_mode else eq_point(challenges.tau_rows, challenges.r_x)
    f = last_claim(first_claim, [response.g for response in proof.responses], challenges.r_t + challenges.r_x)
    value = w * _homogeneous(terms, e, c, degree) - pow(c, degree - 1, GROUP_ORDER) * f
    masks = [(pow(c, k, GROUP_ORDER), mask) for k, mask in enumerate(proof.product_masks)]
    yield "product", [(value, g), (proof.sigma, h)], masks


def _opening_equation(opening: Opening, proof: RowProof, challenges: Challenges) -> tuple[Sum, Sum]:
    """<z*, B'> + zeta* (blinding base) + eta (<z*, a'> - lambda*) g + theta* h  and  T + c P'."""
    response, u, c = proof.openings[opening.name], challenges.u[opening.name], challenges.c
    deviation = challenges.eta * (inner(response.z, opening.folded_weights(u)) - opening.claimed)
    left = [
        *zip(opening.unfolded(response.z, u), opening.bases, strict=True),
        (response.zeta, opening.blinding_base),
        (deviation, generator("g", 0)),
        (response.theta, generator("h", 0)),
    ]
    folded = opening.folded_commitment(proof.folds[opening.name], u)
    return left, [(1, proof.opening_masks[opening.name]), *((c * scalar, point) for scalar, point in folded)]


def _homogeneous(terms: Sequence[Term], s: Sequence[int], c: int, degree: int) -> int:
    """p(s; c) without w: sum_m a_m c^{D - |F_m|} prod_{j in F_m} s_j."""
    total = 0
    for coefficient, factors in terms:
        product = coefficient * pow(c, degree - len(factors), GROUP_ORDER)
        for j in factors:
            product = product * s[j] % GROUP_ORDER
        total += product
    return total % GROUP_ORDER


def _bases(family: str, first: int, count: int) -> list[Point]:
    return [generator(family, index) for index in range(first, first + count)]


def _total(terms: Sum) -> Point:
    return multi([point for _, point in terms], [scalar for scalar, _ in terms])

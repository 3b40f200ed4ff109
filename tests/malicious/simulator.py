"""Proofs without a witness, by somebody who knows the last challenge (docs/spec/05-argument.md, section 12).

With the oracle programmed at "c" this is the simulator of the zero-knowledge proof. Against a verifier that does not absorb
the masks it is a forger of any statement. Vectors that are opened are not longer than 256: there are no folds.
"""

from math import prod
from typing import Any

from protocol.parameters import GROUP_ORDER
from tests.malicious.algebra import (
    Entropy,
    Sum,
    draw,
    eq_point,
    eq_table,
    generator,
    generators,
    inner,
    point,
    points_of,
    scalars_of,
    vector_bytes,
)
from tests.malicious.layout import elements
from tests.malicious.prover import (
    Opening,
    all_forms,
    all_terms,
    challenge,
    combine_evaluations,
    combine_round,
    last_claim,
    open_transcript,
    powers_of_alpha,
)
from tests.malicious.relation import decode
from tests.malicious.table import Claim


def simulate(claim: Claim, transcript_class: Any, entropy: Entropy) -> bytes:
    """Points at random, then c, then responses at random; the masks are what the equations ask for."""
    statement = claim.statement(transcript_class)
    transcript, relation = statement.transcript, decode(claim.relation)
    omega, D = scalars_of(claim.weights), relation.degree
    names = [element.name for element in elements(claim) if not element.is_point]

    def some_point() -> bytes:
        return point([(draw(entropy, 1)[0], generator("g"))])

    alpha, tau, tau_x = open_transcript(statement, relation)
    R, r = [], []
    for _ in {name.split()[1] for name in names if name.startswith("g ")}:
        R.append(some_point())
        transcript.absorb(b"round", R[-1])
        r.append(challenge(transcript, "r"))
    E = some_point()
    transcript.absorb(b"evaluations", E)
    delta, eta = challenge(transcript, "delta"), challenge(transcript, "eta")
    c = challenge(transcript, "c")

    # Responses, in the order of the proof.
    responses = dict(zip(names, draw(entropy, len(names)), strict=True))
    rounds = [[responses[name] for name in names if name.startswith(f"g {number} ")] for number in range(len(R))]
    e = [responses[name] for name in names if name.startswith("e ")]
    S_0 = responses.get("S_0", 0)
    evaluations = [*([S_0] if omega else []), *e, responses["epsilon"]]

    # What the equations make of them.
    T = [minus(combine_round(group), c, R_l) for group, R_l in zip(rounds, R, strict=True)]
    T.append(minus(combine_evaluations(evaluations), c, E))
    r_t, r_x = r[: len(tau)], r[len(tau) :]
    forms = all_forms(relation, eq_table(r_t))
    deltas = [pow(delta, j, GROUP_ORDER) for j in range(len(forms))]
    column_bits = claim.columns.bit_length() - 1
    r_row, r_col = r_x[: len(r_x) - column_bits], r_x[len(r_x) - column_bits :]
    if omega:
        U = generators("U", 0, len(omega) + 1)
        opening = Opening("cells", list(U[1:]), U[0], omega, [], 0)
        group = [responses[name] for name in names if name.startswith("cells ")]
        T.append(minus(opening.combine(group, eta, S_0), c, claim.commitment))
    opening = Opening("rows", list(generators("G", 0, claim.columns)), generator("H"), eq_table(r_col), [], 0)
    group = [responses[name] for name in names if name.startswith("rows ")]
    P = point([(coefficient, point) for coefficient, point in row_points(claim, forms, deltas, eq_table(r_row))])
    T.append(minus(opening.combine(group, eta, inner(deltas, e)), c, P))

    weights = [eq_point(tau, r_t) * power for power in powers_of_alpha(alpha, relation)]
    w = 1 if omega else eq_point(tau_x, r_x)
    p = w * sum(
        a * pow(c, D - len(factors), GROUP_ORDER) * prod(e[j] for j in factors) for a, factors in all_terms(relation, weights)
    )
    product = p - pow(c, D - 1, GROUP_ORDER) * last_claim(S_0, rounds, r)
    Theta = [some_point() for _ in range(D - 1)]
    powers = [-pow(c, k, GROUP_ORDER) for k in range(1, D)]
    left = [(product, generator("g")), (responses["sigma"], generator("h"))]
    Theta.insert(0, point([*left, *zip(powers, Theta, strict=True)]))
    return b"".join([*R, E, *T, *Theta]) + vector_bytes(list(responses.values()))


def row_points(claim: Claim, forms: Any, deltas: list[int], eq_row: list[int]) -> Sum:
    """The committed points with the coefficients that they have in P of the rows' opening."""
    digits = [points_of(points) for points in claim.points]
    return [
        (delta_j * w_t * eq_i % GROUP_ORDER, digits[d][t * len(eq_row) + i])
        for delta_j, form in zip(deltas, forms, strict=True)
        for d, weights in form
        for t, w_t in enumerate(weights)
        for i, eq_i in enumerate(eq_row)
    ]


def minus(terms: Sum, c: int, commitment: bytes) -> bytes:
    """sum of `terms` - c commitment."""
    return point([*terms, (-c, commitment)])

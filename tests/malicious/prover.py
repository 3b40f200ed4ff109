"""The prover of docs/spec/05-argument.md, step by step, with a hook at every value it computes.

A lie replaces one value at the moment it is computed; from there on the prover works with what it said, as honestly as that
allows. Which lie a verifier finds at which step is what the attack tests assert.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protocol.parameters import GROUP_ORDER
from prover.rows import MAX_TAIL, RowStatement
from tests.malicious.algebra import (
    Entropy,
    Sum,
    bind,
    draw,
    eq_point,
    eq_table,
    evaluate,
    generator,
    generators,
    inner,
    interpolate,
    invert,
    plus,
    point,
    scalars_of,
    times,
    vector_bytes,
)
from tests.malicious.relation import Form, RowRelation, Term, decode
from tests.malicious.table import Table, Witness, form_values

HALF = invert(2)
FIRST_POWER = 1  # of alpha


class Lies:
    """What to say instead, by the name of the value. `Lies({"round 2": lambda g: [0] * len(g)})` is one lie."""

    def __init__(self, replacements: Mapping[str, Callable[[Any], Any]] | None = None) -> None:
        self._replacements = dict(replacements or {})
        self._told: set[str] = set()

    def __call__(self, name: str, value: Any) -> Any:
        if name not in self._replacements:
            return value
        self._told.add(name)
        return self._replacements[name](value)

    def require_told(self) -> None:
        """A lie about a value that does not occur would make a test that proves nothing."""
        if untold := set(self._replacements) - self._told:
            raise LookupError(f"nobody asked for {sorted(untold)}")


@dataclass
class Opening:
    """The proof that a commitment opens to z with <z, a> = lambda (section 4)."""

    name: str
    bases: list[bytes]
    blinding_base: bytes
    a: list[int]
    z: list[int]
    zeta: int
    theta: int = 0

    def fold(self, transcript: Any, eta: int, lies: Lies, entropy: Entropy) -> list[bytes]:
        """Halve z until it is short. Returns the L and R that were sent."""
        sent: list[bytes] = []
        while len(self.z) > MAX_TAIL:
            half, number = (len(self.z) + 1) // 2, len(sent) // 2
            z_lo, z_hi = self.z[:half], self.z[half:]
            a_lo, a_hi = self.a[:half], self.a[half:]
            B_lo, B_hi = self.bases[:half], self.bases[half:]
            paired = len(z_hi)
            s_L, s_R = draw(entropy, 2)
            cross_L, cross_R = inner(z_lo[:paired], a_hi), inner(z_hi, a_lo[:paired])
            L: Sum = [*zip(z_lo[:paired], B_hi, strict=True), (eta * cross_L, generator("g")), (s_L, generator("h"))]
            R: Sum = [*zip(z_hi, B_lo[:paired], strict=True), (eta * cross_R, generator("g")), (s_R, generator("h"))]
            pair = [point(lies(f"{self.name} L {number}", L)), point(lies(f"{self.name} R {number}", R))]
            transcript.absorb(f"{self.name}-fold".encode(), b"".join(pair))
            sent += pair
            u = challenge(transcript, "u")
            v = invert(u)
            self.z = plus(z_lo, [u * z for z in z_hi])
            self.a = plus(a_lo, [v * a for a in a_hi])
            self.bases = [point([(1, lo), (v, hi)]) for lo, hi in zip(B_lo, B_hi, strict=False)] + B_lo[paired:]
            self.theta = (self.theta + v * s_L + u * s_R) % GROUP_ORDER
        self.z = lies(f"{self.name} z", self.z)
        self.theta = lies(f"{self.name} theta", self.theta)
        return sent

    def secrets(self) -> list[int]:
        return [*self.z, self.zeta, self.theta]

    def combine(self, secrets: Sequence[int], eta: int, claimed: int) -> Sum:
        """<z', B'> + zeta (blinding base) + eta (<z', a'> - claimed) g + theta h."""
        *z, zeta, theta = secrets
        return [
            *zip(z, self.bases, strict=True),
            (zeta, self.blinding_base),
            (eta * (inner(z, self.a) - claimed), generator("g")),
            (theta, generator("h")),
        ]


def prove(statement: RowStatement, witness: Witness, *, lies: Lies | None = None, entropy: Entropy = os.urandom) -> bytes:
    """A proof of `statement`, whose transcript is used up.

    1. The statement, and in zero mode alpha, tau, tau'.
    2. Rounds over t (zero mode) and over x: R_l.
    3. Evaluations: E.
    4. Openings of the cells and of the rows: folds.
    5. Masks, c, responses.
    """
    lies = lies or Lies()
    transcript = statement.transcript
    relation = decode(statement.relation)
    omega = scalars_of(statement.weights)
    cells_mode = bool(omega)
    row_bits, D = statement.rows.bit_length() - 1, relation.degree

    # 1. The statement.
    alpha, tau, tau_x = open_transcript(statement, relation)

    # 2. Rounds: g_{l,1} .. and rho_l are the secrets of round l.
    rounds: list[list[int]] = []
    R: list[bytes] = []

    def send_round(coefficients: list[int]) -> int:
        g: list[int] = lies(f"round {len(R)}", coefficients[1:])
        (rho,) = draw(entropy, 1)
        R.append(point(lies(f"R {len(R)}", [(rho, generator("V")), *zip(g, generators("V", 1, len(g)), strict=True)])))
        rounds.append([*g[: len(coefficients) - 1], rho])  # a further coefficient has no place among the responses
        transcript.absorb(b"round", R[-1])
        return challenge(transcript, "r")

    powers = powers_of_alpha(alpha, relation)
    r_t, weight_t = _rounds_over_t(relation, witness.table, powers, tau, tau_x, send_round)
    forms = all_forms(relation, eq_table(r_t))
    terms = all_terms(relation, [weight_t * power % GROUP_ORDER for power in powers])
    r_x, e, w = _rounds_over_x(forms, terms, D, witness.table, None if cells_mode else tau_x, send_round)

    # 3. Evaluations.
    S_0 = lies("S_0", inner(omega, witness.cells)) if cells_mode else 0
    e = lies("evaluations", e)
    evaluations = [*([S_0] if cells_mode else []), *e, *draw(entropy, 1)]
    E = point(lies("E", combine_evaluations(evaluations)))
    transcript.absorb(b"evaluations", E)
    delta, eta = challenge(transcript, "delta"), challenge(transcript, "eta")
    deltas = [pow(delta, j, GROUP_ORDER) for j in range(len(forms))]

    # 4. Openings.
    openings = []
    if cells_mode:
        U = generators("U", 0, len(omega) + 1)
        cells: list[int] = lies("cells", list(witness.cells))
        openings.append(Opening("cells", list(U[1:]), U[0], omega, cells, lies("cells zeta", witness.blinding)))
    r_row, r_col = r_x[: row_bits - _bits(statement.columns)], r_x[row_bits - _bits(statement.columns) :]
    z, zeta = _merge_rows(forms, deltas, eq_table(r_row), witness.table)
    G = list(generators("G", 0, statement.columns))
    openings.append(Opening("rows", G, generator("H"), eq_table(r_col), lies("rows", z), lies("rows zeta", zeta)))
    folds = [sent for opening in openings for sent in opening.fold(transcript, eta, lies, entropy)]

    # 5. Masks, c, responses: groups of secrets, each with a group of masks of the same shape.
    def claimed(opening: Opening, evaluation_secrets: Sequence[int]) -> int:
        return evaluation_secrets[0] if opening.name == "cells" else inner(deltas, evaluation_secrets[cells_mode:-1])

    secrets = [*rounds, evaluations, *(opening.secrets() for opening in openings)]
    names = [*(f"round {number}" for number in range(len(rounds))), "evaluations", *(opening.name for opening in openings)]
    masks = [lies(f"mask {name}", draw(entropy, len(group))) for name, group in zip(names, secrets, strict=True)]
    round_masks, evaluation_masks = masks[: len(rounds)], masks[len(rounds)]
    sums = [combine_round(group) for group in round_masks] + [combine_evaluations(evaluation_masks)]
    for opening, group in zip(openings, masks[len(rounds) + 1 :], strict=True):
        sums.append(opening.combine(group, eta, claimed(opening, evaluation_masks)))
    T = [point(lies(f"T {name}", terms_of_mask)) for name, terms_of_mask in zip(names, sums, strict=True)]

    p: list[int] = []
    for coefficient, factors in terms:
        product = [0] * (D - len(factors)) + [w * coefficient]
        for j in factors:
            product = times(product, [evaluation_masks[cells_mode + j], e[j]])
        p = plus(p, product)
    r = [*r_t, *r_x]
    f_of_masks = last_claim(evaluation_masks[0] if cells_mode else 0, round_masks, r)
    f_of_secrets = last_claim(S_0, rounds, r)
    t = plus(p, [*[0] * (D - 1), -f_of_masks, -f_of_secrets])[:D]  # the coefficient of c^D is 0 unless there was a lie
    t = lies("t", t)
    sigmas = draw(entropy, D)
    Theta = [
        point(lies(f"Theta {k}", [(t_k, generator("g")), (sigma, generator("h"))]))
        for k, (t_k, sigma) in enumerate(zip(t, sigmas, strict=True))
    ]
    transcript.absorb(b"masks", lies("masks", b"".join([*T, *Theta])))
    c = challenge(transcript, "c")
    responses = [
        lies(f"responses {name}", [(d + c * s) % GROUP_ORDER for d, s in zip(mask, group, strict=True)])
        for name, mask, group in zip(names, masks, secrets, strict=True)
    ]
    sigma_star = lies("sigma", evaluate(sigmas, c))
    lies.require_told()
    points = [*R, E, *folds, *T, *Theta]
    return b"".join(points) + vector_bytes([s for group in responses for s in group] + [sigma_star])


def open_transcript(statement: RowStatement, relation: RowRelation) -> tuple[int, list[int], list[int]]:
    """Step 1, and in zero mode step 2, of section 2: alpha, tau and tau'."""
    transcript = statement.transcript
    transcript.absorb(b"relation", statement.relation)
    transcript.absorb(b"digits", statement.digests)
    transcript.absorb(b"shape", statement.rows.to_bytes(4, "big") + statement.columns.to_bytes(4, "big"))
    transcript.absorb(b"weights", statement.weights)
    transcript.absorb(b"commitment", statement.commitment)
    if statement.weights:
        return 0, [], []
    alpha = challenge(transcript, "alpha")
    tau = [challenge(transcript, "tau") for _ in range(relation.selector_bits)]
    return alpha, tau, [challenge(transcript, "tau") for _ in range(statement.rows.bit_length() - 1)]


def challenge(transcript: Any, label: str) -> int:
    return int.from_bytes(transcript.challenge(label.encode()), "big")


def powers_of_alpha(alpha: int, relation: RowRelation) -> list[int]:
    """alpha^p(d) of the boolean digits."""
    return [pow(alpha, place, GROUP_ORDER) for place in range(FIRST_POWER, FIRST_POWER + len(relation.boolean))]


def last_claim(S_0: int, rounds: Sequence[Sequence[int]], r: Sequence[int]) -> int:
    """f: S_l = S_{l-1} / 2 + sum_e g_{l,e} (r_l^e - 1/2)."""
    claim = S_0
    for (*g, _), r_l in zip(rounds, r, strict=True):
        claim = claim * HALF + sum(g_e * (pow(r_l, e, GROUP_ORDER) - HALF) for e, g_e in enumerate(g, start=1))
    return claim % GROUP_ORDER


def round_polynomial(tables: Sequence[Sequence[int]], value: Callable[[Sequence[int]], int], degree: int) -> list[int]:
    """Coefficients of g(X) = sum of `value` over the multilinear tables with their highest bit set to X."""
    half = len(tables[0]) // 2
    sums = [0] * (degree + 1)
    for low in range(half):
        for X in range(degree + 1):
            sums[X] += value([table[low] + X * (table[low + half] - table[low]) for table in tables])
    return interpolate(sums)


def _rounds_over_t(
    relation: RowRelation,
    table: Table,
    powers: Sequence[int],
    tau: Sequence[int],
    tau_x: Sequence[int],
    send: Callable[[list[int]], int],
) -> tuple[list[int], int]:
    """The challenges r_t and eq(tau, r_t)."""
    padding = [[0] * table.rows]  # values that a digit does not have
    weights = [a * b % GROUP_ORDER for a in eq_table(tau) for b in eq_table(tau_x)] if tau else []
    tables = [weights] + [
        [b for row in [*table.b[d], *padding * ((1 << len(tau)) - relation.values[d])] for b in row] for d in relation.boolean
    ]

    def value(entries: Sequence[int]) -> int:
        weight, *b = entries
        return weight * sum(power * (b_d * b_d - b_d) for power, b_d in zip(powers, b, strict=True)) % GROUP_ORDER

    r_t: list[int] = []
    for _ in tau:
        r_t.append(send(round_polynomial(tables, value, 3)))
        tables = [bind(entries, r_t[-1]) for entries in tables]
    return r_t, eq_point(tau, r_t)


def _rounds_over_x(
    forms: Sequence[Form],
    terms: Sequence[Term],
    D: int,
    table: Table,
    tau_x: Sequence[int] | None,
    send: Callable[[list[int]], int],
) -> tuple[list[int], list[int], int]:
    """The challenges r_x, the evaluations e_j = phi_j(r_x), and w: eq(tau', r_x) in zero mode, 1 in cells mode."""
    weights = [1] * table.rows if tau_x is None else eq_table(tau_x)
    tables = [weights, *(form_values(form, table) for form in forms)]

    def value(entries: Sequence[int]) -> int:
        weight, *phi = entries
        total = 0
        for coefficient, factors in terms:
            product = coefficient
            for j in factors:
                product = product * phi[j] % GROUP_ORDER
            total += product
        return weight * total % GROUP_ORDER

    r_x: list[int] = []
    while len(tables[0]) > 1:
        r_x.append(send(round_polynomial(tables, value, D + (tau_x is not None))))
        tables = [bind(entries, r_x[-1]) for entries in tables]
    (w, *e) = (entries[0] for entries in tables)
    return r_x, e, w


def all_forms(relation: RowRelation, eq_t: Sequence[int]) -> list[Form]:
    """B_d for each boolean digit, then the forms of the relation (section 3)."""
    return [((d, tuple(eq_t[: relation.values[d]])),) for d in relation.boolean] + list(relation.forms)


def all_terms(relation: RowRelation, weights: Sequence[int]) -> list[Term]:
    """The terms phi_d phi_d - phi_d of the boolean digits, then those of the relation, over the forms of `all_forms`."""
    boolean = [term for j, weight in enumerate(weights) for term in ((weight, (j, j)), (-weight, (j,)))]
    return boolean + [(a, tuple(len(weights) + j for j in factors)) for a, factors in relation.terms]


def _merge_rows(forms: Sequence[Form], deltas: Sequence[int], eq_row: Sequence[int], table: Table) -> tuple[list[int], int]:
    """z and zeta of P = sum_j delta^(j-1) sum_(d,w) sum_t w_t sum_i eq(r_row, i) C[d,t,i]."""
    z, zeta, C = [0] * table.columns, 0, table.columns
    for delta_j, form in zip(deltas, forms, strict=True):
        for d, weights in form:
            for t, w_t in enumerate(weights):
                for i, eq_i in enumerate(eq_row):
                    factor = delta_j * w_t * eq_i % GROUP_ORDER
                    z = plus(z, [factor * b for b in table.b[d][t][i * C : (i + 1) * C]])
                    zeta += factor * table.rho[d][t][i]
    return z, zeta % GROUP_ORDER


def combine_round(secrets: Sequence[int]) -> Sum:
    """rho V_0 + sum_e g_e V_e."""
    *g, rho = secrets
    return [(rho, generator("V")), *zip(g, generators("V", 1, len(g)), strict=True)]


def combine_evaluations(secrets: Sequence[int]) -> Sum:
    """epsilon U_0 + (S_0 U_1 +) sum_j e_j U_j."""
    *values, epsilon = secrets
    return [(epsilon, generator("U")), *zip(values, generators("U", 1, len(values)), strict=True)]


def _bits(power_of_two: int) -> int:
    return power_of_two.bit_length() - 1

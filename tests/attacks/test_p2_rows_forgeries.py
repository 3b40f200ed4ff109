"""P1, P2, P3, P4: every absorb matters. For each, a proof of a false statement that a verifier without it accepts.

The verifier with one absorb left out is the reference with a transcript that is deaf to one label. Both real verifiers refuse
the same proof. `shape` alone has no forgery: N and C fix the length of the proof and the number of commitments as well.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from protocol.parameters import GROUP_ORDER
from prover import reference
from tests.malicious.algebra import (
    Sum,
    eq_table,
    generator,
    inner,
    invert,
    point,
    points_of,
    scalars_of,
    stream,
    vector_bytes,
)
from tests.malicious.instances import CELL_TERMS, DIGIT, FORMS, MODES, PRESENT, VALUES, Honest, honest
from tests.malicious.layout import elements
from tests.malicious.prover import Lies, prove
from tests.malicious.relation import RowRelation
from tests.malicious.simulator import row_points, simulate
from tests.malicious.table import Claim, Table, Witness, commit_cells, row_values
from tests.malicious.transcripts import RecordingTranscript, constant, deaf_to, foresee
from tests.malicious.verifiers import EQUATIONS, assert_refused

ERROR = 1_000_000  # by how much the first cell, whose weight is 1, is not what the rows say
Transcripts = type[RecordingTranscript]
Forged = tuple[Claim, bytes]


def small() -> Honest:
    return honest("cells", 8, 4, 3)


def false_cells(known: Honest) -> tuple[Claim, Witness]:
    """A commitment to cells of which the first is wrong, and its opening."""
    first, *rest = known.witness.cells
    witness = replace(known.witness, cells=((first + ERROR) % GROUP_ORDER, *rest))
    return replace(known.claim, commitment=commit_cells(witness.cells, witness.blinding)), witness


def lie(claim: Claim, witness: Witness, transcripts: Transcripts, lies: Callable[[Any], dict[str, Any]]) -> bytes:
    """A proof with lies that may look at the transcript."""
    statement = claim.statement(transcripts)
    return prove(statement, witness, lies=Lies(lies(statement.transcript)), entropy=stream("forgery"))


def last_error(rounds: int) -> int:
    """What is left of ERROR in the last claim: each round halves it."""
    return ERROR * pow(invert(2), rounds, GROUP_ORDER) % GROUP_ORDER


def paying(e: list[int], amount: int) -> int:
    """What to add to the evaluation of the form `present` so that the final polynomial grows by `amount`."""
    slope = sum(a * (e[2] * e[2] if len(factors) == 3 else 1) for a, factors in CELL_TERMS if factors[0] == 0)
    return amount * invert(slope) % GROUP_ORDER


# The messages of the prover.


def choose_round_after_challenge(transcripts: Transcripts) -> Forged:
    """r is known before the round: a coefficient is chosen so that the wrong claim becomes the right one at r."""
    known = small()
    claim, witness = false_cells(known)

    def lies(transcript: Any) -> dict[str, Any]:
        def first_round(g: list[int]) -> list[int]:
            (r,) = foresee(transcript, b"r")
            return [(g[0] - ERROR * invert(2) * invert(r - invert(2))) % GROUP_ORDER, *g[1:]]

        return {"round 0": first_round}

    return claim, lie(claim, witness, transcripts, lies)


def choose_evaluations_after_challenge(transcripts: Transcripts) -> Forged:
    """delta is known before E: two evaluations are wrong, one pays for the cells and the other hides it from the opening."""
    known = small()
    claim, witness = false_cells(known)

    def lies(transcript: Any) -> dict[str, Any]:
        def evaluations(e: list[int]) -> list[int]:
            (delta,) = foresee(transcript, b"delta")
            x = paying(e, last_error(3))
            unused = 4  # a form that is in no term
            return [e[0] + x, *e[1:unused], e[unused] - x * invert(pow(delta, unused, GROUP_ORDER)), *e[unused + 1 :]]

        return {"evaluations": evaluations}

    return claim, lie(claim, witness, transcripts, lies)


def with_part_on_g(terms: Sum, scalar: int) -> Sum:
    return [*terms, (scalar, generator("g"))]


def choose_cells_fold_after_challenge(transcripts: Transcripts) -> Forged:
    """u is known before L: a part of L on g makes up for cells that do not add up to S_0."""
    known = honest("cells", 8, 4, 300)
    claim, witness = false_cells(known)
    true_sum = inner(known.weights, known.witness.cells)

    def lies(transcript: Any) -> dict[str, Any]:
        def left(terms: Sum) -> Sum:
            (u,), (eta,) = foresee(transcript, b"u"), transcript.heard(b"eta")
            return with_part_on_g(terms, u * eta * ERROR)

        return {"S_0": lambda _: true_sum, "cells L 0": left}

    return claim, lie(claim, witness, transcripts, lies)


def choose_rows_fold_after_challenge(transcripts: Transcripts) -> Forged:
    """u is known before L: a part of L on g makes up for an evaluation that the rows do not have."""
    known = honest("cells", 512, 512, 3)
    claim, witness = false_cells(known)
    shift: list[int] = []

    def lies(transcript: Any) -> dict[str, Any]:
        def evaluations(e: list[int]) -> list[int]:
            shift.append(paying(e, last_error(9)))
            return [e[0] + shift[0], *e[1:]]

        def left(terms: Sum) -> Sum:
            (u,), (eta,) = foresee(transcript, b"u"), transcript.heard(b"eta")
            return with_part_on_g(terms, -u * eta * shift[0])

        return {"evaluations": evaluations, "rows L 0": left}

    return claim, lie(claim, witness, transcripts, lies)


def choose_masks_after_challenge(transcripts: Transcripts) -> Forged:
    """c is known before the masks: Theta_0 makes up for the coefficient of c^D, which is not 0."""
    known = small()
    claim, witness = false_cells(known)

    def lies(transcript: Any) -> dict[str, Any]:
        def product_coefficients(t: list[int]) -> list[int]:
            (c,) = foresee(transcript, b"c")
            return [(t[0] - last_error(3) * pow(c, 3, GROUP_ORDER)) % GROUP_ORDER, *t[1:]]

        return {"t": product_coefficients}

    return claim, lie(claim, witness, transcripts, lies)


# The statement.


def choose_commitment_afterwards(transcripts: Transcripts) -> Forged:
    """T_cells is wrong by a part on g; when c is known, Y is replaced by one whose first cell makes up for it."""
    known = small()
    shift: list[int] = []

    def lies(transcript: Any) -> dict[str, Any]:
        def responses(z: list[int]) -> list[int]:
            (eta,), (c,) = transcript.heard(b"eta"), transcript.heard(b"c")
            shift.append(ERROR * invert(eta * c) % GROUP_ORDER)
            return [z[0] + c * shift[0], *z[1:]]

        return {"T cells": lambda terms: with_part_on_g(terms, ERROR), "responses cells": responses}

    proof = lie(known.claim, known.witness, transcripts, lies)
    first, *rest = known.witness.cells
    return replace(known.claim, commitment=commit_cells((first + shift[0], *rest), known.witness.blinding)), proof


def choose_weights_afterwards(transcripts: Transcripts) -> Forged:
    """Other weights with the same product with the responses, which are known by then."""
    known = small()
    proof = known.prove(transcripts)
    by_name = {element.name: element for element in elements(known.claim)}
    z = [scalars_of(by_name[f"cells z {k}"].of(proof))[0] for k in range(3)]
    first, second, third = known.weights
    return replace(known.claim, weights=vector_bytes([first + z[1], second - z[0], third])), proof


def choose_relation_afterwards(transcripts: Transcripts) -> Forged:
    """Two coefficients of the relation, of terms with one and two factors, changed so that p(e*; c) stays."""
    known = small()
    statement = known.claim.statement(transcripts)
    proof = prove(statement, known.witness, entropy=stream("forgery"))
    (c,) = statement.transcript.heard(b"c")
    by_name = {element.name: element for element in elements(known.claim)}
    e = [scalars_of(by_name[f"e {j}"].of(proof))[0] for j in range(6)]
    (a, linear), (b, pair), *others = CELL_TERMS
    changed = ((a + e[1] * e[2]) % GROUP_ORDER, linear), ((b - c * e[0]) % GROUP_ORDER, pair)
    return replace(known.claim, relation=RowRelation(VALUES, FORMS, (*changed, *others)).encode()), proof


def choose_table_afterwards(transcripts: Transcripts) -> Forged:
    """Two commitments moved in opposite directions, so that their sum in the opening stays."""
    known = small()
    statement = known.claim.statement(transcripts)
    proof = prove(statement, known.witness, entropy=stream("forgery"))
    (delta,), r_x = statement.transcript.heard(b"delta"), statement.transcript.heard(b"r")
    deltas = [pow(delta, j, GROUP_ORDER) for j in range(len(FORMS))]
    coefficients: dict[bytes, int] = {}
    for coefficient, committed in row_points(known.claim, FORMS, deltas, eq_table(r_x[:1])):
        coefficients[committed] = (coefficients.get(committed, 0) + coefficient) % GROUP_ORDER
    first, second, *rest = points_of(known.claim.points[DIGIT])
    moved = (
        point([(1, first), (coefficients[second], generator("G", 1))]),
        point([(1, second), (-coefficients[first], generator("G", 1))]),
    )
    points = (*known.claim.points[:DIGIT], b"".join([*moved, *rest]))
    return replace(known.claim, points=points), proof


def replay(transcripts: Transcripts) -> Forged:
    """The proof of one query, shown for another."""
    known = small()
    return replace(known.claim, context=b"another query"), known.prove(transcripts)


FORGERIES: dict[str, Callable[[Transcripts], Forged]] = {
    "round": choose_round_after_challenge,
    "evaluations": choose_evaluations_after_challenge,
    "cells-fold": choose_cells_fold_after_challenge,
    "rows-fold": choose_rows_fold_after_challenge,
    "masks": choose_masks_after_challenge,
    "commitment": choose_commitment_afterwards,
    "weights": choose_weights_afterwards,
    "relation": choose_relation_afterwards,
    "digits": choose_table_afterwards,
    "statement": replay,
}


def accepted_by(transcripts: Transcripts, claim: Claim, proof: bytes) -> None:
    reference.verify_rows([claim.instance(transcripts, proof)])


@pytest.mark.parametrize("label", FORGERIES)
def test_a_verifier_that_does_not_absorb_a_message_accepts_a_false_statement_and_no_other_does(label: str) -> None:
    deaf = deaf_to(label.encode())
    claim, proof = FORGERIES[label](deaf)
    accepted_by(deaf, claim, proof)
    assert_refused(claim, proof, EQUATIONS)
    # The same forger, against a verifier that absorbs everything, has to guess a challenge.
    assert_refused(*FORGERIES[label](RecordingTranscript), EQUATIONS)


def test_every_message_and_public_input_has_a_forgery() -> None:
    known = honest("cells", 512, 512, 300)
    transcript = known.claim.statement(RecordingTranscript).transcript
    statement = known.claim.statement(RecordingTranscript)
    prove(statement, known.witness, entropy=stream("labels"))
    assert transcript.events
    absorbed = {label.decode() for kind, label, _ in statement.transcript.events if kind == "absorb"}
    assert absorbed == {*FORGERIES, "shape"}


def test_the_false_statements_are_false() -> None:
    """What the forgeries claim, compared with the rows."""
    known = small()
    total = sum(row_values(known.relation, known.witness.table)) % GROUP_ORDER
    assert inner(known.weights, known.witness.cells) == total
    claim, witness = false_cells(known)
    assert inner(known.weights, witness.cells) == total + ERROR
    deaf = deaf_to(b"weights")
    claim, _ = choose_weights_afterwards(deaf)
    assert inner(scalars_of(claim.weights), known.witness.cells) != total


@pytest.mark.parametrize("mode", MODES)
def test_whoever_knows_the_last_challenge_proves_anything_without_a_witness(mode: str) -> None:
    """The phantom challenge: of a table that nobody knows, and of cells that nobody knows."""
    known = honest(mode, 8, 4, 3)
    nothing = b"".join(point([(17 + k, generator("g"))]) for k in range(6 * 2))
    unknown = replace(known.claim, points=(nothing[: 2 * 64], nothing[2 * 64 : 6 * 64], nothing[6 * 64 :]))
    if mode == "cells":
        unknown = replace(unknown, commitment=point([(99, generator("g"))]))
    deaf = deaf_to(b"masks")
    proof = simulate(unknown, deaf, stream("phantom"))
    accepted_by(deaf, unknown, proof)
    assert_refused(unknown, proof, EQUATIONS)


# eta, delta: challenges that separate the parts of one commitment.


def test_with_eta_known_a_part_on_g_pays_for_wrong_cells() -> None:
    known = small()
    true_sum = inner(known.weights, known.witness.cells)
    _, witness = false_cells(known)
    commitment = commit_cells(witness.cells, witness.blinding, [(ERROR, generator("g"))])
    claim = replace(known.claim, commitment=commitment)
    mutated = constant(b"eta")
    proof = lie(claim, witness, mutated, lambda _: {"S_0": lambda _: true_sum})
    accepted_by(mutated, claim, proof)
    assert_refused(claim, proof, EQUATIONS)
    assert_refused(claim, lie(claim, witness, RecordingTranscript, lambda _: {"S_0": lambda _: true_sum}), "cells")


def test_with_eta_known_a_part_on_g_pays_for_wrong_rows() -> None:
    """Commitments with a part on g open, for the evaluations, as if every row held that much less."""
    known = small()
    honest_table = known.witness.table
    amount = 3
    place = [(PRESENT, 0, i) for i in range(honest_table.blocks)]
    committed = honest_table
    for at in place:
        committed = committed.with_extra(at, [(amount, generator("g"))])
    shifted = tuple((entry - amount) % GROUP_ORDER for entry in honest_table.b[PRESENT][0])
    pretended: Table = replace(honest_table, b=((shifted,), *honest_table.b[1:]))
    total = sum(row_values(known.relation, pretended)) % GROUP_ORDER
    cells = ((total - inner(known.weights[1:], known.witness.cells[1:])) % GROUP_ORDER, *known.witness.cells[1:])
    witness = replace(known.witness, table=pretended, cells=cells)
    claim = replace(known.claim, points=committed.commit(), commitment=commit_cells(cells, witness.blinding))

    def lies(_: Any) -> dict[str, Any]:
        return {"rows": lambda z: [entry + amount for entry in z]}  # the true entries, which the commitments hold on G

    mutated = constant(b"eta")
    proof = lie(claim, witness, mutated, lies)
    accepted_by(mutated, claim, proof)
    assert_refused(claim, proof, EQUATIONS)
    assert_refused(claim, lie(claim, witness, RecordingTranscript, lies), "rows")


def test_with_delta_known_two_wrong_evaluations_pay_for_each_other() -> None:
    known = small()
    claim, witness = false_cells(known)

    def lies(_: Any) -> dict[str, Any]:
        def evaluations(e: list[int]) -> list[int]:
            x = paying(e, last_error(3))
            return [e[0] + x, *e[1:4], e[4] - x, e[5]]

        return {"evaluations": evaluations}

    mutated = constant(b"delta")
    proof = lie(claim, witness, mutated, lies)
    accepted_by(mutated, claim, proof)
    assert_refused(claim, proof, EQUATIONS)
    assert_refused(claim, lie(claim, witness, RecordingTranscript, lies), "rows")

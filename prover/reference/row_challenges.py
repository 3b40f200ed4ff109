"""The challenges of a proof, in the order of docs/spec/05-argument.md, section 2."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prover.errors import KernelArgumentInvalid
from prover.reference import labels
from prover.reference.codec import Point, encode_point
from prover.reference.row_proof import RowProof
from prover.reference.row_statement import PublicInput
from prover.reference.transcript import Transcript
from prover.rows import RowStatement

FOLDS: Final = {"cells": labels.ROWS_CELLS_FOLD, "rows": labels.ROWS_ROWS_FOLD}


@dataclass(frozen=True, slots=True)
class Challenges:
    """What the transcript answers.

    Attributes:
        tau: for the bits of t, and tau_rows: tau', for those of x; with alpha, zero mode only.
        r_t: of the rounds over t, and r_x: over x.
        u: of each opening, one for each fold.
    """

    alpha: int
    tau: list[int]
    tau_rows: list[int]
    r_t: list[int]
    r_x: list[int]
    delta: int
    eta: int
    u: dict[str, list[int]]
    c: int


def derive_challenges(statement: RowStatement, public: PublicInput, proof: RowProof) -> Challenges:
    """Run the transcript of a proof. The transcript in `statement` stays as it is."""
    if not isinstance(statement.transcript, Transcript):
        raise KernelArgumentInvalid("the transcript is not one of the reference")
    transcript = copy.copy(statement.transcript)

    transcript.absorb(labels.ROWS_RELATION, statement.relation)
    transcript.absorb(labels.ROWS_DIGITS, statement.digests)
    transcript.absorb(labels.ROWS_SHAPE, statement.rows.to_bytes(4, "big") + statement.columns.to_bytes(4, "big"))
    transcript.absorb(labels.ROWS_WEIGHTS, statement.weights)
    transcript.absorb(labels.ROWS_COMMITMENT, statement.commitment)

    alpha, tau, tau_rows = 0, [], []
    if not public.cells_mode:
        alpha = _challenge(transcript, labels.ROWS_ALPHA)
        tau = [_challenge(transcript, labels.ROWS_TAU) for _ in range(public.relation.selector_bits)]
        tau_rows = [_challenge(transcript, labels.ROWS_TAU) for _ in range(public.row_bits)]

    r = [_after(transcript, labels.ROWS_ROUND, [point], labels.ROWS_POINT) for point in proof.rounds]
    delta = _after(transcript, labels.ROWS_EVALUATIONS, [proof.evaluation], labels.ROWS_DELTA)
    eta = _challenge(transcript, labels.ROWS_ETA)
    u = {
        name: [_after(transcript, FOLDS[name], fold, labels.ROWS_FOLD) for fold in folds]
        for name, folds in proof.folds.items()
    }
    c = _after(transcript, labels.ROWS_MASKS, proof.masks, labels.ROWS_CLOSING)
    return Challenges(alpha, tau, tau_rows, r[: len(tau)], r[len(tau) :], delta, eta, u, c)


def _after(transcript: Transcript, label: bytes, points: Iterable[Point], challenge: bytes) -> int:
    """Absorb one message and answer it."""
    transcript.absorb(label, b"".join(map(encode_point, points)))
    return _challenge(transcript, challenge)


def _challenge(transcript: Transcript, label: bytes) -> int:
    return int.from_bytes(transcript.challenge(label), "big")

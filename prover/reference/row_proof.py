"""A proof of the row argument, decoded (docs/spec/05-argument.md, section 6).

R_l ..  E  (cells: L R ..)  L R ..  T_l ..  T_E  (T_cells)  T_rows  Theta_0 .. Theta_{D-1}                     points
for each round g*_1 .. g*_{D_l}, rho*;   (S_0*)  e*_1 .. e*_k  epsilon*;   (cells: z*, zeta*, theta*)
rows: z*, zeta*, theta*;   sigma*                                                                              scalars
"""

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.parameters import POINT_BYTES, SCALAR_BYTES
from prover.reference.codec import Point, decode_points, decode_scalars
from prover.reference.opening import fold_lengths

Fold = tuple[Point, Point]  # L, R


@dataclass(frozen=True, slots=True)
class ProofShape:
    """What the lengths of a proof follow from.

    Attributes:
        rounds: D_l of each round.
        evaluations: how many scalars E commits to.
        openings: the length of each vector that is opened: in cells mode "cells", always "rows".
        degree: D.
    """

    rounds: tuple[int, ...]
    evaluations: int
    openings: Mapping[str, int]
    degree: int

    @property
    def points(self) -> int:
        """How many points a proof has."""
        folds = sum(len(fold_lengths(length)) - 1 for length in self.openings.values())
        return 2 * len(self.rounds) + 2 + 2 * folds + len(self.openings) + self.degree

    @property
    def scalars(self) -> int:
        """How many scalars a proof has."""
        tails = sum(fold_lengths(length)[-1] + 2 for length in self.openings.values())
        return sum(degree + 1 for degree in self.rounds) + self.evaluations + 1 + tails + 1

    @property
    def size(self) -> int:
        """How many bytes a proof has."""
        return self.points * POINT_BYTES + self.scalars * SCALAR_BYTES


@dataclass(frozen=True, slots=True)
class RoundResponse:
    """g*_{l,1} .. g*_{l,D_l} and rho*_l of one round."""

    g: list[int]
    rho: int


@dataclass(frozen=True, slots=True)
class OpeningResponse:
    """z*, zeta* and theta* of one opening."""

    z: list[int]
    zeta: int
    theta: int


@dataclass(frozen=True, slots=True)
class RowProof:
    """The elements of a proof, in their order.

    Attributes:
        rounds: R_l.
        evaluation: E.
        folds: of each opening, L and R of each fold.
        round_masks: T_l.
        evaluation_mask: T_E.
        opening_masks: (T_cells) T_rows, by the name of the opening.
        product_masks: Theta_0 .. Theta_{D-1}.
        responses: of each round, g*_1 .. g*_{D_l} and rho*.
        evaluations: (S_0*) e*_1 .. e*_k.
        epsilon: epsilon*.
        openings: of each opening, its responses.
        sigma: sigma*.
    """

    rounds: list[Point]
    evaluation: Point
    folds: dict[str, list[Fold]]
    round_masks: list[Point]
    evaluation_mask: Point
    opening_masks: dict[str, Point]
    product_masks: list[Point]
    responses: list[RoundResponse]
    evaluations: list[int]
    epsilon: int
    openings: dict[str, OpeningResponse]
    sigma: int

    @property
    def masks(self) -> list[Point]:
        """What is absorbed as "masks"."""
        return [*self.round_masks, self.evaluation_mask, *self.opening_masks.values(), *self.product_masks]

    @property
    def points(self) -> list[Point]:
        """All points of the proof."""
        folds = [point for opening in self.folds.values() for fold in opening for point in fold]
        return [*self.rounds, self.evaluation, *folds, *self.masks]


def decode_row_proof(data: bytes, shape: ProofShape) -> RowProof:
    """A proof of exactly `shape.size` bytes. Raises PointInvalid, ScalarInvalid."""
    at = shape.points * POINT_BYTES
    points = iter(decode_points("the points", data[:at], shape.points))
    scalars = iter(decode_scalars("the scalars", data[at:], shape.scalars))

    def take_points(count: int) -> list[Point]:
        return [next(points) for _ in range(count)]

    def take_scalars(count: int) -> list[int]:
        return [next(scalars) for _ in range(count)]

    rounds = len(shape.rounds)
    tails = {name: fold_lengths(length)[-1] for name, length in shape.openings.items()}
    # Arguments are evaluated in the order in which they stand, and that is the order of the encoding.
    return RowProof(
        rounds=take_points(rounds),
        evaluation=next(points),
        folds={
            name: [(next(points), next(points)) for _ in fold_lengths(length)[1:]] for name, length in shape.openings.items()
        },
        round_masks=take_points(rounds),
        evaluation_mask=next(points),
        opening_masks={name: next(points) for name in shape.openings},
        product_masks=take_points(shape.degree),
        responses=[RoundResponse(take_scalars(degree), next(scalars)) for degree in shape.rounds],
        evaluations=take_scalars(shape.evaluations),
        epsilon=next(scalars),
        openings={name: OpeningResponse(take_scalars(tail), next(scalars), next(scalars)) for name, tail in tails.items()},
        sigma=next(scalars),
    )

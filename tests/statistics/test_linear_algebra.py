"""Sweeping is exact: an inverse times its matrix is one, and dependent columns are found with their weights."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.statistics.linear_algebra import Sweep

NUMBERS = st.fractions(min_value=-1000, max_value=1000, max_denominator=50)


@st.composite
def designs(draw: st.DrawFn) -> list[list[Fraction]]:
    size = draw(st.integers(1, 5))
    rows = draw(st.integers(1, 7))
    return [[draw(NUMBERS) for _ in range(size)] for _ in range(rows)]


def products(design: list[list[Fraction]]) -> list[list[Fraction]]:
    columns = list(zip(*design, strict=True))
    return [[sum((a * b for a, b in zip(left, right, strict=True)), Fraction(0)) for right in columns] for left in columns]


@given(designs())
@settings(max_examples=200, deadline=None)
def test_inverse_solution_residual_and_dependence_are_exact(design: list[list[Fraction]]) -> None:
    matrix = products(design)
    sweep = Sweep(matrix)
    swept: list[int] = []
    for column in range(len(matrix) - 1):
        before = sweep.weights(column)
        if sweep.pivot(column):
            swept.append(column)
        else:
            for row in design:
                assert row[column] == sum(weight * row[k] for k, weight in before.items())
    assert len(swept) == np.linalg.matrix_rank(
        np.array([row[:-1] for row in design], float).reshape(len(design), -1), tol=1e-9
    )
    for i in swept:
        for j in swept:
            assert sum(sweep.inverse(i, k) * matrix[k][j] for k in swept) == (i == j)
    last = len(matrix) - 1
    weights = sweep.weights(last)
    residuals = [row[last] - sum(weight * row[k] for k, weight in weights.items()) for row in design]
    assert sweep.residual(last, last) == sum(own * own for own in residuals)
    for k in swept:
        assert sum(own * row[k] for own, row in zip(residuals, design, strict=True)) == 0


@pytest.mark.parametrize("size", [11, 40])
def test_large_systems(size: int) -> None:
    rng = np.random.default_rng(size)
    design = rng.integers(-5000, 5000, size=(3 * size, size + 1)).astype(object)
    matrix = design.T @ design
    sweep = Sweep(matrix.tolist())
    assert all(sweep.pivot(column) for column in reversed(range(size)))
    for i in range(size):
        assert sum(sweep.inverse(i, k) * int(matrix[k, 0]) for k in range(size)) == (i == 0)
        assert sum(sweep.weights(size)[k] * int(matrix[i, k]) for k in range(size)) == matrix[i, size]
    assert not Sweep([[0, 0], [0, 1]]).pivot(0)

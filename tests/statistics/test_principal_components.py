"""Principal components over hospitals are those of numpy over the pooled rows, and defined where axes are not unique."""

import itertools
import random
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import pytest

from circuits.errors import QueryType
from circuits.finish import WITHHELD
from circuits.result import ResultTable
from tests.statistics.pooled import Pool
from tests.statistics.test_correlation_matrix import COLUMNS, SCHEMA, visits


def ask(rows: list[dict[str, Any]], *columns: str, where: str = "", minimum: int = 1) -> ResultTable:
    return Pool.split(SCHEMA, rows).ask(f"SELECT PCA({', '.join(columns)}) FROM visits {where}", minimum)


def axes(table: ResultTable) -> np.ndarray[Any, Any]:
    """A column for each component."""
    size = len(table.rows)
    return np.array([row[2] for row in table.named("loadings").rows], float).reshape(size, size).T


def plain(**values: Any) -> dict[str, Any]:
    return {"d": 5, "e": 0, "sex": "f", **values}


@pytest.mark.parametrize("seed", range(4))
def test_components_are_those_of_numpy(seed: int) -> None:
    rows = visits(seed)
    table = ask(rows, *COLUMNS)
    frame = pd.DataFrame(rows)[COLUMNS].dropna()
    values, vectors = np.linalg.eigh(frame.corr())
    components, found, shares, cumulative = map(np.array, zip(*table.rows, strict=True))
    assert table.kind == "pca"
    assert list(components) == [1, 2, 3, 4, 5]
    assert np.allclose(found, values[::-1], rtol=1e-9)
    assert np.allclose(shares, values[::-1] / 5, rtol=1e-9)
    assert np.allclose(cumulative, np.cumsum(values[::-1]) / 5, rtol=1e-9)
    assert cumulative[-1] == 1.0
    for mine, theirs in zip(axes(table).T, vectors.T[::-1], strict=True):
        assert mine[np.argmax(abs(mine))] > 0
        assert np.allclose(mine, theirs * np.sign(theirs[np.argmax(abs(theirs))]), rtol=1e-9, atol=1e-11)
    assert [row[:2] for row in table.named("loadings").rows] == list(itertools.product(range(1, 6), COLUMNS))
    scales = np.array([row[1:] for row in table.named("columns").rows], float)
    assert np.allclose(scales, np.column_stack([frame.mean(), frame.std()]), rtol=1e-9)
    assert table.named("fit").rows == (("n", float(len(frame))),)


def test_the_same_in_any_order_of_columns_and_whatever_the_context() -> None:
    rows = visits(7)
    table = ask(rows, *COLUMNS)
    with mpmath.workdps(7):
        assert ask(rows, *COLUMNS) == table
    before = mpmath.mp.dps
    turned = ask(rows, *COLUMNS[::-1])
    assert mpmath.mp.dps == before
    assert [row[1] for row in turned.rows] == [row[1] for row in table.rows]
    assert np.array_equal(axes(turned)[::-1], axes(table))


def test_uncorrelated_columns_are_their_own_axes() -> None:
    rows = [plain(a=a, b=b, c=c) for a, b, c in itertools.product((-1, 1), repeat=3)]
    table = ask(rows, "a", "b", "c")
    assert [row[1] for row in table.rows] == [1.0, 1.0, 1.0]
    assert np.array_equal(axes(table), np.eye(3))
    assert "components 1 to 3 have equal eigenvalues" in table.notes[0]


def test_equal_correlations_have_one_first_axis_and_a_plane() -> None:
    rng = random.Random(1)
    rows = []
    for _ in range(40):  # all permutations of each triple, so that the three columns are exchangeable
        for a, b, c in itertools.permutations([rng.randint(0, 90) for _ in range(3)]):
            rows.append(plain(a=a, b=b, c=c))
    table = ask(rows, "a", "b", "c")
    found = axes(table)
    assert np.allclose(found.T @ found, np.eye(3), atol=1e-14)
    values = [row[1] for row in table.rows]
    assert len(set(values)) == 2
    assert len(table.notes) == 1
    correlation = pd.DataFrame(rows)[["a", "b", "c"]].corr()
    assert np.allclose(correlation @ found, found * values, atol=1e-12)
    # The plane across (1, 1, 1): the first column projected into it, then what is left of the second.
    place = values.index(max(values, key=values.count))
    assert np.allclose(found[:, place], [2 / 6**0.5, -1 / 6**0.5, -1 / 6**0.5], atol=1e-14)
    assert np.allclose(found[:, place + 1], [0, 1 / 2**0.5, -1 / 2**0.5], atol=1e-14)


def test_dependent_columns_have_components_of_no_variance() -> None:
    rows = [plain(a=value, b=value, c=7 * value % 40) for value in range(40)]
    table = ask(rows, "a", "b", "c")
    assert table.rows[2][1:] == (0.0, 0.0, 1.0)
    assert table.notes == ()
    assert np.allclose(axes(table)[:, 2], [1 / 2**0.5, -1 / 2**0.5, 0], atol=1e-15)
    assert axes(table)[2, 2] == 0


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([plain(a=value, b=3, c=1) for value in range(9)], "b has the same value in all rows"),
        ([plain(a=1, b=None, c=1)] * 9, "no row"),
        ([plain(a=1, b=2, c=1)], "only one row"),
        ([], "no row"),
    ],
)  # fmt: skip
def test_undefined_in_words(rows: list[dict[str, Any]], reason: str) -> None:
    table = Pool.of(SCHEMA, [rows, [plain(a=None, b=1, c=1)]]).ask("SELECT PCA(a, b) FROM visits")
    assert table.rows == ()
    assert table.tables == ()
    assert reason in table.notes[0]


def test_too_small_a_cohort_is_withheld() -> None:
    rows = [plain(a=value, b=value % 3, c=1) for value in range(9)]
    table = ask(rows, "a", "b", minimum=10)
    assert (table.rows, table.tables, table.notes) == ((), (), (WITHHELD,))


@pytest.mark.parametrize("columns", ["a", "a, a", "a, sex"])
def test_bad_calls_are_refused(columns: str) -> None:
    with pytest.raises(QueryType):
        ask([], columns)

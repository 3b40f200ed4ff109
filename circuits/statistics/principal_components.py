"""PCA(c1, c2, ...): principal components of standardised numeric columns, over the rows where all have values.

The eigenvalues of the correlation matrix R = V diag(l) V', descending, are the variances of the components, and the columns
of V, of length 1, are their loadings; l / k is the share that a component explains of the k columns. The largest
loading of a component is positive. Where eigenvalues are equal, any axes of the space that they span would do: the axes
given are the first columns, projected into it and made orthogonal in turn. Everything is computed with 50 digits.
Sources: Pearson (1901), On lines and planes of closest fit, Philosophical Magazine 2; Jolliffe (2002), Principal component
analysis, chapters 2 and 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mpmath import mp, mpf

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined
from circuits.columns import NumericColumn
from circuits.families import Families
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.numeric_moments import NumericMoments, products_of, read_moments, several_columns
from circuits.statistics.roots import root

Vector = list[mpf]

DIGITS: Final = 50
_SAME: Final = 30  # digits to which equal eigenvalues and equal loadings agree
_TABLE: Final = (
    ("component", "integer"),
    ("eigenvalue", "number"),
    ("explained_share", "number"),
    ("cumulative_share", "number"),
)
_LOADINGS: Final = (("component", "integer"), ("column", "category"), ("loading", "number"))
_COLUMNS: Final = (("column", "category"), ("mean", "number"), ("standard_deviation", "number"))
_FIT: Final = (("name", "category"), ("value", "number"))


@dataclass(frozen=True)
class PrincipalComponents:
    """Principal components of these columns."""

    numeric: tuple[NumericColumn, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.numeric)

    @property
    def known(self) -> tuple[str, ...]:
        return self.columns

    def request(self, families: Families) -> tuple[Search, ...]:
        products_of(self.numeric).request(families)
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        moments = read_moments(self.numeric, answer)
        for place, name in enumerate(self.columns):
            if not moments.varies(place):
                raise Undefined(f"{name} has the same value in all rows")
        with mp.workdps(DIGITS):
            return self._table(moments)

    def _table(self, moments: NumericMoments) -> ResultTable:
        size = len(self.numeric)
        spaces = _eigenspaces(_correlations(moments))
        axes = [(value, axis) for value, space in spaces for axis in (_axes(space) if len(space) > 1 else space)]
        rows: list[tuple[Cell, ...]] = []
        loadings: list[tuple[Cell, ...]] = []
        total = mpf(0)
        for number, (value, axis) in enumerate(axes, 1):
            total += value
            rows.append((number, float(value), float(value / size), float(total / size)))
            loadings += [(number, name, float(own)) for name, own in zip(self.columns, _directed(axis), strict=True)]
        spreads = [root(moments.covariances[place][place]) for place in range(size)]
        scales = zip(self.columns, map(float, moments.means), spreads, strict=True)
        tables = (
            ("loadings", ResultTable.of(_LOADINGS, loadings)),
            ("columns", ResultTable.of(_COLUMNS, scales)),
            ("fit", ResultTable.of(_FIT, [("n", float(moments.rows))])),
        )
        return ResultTable(_TABLE, (), tuple(rows), (), (), "pca", tables, tuple(_notes(spaces)))


def _correlations(moments: NumericMoments) -> mp.matrix:
    places = range(len(moments.means))
    matrix = mp.matrix(len(places), len(places))
    for a in places:
        for b in places:
            square = moments.squared_correlation(a, b)
            size = mp.sqrt(mpf(square.numerator) / square.denominator)
            matrix[a, b] = size if moments.covariances[a][b] > 0 else -size
    return matrix


def _eigenspaces(matrix: mp.matrix) -> list[tuple[mpf, list[Vector]]]:
    """Each different eigenvalue with an orthonormal basis of its space, the largest first."""
    values, vectors = mp.eigsy(matrix)
    size = len(values)
    near = mpf(10) ** -_SAME
    spaces: list[tuple[mpf, list[Vector]]] = []
    for place in sorted(range(size), key=lambda index: -values[index]):
        # A correlation matrix has no negative eigenvalues, and where columns depend on each other some are 0.
        value = values[place] if values[place] > near else mpf(0)
        vector = [vectors[row, place] for row in range(size)]
        if spaces and abs(spaces[-1][0] - value) <= near:
            spaces[-1][1].append(vector)
        else:
            spaces.append((value, [vector]))
    return spaces


def _axes(basis: Sequence[Vector]) -> list[Vector]:
    """Axes of a space that do not depend on the basis it is given by: unit vectors, projected and made orthogonal."""
    axes: list[Vector] = []
    near = mpf(10) ** -(_SAME // 2)
    for place in range(len(basis[0])):
        projected = [mp.fdot((vector[place], vector[row]) for vector in basis) for row in range(len(basis[0]))]
        for axis in axes:
            along = mp.fdot(axis, projected)
            projected = [entry - along * own for entry, own in zip(projected, axis, strict=True)]
        length = mp.sqrt(mp.fdot(projected, projected))
        if length > near and len(axes) < len(basis):
            axes.append([entry / length for entry in projected])
    return axes


def _directed(axis: Vector) -> Vector:
    """With the sign that makes the largest entry positive, the first of several; entries that are but rounding are 0."""
    near = mpf(10) ** -(_SAME // 2)
    largest = max(map(abs, axis))
    first = next(entry for entry in axis if abs(entry) > largest - near)
    return [(entry if first > 0 else -entry) if abs(entry) > near else mpf(0) for entry in axis]


def _notes(spaces: Sequence[tuple[mpf, list[Vector]]]) -> list[str]:
    notes, number = [], 1
    for _, space in spaces:
        if len(space) > 1:
            notes.append(
                f"components {number} to {number + len(space) - 1} have equal eigenvalues: their axes are not unique, "
                "any others of the same space would explain as much"
            )
        number += len(space)
    return notes


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> PrincipalComponents:
    return PrincipalComponents(several_columns(arguments, "PCA"))


PCA = Analysis(
    name="PCA",
    title="Principal components",
    kind="pca",
    parameters=(Parameter("columns", Kind.NUMERIC, "2 to 20 columns", repeated=True),),
    prepare=_prepare,
    formula=(
        "R = V diag(l) V' with the correlation matrix R of the rows in which all columns have values; l are the eigenvalues, "
        "l / k the explained shares of k columns, V the loadings. The largest loading of a component is positive."
    ),
    source=(
        "Pearson (1901), On lines and planes of closest fit, Philosophical Magazine 2. Jolliffe (2002), Principal component "
        "analysis."
    ),
    revealed="The number of rows, the sum of each column, and the sum of products of each pair of columns.",
    limits="Columns are standardised, complete cases only, as for CORRELATION. Scores of single rows are never shown.",
    example='client.pca("bmi", "systolic", "cholesterol", where="age >= 18")',
)

"""CORRELATION(c1, c2, ...): all correlations and covariances of numeric columns, over the rows where all have values.

r = cov(a, b) / sqrt(var(a) var(b)), its interval by Fisher's z: tanh(artanh r -+ q / sqrt(n - 3)), and p of
t = r sqrt((n - 2) / (1 - r^2)) with n - 2 degrees of freedom. Sources: Pearson (1895); Fisher (1921), On the probable error
of a coefficient of correlation, Metron 1.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from mpmath import mp

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter
from circuits.columns import NumericColumn
from circuits.families import Families
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.distributions import f_survival, normal_quantile
from circuits.statistics.numeric_moments import NumericMoments, products_of, read_moments, several_columns
from circuits.statistics.roots import signed_root

_PAIR: Final = (("a", "category"), ("b", "category"))
_TABLE: Final = (*_PAIR, ("correlation", "number"), ("low", "number"), ("high", "number"), ("p", "number"))
_FIT: Final = (("name", "category"), ("value", "number"))
_UPPER: Final = Fraction(39, 40)


@dataclass(frozen=True)
class CorrelationMatrix:
    """Correlations of these columns."""

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
        pairs = [(a, b) for a in range(len(self.numeric)) for b in range(len(self.numeric))]
        names = self.columns
        rows = [(names[a], names[b], *_correlated(moments, a, b)) for a, b in pairs]
        covariances = [(names[a], names[b], float(moments.covariances[a][b])) for a, b in pairs]
        tables = (
            ("covariance", ResultTable.of((*_PAIR, ("covariance", "number")), covariances)),
            ("fit", ResultTable.of(_FIT, [("n", float(moments.rows))])),
        )
        notes = tuple(
            f"{name} has the same value in all rows: it has no correlations"
            for place, name in enumerate(names)
            if not moments.varies(place)
        )
        return ResultTable(_TABLE, (), tuple(rows), (), (), "correlation", tables, notes)


def _correlated(moments: NumericMoments, a: int, b: int) -> tuple[Cell, Cell, Cell, Cell]:
    """The correlation, its interval and p; the last three only where there is something to estimate."""
    if not (moments.varies(a) and moments.varies(b)):
        return None, None, None, None
    square, sign = moments.squared_correlation(a, b), moments.covariances[a][b]
    correlation = signed_root(sign, square)
    if a == b or square == 1:
        return correlation, None, None, None
    df = moments.rows - 2
    p = f_survival(square * df / (1 - square), 1, df)
    if moments.rows <= 3:
        return correlation, None, None, p
    with mp.workdps(50):
        root = mp.sqrt(mp.mpf(square.numerator) / square.denominator)
        middle = mp.atanh(root if sign > 0 else -root)
        half = normal_quantile(_UPPER) / mp.sqrt(moments.rows - 3)
        return correlation, float(mp.tanh(middle - half)), float(mp.tanh(middle + half)), p


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> CorrelationMatrix:
    return CorrelationMatrix(several_columns(arguments, "CORRELATION"))


CORRELATION = Analysis(
    name="CORRELATION",
    title="Correlation matrix",
    kind="correlation",
    parameters=(Parameter("columns", Kind.NUMERIC, "2 to 20 columns", repeated=True),),
    prepare=_prepare,
    formula=(
        "r = cov(a, b) / sqrt(var(a) var(b)) over the rows in which all columns have values; 95 % interval "
        "tanh(artanh r -+ 1.96 / sqrt(n - 3)); p of t = r sqrt((n - 2) / (1 - r^2)) with n - 2 degrees of freedom."
    ),
    source="Pearson (1895). Fisher (1921), On the probable error of a coefficient of correlation, Metron 1.",
    revealed="The number of rows, the sum of each column, and the sum of products of each pair of columns.",
    limits=(
        "Complete cases only: beside a pair, each further nullable column takes one of the 6 factors of a product. The "
        "interval assumes a bivariate normal distribution."
    ),
    example='client.correlation("bmi", "systolic", "cholesterol", where="age >= 18")',
)

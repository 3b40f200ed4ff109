"""LINEAR('formula', [penalty], [confidence]): linear regression by least squares, or ridge regression.

With the design matrix X of p columns, the outcome y and n rows: b = inv(X'X) X'y, the residual variance
s^2 = (y'y - b'X'y) / (n - p), the covariance of the coefficients s^2 inv(X'X), t = b / se with n - p degrees of freedom.
Where the constant is a combination of the columns, R^2 = 1 - RSS / sum (y - mean)^2, and F has p - 1 and n - p degrees of
freedom; otherwise R^2 = 1 - RSS / sum y^2, and F has p and n - p. Ridge adds the penalty to the diagonal of X'X, except for
the intercept. Sources: Draper, Smith (1998), Applied regression analysis, chapters 5 and 6; Hoerl, Kennard (1970), Ridge
regression, Technometrics 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

import mpmath

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined
from circuits.columns import Column, DecimalColumn, IntegerColumn, NumericColumn
from circuits.errors import QueryType, QueryUnsupported
from circuits.families import Families
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.cross_products import INTERCEPT, CrossProducts, DesignColumn, Shape, count_rows
from circuits.statistics.design import MAX_DESIGN, all_levels, categorical_columns, design, shapes
from circuits.statistics.distributions import f_survival, student_quantile
from circuits.statistics.formula import Formula, parse_formula
from circuits.statistics.linear_algebra import Sweep
from circuits.statistics.roots import root, signed_root

DEFAULT_CONFIDENCE: Final = Decimal("0.95")

_TABLE: Final = (
    ("term", "category"),
    ("estimate", "number"),
    ("std_error", "number"),
    ("t", "number"),
    ("p", "number"),
    ("low", "number"),
    ("high", "number"),
)
_FIT: Final = (("name", "category"), ("value", "number"))
_COVARIANCE: Final = (("a", "category"), ("b", "category"), ("covariance", "number"))


@dataclass(frozen=True)
class Linear:
    """A linear model of a numeric outcome."""

    formula: Formula
    outcome: NumericColumn
    penalty: Fraction
    confidence: Fraction

    @property
    def columns(self) -> tuple[str, ...]:
        return self.formula.columns

    @property
    def known(self) -> tuple[str, ...]:
        return self.formula.columns

    def request(self, families: Families) -> tuple[Search, ...]:
        self._products.request(families)
        return ()

    @property
    def _products(self) -> CrossProducts:
        return CrossProducts((*shapes(self.formula), Shape((self.outcome,))))

    def finish(self, answer: Answer) -> ResultTable:
        rows = count_rows(answer)
        products = self._products
        columns, notes = present_columns(self.formula, products, answer)
        if not self.penalty and rows <= len(columns):
            raise Undefined(f"{rows} rows are too few for {len(columns)} coefficients")
        # The constant and the outcome come last; only the columns before them are swept.
        bordered = [*columns, INTERCEPT, DesignColumn(self.outcome.name, (self.outcome,))]
        matrix = [[products.product(answer, left, right) for right in bordered] for left in bordered]
        if self.penalty:
            return _Ridge(columns, matrix, rows, self.penalty).table(notes)
        return _LeastSquares(columns, matrix, rows, self.confidence).table(notes)


def present_columns(
    formula: Formula, products: CrossProducts, answer: Answer
) -> tuple[tuple[DesignColumn, ...], tuple[str, ...]]:
    """The columns of the design without the categories that no row has, and notes that name these and the references."""
    notes = []
    levels: dict[str, list[int]] = {}
    for column in categorical_columns(formula):
        counts = [products.rows(answer, {column.name: code}) for code in range(column.size)]
        levels[column.name] = [code for code, count in enumerate(counts) if count]
        if absent := [code for code, count in enumerate(counts) if not count]:
            notes.append(f"no row has {column.name} = {_listed(column, absent)}, which has no coefficient")
    columns = []
    candidates = design(formula, levels)
    for column in categorical_columns(formula):
        first = levels[column.name][0]
        if all(candidate.codes.get(column.name) != first for candidate in candidates):
            notes.append(f"the reference of {column.name} is {column.value(first)}")
    for candidate in candidates:
        if len(candidate.codes) < 2 or products.rows(answer, candidate.codes):
            columns.append(candidate)
        else:
            notes.append(f"{candidate.name} has no coefficient, because no row has these categories together")
    return tuple(columns), tuple(notes)


def _listed(column: Column, codes: Sequence[int]) -> str:
    shown = ", ".join(str(column.value(code)) for code in codes[:8])
    return shown if len(codes) <= 8 else f"{shown} and {len(codes) - 8} more"


class _LeastSquares:
    def __init__(
        self, columns: Sequence[DesignColumn], matrix: Sequence[Sequence[Fraction]], rows: int, confidence: Fraction
    ) -> None:
        self._columns = columns
        self._rows = rows
        self._confidence = confidence
        self._df = rows - len(columns)
        self._constant, self._outcome = len(columns), len(columns) + 1
        self._sweep = _swept(columns, matrix)
        self._centred = self._sweep.residual(self._constant, self._constant) == 0
        self._residual = self._sweep.residual(self._outcome, self._outcome)
        self._total = total_squares(matrix, rows, centred=self._centred)
        self._variance = self._residual / self._df

    def table(self, notes: Sequence[str]) -> ResultTable:
        estimates = self._sweep.weights(self._outcome)
        quantile = student_quantile((1 + self._confidence) / 2, self._df)
        rows = []
        for k, column in enumerate(self._columns):
            variance = self._variance * self._sweep.inverse(k, k)
            rows.append((column.name, *self._tested(estimates[k], variance), *interval(estimates[k], variance, quantile)))
        covariances = [
            (left.name, right.name, float(self._variance * self._sweep.inverse(i, j)))
            for i, left in enumerate(self._columns)
            for j, right in enumerate(self._columns)
        ]
        if not self._residual:
            notes = (*notes, "the fit is perfect: standard errors are 0, and there are no tests")
        tables = (("fit", ResultTable.of(_FIT, self._fit())), ("covariance", ResultTable.of(_COVARIANCE, covariances)))
        return ResultTable(_TABLE, (), tuple(rows), (), (), "linear", tables, tuple(notes))

    def _tested(self, estimate: Fraction, variance: Fraction) -> tuple[Cell, Cell, Cell, Cell]:
        if not variance:
            return float(estimate), 0.0, None, None
        square = estimate**2 / variance
        return float(estimate), root(variance), signed_root(estimate, square), f_survival(square, 1, self._df)

    def _fit(self) -> list[tuple[Cell, Cell]]:
        df_model = len(self._columns) - self._centred
        explained = 1 - self._residual / self._total
        f = (self._total - self._residual) / df_model / self._variance if df_model and self._variance else None
        return [
            ("n", float(self._rows)),
            ("df_model", float(df_model)),
            ("df", float(self._df)),
            ("r_squared", float(explained)),
            ("adjusted_r_squared", float(1 - (1 - explained) * (self._rows - self._centred) / self._df)),
            ("f", None if f is None else float(f)),
            ("f_p", None if f is None else f_survival(f, df_model, self._df)),
            ("residual_std_error", root(self._variance)),
            ("confidence", float(self._confidence)),
        ]


class _Ridge:
    def __init__(
        self, columns: Sequence[DesignColumn], matrix: Sequence[Sequence[Fraction]], rows: int, penalty: Fraction
    ) -> None:
        self._columns = columns
        self._matrix = matrix
        self._rows = rows
        self._penalty = penalty

    def table(self, notes: Sequence[str]) -> ResultTable:
        size, matrix = len(self._columns), self._matrix
        free = [column == INTERCEPT for column in self._columns]
        penalised = [
            [entry + self._penalty if i == j < size and not free[i] else entry for j, entry in enumerate(row)]
            for i, row in enumerate(matrix)
        ]
        sweep = _swept(self._columns, penalised)
        weights = sweep.weights(size + 1)
        total = total_squares(matrix, self._rows, centred=any(free))
        # b'X'Xb = b'X'y - penalty |b|^2, so that y'y - 2 b'X'y + b'X'Xb = y'y - b'X'y - penalty |b|^2.
        shrunk = self._penalty * sum(weights[k] ** 2 for k in range(size) if not free[k])
        residual = sweep.residual(size + 1, size + 1) - shrunk
        effective = size - self._penalty * sum(sweep.inverse(k, k) for k in range(size) if not free[k])
        fit: list[tuple[Cell, Cell]] = [
            ("n", float(self._rows)),
            ("penalty", float(self._penalty)),
            ("effective_df", float(effective)),
            ("r_squared", float(1 - residual / total)),
            ("residual_sum_of_squares", float(residual)),
        ]
        rows = [(column.name, float(weights[k]), *[None] * 5) for k, column in enumerate(self._columns)]
        notes = (*notes, "ridge estimates are biased: they have no standard errors, tests and intervals")
        return ResultTable(_TABLE, (), tuple(rows), (), (), "linear", (("fit", ResultTable.of(_FIT, fit)),), notes)


def _swept(columns: Sequence[DesignColumn], matrix: Sequence[Sequence[Fraction]]) -> Sweep:
    """Swept on all columns of the design. Raises Undefined if one depends on those before it."""
    sweep = Sweep(matrix)
    for k, column in enumerate(columns):
        if not sweep.pivot(k):
            used = [columns[place].name for place, weight in sweep.weights(k).items() if weight]
            if not used:
                raise Undefined(f"{column.name} is 0 in all rows")
            raise Undefined(f"{column.name} is a linear combination of {', '.join(used)}: leave one of them out")
    return sweep


def total_squares(matrix: Sequence[Sequence[Fraction]], rows: int, *, centred: bool) -> Fraction:
    """What there is to explain of the outcome, the last of the matrix, after the constant. Raises Undefined if nothing."""
    total = matrix[-1][-1] - (matrix[-1][-2] ** 2 / rows if centred else 0)
    if not total:
        raise Undefined("the outcome has the same value in all rows")
    return total


def interval(estimate: Fraction, variance: Fraction, quantile: mpmath.mpf) -> tuple[float, float]:
    """estimate -+ quantile sqrt(variance), rounded once."""
    with mpmath.workdps(50):
        centre = mpmath.mpf(estimate.numerator) / estimate.denominator
        half = quantile * mpmath.sqrt(mpmath.mpf(variance.numerator) / variance.denominator)
        return float(centre - half), float(centre + half)


def _prepare(arguments: Arguments, schema: Schema, _group_by: tuple[str, ...]) -> Linear:
    formula = parse_formula(arguments.text("formula"), schema)
    outcome = formula.outcome
    if not isinstance(outcome, IntegerColumn | DecimalColumn):
        raise QueryType(
            f"the outcome {outcome.name} is of type {outcome.type}, linear regression takes a number",
            hint="write a numeric column on the left of ~",
        )
    penalty, confidence = arguments.number("penalty", 0), arguments.number("confidence", DEFAULT_CONFIDENCE)
    if penalty < 0:
        raise QueryType("the penalty of a ridge regression is not negative", hint="leave it out for least squares")
    if not 0 < confidence < 1:
        raise QueryType("a confidence level lies between 0 and 1", hint="for example 0.95")
    columns = design(formula, all_levels(formula))
    if not columns:
        raise QueryUnsupported("the formula has neither terms nor an intercept", hint="write for example 'bmi ~ age + sex'")
    if len(columns) > MAX_DESIGN:
        raise QueryUnsupported(
            f"the model has more than {MAX_DESIGN} coefficients",
            hint="use fewer terms, or categories with fewer codes",
        )
    return Linear(formula, outcome, Fraction(penalty), Fraction(confidence))


LINEAR = Analysis(
    name="LINEAR",
    title="Linear regression",
    kind="linear",
    parameters=(
        Parameter(
            "formula",
            Kind.TEXT,
            "the model, `y ~ a + b`: `C(c)` for whole numbers as categories, `a:b` for a product, `a*b` for `a + b + a:b`, "
            "`- 1` for no intercept",
        ),
        Parameter("penalty", Kind.NUMBER, "of a ridge regression, on the columns as they are (0)", optional=True),
        Parameter("confidence", Kind.NUMBER, "of the intervals (0.95)", optional=True),
    ),
    prepare=_prepare,
    formula=(
        "b = inv(X'X) X'y, solved exactly; s^2 = (y'y - b'X'y) / (n - p); se = s sqrt(diag inv(X'X)); t = b / se with n - p "
        "degrees of freedom. Ridge: b = inv(X'X + penalty I) X'y, the intercept without penalty. Categories are coded by "
        "indicators, the first code of the schema that has rows is the reference."
    ),
    source=(
        "Draper, Smith (1998), Applied regression analysis. Hoerl, Kennard (1970), Ridge regression, Technometrics 12. "
        "Formulas: Wilkinson, Rogers (1973), Applied Statistics 22."
    ),
    revealed=(
        "The sums of products of all pairs of terms: counts of each category and pair of categories, sums and sums of "
        "products of the numbers within them. A table of categories is opened only if each of its counts reaches the minimum "
        "cohort."
    ),
    limits=(
        "At most 50 coefficients. Only rows in which all columns have values count; each nullable column takes one of the 6 "
        "factors of a product. Ridge estimates have no standard errors. If a pair of categories has too few rows, the model "
        "is withheld as a whole: exclude the category with WHERE."
    ),
    example='client.linear("systolic ~ age + C(sex) + bmi", where="age >= 18")',
)

"""Every statistic as a method, in the words of Python: each composes one SQL query.

What a method gives is up to the class: `Client` runs the query and gives its result, `SqlTexts` gives its text.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Generic, Literal, TypedDict, TypeVar, Unpack

from proofward.sql import Columns, Question, Scalar, call, columns, name, number

Publication = Literal["digest", "aggregate"]
Number = int | float | Decimal
Answer = TypeVar("Answer", covariant=True)


class Options(TypedDict, total=False):
    """What every method takes beside its own arguments; see `Client.query`.

    Attributes:
        dataset: by default the only one of the service.
        purpose: by default that of `connect`.
    """

    dataset: str
    purpose: str
    publication: Publication
    progress: bool
    wait: float | None
    idempotency_key: str


class Statistics(ABC, Generic[Answer]):
    """The methods. Columns are given by name; `where` is a condition as after SQL's WHERE; docs/statistics.md has the
    formula of each and what it reveals."""

    @abstractmethod
    def _answer(self, question: Question, options: Options) -> Answer:
        """What a method returns."""

    @abstractmethod
    def _values(self, column: str, options: Options) -> Sequence[object]:
        """The values of a column's domain, in order."""

    def analyse(
        self, analysis: str, *arguments: Scalar, where: str | None = None, by: Columns = None, **options: Unpack[Options]
    ) -> Answer:
        """Any analysis of the catalogue, with its arguments in the order of its signature.

        Args:
            analysis: its SQL name.
            by: columns of GROUP BY.

        Raises:
            QueryUnsupported: there is no such analysis. What the service reports: as `Client.query`.
        """
        return self._answer(Question((call(analysis, arguments),), where, by), options)

    # Distributions

    def describe(self, *wanted: str, where: str | None = None, **options: Unpack[Options]) -> Answer:
        """Counts, missing values, means, deviations and ranges of these columns, or of all."""
        return self.analyse("SUMMARY", *wanted, where=where, **options)

    def histogram(
        self,
        column: str,
        bins: int | Sequence[Number] = 20,
        *,
        where: str | None = None,
        by: Columns = None,
        **options: Unpack[Options],
    ) -> Answer:
        """How many rows have values in each bin: so many bins of equal width, or bins that begin at these edges."""
        edges: Sequence[Number] = (bins,) if isinstance(bins, int) else bins
        return self.analyse("HISTOGRAM", column, *edges, where=where, by=by, **options)

    def quantiles(
        self,
        column: str,
        k: int | None = None,
        *,
        where: str | None = None,
        by: Columns = None,
        **options: Unpack[Options],
    ) -> Answer:
        """The points that cut the values of a column into `k` parts of about equal size, in each group of `by`."""
        return self.analyse("QUANTILES", column, k, where=where, by=by, **options)

    def median(self, column: str, *, where: str | None = None, by: Columns = None, **options: Unpack[Options]) -> Answer:
        """The median of a column, in each group of `by`."""
        return self._aggregate((f"MEDIAN({name(column)}) AS median",), where, by, options)

    def quantile(
        self,
        column: str,
        q: Number,
        *,
        interpolated: bool = False,
        where: str | None = None,
        by: Columns = None,
        **options: Unpack[Options],
    ) -> Answer:
        """The q-th quantile, 0 to 1: the smallest value with at least that share at or below it, or interpolated."""
        function = "QUANTILE_CONT" if interpolated else "QUANTILE"
        return self._aggregate((f"{function}({name(column)}, {number(q)}) AS quantile",), where, by, options)

    def crosstab(self, *by: str, where: str | None = None, **options: Unpack[Options]) -> Answer:
        """How many rows have each combination of values of one, two or three columns."""
        return self._aggregate(("COUNT(*) AS count",), where, by, options)

    # Comparisons

    def ttest(self, value: str, by: str, *, where: str | None = None, **options: Unpack[Options]) -> Answer:
        """Whether the mean of a column differs between two groups (Welch)."""
        return self.analyse("TTEST", value, by, where=where, **options)

    def anova(self, value: str, by: str, *, where: str | None = None, **options: Unpack[Options]) -> Answer:
        """Whether the mean of a column differs between groups (one-way analysis of variance)."""
        return self.analyse("ANOVA", value, by, where=where, **options)

    def proportion(
        self, event: str, by: str | None = None, *, where: str | None = None, **options: Unpack[Options]
    ) -> Answer:
        """How large the share of rows with the event is, in each group of `by`."""
        return self.analyse("PROPORTION", event, by, where=where, **options)

    def chisquare(self, a: str, b: str, *, where: str | None = None, **options: Unpack[Options]) -> Answer:
        """Whether two columns depend on each other (Pearson's chi-squared test)."""
        return self.analyse("CHISQUARE", a, b, where=where, **options)

    def fisher(self, a: str, b: str, *, where: str | None = None, **options: Unpack[Options]) -> Answer:
        """Whether two columns of two values depend on each other (Fisher's exact test)."""
        return self.analyse("FISHER", a, b, where=where, **options)

    def risk(self, exposure: str, outcome: str, *, where: str | None = None, **options: Unpack[Options]) -> Answer:
        """Risk difference, risk ratio and odds ratio of an outcome, with and without an exposure."""
        return self.analyse("RISK", exposure, outcome, where=where, **options)

    def standardized_rate(
        self,
        event: str,
        strata: str,
        *weights: Number | Mapping[str, Number],
        where: str | None = None,
        **options: Unpack[Options],
    ) -> Answer:
        """The share of rows with the event in a standard population (direct standardisation).

        Args:
            strata: a column, for example of age groups.
            weights: how large each stratum is in the standard population: one mapping by value, or a number for each in the
                order of the schema.
        """
        ordered: list[Number] = []
        for given in weights:
            ordered += self._ordered(strata, given, options) if isinstance(given, Mapping) else [given]
        return self.analyse("STANDARDIZED_RATE", event, strata, *ordered, where=where, **options)

    # Models and relations

    def linear(
        self,
        formula: str,
        *,
        ridge: Number | None = None,
        confidence: Number | None = None,
        where: str | None = None,
        **options: Unpack[Options],
    ) -> Answer:
        """Linear regression, by a formula such as `bmi ~ age + C(sex)`."""
        return self.analyse("LINEAR", formula, ridge, confidence, where=where, **options)

    def correlation(self, *wanted: str, where: str | None = None, **options: Unpack[Options]) -> Answer:
        """Correlations and covariances of all pairs of these columns."""
        return self.analyse("CORRELATION", *wanted, where=where, **options)

    def pca(self, *wanted: str, where: str | None = None, **options: Unpack[Options]) -> Answer:
        """Principal components of these columns."""
        return self.analyse("PCA", *wanted, where=where, **options)

    # Time to an event

    def survival(
        self,
        time: str,
        event: str,
        by: str | None = None,
        *,
        intervals: int | None = None,
        where: str | None = None,
        **options: Unpack[Options],
    ) -> Answer:
        """The share that has had no event up to each time (Kaplan and Meier), in each group of `by`."""
        return self.analyse("SURVIVAL", time, event, by, intervals, where=where, **options)

    # Scores that predict

    def roc(
        self,
        score: str,
        outcome: str,
        *,
        bins: int | None = None,
        where: str | None = None,
        **options: Unpack[Options],
    ) -> Answer:
        """How well a score tells an outcome: the curve of true against false positives, and the area under it."""
        return self.analyse("ROC", score, outcome, bins, where=where, **options)

    def calibration(
        self,
        score: str,
        outcome: str,
        *,
        bins: int | None = None,
        where: str | None = None,
        **options: Unpack[Options],
    ) -> Answer:
        """Whether outcomes are as frequent as a score says."""
        return self.analyse("CALIBRATION", score, outcome, bins, where=where, **options)

    def _aggregate(self, outputs: Sequence[str], where: str | None, by: Columns, options: Options) -> Answer:
        return self._answer(Question((*map(name, columns(by)), *outputs), where, by), options)

    def _ordered(self, column: str, weights: Mapping[str, Number], options: Options) -> list[Number]:
        values = [str(value) for value in self._values(column, options)]
        if set(values) != set(weights):
            wrong = sorted(set(values) ^ set(weights))[0]
            raise ValueError(f"give a weight to each value of {column}, {', '.join(values)}, and to nothing else: {wrong!r}")
        return [weights[value] for value in values]


class SqlTexts(Statistics[str]):
    """The text of each query, to read it before it is run: `client.explain(client.sql.ttest("bmi", by="sex"))`.

    Options that do not reach the text are accepted, so that the same call can be shown and run.

    Args:
        dataset: finds the dataset of a call.
        values: finds the values of a column of a call.
    """

    def __init__(self, dataset: Callable[[Options], str], values: Callable[[str, Options], Sequence[object]]) -> None:
        self._dataset = dataset
        self._domain = values

    def _answer(self, question: Question, options: Options) -> str:
        return question.sql(self._dataset(options))

    def _values(self, column: str, options: Options) -> Sequence[object]:
        return self._domain(column, options)

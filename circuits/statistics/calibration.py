"""CALIBRATION(score, outcome, [bins]): do predicted risks come true? Observed shares by predicted risk, and the Brier score.

Bins are merged until each has the minimum cohort of people with the outcome, and without it
(`circuits/statistics/cut_points.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined, Withheld
from circuits.codeset import CodeSet
from circuits.columns import Column, DecimalColumn, IntegerColumn
from circuits.errors import QueryType
from circuits.families import Families
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.cut_points import CutPoints
from circuits.statistics.intervals import wilson
from circuits.summand import Summand, Value, Within, numeric_column

DEFAULT_BINS: Final = 10
MAX_BINS: Final = 100


@dataclass(frozen=True)
class Calibration:
    """The calibration of one predicted risk.

    Attributes:
        outcome: its second value is what was predicted.
        bounds: the codes of the score at which bins begin, ascending, and at last its size.
    """

    score: IntegerColumn | DecimalColumn
    outcome: Column
    bounds: tuple[int, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.score.name, self.outcome.name)

    @property
    def known(self) -> tuple[str, ...]:
        return self.columns

    def request(self, families: Families) -> tuple[Search, ...]:
        self._cut_points.request(families)
        for summand in (self._risk * self._risk, self._risk * self._event):
            families.family(summand)
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        ((_, steps),) = self._cut_points.steps(answer)
        if steps is None:
            raise Withheld(f"too few people have one of the outcomes of {self.outcome.name}")
        failures, events, _ = steps[-1].upto
        if not failures + events:
            raise Undefined("there are no rows")
        rows: list[tuple[Cell, ...]] = []
        for step in steps:
            missed, seen, risk = step.counts
            count = missed + seen
            if count:
                low, high = wilson(seen, count)
                mean = float(Fraction(risk, count * 10**self.score.scale))
                interval = self.score.value(step.low), self.score.value(step.high - 1)
                rows.append((*interval, mean, seen / count, low, high, count, seen))
        notes = []
        if len(steps) < len(self.bounds) - 1:
            notes.append(f"bins are merged until each has enough people with and without the outcome, {len(steps)} in all")
        fit = (("name", "category"), ("estimate", "number"))
        brier = ResultTable.of(fit, [("brier_score", self._brier(answer, failures + events, events))])
        columns = (
            ("low_score", self.score.type),
            ("high_score", self.score.type),
            ("mean_score", "number"),
            ("observed", "number"),
            ("low", "number"),
            ("high", "number"),
            ("count", "integer"),
            ("events", "integer"),
        )
        return ResultTable(columns, (), tuple(rows), (), (), "calibration", (("fit", brier),), tuple(notes))

    @property
    def _cut_points(self) -> CutPoints:
        outcomes = (self._outcome(0), self._event)
        return CutPoints(self.score, self.bounds, (), (*outcomes, self._risk), outcomes)

    @property
    def _risk(self) -> Summand:
        return Summand((Value(self.score.name),))

    @property
    def _event(self) -> Summand:
        return self._outcome(1)

    def _outcome(self, code: int) -> Summand:
        return Summand((Within(self.outcome.name, CodeSet(((code, code + 1),), False)),))

    def _brier(self, answer: Answer, count: int, events: int) -> float:
        """The mean of (p - y)^2 = p^2 - 2 p y + y."""
        squares, products = answer.cell(self._risk * self._risk), answer.cell(self._risk * self._event)
        unit = 10**self.score.scale
        return float(Fraction(squares - 2 * unit * products + unit * unit * events, unit * unit * count))


def _bounds(score: IntegerColumn | DecimalColumn, number: int) -> tuple[int, ...]:
    """The codes of the smallest scores that are at least 0, 1/number, 2/number, ..."""
    edges: Sequence[int] = [-(-index * 10**score.scale // number) - score.low for index in range(1, number)]
    return tuple(sorted({0, score.size, *(edge for edge in edges if 0 < edge < score.size)}))


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> Calibration:
    score = numeric_column(arguments.column("score"))
    if score.low < 0 or score.high > 10**score.scale:
        raise QueryType(f"CALIBRATION takes a risk between 0 and 1, and {score.name} may be outside")
    number = arguments.number("bins", DEFAULT_BINS)
    if number != int(number) or not 1 <= number <= MAX_BINS:
        raise QueryType(f"CALIBRATION takes a whole number of bins, 1 to {MAX_BINS}")
    return Calibration(score, arguments.column("outcome"), _bounds(score, int(number)))


CALIBRATION = Analysis(
    name="CALIBRATION",
    title="Calibration of predicted risks",
    kind="calibration",
    parameters=(
        Parameter("score", Kind.NUMERIC, "the predicted risk, from 0 to 1"),
        Parameter("outcome", Kind.BOOLEAN, "what happened: the second of its two values"),
        Parameter("bins", Kind.NUMBER, "into how many of equal width the risk is cut (10)", optional=True),
    ),
    prepare=_prepare,
    formula=(
        "For each bin of the predicted risk p: its mean, and the observed share of the outcome with Wilson's 95 % interval. "
        "The Brier score is the mean of (p - y)^2 over all people, y being 1 with the outcome and 0 without."
    ),
    source="Brier (1950); Wilson (1927); Murphy and Winkler (1977) for the diagram.",
    revealed=(
        "In each bin the sum of the predicted risks, and how many people have the outcome and how many have not; bins are "
        "merged until both reach the minimum cohort. Over all people the sums of p^2 and of p y."
    ),
    limits=(
        "Rows without score or outcome do not count. A bin begins at its lower bound, which belongs to it. The fewer decimal "
        "places a risk has, the more columns may be filtered by: of more than 3 there is room for hardly any."
    ),
    opens_total=False,
    example='client.calibration("risk", "died", bins=10)',
)

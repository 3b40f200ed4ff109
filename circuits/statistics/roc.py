"""ROC(score, outcome, [bins]): how well a score tells two outcomes apart, at each threshold and as the area under the curve.

What is opened are the numbers of people of either outcome with scores below some thresholds, between which there is at least
the minimum cohort of both (`circuits/statistics/cut_points.py`). Scores between two thresholds are ties.
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
from circuits.statistics.cut_points import CutPoints, Step
from circuits.statistics.histogram import equal_bounds
from circuits.statistics.intervals import wald
from circuits.summand import Summand, Within, numeric_column
from protocol.parameters import MAX_DIGIT_VALUES

DEFAULT_BINS: Final = 100


@dataclass(frozen=True)
class Area:
    """The area under the curve with its 95 % interval, None where one outcome was seen only once."""

    estimate: Fraction
    low: float | None
    high: float | None


@dataclass(frozen=True)
class RocCurve:
    """The curve of one score.

    Attributes:
        outcome: its second value is what a high score speaks for.
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
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        ((_, steps),) = self._cut_points.steps(answer)
        if steps is None:
            raise Withheld(f"too few people have one of the outcomes of {self.outcome.name}")
        negatives, positives = steps[-1].upto
        if not positives or not negatives:
            raise Undefined(f"only one outcome of {self.outcome.name} occurs, and a curve compares two")
        rows: list[tuple[Cell, ...]] = [(None, 0.0, 0.0, 1.0, 0, 0, negatives, positives)]
        for step in reversed(steps):
            if any(step.counts):
                true_negatives, false_negatives = step.below
                true_positives, false_positives = positives - false_negatives, negatives - true_negatives
                rows.append(
                    (
                        self.score.value(step.low),
                        false_positives / negatives,
                        true_positives / positives,
                        true_negatives / negatives,
                        true_positives,
                        false_positives,
                        true_negatives,
                        false_negatives,
                    )
                )
        area = area_under_curve([(step.counts[0], step.counts[1]) for step in steps])
        fit = ResultTable.of(
            (("name", "category"), ("estimate", "number"), ("low", "number"), ("high", "number")),
            [("auc", float(area.estimate), area.low, area.high)],
        )
        columns = (
            ("threshold", self.score.type),
            ("fpr", "number"),
            ("tpr", "number"),
            ("specificity", "number"),
            ("true_positives", "integer"),
            ("false_positives", "integer"),
            ("true_negatives", "integer"),
            ("false_negatives", "integer"),
        )
        return ResultTable(columns, (), tuple(rows), (), (), "roc", (("fit", fit),), tuple(self._notes(steps, area)))

    @property
    def _cut_points(self) -> CutPoints:
        outcomes = tuple(
            Summand((Within(self.outcome.name, CodeSet(((code, code + 1),), False)),)) for code in range(self.outcome.size)
        )
        return CutPoints(self.score, self.bounds, (), outcomes, outcomes)

    def _notes(self, steps: Sequence[Step], area: Area) -> list[str]:
        notes = []
        bins = len(self.bounds) - 1
        if bins < self.score.size:
            notes.append(f"{self.score.name} is cut into {bins} bins: scores of one bin count as ties")
        if len(steps) < bins:
            notes.append(
                f"bins are merged until each has enough people of both outcomes, {len(steps)} in all: scores of one count as "
                "ties, and the area is that of the coarser score"
            )
        if area.low is None:
            notes.append("the interval of the area needs two people of each outcome")
        return notes


def area_under_curve(bins: Sequence[tuple[int, int]]) -> Area:
    """The area and its interval.

    Args:
        bins: how many have the first and the second outcome, by ascending score; both outcomes occur.
    """
    negatives, positives = (sum(counts) for counts in zip(*bins, strict=True))
    below, above = 0, positives
    wins = squares = losses_squares = 0
    for negative, positive in bins:
        above -= positive
        won = 2 * below + negative  # of a positive, twice the negatives that it is above
        lost = 2 * above + positive
        wins += positive * won
        squares += positive * won * won
        losses_squares += negative * lost * lost
        below += negative
    area = Fraction(wins, 2 * positives * negatives)
    if positives < 2 or negatives < 2:
        return Area(area, None, None)
    of_positives = (Fraction(squares, 4 * negatives**2) - positives * area**2) / (positives - 1)
    of_negatives = (Fraction(losses_squares, 4 * positives**2) - negatives * area**2) / (negatives - 1)
    variance = of_positives / positives + of_negatives / negatives
    low, high = wald(area, variance)
    return Area(area, max(low, 0.0), min(high, 1.0))


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> RocCurve:
    score = numeric_column(arguments.column("score"))
    number = arguments.number("bins", score.size if score.size <= MAX_DIGIT_VALUES else DEFAULT_BINS)
    if number != int(number) or number < 1:
        raise QueryType("ROC takes a whole number of bins, 1 or more")
    return RocCurve(score, arguments.column("outcome"), equal_bounds(score, min(int(number), score.size)))


ROC = Analysis(
    name="ROC",
    title="ROC curve and the area under it",
    kind="roc",
    parameters=(
        Parameter("score", Kind.NUMERIC, "the higher, the more it speaks for the outcome"),
        Parameter("outcome", Kind.BOOLEAN, "what happened: the second of its two values"),
        Parameter("bins", Kind.NUMBER, "into how many the score is cut; each of up to 256 values, else 100", optional=True),
    ),
    prepare=_prepare,
    formula=(
        "At each threshold, who has it or more is predicted to have the outcome: `tpr` (sensitivity) is the share of those "
        "with the outcome, `fpr` of those without. The area is the share of pairs, one with and one without, in which the "
        "one with the outcome has the higher score; ties count half. Its interval is 1.96 standard errors on either side, "
        "with the variance of DeLong: S10 / m + S01 / n, the variances of the placements of both kinds."
    ),
    source="Hanley and McNeil (1982) for the area; DeLong, DeLong and Clarke-Pearson (1988) for its variance.",
    revealed=(
        "How many of each outcome have scores below those thresholds between which there is at least the minimum cohort of "
        "both."
    ),
    limits="Rows without score or outcome do not count. Scores of one bin are ties.",
    opens_total=False,
    example='client.roc("score", "diabetes")',
)

"""SURVIVAL(time, event, [by], [intervals]): Kaplan-Meier and Nelson-Aalen curves of each group, and the log-rank test.

People leave at a time, by the event or censored. What is opened are the numbers of people and of events up to cut points of
the time (`circuits/statistics/cut_points.py`), between which there is at least the minimum cohort of events. Times in between
count at the end of their interval, events and censorings alike: the curve is that of the times rounded up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined, Withheld
from circuits.codeset import CodeSet
from circuits.columns import Column, DecimalColumn, IntegerColumn
from circuits.errors import QueryType, QueryUnsupported
from circuits.families import Families, plain_group
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.cut_points import CutPoints, Step
from circuits.statistics.histogram import equal_bounds
from circuits.statistics.kaplan_meier import LifeTableRow, survival_curve
from circuits.statistics.log_rank import log_rank
from circuits.summand import ROWS, Summand, Within, numeric_column
from protocol.parameters import MAX_CELLS

DEFAULT_INTERVALS = 50
MAX_GROUPS = 64
MAX_TIMES = 1024  # that are told apart where no intervals are asked for

_CURVE = (
    ("at_risk", "integer"),
    ("events", "integer"),
    ("censored", "integer"),
    ("survival", "number"),
    ("low", "number"),
    ("high", "number"),
    ("cumulative_hazard", "number"),
    ("hazard_low", "number"),
    ("hazard_high", "number"),
)


@dataclass(frozen=True)
class _Group:
    key: tuple[Cell, ...]
    steps: tuple[Step, ...]

    @property
    def people(self) -> int:
        return self.steps[-1].upto[0]

    @property
    def events(self) -> int:
        return self.steps[-1].upto[1]


@dataclass(frozen=True)
class Survival:
    """Survival in each group of one column, or of all.

    Attributes:
        event: of its two values the second is the event, the first is censoring.
        bounds: the codes of the time at which intervals begin, ascending, and at last the size of the column.
    """

    time: IntegerColumn | DecimalColumn
    event: Column
    by: Column | None
    bounds: tuple[int, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.time.name, self.event.name, *([self.by.name] if self.by else []))

    @property
    def known(self) -> tuple[str, ...]:
        return self.columns

    def request(self, families: Families) -> tuple[Search, ...]:
        self._cut_points.request(families)
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        groups: list[_Group] = []
        suppressed: list[tuple[Cell, ...]] = []
        for key, steps in self._cut_points.steps(answer):
            if steps is None:
                suppressed.append(key)  # type: ignore[arg-type]  # plain groups have plain values
            elif steps[-1].upto[0]:
                groups.append(_Group(key, steps))  # type: ignore[arg-type]
        if not groups:
            if suppressed:
                raise Withheld("no group has enough events, or people")
            raise Undefined("there are no rows")
        rows: list[tuple[Cell, ...]] = []
        medians: list[tuple[Cell, ...]] = []
        for group in groups:
            table = self._life_table(group.steps)
            curve = survival_curve(table)
            rows += [
                (*group.key, row.time, row.at_risk, row.events, row.censored, point.survival, point.low, point.high,
                 point.hazard, point.hazard_low, point.hazard_high)
                for row, point in zip(table, curve.points, strict=True)
            ]  # fmt: skip
            medians.append((*group.key, group.people, group.events, curve.median, curve.median_low, curve.median_high))
        notes = self._notes(groups)
        tables = [("median", self._medians(medians))]
        if self.by is not None:
            test, note = self._log_rank(groups, partial=bool(suppressed))
            tables += [("log_rank", test)] if test is not None else []
            notes += [note] if note else []
        header = (*self._key, ("time", self.time.type), *_CURVE)
        return ResultTable(
            header, self._key, tuple(rows), tuple(suppressed), (), "survival", tuple(tables), tuple(notes)  # type: ignore[arg-type]
        )  # fmt: skip

    @property
    def _key(self) -> tuple[tuple[str, str], ...]:
        return ((self.by.name, self.by.type),) if self.by else ()

    @property
    def _cut_points(self) -> CutPoints:
        event = Summand((Within(self.event.name, CodeSet(((1, 2),), False)),))
        groups = (plain_group(self.by, CodeSet(((0, self.by.size),), False)),) if self.by else ()
        return CutPoints(self.time, self.bounds, groups, (ROWS, event), (event,))

    def _life_table(self, steps: Sequence[Step]) -> list[LifeTableRow]:
        people = steps[-1].upto[0]
        return [
            LifeTableRow(
                self.time.value(step.high - 1),
                people - step.below[0],
                step.counts[1],
                step.counts[0] - step.counts[1],
            )
            for step in steps
            if step.counts[0]
        ]

    def _medians(self, rows: list[tuple[Cell, ...]]) -> ResultTable:
        kind = self.time.type
        columns = (*self._key, ("rows", "integer"), ("events", "integer"), ("median", kind), ("low", kind), ("high", kind))
        return ResultTable(columns, self._key, tuple(rows), (), ())

    def _notes(self, groups: Sequence[_Group]) -> list[str]:
        notes = []
        intervals = len(self.bounds) - 1
        if intervals < self.time.size:
            notes.append(f"{self.time.name} is cut into {intervals} intervals: who leaves in one counts at its end")
        if any(len(group.steps) < intervals for group in groups):
            notes.append(
                "intervals are merged until each has enough events: who leaves in one counts at its end, "
                "so that survival within it is not known"
            )
        return notes

    def _log_rank(self, groups: Sequence[_Group], *, partial: bool) -> tuple[ResultTable | None, str]:
        """The test at the ends of the intervals that all groups have."""
        if len(groups) < 2:
            return None, "the log-rank test needs two groups"
        ends = sorted(set.intersection(*({step.high for step in group.steps} for group in groups)))
        below = [{step.high: step.upto for step in group.steps} for group in groups]
        events, at_risk = [], []
        for before, end in pairwise([0, *ends]):
            earlier = [counts.get(before, (0, 0)) for counts in below]
            events.append([counts[end][1] - start[1] for counts, start in zip(below, earlier, strict=True)])
            at_risk.append([group.people - start[0] for group, start in zip(groups, earlier, strict=True)])
        test = log_rank(events, at_risk)
        if test is None:
            return None, "the log-rank test does not exist: some groups have nobody at risk when others have events"
        of = f" in {len(ends)} intervals that all groups have" if len(ends) < len(self.bounds) - 1 else ""
        note = f"the log-rank test compares {len(groups)} groups{of}" + (", not those that are withheld" if partial else "")
        columns = (("chi_square", "number"), ("df", "integer"), ("p", "number"))
        return ResultTable.of(columns, [(test.chi_square, test.df, test.p)]), note if of or partial else ""


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> Survival:
    time, event = numeric_column(arguments.column("time")), arguments.column("event")
    by = arguments.optional_column("by")
    if by is not None and by.size > MAX_GROUPS:
        raise QueryUnsupported(f"{by.name} has {by.size} values", hint=f"compare at most {MAX_GROUPS} groups")
    fits = CutPoints.cells(by.size if by else 1, time.size, counted=2, protected=1) <= MAX_CELLS
    number = arguments.number("intervals", time.size if fits and time.size <= MAX_TIMES else DEFAULT_INTERVALS)
    if number != int(number) or number < 1:
        raise QueryType("SURVIVAL takes a whole number of intervals, 1 or more")
    return Survival(time, event, by, equal_bounds(time, min(int(number), time.size)))


SURVIVAL = Analysis(
    name="SURVIVAL",
    title="Survival: Kaplan-Meier, Nelson-Aalen, log-rank",
    kind="survival",
    parameters=(
        Parameter("time", Kind.NUMERIC, "until the event, or until somebody was last seen"),
        Parameter("event", Kind.BOOLEAN, "whether it happened: the second of its two values"),
        Parameter("by", Kind.DISCRETE, "the groups to compare", optional=True),
        Parameter("intervals", Kind.NUMBER, "into how many the time is cut; each value if they fit, else 50", optional=True),
    ),
    prepare=_prepare,
    formula=(
        "With d events among Y at risk at a time: S = product of (1 - d / Y), with the interval S^exp(-+ 1.96 s), "
        "s^2 = sum of d / (Y (Y - d)), divided by ln(S)^2; H = sum of d / Y, with the interval H exp(-+ 1.96 s), "
        "s^2 = sum of d (Y - d) / Y^3, divided by H^2. The log-rank test is (O - E)' V^-1 (O - E), V hypergeometric."
    ),
    source=(
        "Kaplan and Meier (1958); Kalbfleisch and Prentice (1980); Nelson (1972); Aalen (1978); "
        "Brookmeyer and Crowley (1982); Mantel (1966)."
    ),
    revealed=(
        "The number of people and of events of each group, in all and up to those times between which there is at least the "
        "minimum cohort of events. How many were censored between two such times may be fewer. The number of all people is "
        "opened too: if a single group is withheld, how many are in it follows."
    ),
    limits=(
        "Who leaves within an interval, by the event or censored, counts at its end. Rows without time, event or group "
        "do not count. Where survival is 1 or 0 its interval is that point."
    ),
    opens_total=False,
    example='client.survival("time", "died", by="sex")',
)

"""PROPORTION(event, [by]): how many of a hundred have it. Source: Wilson (1927)."""

from dataclasses import dataclass

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined, Withheld
from circuits.cells import NEVER_OPENED, Cohort, Group, Protection
from circuits.codeset import CodeSet
from circuits.columns import Column
from circuits.families import Families
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.complete_cases import distinct, rows_note, text, values_of
from circuits.statistics.intervals import wilson
from circuits.summand import ROWS, Code, Summand, Within


@dataclass(frozen=True)
class Proportion:
    """The share of rows with the second of an event's two values, of all rows or in each group.

    A group is opened only if enough of its people have the event, and enough do not: one count and the number of rows tell
    the other.
    """

    event: Column
    by: Column | None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.event.name,) if self.by is None else (self.event.name, self.by.name)

    @property
    def known(self) -> tuple[str, ...]:
        return self.columns

    def request(self, families: Families) -> tuple[Search, ...]:
        grid = families.grid(self._grid)
        cohorts = []
        for code in (0, 1):
            side = families.family(self._among(CodeSet(((code, code + 1),), False)), grid, cohorts=[NEVER_OPENED])
            cohorts.append(Cohort(Protection.SUPPORT, families.first(side)))
        families.family(self._events, grid, cohorts=cohorts)
        families.family(ROWS, grid, cohorts=cohorts)
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        rows: list[tuple[Cell, ...]] = []
        suppressed = []
        counts, events = answer.cells(ROWS, self._grid), answer.cells(self._events, self._grid)
        first = (self.event.name,) if self.by is None else self._grid[0].values
        for key, count, having in zip(first, counts, events, strict=True):
            if count is None or having is None:
                suppressed.append((key,))
            elif count > 0:
                rows.append((key, count, having, having / count, *wilson(having, count)))
        if suppressed and self.by is None:
            raise Withheld
        if not rows and not suppressed:
            raise Undefined(f"no row has a value of {' and '.join(self.columns)}")
        used = sum(count for _, count, *_ in rows if isinstance(count, int))
        group = ("term", "category") if self.by is None else ("group", self.by.type)
        numbers = (("estimate", "number"), ("low", "number"), ("high", "number"))
        return ResultTable(
            (group, ("count", "integer"), ("events", "integer"), *numbers),
            () if self.by is None else (group,),
            tuple(rows),
            tuple(suppressed),
            (),
            "proportion",
            (),
            (rows_note(used, self.columns), f"share of {self.event.name} = {text(self.event.value(1))}"),
        )

    @property
    def _grid(self) -> tuple[Group, ...]:
        return () if self.by is None else (values_of(self.by),)

    @property
    def _events(self) -> Summand:
        return Summand((Code(self.event.name),))

    def _among(self, codes: CodeSet) -> Summand:
        return Summand((Within(self.event.name, codes),))


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> Proportion:
    event, by = arguments.column("event"), arguments.optional_column("by")
    if by is not None:
        distinct("PROPORTION", event, by)
    return Proportion(event, by)


PROPORTION = Analysis(
    name="PROPORTION",
    title="Proportion: with its interval",
    kind="proportion",
    parameters=(
        Parameter("event", Kind.BOOLEAN, "true, or its second value, is the event"),
        Parameter("by", Kind.DISCRETE, "groups", optional=True),
    ),
    prepare=_prepare,
    formula=(
        "p = events / n with the 95 % interval (p + z^2 / (2n) -+ z sqrt(p (1 - p) / n + z^2 / (4 n^2))) / (1 + z^2 / n), "
        "z = 1.96 (the 0.975 quantile of the normal)."
    ),
    source="Wilson (1927), Journal of the American Statistical Association 22.",
    revealed="Of each group: how many rows it has, and how many of them have the event.",
    limits=(
        "Rows with NULL in either column do not count. A group is suppressed if fewer rows than the minimum cohort have the "
        "event, or do not have it: a share of none or of all is not shown then."
    ),
    opens_total=False,
    example='client.proportion("insured", by="origin", where="age >= 18")',
)

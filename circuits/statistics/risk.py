"""RISK(exposure, outcome): how much more often people with an exposure have an outcome. Source: Altman (1991), chapter 10."""

from dataclasses import dataclass

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined
from circuits.columns import Column
from circuits.families import Families
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.complete_cases import distinct, rows_note, text
from circuits.statistics.contingency import contingency_of, request_contingency
from circuits.statistics.intervals import wilson
from circuits.statistics.two_by_two import NO_RATIO, TwoByTwo


@dataclass(frozen=True)
class Risk:
    """Risk difference, risk ratio and odds ratio. The second value of each column is the exposure, or the event."""

    exposure: Column
    outcome: Column

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.exposure.name, self.outcome.name)

    @property
    def known(self) -> tuple[str, ...]:
        return self.columns

    def request(self, families: Families) -> tuple[Search, ...]:
        request_contingency(families, self.exposure, self.outcome)
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        table = contingency_of(answer, self.exposure, self.outcome)
        for value, total in zip(table.a, table.row_totals, strict=True):
            if not total:
                raise Undefined(f"no row has {self.exposure.name} = {text(value)}")
        (d, c), (b, a) = table.counts
        found = TwoByTwo(a, b, c, d)
        estimates = (
            ("risk difference", found.risk_difference),
            ("risk ratio", found.risk_ratio),
            ("odds ratio", found.odds_ratio),
        )
        rows: list[tuple[Cell, ...]] = [(name, estimate, *interval) for name, (estimate, interval) in estimates]
        numbers = (("estimate", "number"), ("low", "number"), ("high", "number"))
        risks = [
            (value, total, counts[1], counts[1] / total, *wilson(counts[1], total))
            for value, total, counts in zip(table.a, table.row_totals, table.counts, strict=True)
        ]
        header = (("group", self.exposure.type), ("count", "integer"), ("events", "integer"), *numbers)
        event, exposed = f"{self.outcome.name} = {text(table.b[1])}", f"{self.exposure.name} = {text(table.a[1])}"
        missing = any(row[1] is None for row in rows)
        return ResultTable(
            (("term", "category"), *numbers),
            (),
            tuple(rows),
            (),
            (),
            "risk",
            (("risks", ResultTable.of(header, risks)),),
            (
                rows_note(table.total, self.columns),
                f"of {event}, with {exposed} to without",
                *((NO_RATIO,) if missing else ()),
            ),
        )


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> Risk:
    exposure, outcome = arguments.column("exposure"), arguments.column("outcome")
    distinct("RISK", exposure, outcome)
    return Risk(exposure, outcome)


RISK = Analysis(
    name="RISK",
    title="Risks: difference, ratio and odds ratio",
    kind="risk",
    parameters=(
        Parameter("exposure", Kind.BOOLEAN, "true, or its second value, is the exposure"),
        Parameter("outcome", Kind.BOOLEAN, "true, or its second value, is the event"),
    ),
    prepare=_prepare,
    formula=(
        "With a events among a + b exposed people and c among c + d others: risks p = a / (a + b) and q = c / (c + d); "
        "difference p - q -+ 1.96 sqrt(p (1 - p) / (a + b) + q (1 - q) / (c + d)); ratio p / q with interval "
        "exp(log(p / q) -+ 1.96 sqrt(1/a - 1/(a + b) + 1/c - 1/(c + d))); odds ratio a d / (b c) with interval "
        "exp(log(a d / (b c)) -+ 1.96 sqrt(1/a + 1/b + 1/c + 1/d)). 1.96 is the 0.975 quantile "
        "of the normal. Intervals of the risks are Wilson's."
    ),
    source=(
        "Altman (1991), Practical Statistics for Medical Research, chapter 10; Katz et al. (1978), Biometrics 34; "
        "Woolf (1955), Annals of Human Genetics 19."
    ),
    revealed="The counts of the four cells. All or none.",
    limits=(
        "Rows with NULL in either column do not count. Withheld if a cell has fewer rows than the minimum cohort, none among "
        "them. The risk ratio is NULL if nobody among the exposed, or among the others, has the event, the odds ratio if any "
        "cell is zero: nothing is added to counts. Undefined if nobody, or everybody, is exposed."
    ),
    example='client.risk("smoked", "insured", where="age >= 20")',
)

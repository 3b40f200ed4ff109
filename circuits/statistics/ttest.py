"""TTEST(value, by): do two groups have the same mean? Source: Welch (1947)."""

from dataclasses import dataclass
from fractions import Fraction

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined
from circuits.columns import Column, DecimalColumn, IntegerColumn
from circuits.families import Families
from circuits.result import ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.complete_cases import distinct, rows_note, text
from circuits.statistics.distributions import f_survival
from circuits.statistics.group_moments import group_columns, moments_of, request_moments
from circuits.statistics.intervals import wald
from circuits.statistics.roots import signed_root
from circuits.summand import numeric_column


@dataclass(frozen=True)
class TTest:
    """Welch's test of a numeric column between the two groups that have rows."""

    value: IntegerColumn | DecimalColumn
    by: Column

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.value.name, self.by.name)

    @property
    def known(self) -> tuple[str, ...]:
        return self.columns

    def request(self, families: Families) -> tuple[Search, ...]:
        request_moments(families, self.value, self.by)
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        groups = moments_of(answer, self.value, self.by)
        if len(groups) != 2:
            raise Undefined(
                f"{len(groups)} groups of {self.by.name} have rows, a t-test compares two: choose them with WHERE"
            )
        for group in groups:
            if group.count == 1:
                raise Undefined(f"group {text(group.value)} has one row, a variance needs two")
        first, second = groups
        parts = [group.variance / group.count for group in groups]
        variance = sum(parts, Fraction(0))
        if not variance:
            raise Undefined(f"{self.value.name} does not vary in either group")
        # Satterthwaite's degrees of freedom.
        df = variance**2 / sum(part**2 / (group.count - 1) for part, group in zip(parts, groups, strict=True))
        difference = first.mean - second.mean
        square = difference**2 / variance
        row = (
            f"{text(first.value)} - {text(second.value)}",
            float(difference),
            *wald(difference, variance, df),
            signed_root(difference, square),
            float(df),
            f_survival(square, 1, df),
        )
        numbers = ("estimate", "low", "high", "t", "df", "p")
        return ResultTable(
            (("term", "category"), *((name, "number") for name in numbers)),
            (),
            (row,),
            (),
            (),
            "ttest",
            (("groups", ResultTable.of(group_columns(self.by), (group.row for group in groups))),),
            (rows_note(first.count + second.count, self.columns),),
        )


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> TTest:
    value, by = numeric_column(arguments.column("value")), arguments.column("by")
    distinct("TTEST", value, by)
    return TTest(value, by)


TTEST = Analysis(
    name="TTEST",
    title="t-test: Welch's, of two groups",
    kind="ttest",
    parameters=(
        Parameter("value", Kind.NUMERIC, "whose means are compared"),
        Parameter("by", Kind.DISCRETE, "the groups: two of its values have rows"),
    ),
    prepare=_prepare,
    formula=(
        "t = (m1 - m2) / s with s^2 = v1 / n1 + v2 / n2, where group i has n_i rows, mean m_i and sample variance v_i; "
        "df = s^4 / ((v1 / n1)^2 / (n1 - 1) + (v2 / n2)^2 / (n2 - 1)). p is two-sided, from Student's t with df degrees of "
        "freedom; the 95 % interval of the difference is m1 - m2 -+ t(0.975, df) s. The first group is the one whose value "
        "comes first in the schema."
    ),
    source="Welch (1947), Biometrika 34; Satterthwaite (1946), Biometrics Bulletin 2.",
    revealed="Of each group: how many rows it has, the sum of the values and of their squares. All groups or none.",
    limits=(
        "Rows with NULL in either column do not count. Withheld if a group that WHERE does not exclude has fewer rows than "
        "the minimum cohort. Undefined if a group has one row, or the values vary in neither."
    ),
    example='client.ttest("bmi", "sex", where="age >= 18")',
)

"""ANOVA(value, by): do groups have the same mean? One-way analysis of variance. Source: Fisher (1925), chapter VII."""

from dataclasses import dataclass
from fractions import Fraction

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined
from circuits.columns import Column, DecimalColumn, IntegerColumn
from circuits.families import Families
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.complete_cases import distinct, rows_note
from circuits.statistics.distributions import f_survival
from circuits.statistics.group_moments import group_columns, moments_of, request_moments
from circuits.summand import numeric_column


@dataclass(frozen=True)
class Anova:
    """The analysis of a numeric column over the groups that have rows."""

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
        if len(groups) < 2:
            raise Undefined(f"one group of {self.by.name} has rows, an analysis of variance compares two or more")
        count = sum(group.count for group in groups)
        if count == len(groups):
            raise Undefined("no group has more than one row")
        mean = sum((group.count * group.mean for group in groups), Fraction(0)) / count
        between = sum((group.count * (group.mean - mean) ** 2 for group in groups), Fraction(0))
        within = sum((group.squares for group in groups), Fraction(0))
        if not within:
            raise Undefined(f"{self.value.name} does not vary within any group")
        df1, df2 = len(groups) - 1, count - len(groups)
        ratio = (between / df1) / (within / df2)
        total = between + within
        rows: list[tuple[Cell, ...]] = [
            (
                "between",
                float(between),
                df1,
                float(between / df1),
                float(ratio),
                f_survival(ratio, df1, df2),
                float(between / total),
            ),
            ("within", float(within), df2, float(within / df2), None, None, None),
            ("total", float(total), count - 1, float(total / (count - 1)), None, None, None),
        ]
        columns = (
            ("term", "category"),
            ("sum_of_squares", "number"),
            ("df", "integer"),
            ("mean_square", "number"),
            ("f", "number"),
            ("p", "number"),
            ("eta_squared", "number"),
        )
        return ResultTable(
            group_columns(self.by),
            (),
            tuple(group.row for group in groups),
            (),
            (),
            "anova",
            (("variance", ResultTable.of(columns, rows)),),
            (rows_note(count, self.columns),),
        )


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> Anova:
    value, by = numeric_column(arguments.column("value")), arguments.column("by")
    distinct("ANOVA", value, by)
    return Anova(value, by)


ANOVA = Analysis(
    name="ANOVA",
    title="Analysis of variance: one-way",
    kind="anova",
    parameters=(
        Parameter("value", Kind.NUMERIC, "whose means are compared"),
        Parameter("by", Kind.DISCRETE, "the groups"),
    ),
    prepare=_prepare,
    formula=(
        "With n rows in k groups, between = sum of n_i (m_i - m)^2 and within = sum of (n_i - 1) v_i, where group i has n_i "
        "rows, mean m_i and sample variance v_i: F = (between / (k - 1)) / (within / (n - k)), p from F with k - 1 and n - k "
        "degrees of freedom, eta^2 = between / (between + within). The 95 % interval of a mean is that of its own group, "
        "m_i -+ t(0.975, n_i - 1) sqrt(v_i / n_i)."
    ),
    source="Fisher (1925), Statistical Methods for Research Workers, chapter VII.",
    revealed="Of each group: how many rows it has, the sum of the values and of their squares. All groups or none.",
    limits=(
        "Rows with NULL in either column do not count. Withheld if a group that WHERE does not exclude has fewer rows than "
        "the minimum cohort: without it, it would be another test. Undefined if only one group has rows, or the values vary "
        "within none."
    ),
    example='client.anova("bmi", "origin", where="age >= 18")',
)

"""CHISQUARE(a, b): are two columns independent? Source: Pearson (1900)."""

from dataclasses import dataclass
from fractions import Fraction

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined
from circuits.columns import Column
from circuits.families import Families
from circuits.result import ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.complete_cases import distinct, rows_note
from circuits.statistics.contingency import contingency_of, request_contingency
from circuits.statistics.distributions import chi_square_survival
from circuits.statistics.roots import root

FEW = 5  # expected rows in a cell, below which the distribution is not that of chi-square (Cochran 1954)


@dataclass(frozen=True)
class ChiSquare:
    """Pearson's test of two columns of few values."""

    a: Column
    b: Column

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.a.name, self.b.name)

    @property
    def known(self) -> tuple[str, ...]:
        return self.columns

    def request(self, families: Families) -> tuple[Search, ...]:
        request_contingency(families, self.a, self.b)
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        table = contingency_of(answer, self.a, self.b).without_empty()
        for column, values in ((self.a, table.a), (self.b, table.b)):
            if len(values) == 1:
                raise Undefined(f"all rows have the same value of {column.name}")
        total = table.total
        chi_square = Fraction(0)
        cells, few = [], 0
        for value, row_total, counts in zip(table.a, table.row_totals, table.counts, strict=True):
            for other, column_total, count in zip(table.b, table.column_totals, counts, strict=True):
                expected = Fraction(row_total * column_total, total)
                chi_square += (count - expected) ** 2 / expected
                few += expected < FEW
                cells.append((value, other, count, float(expected)))
        smaller = min(len(table.a), len(table.b)) - 1
        df = (len(table.a) - 1) * (len(table.b) - 1)
        notes = [rows_note(total, self.columns), "without continuity correction"]
        if few:
            notes.append(f"{few} of {len(cells)} cells expect fewer than {FEW} rows: p is inexact, for two by two use FISHER")
        return ResultTable(
            (("chi_square", "number"), ("df", "integer"), ("p", "number"), ("cramers_v", "number")),
            (),
            ((float(chi_square), df, chi_square_survival(chi_square, df), root(chi_square / (total * smaller))),),
            (),
            (),
            "chisquare",
            (
                (
                    "cells",
                    ResultTable.of(
                        (("a", self.a.type), ("b", self.b.type), ("count", "integer"), ("expected", "number")), cells
                    ),
                ),
            ),
            tuple(notes),
        )


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> ChiSquare:
    a, b = arguments.column("a"), arguments.column("b")
    distinct("CHISQUARE", a, b)
    return ChiSquare(a, b)


CHISQUARE = Analysis(
    name="CHISQUARE",
    title="Chi-square test: of independence",
    kind="chisquare",
    parameters=(
        Parameter("a", Kind.DISCRETE, "the rows of the table"),
        Parameter("b", Kind.DISCRETE, "the columns of the table"),
    ),
    prepare=_prepare,
    formula=(
        "chi^2 = sum over cells of (O - E)^2 / E with E = row total times column total / n, over the r rows and c columns "
        "that have people; df = (r - 1) (c - 1); Cramer's V = sqrt(chi^2 / (n min(r - 1, c - 1))). There is no continuity "
        "correction."
    ),
    source="Pearson (1900), Philosophical Magazine 50; Cramer (1946), Mathematical Methods of Statistics, chapter 21.",
    revealed="The count of each cell of the table. All cells or none.",
    limits=(
        "Rows with NULL in either column do not count. Withheld if a cell that WHERE does not exclude has fewer rows than "
        "the minimum cohort, none among them. Undefined if all rows have one value of a column."
    ),
    example='client.chisquare("smoked", "diabetes", where="age >= 20")',
)

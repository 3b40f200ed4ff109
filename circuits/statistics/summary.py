"""SUMMARY([column], ...): the data dictionary. What each column is, how much of it is missing, and how it is distributed."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined
from circuits.cells import Grid
from circuits.codeset import CodeSet
from circuits.columns import BooleanColumn, CategoryColumn, Column, DecimalColumn, IntegerColumn
from circuits.errors import QueryUnsupported
from circuits.families import Families, plain_group
from circuits.result import Cell, ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.roots import root
from circuits.summand import ROWS, Known, Summand, Value

MAX_COLUMNS: Final = 40
MAX_CODES: Final = 64  # of a column whose frequencies are shown


@dataclass(frozen=True)
class Summary:
    """A summary of some columns."""

    described: tuple[Column, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.described)

    @property
    def known(self) -> tuple[str, ...]:
        return ()

    def request(self, families: Families) -> tuple[Search, ...]:
        for column in self.described:
            families.family(_known(column))
            if isinstance(column, IntegerColumn | DecimalColumn):
                families.family(_value(column))
                families.family(_value(column) * _value(column))
            if _has_frequencies(column):
                families.family(ROWS, families.grid(_codes(column)))
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        rows = answer.cell()
        if not rows:
            raise Undefined("there are no rows")
        described: list[tuple[Cell, ...]] = []
        withheld: list[tuple[tuple[str], str]] = []
        for column in self.described:
            numeric = isinstance(column, IntegerColumn | DecimalColumn)
            known = answer.cells(_known(column))[0]
            if known is None:
                described.append((*_declared(column), rows, None, None, None, None))
                hidden = ["missing", "share_missing", *(["mean", "standard_deviation"] if numeric else [])]
                withheld += [((column.name,), name) for name in hidden]
            else:
                missing = rows - known
                moments = (
                    _moments(column, known, answer) if isinstance(column, IntegerColumn | DecimalColumn) else (None, None)
                )
                described.append((*_declared(column), rows, missing, missing / rows, *moments))
        columns = (
            ("column", "category"),
            ("type", "category"),
            ("unit", "category"),
            ("domain", "category"),
            ("rows", "integer"),
            ("missing", "integer"),
            ("share_missing", "number"),
            ("mean", "number"),
            ("standard_deviation", "number"),
        )
        tables = (("frequencies", self._frequencies(answer, rows)),) if any(map(_has_frequencies, self.described)) else ()
        return ResultTable(columns, columns[:1], tuple(described), (), tuple(withheld), "summary", tables)

    def _frequencies(self, answer: Answer, rows: int) -> ResultTable:
        found: list[tuple[Cell, ...]] = []
        suppressed: list[tuple[str, str]] = []
        for column in filter(_has_frequencies, self.described):
            for (value,), count in answer.table(ROWS, _codes(column)).items():
                own = (column.name, _text(value))
                if count is None:
                    suppressed.append(own)
                else:
                    found.append((*own, count, count / rows))
        key = (("column", "category"), ("value", "category"))
        columns = (*key, ("count", "integer"), ("share", "number"))
        return ResultTable(columns, key, tuple(found), tuple(suppressed), ())


def _has_frequencies(column: Column) -> bool:
    return isinstance(column, CategoryColumn | BooleanColumn) and column.size <= MAX_CODES


def _codes(column: Column) -> Grid:
    return (plain_group(column, CodeSet(((0, column.size),), False)),)


def _known(column: Column) -> Summand:
    return Summand((Known(column.name),))


def _value(column: Column) -> Summand:
    return Summand((Value(column.name),))


def _moments(column: IntegerColumn | DecimalColumn, known: int, answer: Answer) -> tuple[float | None, float | None]:
    """The mean and the sample standard deviation, None where there are too few values for it."""
    total, squares = answer.cell(_value(column)), answer.cell(_value(column) * _value(column))
    unit = 10**column.scale
    mean = float(Fraction(total, known * unit)) if known else None
    variance = Fraction(known * squares - total * total, known * (known - 1) * unit * unit) if known > 1 else None
    return mean, None if variance is None else root(variance)


def _declared(column: Column) -> tuple[str, str, str, str]:
    if isinstance(column, CategoryColumn):
        domain = ", ".join(column.codes) if column.size <= MAX_CODES else f"{column.size} codes"
    elif isinstance(column, BooleanColumn):
        domain = "false, true"
    else:
        domain = f"{_text(column.value(0))} to {_text(column.value(column.size - 1))}"
    return column.name, column.type, column.unit, domain


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _prepare(arguments: Arguments, schema: Schema, _group_by: tuple[str, ...]) -> Summary:
    described = arguments.columns("column") if "column" in arguments.values else schema.columns
    if len(described) > MAX_COLUMNS:
        raise QueryUnsupported(
            f"SUMMARY of {len(described)} columns is not supported", hint=f"name the columns, at most {MAX_COLUMNS} a query"
        )
    return Summary(tuple({column.name: column for column in described}.values()))


SUMMARY = Analysis(
    name="SUMMARY",
    title="Data dictionary",
    kind="summary",
    parameters=(Parameter("column", Kind.COLUMN, "what to describe; all columns if none", optional=True, repeated=True),),
    prepare=_prepare,
    formula=(
        "For each column the rows, how many and what share of them have no value; the mean and the sample standard deviation "
        "of numbers; how often each code of a category or boolean column of up to 64 occurs."
    ),
    source="The declared type, unit and domain are those of the schema.",
    revealed=(
        "The number of rows, of values of each column, their sum and sum of squares, and the number of each code, each from "
        "the minimum cohort on. How many are missing may be fewer."
    ),
    limits="At most 40 columns a query.",
    example='client.describe("age", "sex", "bmi")',
)

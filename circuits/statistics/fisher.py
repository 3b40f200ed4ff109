"""FISHER(a, b): are two columns of two values independent? Exact. Source: Fisher (1934), section 21.02."""

from dataclasses import dataclass

from mpmath import mp, mpf

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined
from circuits.columns import Column
from circuits.families import Families
from circuits.result import ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.complete_cases import distinct, rows_note, text
from circuits.statistics.contingency import contingency_of, request_contingency
from circuits.statistics.two_by_two import NO_RATIO, TwoByTwo

_BITS = 320  # 50 digits of probabilities whose logarithms have 12 digits before the point
_SAME = -160  # logarithms of probabilities that differ by less than 2^_SAME are equal
_KEPT = 180  # bits of a sum: later terms are smaller


@dataclass(frozen=True)
class Fisher:
    """The exact test of a table of two rows and two columns."""

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
            if len(values) > 2:
                raise Undefined(
                    f"{len(values)} values of {column.name} have rows, not two: choose with WHERE or use CHISQUARE"
                )
        (a, b), (c, d) = table.counts
        estimate, interval = TwoByTwo(a, b, c, d).odds_ratio
        cells = [
            (value, other, count)
            for value, counts in zip(table.a, table.counts, strict=True)
            for other, count in zip(table.b, counts, strict=True)
        ]
        event, first, second = (text(value) for value in (table.b[0], *table.a))
        term = f"odds ratio of {self.b.name} = {event}, {self.a.name} = {first} to {second}"
        return ResultTable(
            (("term", "category"), *((name, "number") for name in ("estimate", "low", "high", "p"))),
            (),
            ((term, estimate, *interval, two_sided(a, b, c, d)),),
            (),
            (),
            "fisher",
            (("cells", ResultTable.of((("a", self.a.type), ("b", self.b.type), ("count", "integer")), cells)),),
            (rows_note(table.total, self.columns), *((NO_RATIO,) if estimate is None else ())),
        )


def two_sided(a: int, b: int, c: int, d: int) -> float:
    """How probable tables with the same margins are that are no more probable than this one.

    With x in the first cell a table has probability C(a + b, x) C(c + d, a + c - x) / C(n, a + c). Terms are multiplied up
    in integers from this table outwards, and from the first as improbable on the other side, until they are below 2^-180 of
    the sum. Time grows with the root of the smallest margin.
    """
    mode = (a + b + 1) * (a + c + 1) // (a + b + c + d + 2)
    if a > mode:
        return two_sided(b, a, d, c)
    if a == mode or (a + 1) * (d + 1) >= b * c:  # no table is more probable: the next one is not
        return 1.0
    with mp.workprec(_BITS):
        own = _log_weight(a, b, c, d)
        # Beyond the mode probabilities fall: the least step to one that is not above this table's.
        low, high = mode - a, min(b, c)
        if _log_weight(a + high, b - high, c - high, d + high) > own + mpf(2) ** _SAME:
            other = mpf(0)
        else:
            while low < high:
                middle = (low + high) // 2
                if _log_weight(a + middle, b - middle, c - middle, d + middle) > own + mpf(2) ** _SAME:
                    low = middle + 1
                else:
                    high = middle
            other = mp.exp(_log_weight(a + low, b - low, c - low, d + low)) * _outwards(b - low, a + low, d + low, c - low)
        return min(1.0, float(mp.exp(own) * _outwards(a, b, c, d) + other))


def _log_weight(a: int, b: int, c: int, d: int) -> mpf:
    """The logarithm of the probability of a table."""
    margins = sum(mp.loggamma(total + 1) for total in (a + b, c + d, a + c, b + d))
    return margins - mp.loggamma(a + b + c + d + 1) - sum(mp.loggamma(count + 1) for count in (a, b, c, d))


def _outwards(a: int, b: int, c: int, d: int) -> mpf:
    """The probabilities of this table and of those with fewer in the first cell, as multiples of that of this one."""
    total = term = 1 << _KEPT + 64
    while a and d and term > total >> _KEPT:
        term = term * (a * d) // ((b + 1) * (c + 1))
        a, b, c, d = a - 1, b + 1, c + 1, d - 1
        total += term
    return mpf(total) / (1 << _KEPT + 64)


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> Fisher:
    a, b = arguments.column("a"), arguments.column("b")
    distinct("FISHER", a, b)
    return Fisher(a, b)


FISHER = Analysis(
    name="FISHER",
    title="Fisher's exact test: of independence, two by two",
    kind="fisher",
    parameters=(
        Parameter("a", Kind.DISCRETE, "the rows of the table: two of its values have rows"),
        Parameter("b", Kind.DISCRETE, "the columns of the table: two of its values have rows"),
    ),
    prepare=_prepare,
    formula=(
        "p is the sum of C(r, x) C(n - r, k - x) / C(n, k) over all x for which that is not above its value for the table "
        "seen, where r and k are the totals of the first row and column. The odds ratio of the table a, b; c, d is "
        "a d / (b c), its 95 % interval exp(log(a d / (b c)) -+ 1.96 sqrt(1/a + 1/b + 1/c + 1/d)); NULL if a cell is zero."
    ),
    source="Fisher (1934), Statistical Methods for Research Workers, 21.02; Woolf (1955), Annals of Human Genetics 19.",
    revealed="The counts of the four cells. All or none.",
    limits=(
        "Rows with NULL in either column do not count. Withheld if a cell that WHERE does not exclude has fewer rows than "
        "the minimum cohort, none among them. Undefined unless both columns have two values with rows."
    ),
    example='client.fisher("sex", "diabetes", where="diabetes IN (\'yes\', \'no\')")',
)

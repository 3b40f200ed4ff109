"""STANDARDIZED_RATE(event, strata, weight, ...): the rate of a standard population, by direct standardisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from circuits.analysis import Analysis, Answer, Arguments, Kind, Parameter, Undefined, Withheld
from circuits.cells import Grid
from circuits.codeset import CodeSet
from circuits.columns import Column
from circuits.errors import QueryType
from circuits.families import Families, plain_group
from circuits.result import ResultTable
from circuits.schema import Schema
from circuits.search import Search
from circuits.statistics.intervals import Interval, wald
from circuits.summand import ROWS, Summand, Within


@dataclass(frozen=True)
class Stratum:
    """One stratum that has weight: its name, its share of the standard population, and its people and events."""

    name: str
    weight: Fraction
    rows: int
    events: int

    @property
    def rate(self) -> Fraction:
        return Fraction(self.events, self.rows)

    @property
    def variance(self) -> Fraction:
        """Of the rate, as a binomial proportion."""
        return self.rate * (1 - self.rate) / self.rows


@dataclass(frozen=True)
class StandardizedRate:
    """A standardised rate.

    Attributes:
        event: its second value is the event.
        weights: of the strata, in the order of the codes; they add up to 1.
    """

    event: Column
    strata: Column
    weights: tuple[Fraction, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.event.name, self.strata.name)

    @property
    def known(self) -> tuple[str, ...]:
        return self.columns

    def request(self, families: Families) -> tuple[Search, ...]:
        for summand in (ROWS, self._event):
            families.family(summand, families.grid(self._grid))
        return ()

    def finish(self, answer: Answer) -> ResultTable:
        strata = self._strata(answer)
        rows, events = sum(stratum.rows for stratum in strata), sum(stratum.events for stratum in strata)
        crude = Fraction(events, rows)
        rate = sum((stratum.weight * stratum.rate for stratum in strata), Fraction(0))
        variance = sum((stratum.weight**2 * stratum.variance for stratum in strata), Fraction(0))
        rates = [
            ("crude", float(crude), *_interval(crude, crude * (1 - crude) / rows)),
            ("standardized", float(rate), *_interval(rate, variance)),
        ]
        columns = (("name", "category"), ("estimate", "number"), ("low", "number"), ("high", "number"))
        return ResultTable(columns, (), tuple(rates), (), (), "standardized", (("strata", _table(strata)),))

    @property
    def _event(self) -> Summand:
        return Summand((Within(self.event.name, CodeSet(((1, 2),), False)),))

    @property
    def _grid(self) -> Grid:
        return (plain_group(self.strata, CodeSet(((0, self.strata.size),), False)),)

    def _strata(self, answer: Answer) -> list[Stratum]:
        people, events = answer.cells(ROWS, self._grid), answer.cells(self._event, self._grid)
        strata = []
        for code, weight in enumerate(self.weights):
            if weight:
                name = str(self.strata.value(code))
                rows, ill = people[code], events[code]
                if rows is None or ill is None:
                    raise Withheld(f"stratum {name} of {self.strata.name} has too few people or events")
                if not rows:
                    raise Undefined(f"nobody is in stratum {name} of {self.strata.name}, which has weight")
                strata.append(Stratum(name, weight, rows, ill))
        return strata


def _interval(rate: Fraction, variance: Fraction) -> Interval:
    low, high = wald(rate, variance)
    return max(low, 0.0), min(high, 1.0)


def _table(strata: Sequence[Stratum]) -> ResultTable:
    columns = (
        ("stratum", "category"), ("weight", "number"), ("rows", "integer"), ("events", "integer"), ("rate", "number"),
    )  # fmt: skip
    return ResultTable.of(columns, [(s.name, float(s.weight), s.rows, s.events, float(s.rate)) for s in strata])


def _prepare(arguments: Arguments, _schema: Schema, _group_by: tuple[str, ...]) -> StandardizedRate:
    strata, weights = arguments.column("strata"), [Fraction(number) for number in arguments.numbers("weight")]
    if len(weights) != strata.size:
        raise QueryType(f"{strata.name} has {strata.size} values, and {len(weights)} weights were given")
    if min(weights) < 0 or not any(weights):
        raise QueryType("weights are not negative, and one at least is above 0")
    return StandardizedRate(arguments.column("event"), strata, tuple(weight / sum(weights) for weight in weights))


STANDARDIZED_RATE = Analysis(
    name="STANDARDIZED_RATE",
    title="Directly standardised rate",
    kind="standardized",
    parameters=(
        Parameter("event", Kind.BOOLEAN, "what is counted: the second of its two values"),
        Parameter("strata", Kind.DISCRETE, "for example age groups"),
        Parameter(
            "weight", Kind.NUMBER, "of each stratum in the standard population, in the order of the schema", repeated=True
        ),
    ),
    prepare=_prepare,
    formula=(
        "With d events among n people in a stratum and w its share of all weights: rate = sum of w d / n, with the variance "
        "sum of w^2 p (1 - p) / n, p = d / n, and the interval rate -+ 1.96 standard errors, cut at 0 and 1. The crude rate "
        "is that of all people in strata that have weight."
    ),
    source="Fleiss, Levin and Paik (2003), chapter 19; Keyfitz (1966) for the variance.",
    revealed=(
        "In each stratum, the number of people and of events, each from the minimum cohort on. The number of all people is "
        "opened too: if a single stratum is withheld, how many are in it follows."
    ),
    limits=(
        "Withheld as a whole if a stratum that has weight has too few people or events: join strata, or give it weight 0. "
        "Rows without event or stratum do not count. The interval is that of a normal, rough for few events."
    ),
    opens_total=False,
    example='client.standardized_rate("died", "age_group", 0.24, 0.35, 0.27, 0.14)',
)

"""The algebra of plans: integer polynomials in the digits of one row. Specification: `docs/spec/04-queries.md`.

For a row that is present, every digit is in one of finitely many *states*: one of its values, or NULL (the last state,
only for nullable columns). Any integer function of one digit's state is one affine form of the committed one-hot columns:

    f(x) = f(NULL) present(x) + sum_t (f(t) - f(NULL)) b[d,t](x)

so a function is held as its table of states, and functions of the same digit multiply into one table. The value of a
column with several digits is the one factor that is not a function of a single digit: it is an affine form over them all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from math import gcd
from typing import Final

from circuits.columns import Column, Digit
from circuits.errors import PlanTooComplex
from protocol.parameters import MAX_FACTORS

MAX_TERMS: Final = 512
MAX_PRODUCTS: Final = 4_096  # that one multiplication may look at, so that compiling stays cheap

Table = tuple[int, ...]  # f(0), f(1), ..., and f(NULL) if the column is nullable


@dataclass(frozen=True, order=True)
class Monomial:
    """A product of functions of different digits and of whole-column codes; the empty product is `present`.

    Attributes:
        tables: (index of the digit in the schema, its primitive table), by index.
        codes: names of several-digit columns whose code is a factor, sorted, a name twice for a square.
    """

    tables: tuple[tuple[int, Table], ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Polynomial:
    """sum of coefficient times monomial, in the one form that `_normal` gives."""

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: "Polynomial") -> "Polynomial":
        return _normal([*self.terms, *other.terms])

    def __sub__(self, other: "Polynomial") -> "Polynomial":
        return _normal([*self.terms, *((monomial, -coefficient) for monomial, coefficient in other.terms)])

    def __mul__(self, other: "Polynomial") -> "Polynomial":
        if len(self.terms) * len(other.terms) > MAX_PRODUCTS:
            raise _too_many_terms()
        return _normal((_product(left, right), a * b) for left, a in self.terms for right, b in other.terms)

    def scaled(self, factor: int) -> "Polynomial":
        """`factor` times the polynomial."""
        return _normal((monomial, coefficient * factor) for monomial, coefficient in self.terms)


ONE: Final = Polynomial(((Monomial(), 1),))


def _too_many_terms() -> PlanTooComplex:
    return PlanTooComplex(
        f"the condition needs more than {MAX_TERMS} products",
        hint="use fewer ORs and fewer ranges over columns of many values, or split the query",
    )


def total(parts: Iterable[Polynomial]) -> Polynomial:
    """The sum of all parts; no terms if there are none."""
    return _normal(term for part in parts for term in part.terms)


def product(factors: Iterable[Polynomial]) -> Polynomial:
    """The product of all factors; ONE if there are none."""
    return reduce(lambda left, right: left * right, factors, ONE)


def from_table(digit: int, table: Iterable[int]) -> Polynomial:
    """The function of one digit with this table of states."""
    return _normal([(Monomial(((digit, tuple(table)),)), 1)])


def code_power(column: Column, digits: Mapping[Digit, int], power: int) -> Polynomial:
    """The code of `column` to `power` (1 or 2) as a factor; 0 where the column is NULL."""
    if len(column.digits) == 1:
        table = [code**power for code in range(column.size)] + [0] * column.nullable
        return from_table(digits[column.digits[0]], table)
    return Polynomial(((Monomial((), (column.name,) * power), 1),))


def too_many_factors(factors: int) -> PlanTooComplex:
    """The error for a product of more than MAX_FACTORS factors."""
    return PlanTooComplex(
        f"a product of {factors} factors is needed, at most {MAX_FACTORS} can be proved",
        hint="filter and group by fewer columns; a column of more than 256 values counts once a digit, a square twice",
    )


def _product(left: Monomial, right: Monomial) -> Monomial:
    tables = dict(left.tables)
    for digit, table in right.tables:
        mine = tables.get(digit)
        tables[digit] = table if mine is None else tuple(a * b for a, b in zip(mine, table, strict=True))
    return Monomial(tuple(sorted(tables.items())), tuple(sorted(left.codes + right.codes)))


def _normal(terms: Iterable[tuple[Monomial, int]]) -> Polynomial:
    """Merge terms until no two of them differ in one digit only.

    Tables are made primitive (greatest common divisor 1, first non-zero entry positive) and constant tables are dropped,
    so that equal products are equal monomials. Terms that agree in all digits but one add up to one term.
    """
    collected: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        _add(collected, monomial, coefficient)
    while True:
        before = len(collected)
        for digit in sorted({digit for monomial in collected for digit, _ in monomial.tables}):
            collected = _merged(collected, digit)
        if len(collected) == before:  # every merge leaves fewer terms
            break
    if len(collected) > MAX_TERMS:
        raise _too_many_terms()
    for monomial in collected:
        if len(monomial.tables) + len(monomial.codes) > MAX_FACTORS:
            raise too_many_factors(len(monomial.tables) + len(monomial.codes))
    return Polynomial(tuple(sorted(collected.items())))


def _add(sums: dict[Monomial, int], monomial: Monomial, coefficient: int) -> None:
    primitive, content = _primitive(monomial)
    total = sums.get(primitive, 0) + coefficient * content
    if total:
        sums[primitive] = total
    else:
        sums.pop(primitive, None)


def _primitive(monomial: Monomial) -> tuple[Monomial, int]:
    content, tables = 1, []
    for digit, table in monomial.tables:
        divisor = gcd(*table)
        if divisor == 0:
            return Monomial(), 0
        if next(entry for entry in table if entry) < 0:
            divisor = -divisor
        content *= divisor
        reduced = tuple(entry // divisor for entry in table)
        if any(entry != 1 for entry in reduced):
            tables.append((digit, reduced))
    return Monomial(tuple(tables), monomial.codes), content


def _merged(terms: dict[Monomial, int], digit: int) -> dict[Monomial, int]:
    """The terms, with those added up that agree in everything but their table of `digit`."""
    groups: dict[Monomial, list[tuple[Monomial, Table | None]]] = {}
    for monomial in terms:
        own = next((table for index, table in monomial.tables if index == digit), None)
        rest = monomial
        if own is not None:
            rest = Monomial(tuple(entry for entry in monomial.tables if entry[0] != digit), monomial.codes)
        groups.setdefault(rest, []).append((monomial, own))
    if len(groups) == len(terms):
        return terms
    sums = {members[0][0]: terms[members[0][0]] for members in groups.values() if len(members) == 1}
    for rest, members in groups.items():
        if len(members) > 1:
            tables = [(terms[monomial], table) for monomial, table in members]
            states = max(len(table) for _, table in tables if table is not None)
            added = tuple(
                sum(coefficient * (1 if table is None else table[state]) for coefficient, table in tables)
                for state in range(states)
            )
            _add(sums, Monomial(tuple(sorted([*rest.tables, (digit, added)])), rest.codes), 1)
    return sums

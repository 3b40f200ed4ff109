"""Data-quality rules of a schema: conditions that no row may break, proved with the admission of a table.

As with CHECK in SQL, a row breaks a rule only where the rule is false; where it is unknown, the row obeys. A rule is
either a condition as in WHERE, or the comparison of two columns. Specification: docs/spec/02-tables-schema.md, "Rules".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final

from pydantic import Field

from circuits.cells import Form
from circuits.columns import MAX_DOMAIN, Column, DateColumn, DecimalColumn, Digit, IntegerColumn, Name, Strict, split_digits
from circuits.condition import parse_condition
from circuits.constraint import Constraint
from circuits.errors import PlanTooComplex, SchemaInvalid
from circuits.forms import PRESENT_FORM, code_form, table_form, value_form
from circuits.polynomial import Polynomial
from circuits.predicate import All, Any, Condition, indicator, normalise
from circuits.query import Not, columns_of, predicate_text
from circuits.table import Table
from protocol.errors import ProofwardError

MAX_RULES: Final = 32
MAX_RULE_TERMS: Final = 16  # products of one rule: with MAX_RULES this bounds the relation of an admission proof

Ordered = IntegerColumn | DecimalColumn | DateColumn

_NAME: Final = r"""("?)([A-Za-z_][A-Za-z0-9_]{0,62})"""
_COMPARISON: Final = re.compile(rf"\s*{_NAME}\1\s*(<=|>=|<>|!=|=|<|>)\s*{_NAME}\4\s*", re.ASCII)
_ABOUT_SEVERAL_ROWS: Final = re.compile(r"\s*(unique|distinct|primary\s+key|count)\b", re.ASCII | re.IGNORECASE)


class Rule(Strict):
    """A rule as it is declared."""

    name: Name
    check: Annotated[str, Field(min_length=1, max_length=4096)]


@dataclass(frozen=True)
class ConditionCheck:
    """A condition over constants.

    Attributes:
        text: the condition in its one normal form.
        columns: names of the columns that it reads.
        broken: a row where one of these is true breaks the rule.
        constraints: one for each part of `broken`: its indicator is 0.
    """

    name: str
    text: str
    columns: tuple[str, ...]
    broken: tuple[Condition, ...]
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True)
class Difference:
    """A committed column that is not declared: code(greater) - code(lesser) + offset, NULL where either is NULL.

    That it has a code is what shows that `greater` is not below `lesser`.

    Attributes:
        name: `rule:` and the name of the rule; no column can be called so.
        size: how many values it can have.
    """

    name: str
    greater: Ordered
    lesser: Ordered
    offset: int
    size: int

    @property
    def nullable(self) -> bool:
        return self.greater.nullable or self.lesser.nullable

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """Least significant first, as of any column."""
        return split_digits(self.name, self.size)


@dataclass(frozen=True)
class OrderCheck:
    """One column is not below another; or above it."""

    name: str
    text: str
    difference: Difference

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it reads, its own included."""
        return (self.difference.greater.name, self.difference.lesser.name, self.difference.name)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """The difference is that of the two columns, and has a value where both have one."""
        difference = self.difference
        terms = (*_distance(difference.greater, difference.lesser, difference.offset), (-1, (code_form(difference),)))
        own = Constraint(f"{difference.name} is the difference", terms)
        if not difference.nullable:
            return (own,)
        both = _validity(difference.greater, difference.lesser)
        has_value = ((1, both), (-1, (value_form(difference.digits[0]),)))
        return own, Constraint(f"{difference.name} has a value where both columns have one", has_value)


@dataclass(frozen=True)
class EqualityCheck:
    """Two columns are equal."""

    name: str
    text: str
    left: Ordered
    right: Ordered

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it reads."""
        return (self.left.name, self.right.name)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """The columns differ by nothing where both have a value."""
        distance = _distance(self.left, self.right, self.left.low - self.right.low)
        return (Constraint(f"{self.left.name} is {self.right.name}", distance),)


Check = ConditionCheck | OrderCheck | EqualityCheck


def read_rules(rules: Sequence[Rule], table: Table) -> tuple[Check, ...]:
    """What each rule demands. Raises SchemaInvalid with the rule that cannot be proved, or says nothing."""
    if len(rules) > MAX_RULES:
        raise SchemaInvalid(f"at most {MAX_RULES} rules are supported", where="rules")
    checks = []
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        try:
            if rule.name.lower() in seen:
                raise SchemaInvalid(f"two rules are called {rule.name!r}")
            seen.add(rule.name.lower())
            checks.append(_read(rule, table))
        except ProofwardError as error:
            place = f"rules[{index}].check ({rule.name})"
            raise SchemaInvalid(error.message, hint=error.hint, where=place) from error
    return tuple(checks)


def _read(rule: Rule, table: Table) -> Check:
    match = _COMPARISON.fullmatch(rule.check)
    if match is not None:
        left, right = table.find(match[2]), table.find(match[5])
        if left is not None and right is not None:
            return _comparison(rule, left, match[3], right)
    if _ABOUT_SEVERAL_ROWS.match(rule.check):
        raise SchemaInvalid(
            "a rule is about one row, and this one is about several",
            hint="see to it where the table is made: that values do not repeat is not proved",
        )
    return _condition(rule, table)


def _condition(rule: Rule, table: Table) -> ConditionCheck:
    condition = parse_condition(rule.check, table)
    broken = normalise(Not(condition), table)
    if broken == Any(()):
        raise SchemaInvalid("no row can break this rule", hint="leave it out: the columns' domains say it already")
    if broken == All(()):
        raise SchemaInvalid("no row can obey this rule", hint="compare with values of the columns' domains")
    parts = broken.parts if isinstance(broken, Any) else (broken,)
    index = {digit: place for place, digit in enumerate(table.column_digits)}
    polynomials = [indicator(part, index) for part in parts]
    if sum(len(polynomial.terms) for polynomial in polynomials) > MAX_RULE_TERMS:
        raise PlanTooComplex(
            f"the rule needs more than {MAX_RULE_TERMS} products", hint="write it as several rules, or with fewer ranges"
        )
    constraints = tuple(Constraint(f"rule {rule.name}", _terms(polynomial, table)) for polynomial in polynomials)
    columns = tuple(sorted(columns_of(condition)))
    return ConditionCheck(rule.name, predicate_text(condition), columns, parts, constraints)


def _terms(polynomial: Polynomial, table: Table) -> tuple[tuple[int, tuple[Form, ...]], ...]:
    terms = []
    for monomial, coefficient in polynomial.terms:
        forms = tuple(table_form(table.column_digits[digit], entries) for digit, entries in monomial.tables)
        terms.append((coefficient, forms or (PRESENT_FORM,)))
    return tuple(terms)


def _comparison(rule: Rule, left: Column, operator: str, right: Column) -> OrderCheck | EqualityCheck:
    if left is right:
        raise SchemaInvalid("a column is compared with itself")
    left, right = _ordered(left, right), _ordered(right, left)
    text = f'"{left.name}" {operator} "{right.name}"'
    if operator in ("<>", "!="):
        raise SchemaInvalid("that two columns differ cannot be proved", hint="=, <, <=, > and >= can")
    if operator == "=":
        if left.low > right.high or right.low > left.high:
            raise SchemaInvalid("no row can obey this rule", hint="the domains of the two columns have no value in common")
        return EqualityCheck(rule.name, text, left, right)
    greater, lesser = (left, right) if operator.startswith(">") else (right, left)
    strict = "=" not in operator
    offset = greater.low - lesser.low - strict
    size = offset + greater.size
    if size < 1:
        raise SchemaInvalid("no row can obey this rule", hint=f"{greater.name} is always too small")
    if size > MAX_DOMAIN:
        raise SchemaInvalid(f"the difference has {size} values, at most {MAX_DOMAIN} are supported")
    if offset >= lesser.size - 1:
        raise SchemaInvalid("no row can break this rule", hint="leave it out: the columns' domains say it already")
    return OrderCheck(rule.name, text, Difference(f"rule:{rule.name}", greater, lesser, offset, size))


def _ordered(column: Column, other: Column) -> Ordered:
    scales = [each.scale for each in (column, other) if isinstance(each, IntegerColumn | DecimalColumn)]
    if isinstance(column, DateColumn) and isinstance(other, DateColumn):
        return column
    if not isinstance(column, IntegerColumn | DecimalColumn) or len(scales) < 2 or scales[0] != scales[1]:
        raise SchemaInvalid(
            f"columns {column.name} and {other.name} cannot be compared",
            hint="two dates can, and two numbers with the same number of decimal places; other columns with constants",
        )
    return column


def _validity(left: Ordered, right: Ordered) -> tuple[Form, ...]:
    """Factors whose product is 1 where both columns have a value; `present` does for a column that is never NULL."""
    return tuple(value_form(column.digits[0]) for column in (left, right) if column.nullable) or (PRESENT_FORM,)


def _distance(left: Ordered, right: Ordered, offset: int) -> tuple[tuple[int, tuple[Form, ...]], ...]:
    """code(left) - code(right) + offset where both columns have a value, 0 elsewhere."""
    left_value = (value_form(left.digits[0]),) if left.nullable else ()
    right_value = (value_form(right.digits[0]),) if right.nullable else ()
    terms = [(1, (code_form(left), *right_value)), (-1, (code_form(right), *left_value))]
    return tuple([*terms, (offset, _validity(left, right))] if offset else terms)

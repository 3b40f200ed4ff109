"""Which constraints every committed row obeys, and the relation that proves them.

A hospital proves them once an epoch; every plan relies on them. That they suffice is argued in docs/spec/03-admission.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from circuits.cells import Form
from circuits.columns import PRESENT, PRESENT_DIGIT, Column, Digit
from circuits.combination import Combination, Combiner
from circuits.relation import Relation, relation_at
from circuits.schema import Schema

MAX_BOOLEAN: Final = 48  # digits whose entries one proof shows to be 0 or 1: bounds its memory

PRESENT_FORM: Final = Form(1, ())


@dataclass(frozen=True)
class Constraint:
    """The sum over terms of an integer times the product of forms; it is 0 on every row.

    Attributes:
        name: what it says, for people.
    """

    name: str
    terms: tuple[tuple[int, tuple[Form, ...]], ...]


@dataclass(frozen=True)
class AdmissionPart:
    """What one proof shows about each row.

    Attributes:
        digits: those that are read, `present` first, in schema order.
        boolean: names of the digits whose entries are 0 or 1. Over all parts, each digit of the table is in one of them.
    """

    digits: tuple[Digit, ...]
    boolean: tuple[str, ...]
    constraints: tuple[Constraint, ...]

    @cached_property
    def combination(self) -> Combination:
        """The sum of beta^(c+1) times constraint number c.

        Powers start at 1 because booleanity enters the same sum without a power of beta: a row that breaks both cannot
        make them cancel, whatever beta is.
        """
        combiner = Combiner(self.digits)
        for place, constraint in enumerate(self.constraints):
            for coefficient, forms in constraint.terms:
                combiner.add(place + 1, coefficient, [combiner.form(form) for form in forms])
        return combiner.combination(padding_is_zero=False)


def admission_parts(schema: Schema) -> tuple[AdmissionPart, ...]:
    """All parts. The digits of a column are in one part."""
    parts: list[list[Column]] = [[]]
    room = MAX_BOOLEAN - 1  # `present` is in the first part
    for column in schema.columns:
        if len(column.digits) > room:
            parts.append([])
            room = MAX_BOOLEAN
        parts[-1].append(column)
        room -= len(column.digits)
    return tuple(_part(columns, first=place == 0) for place, columns in enumerate(parts))


def admission_relation(part: AdmissionPart, beta: int) -> Relation:
    """The relation of a part: 0 on every row, if the row obeys the constraints.

    Args:
        beta: drawn after the table was committed to. The shape of the relation does not depend on it.
    """
    combination = part.combination
    index = {digit.name: place for place, digit in enumerate(combination.digits)}
    return relation_at(combination, beta, tuple(sorted(index[name] for name in part.boolean)))


def _part(columns: Sequence[Column], *, first: bool) -> AdmissionPart:
    own = [digit for column in columns for digit in column.digits]
    boolean = ([PRESENT] if first else []) + [digit.name for digit in own]
    constraints = tuple(constraint for column in columns for constraint in _column(column))
    return AdmissionPart((PRESENT_DIGIT, *own), tuple(boolean), constraints)


def _column(column: Column) -> Iterator[Constraint]:
    lowest = _has_value(column.digits[0])
    if column.nullable:
        name = column.digits[0].name
        yield Constraint(f"{name} has at most one value", ((1, (lowest, lowest)), (-1, (lowest,))))
        yield Constraint(f"{name} has a value only in a present row", ((1, (lowest, PRESENT_FORM)), (-1, (lowest,))))
        for digit in column.digits[1:]:
            has_value = _has_value(digit)
            yield Constraint(f"{digit.name} is NULL together with {name}", ((1, (lowest,)), (-1, (has_value,))))
    else:
        for digit in column.digits:
            has_value = _has_value(digit)
            yield Constraint(f"{digit.name} has one value where present", ((1, (PRESENT_FORM,)), (-1, (has_value,))))
    yield from _range(column)


def _range(column: Column) -> Iterator[Constraint]:
    """A code is above size - 1 if it has the largest code's digits above some place, and a larger one there."""
    largest = [(column.size - 1) // digit.weight % digit.values for digit in column.digits]
    above: tuple[Form, ...] = ()
    for digit, top in reversed(list(zip(column.digits, largest, strict=True))):
        if top < digit.values - 1:
            larger = _indicator(digit, range(top + 1, digit.values))
            yield Constraint(f"{digit.name} is in the domain of {column.name}", ((1, (*above, larger)),))
        above = (*above, _indicator(digit, range(top, top + 1)))


def _has_value(digit: Digit) -> Form:
    return _indicator(digit, range(digit.values))


def _indicator(digit: Digit, values: range) -> Form:
    return Form(0, ((digit.name, tuple(int(value in values) for value in range(digit.values))),))

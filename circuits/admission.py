"""Which constraints every committed row obeys, and the relation that proves them.

A hospital proves them once an epoch; every plan relies on them. That they suffice is argued in docs/spec/03-admission.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from circuits.cells import Form
from circuits.columns import PRESENT, PRESENT_DIGIT, Column, Digit
from circuits.combination import Combination, Combiner
from circuits.constraint import Constraint
from circuits.forms import PRESENT_FORM, indicator_form, value_form
from circuits.relation import Relation, relation_at
from circuits.rules import Check, Difference
from circuits.schema import Schema

MAX_BOOLEAN: Final = 48  # digits whose entries one proof shows to be 0 or 1: bounds its memory


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

        Powers start at 1: no constraint enters without a factor that is drawn after the table was committed to.
        """
        combiner = Combiner(self.digits)
        for place, constraint in enumerate(self.constraints):
            for coefficient, forms in constraint.terms:
                combiner.add(place + 1, coefficient, [combiner.form(form) for form in forms])
        return combiner.combination(padding_is_zero=False)


@lru_cache(maxsize=16)  # asked for once a chunk
def admission_parts(schema: Schema) -> tuple[AdmissionPart, ...]:
    """All parts. The digits of a column are in one part; a rule is in the part of the last column that it reads."""
    homes: dict[str, int] = {}
    part, room = 0, MAX_BOOLEAN - 1  # `present` is in the first part
    for column in schema.committed:
        if len(column.digits) > room:
            part, room = part + 1, MAX_BOOLEAN
        homes[column.name] = part
        room -= len(column.digits)
    checks = [(max(homes[name] for name in check.columns), check) for check in schema.checks]
    return tuple(
        _part(schema, number, [name for name, home in homes.items() if home == number], [c for n, c in checks if n == number])
        for number in range(part + 1)
    )


def admission_relation(part: AdmissionPart, beta: int) -> Relation:
    """The relation of a part: 0 on every row, if the row obeys the constraints.

    Args:
        beta: drawn after the table was committed to. The shape of the relation does not depend on it.
    """
    combination = part.combination
    index = {digit.name: place for place, digit in enumerate(combination.digits)}
    return relation_at(combination, beta, tuple(sorted(index[name] for name in part.boolean)))


def _part(schema: Schema, number: int, own: Sequence[str], checks: Sequence[Check]) -> AdmissionPart:
    read = {*own, *(name for check in checks for name in check.columns)}
    columns = [column for column in schema.committed if column.name in read]
    digits = [digit for column in columns for digit in column.digits]
    boolean = [PRESENT] * (number == 0) + [digit.name for digit in digits if digit.column in own]
    constraints = [constraint for column in columns if column.name in own for constraint in _column(column)]
    constraints += [constraint for check in checks for constraint in check.constraints]
    return AdmissionPart((PRESENT_DIGIT, *digits), tuple(boolean), tuple(constraints))


def _column(column: Column | Difference) -> Iterator[Constraint]:
    lowest = value_form(column.digits[0])
    if column.nullable:
        name = column.digits[0].name
        yield Constraint(f"{name} has at most one value", ((1, (lowest, lowest)), (-1, (lowest,))))
        yield Constraint(f"{name} has a value only in a present row", ((1, (lowest, PRESENT_FORM)), (-1, (lowest,))))
        for digit in column.digits[1:]:
            has_value = value_form(digit)
            yield Constraint(f"{digit.name} is NULL together with {name}", ((1, (lowest,)), (-1, (has_value,))))
    else:
        for digit in column.digits:
            has_value = value_form(digit)
            yield Constraint(f"{digit.name} has one value where present", ((1, (PRESENT_FORM,)), (-1, (has_value,))))
    yield from _range(column)


def _range(column: Column | Difference) -> Iterator[Constraint]:
    """A code is above size - 1 if it has the largest code's digits above some place, and a larger one there."""
    largest = [(column.size - 1) // digit.weight % digit.values for digit in column.digits]
    above: tuple[Form, ...] = ()
    for digit, top in reversed(list(zip(column.digits, largest, strict=True))):
        if top < digit.values - 1:
            larger = indicator_form(digit, range(top + 1, digit.values))
            yield Constraint(f"{digit.name} is in the domain of {column.name}", ((1, (*above, larger)),))
        above = (*above, indicator_form(digit, range(top, top + 1)))

"""Forms that plans, admission and rules are made of (`circuits.cells.Form`)."""

from collections.abc import Iterable
from typing import Final, Protocol

from circuits.cells import Form
from circuits.columns import Digit

PRESENT_FORM: Final = Form(1, ())


class Committed(Protocol):
    """A column of the committed table: a declared one, or the difference that a rule needs."""

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Least significant first."""


def table_form(digit: Digit, table: tuple[int, ...]) -> Form:
    """The function of a digit with this value for each state; NULL, the last, may be left out and is 0 then."""
    null = table[digit.values] if len(table) > digit.values else 0
    return Form(null, ((digit.name, tuple(entry - null for entry in table[: digit.values])),))


def indicator_form(digit: Digit, values: Iterable[int]) -> Form:
    """1 where the digit has one of these values."""
    chosen = set(values)
    return table_form(digit, tuple(int(value in chosen) for value in range(digit.values)))


def value_form(digit: Digit) -> Form:
    """1 where the digit has a value, 0 where it is NULL."""
    return indicator_form(digit, range(digit.values))


def code_form(column: Committed) -> Form:
    """The code of a column, 0 where it is NULL."""
    digits = ((d.name, tuple(d.weight * value for value in range(d.values))) for d in column.digits)
    return Form(0, tuple(digits))

"""A relation, parsed from its encoding and checked against every bound (docs/spec/05-argument.md, section 1).

u32 digits,  then for each:  u32 K
u32 forms,   then for each:  u32 parts >= 1, then for each part:  u32 digit, K scalars      digits strictly increasing
u32 terms,   then for each:  scalar a, u32 factors (1 to 6), u32 form indices               not decreasing
u32 boolean, then for each:  u32 digit                                                      strictly increasing
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from protocol.errors import MalformedInput
from protocol.parameters import MAX_DIGIT_VALUES, MAX_FACTORS, SCALAR_BYTES
from prover.reference.codec import decode_scalars, require_bytes

MAX_FORMS: Final = 4095  # forms and boolean digits together: each has an evaluation, committed under U_2 .. U_4096
BOOLEAN_DEGREE: Final = 2  # of b^2 - b

Form = tuple[tuple[int, Sequence[int]], ...]  # (digit, its K weights)
Term = tuple[int, tuple[int, ...]]  # (a, the forms that are multiplied)


@dataclass(frozen=True, slots=True)
class Relation:
    """What the committed rows satisfy.

    Attributes:
        digits: K of each digit.
        forms: phi_j = sum over parts of sum_t w_t b_d(t, .).
        terms: the summands a_m prod phi_j.
        boolean: the digits whose entries are 0 or 1.
    """

    digits: tuple[int, ...]
    forms: tuple[Form, ...]
    terms: tuple[Term, ...]
    boolean: tuple[int, ...]

    @property
    def degree(self) -> int:
        """D: the most factors of a term, and at least 2 if there are boolean digits."""
        return max([len(factors) for _, factors in self.terms] + [BOOLEAN_DEGREE] * bool(self.boolean))

    @property
    def selector_bits(self) -> int:
        """kappa: the bits of the largest K of a boolean digit minus 1."""
        return max([(self.digits[digit] - 1).bit_length() for digit in self.boolean], default=0)


def decode_relation(data: bytes) -> Relation:
    """The relation of an encoding. Raises MalformedInput."""
    reader = _Reader(data)
    digits = tuple(reader.number(1, MAX_DIGIT_VALUES) for _ in range(reader.count()))
    forms = tuple(_form(reader, digits) for _ in range(reader.count()))
    terms = tuple(_term(reader, len(forms)) for _ in range(reader.count()))
    boolean = tuple(reader.number(0, len(digits) - 1) for _ in range(reader.count(least=0)))
    if any(a >= b for a, b in pairwise(boolean)):
        raise MalformedInput("the boolean digits do not increase strictly")
    if len(forms) + len(boolean) > MAX_FORMS:
        raise MalformedInput(f"the relation has more than {MAX_FORMS} forms and boolean digits")
    reader.finish()
    return Relation(digits, forms, terms, boolean)


def _form(reader: "_Reader", digits: Sequence[int]) -> Form:
    parts = []
    for _ in range(reader.count()):
        digit = reader.number(0, len(digits) - 1)
        parts.append((digit, reader.scalars(digits[digit])))
    if any(a >= b for (a, _), (b, _) in pairwise(parts)):
        raise MalformedInput("the digits of a form do not increase strictly")
    return tuple(parts)


def _term(reader: "_Reader", forms: int) -> Term:
    (coefficient,) = reader.scalars(1)
    factors = tuple(reader.number(0, forms - 1) for _ in range(reader.number(1, MAX_FACTORS)))
    if any(a > b for a, b in pairwise(factors)):
        raise MalformedInput("the forms of a term decrease")
    return coefficient, factors


class _Reader:
    """Takes elements from the front. Nothing is allocated that is not read: an announced count ends where the bytes end."""

    def __init__(self, data: bytes) -> None:
        self._data = require_bytes("the relation", data)
        self._at = 0

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise MalformedInput("the relation is cut short")
        self._at += size
        return piece

    def number(self, low: int, high: int) -> int:
        number = int.from_bytes(self.take(4), "big")
        if not low <= number <= high:
            raise MalformedInput(f"byte {self._at - 4} of the relation: {number} is not between {low} and {high}")
        return number

    def count(self, least: int = 1) -> int:
        return self.number(least, (1 << 32) - 1)

    def scalars(self, count: int) -> list[int]:
        return decode_scalars("the weights", self.take(count * SCALAR_BYTES), count)

    def finish(self) -> None:
        if self._at != len(self._data):
            raise MalformedInput("there are bytes after the relation")

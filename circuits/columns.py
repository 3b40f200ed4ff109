"""Column types: each has a finite ordered domain of K values, and a value is its position 0..K-1 in it, its *code*.

Specification: `docs/spec/02-tables-schema.md`. Up to MAX_DIGIT_VALUES values a code is one digit; larger codes are split
into digits of base DIGIT_BASE, least significant first.
"""

import datetime
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from protocol.parameters import MAX_DIGIT_VALUES

# One digit costs one point addition a row when committing and one factor in a comparison; one digit value costs one
# commitment a block of rows. 64 keeps a 4,096-value column (most laboratory results) at two digits and 128 commitments.
DIGIT_BASE: Final = 64
MAX_DOMAIN: Final = 1 << 31  # squares of codes stay below 2^62, so that rows are evaluated in 64-bit integers
MAX_MAGNITUDE: Final = 10**15  # of a scaled value: exact in a double and in RFC 8785
MAX_SCALE: Final = 9
MAX_CODES: Final = 4096
MAX_CODE_LENGTH: Final = 128
PRESENT: Final = "present"  # the one-valued digit that every real row has; no column may have this name

Value = str | int | Decimal | bool | datetime.date

_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
Name = Annotated[str, Field(pattern=_NAME)]
Text = Annotated[str, Field(max_length=2000)]


def scaled_integer(number: Decimal, scale: int) -> int | None:
    """`number` times 10^scale, exactly; None if that is no integer or the number is not of ordinary size.

    Works on the digits alone: `Decimal` arithmetic rounds to the precision of a context that others may have changed.
    """
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or len(digits) > 64 or abs(exponent) > 64:
        return None
    magnitude: int = int("".join(map(str, digits)))
    shift = exponent + scale
    if shift < 0:
        magnitude, rest = divmod(magnitude, int(10**-shift))
        if rest:
            return None
    else:
        magnitude *= int(10**shift)
    return -magnitude if sign else magnitude


def scaled_decimal(integer: int, scale: int) -> Decimal:
    """`integer` / 10^scale with exactly `scale` decimal places, whatever the decimal context."""
    return Decimal((int(integer < 0), tuple(map(int, str(abs(integer)))), -scale))


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class _Column(Strict, ABC):
    name: Name
    nullable: bool = False
    unit: Annotated[str, Field(max_length=64)] = ""
    description: Text = ""

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name.lower() == PRESENT:
            raise ValueError(f"{PRESENT!r} is the name of the digit that marks real rows")
        return name

    @property
    @abstractmethod
    def size(self) -> int:
        """K, the number of values of the domain."""

    @abstractmethod
    def value(self, code: int) -> Value:
        """The value with this code, 0 <= code < size."""

    @abstractmethod
    def _domain(self) -> dict[str, Any]:
        """The members that are particular to the type."""

    def canonical(self) -> dict[str, Any]:
        """JSON-ready members; numbers and dates as text, because RFC 8785 has only doubles."""
        return {
            "name": self.name,
            "nullable": self.nullable,
            "unit": self.unit,
            "description": self.description,
            **self._domain(),
        }

    @cached_property
    def digits(self) -> tuple["Digit", ...]:
        """The digits of this column, least significant first."""
        return split_digits(self.name, self.size)


class CategoryColumn(_Column):
    """One of a list of codes, ordered as declared."""

    type: Literal["category"]
    codes: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_CODES)]
    labels: dict[str, Annotated[str, Field(max_length=256)]] = Field(default_factory=dict)

    @field_validator("codes", mode="before")
    @classmethod
    def _codes_from_list(cls, codes: object) -> object:
        return tuple(codes) if isinstance(codes, list) else codes

    @field_validator("codes")
    @classmethod
    def _codes_are_plain(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        seen = set()
        for code in codes:
            if not 1 <= len(code) <= MAX_CODE_LENGTH or not code.isprintable():
                raise ValueError(f"a code is 1 to {MAX_CODE_LENGTH} printable characters")
            if code in seen:
                raise ValueError(f"code {code!r} is listed twice")
            seen.add(code)
        return codes

    @model_validator(mode="after")
    def _labels_have_codes(self) -> "CategoryColumn":
        unknown = sorted(set(self.labels) - set(self.codes))
        if unknown:
            raise ValueError(f"labels: {unknown[0]!r} is not one of the codes")
        return self

    @property
    def size(self) -> int:
        return len(self.codes)

    def value(self, code: int) -> str:
        return self.codes[code]

    def _domain(self) -> dict[str, Any]:
        return {"type": self.type, "codes": list(self.codes), "labels": dict(self.labels)}


class _Ranged(_Column, ABC):
    @property
    @abstractmethod
    def low(self) -> int:
        """The smallest value as an integer: the value itself, the scaled value, or the day number."""

    @property
    @abstractmethod
    def high(self) -> int:
        """The largest value as an integer."""

    @property
    def size(self) -> int:
        return self.high - self.low + 1

    @model_validator(mode="after")
    def _range_is_usable(self) -> "_Ranged":
        if self.high < self.low:
            raise ValueError("max is below min")
        if self.size > MAX_DOMAIN:
            raise ValueError(f"the domain has {self.size} values, at most {MAX_DOMAIN} are supported")
        if max(abs(self.low), abs(self.high)) > MAX_MAGNITUDE:
            raise ValueError(f"min and max may not exceed {MAX_MAGNITUDE} in magnitude (after scaling)")
        return self


class IntegerColumn(_Ranged):
    """Whole numbers min..max."""

    type: Literal["integer"]
    min: int
    max: int

    @property
    def low(self) -> int:
        return self.min

    @property
    def high(self) -> int:
        return self.max

    @property
    def scale(self) -> int:
        """Decimal places: none."""
        return 0

    def value(self, code: int) -> int:
        return self.min + code

    def _domain(self) -> dict[str, Any]:
        return {"type": self.type, "min": str(self.min), "max": str(self.max)}


class DecimalColumn(_Ranged):
    """Numbers min..max with exactly `scale` decimal places, held as integers scaled by 10^scale."""

    type: Literal["decimal"]
    scale: Annotated[int, Field(ge=0, le=MAX_SCALE)]
    min: Decimal
    max: Decimal

    @field_validator("min", "max", mode="before")
    @classmethod
    def _plain_number(cls, bound: object) -> object:
        if isinstance(bound, int) and not isinstance(bound, bool):
            bound = Decimal(bound)
        return bound

    @field_validator("min", "max")
    @classmethod
    def _fits_scale(cls, bound: Decimal, info: ValidationInfo) -> Decimal:
        # `scale` is declared, and therefore validated, before the bounds.
        if "scale" in info.data and scaled_integer(bound, info.data["scale"]) is None:
            raise ValueError(f"must be a number of ordinary size with at most {info.data['scale']} decimal places")
        return bound

    @cached_property
    def low(self) -> int:
        return scaled_integer(self.min, self.scale) or 0

    @cached_property
    def high(self) -> int:
        return scaled_integer(self.max, self.scale) or 0

    def value(self, code: int) -> Decimal:
        return scaled_decimal(self.low + code, self.scale)

    def _domain(self) -> dict[str, Any]:
        low, high = self.value(0), self.value(self.size - 1)
        return {"type": self.type, "scale": self.scale, "min": f"{low:f}", "max": f"{high:f}"}


class BooleanColumn(_Column):
    """false or true."""

    type: Literal["boolean"]

    @property
    def size(self) -> int:
        return 2

    def value(self, code: int) -> bool:
        return code == 1

    def _domain(self) -> dict[str, Any]:
        return {"type": self.type}


class DateColumn(_Ranged):
    """Calendar days min..max."""

    type: Literal["date"]
    min: datetime.date
    max: datetime.date

    @property
    def low(self) -> int:
        return self.min.toordinal()

    @property
    def high(self) -> int:
        return self.max.toordinal()

    def value(self, code: int) -> datetime.date:
        return datetime.date.fromordinal(self.low + code)

    def _domain(self) -> dict[str, Any]:
        return {"type": self.type, "min": self.min.isoformat(), "max": self.max.isoformat()}


Column = CategoryColumn | IntegerColumn | DecimalColumn | BooleanColumn | DateColumn
NumericColumn = IntegerColumn | DecimalColumn


@dataclass(frozen=True)
class Digit:
    """One one-hot column group of the committed table.

    Attributes:
        column: the column it belongs to, or `present`.
        position: 0 for the least significant digit of the column.
        values: how many values it has; its codes are 0..values-1.
        weight: what one unit of this digit adds to the code of the column.
    """

    column: str
    position: int
    values: int
    weight: int

    @property
    def name(self) -> str:
        """`column.position`, or `present`."""
        return PRESENT if self.column == PRESENT else f"{self.column}.{self.position}"


PRESENT_DIGIT: Final = Digit(PRESENT, 0, 1, 0)


def split_digits(column: str, size: int) -> tuple[Digit, ...]:
    """The digits of a column of `size` values, least significant first."""
    if size <= MAX_DIGIT_VALUES:
        return (Digit(column, 0, size, 1),)
    digits = []
    position, weight = 0, 1
    while weight < size:
        # The leading digit is only as large as the largest code needs.
        digits.append(Digit(column, position, min(DIGIT_BASE, (size - 1) // weight + 1), weight))
        position, weight = position + 1, weight * DIGIT_BASE
    return tuple(digits)

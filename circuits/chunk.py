"""An encoded chunk: the rows that are committed and summed, as digit codes. Specification: docs/spec/02-tables-schema.md."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from circuits.columns import PRESENT, Digit
from circuits.errors import CellsMismatch
from circuits.schema import Schema
from protocol.parameters import ABSENT_CODE, MAX_CHUNK_ROWS

MIN_CHUNK_ROWS: Final = 1 << 10  # so that a short last chunk says little about how many rows it has

Codes = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class EncodedDigit:
    """One digit of every row.

    Attributes:
        name: `column.position`, or `present`.
        values: how many values the digit has.
        codes: shape (rows,), each below `values`, or ABSENT_CODE for NULL and for padding.
    """

    name: str
    values: int
    codes: Codes = field(repr=False)  # patients' data do not print


@dataclass(frozen=True, eq=False)
class EncodedChunk:
    """Up to MAX_CHUNK_ROWS rows. The real rows come first; padding is absent in every digit.

    Attributes:
        rows: N, a power of two, which is public.
        real: how many rows are real, which is not.
        digits: the digits of the schema, in its order, `present` first.

    Raises:
        CellsMismatch: the parts do not fit together; this is checked once, here, for whoever computes on them.
    """

    rows: int
    real: int = field(repr=False)  # the number of patients stays hidden behind the padding
    digits: tuple[EncodedDigit, ...]

    def __post_init__(self) -> None:
        if not (MIN_CHUNK_ROWS <= self.rows <= MAX_CHUNK_ROWS and self.rows & (self.rows - 1) == 0):
            raise CellsMismatch(f"a chunk of {self.rows} rows is not a power of two in range")
        if not 0 <= self.real <= self.rows or not self.digits or self.digits[0].name != PRESENT:
            raise CellsMismatch("a chunk does not start with its present rows")
        for digit in self.digits:
            codes = digit.codes
            if codes.dtype != np.uint16 or codes.shape != (self.rows,):
                raise CellsMismatch(f"digit {digit.name} is not {self.rows} 16-bit codes")
            if np.any((codes >= digit.values) & (codes != ABSENT_CODE)) or np.any(codes[self.real :] != ABSENT_CODE):
                raise CellsMismatch(f"digit {digit.name} has a code outside its values, or in the padding")
        if np.any(self.digits[0].codes[: self.real] != 0):
            raise CellsMismatch("a real row is not present")

    @cached_property
    def by_name(self) -> dict[str, EncodedDigit]:
        """The digits by name."""
        return {digit.name: digit for digit in self.digits}


def check_layout(chunk: EncodedChunk, schema: Schema) -> None:
    """Raise CellsMismatch unless the digits of the chunk are those of the schema, in order."""
    found = [(digit.name, digit.values) for digit in chunk.digits]
    if found != [(digit.name, digit.values) for digit in schema.digits]:
        raise CellsMismatch(f"the chunk does not have the digits of dataset {schema.name}")


def padded_rows(real: int) -> int:
    """The smallest allowed N that holds `real` rows."""
    return max(MIN_CHUNK_ROWS, 1 << (real - 1).bit_length()) if real else MIN_CHUNK_ROWS


def padded(digit: Digit, codes: Codes, rows: int) -> EncodedDigit:
    """`codes` of the real rows, followed by absent ones up to `rows`."""
    filled = np.full(rows, ABSENT_CODE, dtype=np.uint16)
    filled[: len(codes)] = codes
    return EncodedDigit(digit.name, digit.values, filled)

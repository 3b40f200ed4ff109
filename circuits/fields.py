"""Fields of a table to codes, by exact rules, a batch at a time. Specification: `docs/spec/02-tables-schema.md`, "Fields".

Text is converted value by distinct value: a batch has far fewer of those than rows. Binary integers, booleans, days and
doubles are converted in bulk. No text passes through floating point, and a double is accepted only if it is the double
nearest to one number of the domain, so that what is committed is what was written.
"""

import datetime
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from circuits.columns import BooleanColumn, CategoryColumn, Column, DateColumn, DecimalColumn, IntegerColumn

NULL: Final = -1  # the code of a NULL field
REFUSED: Final = -2  # the code of a field outside its domain
MAX_FIELD_LENGTH: Final = 256  # characters; a longer field is refused before it is looked at
_CACHE_SIZE: Final = 1 << 16

CodeArray = npt.NDArray[np.int64]

_NUMBER: Final = re.compile(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,40}))?", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_BOOLEANS: Final = {"true": 1, "t": 1, "1": 1, "false": 0, "f": 0, "0": 0}
_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()


class FieldReader:
    """Converts one column; keeps the codes of texts it has seen."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._seen: dict[str, int] = {}
        self._low, self._high = (0, 0) if isinstance(column, CategoryColumn | BooleanColumn) else (column.low, column.high)
        self._codes = {code: index for index, code in enumerate(column.codes)} if isinstance(column, CategoryColumn) else {}

    def read(self, fields: pa.Array) -> CodeArray | None:
        """The codes of the fields: 0..size-1, NULL or REFUSED; None if fields of this Arrow type cannot be this column."""
        if pa.types.is_dictionary(fields.type):
            fields = fields.dictionary_decode()
        if pa.types.is_large_string(fields.type) or pa.types.is_string_view(fields.type):
            fields = fields.cast(pa.string())
        kind = fields.type
        if pa.types.is_null(kind):
            return np.full(len(fields), NULL, dtype=np.int64)
        if pa.types.is_string(kind):
            return self._texts(fields)
        if pa.types.is_decimal(kind) and isinstance(self._column, IntegerColumn | DecimalColumn):
            return self._texts(fields.cast(pa.string()))
        if pa.types.is_integer(kind) and isinstance(self._column, CategoryColumn):
            return self._texts(fields.cast(pa.string()))
        bulk = self._bulk(kind)
        if bulk is None:
            return None
        present = fields.is_valid().to_numpy(zero_copy_only=False)
        codes = np.full(len(fields), NULL, dtype=np.int64)
        codes[present] = bulk(fields.drop_null())
        return codes

    def _bulk(self, kind: pa.DataType) -> Callable[[pa.Array], CodeArray] | None:
        column = self._column
        if isinstance(column, IntegerColumn | DecimalColumn):
            if pa.types.is_integer(kind):
                return lambda fields: _from_integers(fields, column)
            if pa.types.is_float64(kind) or pa.types.is_float32(kind):
                return lambda fields: _from_doubles(fields, column)
        if isinstance(column, BooleanColumn):
            if pa.types.is_boolean(kind):
                return lambda fields: _integers(fields.cast(pa.int64()))
            if pa.types.is_integer(kind):
                return lambda fields: _within(_integers(fields), 0, 1)
        if isinstance(column, DateColumn) and pa.types.is_date32(kind):
            low, high = column.low - _EPOCH, column.high - _EPOCH
            return lambda fields: _within(fields.cast(pa.int32()).to_numpy().astype(np.int64), low, high)
        return None

    def _texts(self, fields: pa.Array) -> CodeArray:
        encoded = fields.dictionary_encode()
        texts = encoded.dictionary
        # A field of a gigabyte is refused by its length and never becomes a Python string.
        short = pc.less_equal(pc.utf8_length(texts), MAX_FIELD_LENGTH)
        if not pc.all(short).as_py() and len(texts):
            texts = pc.if_else(short, texts, None)
        # One more entry at the end, which the index -1 of a NULL finds.
        table = np.full(len(texts) + 1, NULL, dtype=np.int64)
        for index, text in enumerate(texts.to_pylist()):
            table[index] = REFUSED if text is None else self._text(text)
        codes: CodeArray = table[encoded.indices.fill_null(-1).to_numpy()]
        return codes

    def _text(self, text: str) -> int:
        code = self._seen.get(text)
        if code is None:
            code = self._convert(text)
            if len(self._seen) < _CACHE_SIZE:
                self._seen[text] = code
        return code

    def _convert(self, text: str) -> int:
        column = self._column
        if isinstance(column, CategoryColumn):
            return self._codes.get(text, REFUSED)
        if isinstance(column, BooleanColumn):
            return _BOOLEANS.get(text.lower(), REFUSED)
        integer = _day(text) if isinstance(column, DateColumn) else _number(text, column.scale)
        return integer - self._low if integer is not None and self._low <= integer <= self._high else REFUSED


def _day(text: str) -> int | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        return datetime.date.fromisoformat(text).toordinal()
    except ValueError:  # 30 February
        return None


def _number(text: str, scale: int) -> int | None:
    """The number times 10^scale; None if the text is no plain number or has non-zero digits beyond the scale."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction = match.groups()
    fraction = (fraction or "").rstrip("0")
    if len(fraction) > scale:
        return None
    return int(sign + whole + fraction.ljust(scale, "0"))


def _within(integers: CodeArray, low: int, high: int) -> CodeArray:
    return np.where((integers >= low) & (integers <= high), integers - low, REFUSED)


def _integers(fields: pa.Array) -> CodeArray:
    # No domain reaches 2^62, so that cutting there keeps large unsigned values outside and inside 64 bits.
    integers: npt.NDArray[Any] = fields.to_numpy()
    if integers.dtype == np.uint64:
        integers = np.minimum(integers, np.uint64(1 << 62))
    return integers.astype(np.int64)


def _from_integers(fields: pa.Array, column: IntegerColumn | DecimalColumn) -> CodeArray:
    # Bounds of the unscaled value first, so that scaling cannot overflow.
    unit = 10**column.scale
    integers = _integers(fields)
    inside = (integers >= -(-column.low // unit)) & (integers <= column.high // unit)
    return np.where(inside, np.where(inside, integers, 0) * unit - column.low, REFUSED)


def _from_doubles(fields: pa.Array, column: IntegerColumn | DecimalColumn) -> CodeArray:
    """Doubles (or floats) that are nearest to a number of the domain.

    m = round(v * 10^scale) is that number if m / 10^scale, rounded once, gives v back. With |m| <= 10^15 < 2^53 no two m
    share a double. A float has 24 bits, so that beyond 2^23 several m could share it: those are refused.
    """
    values: npt.NDArray[Any] = fields.to_numpy()
    single = values.dtype != np.float64
    unit = float(10**column.scale)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.rint(values.astype(np.float64) * unit)
        limit = float(1 << 23) if single else 2.0**53
        usable = np.isfinite(scaled) & (np.abs(scaled) < limit)
        scaled = np.where(usable, scaled, 0.0)
        usable &= (scaled / unit).astype(values.dtype) == values
    return np.where(usable, _within(scaled.astype(np.int64), column.low, column.high), REFUSED)

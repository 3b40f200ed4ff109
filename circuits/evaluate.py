"""A hospital's cells in the clear: what the proof is about. Specification: `docs/spec/04-queries.md`.

Exact integers throughout. Rows are taken in blocks that fit the processor's cache. A row's summand is computed in 64-bit
integers, because the plan bounds it; where the bound is larger, in Python's integers.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from circuits.cells import CellFamily, Form
from circuits.chunk import EncodedChunk
from circuits.errors import CellsMismatch
from circuits.plan import Plan
from protocol.parameters import ABSENT_CODE

BLOCK_ROWS: Final = 1 << 15
# `bincount` adds doubles. A block's sum of values below _DIRECT_LIMIT, or of 31-bit halves, stays below 2^53: exact.
_DIRECT_LIMIT: Final = 1 << 38
_HALF_BITS: Final = 31
_HALF_MASK: Final = (1 << _HALF_BITS) - 1
_INT64_LIMIT: Final = 1 << 62

Rows = npt.NDArray[Any]  # one integer a row: int64, or Python integers where 64 bits do not suffice


def evaluate(plan: Plan, chunks: Iterable[EncodedChunk]) -> list[int]:
    """The plan's cells over all rows of all chunks.

    Returns:
        `plan.cells` integers, none negative.

    Raises:
        CellsMismatch: a chunk lacks a digit of the plan.
    """
    sums = [0] * plan.cells
    bounds = [_bound(plan, family) for family in plan.families]
    for chunk in chunks:
        for start in range(0, chunk.real, BLOCK_ROWS):
            block = _Block(plan, chunk, start, min(start + BLOCK_ROWS, chunk.real))
            for family, bound in zip(plan.families, bounds, strict=True):
                block.add(family, bound, sums)
    return sums


def _bound(plan: Plan, family: CellFamily) -> int:
    """A bound on every intermediate result of one row, even of a row whose digits contradict each other."""
    total = 0
    for term in family.terms:
        size = abs(term.coefficient)
        for index in term.factors:
            size *= max(1, plan.forms[index].bound())
        total += size
    return total


class _Block:
    def __init__(self, plan: Plan, chunk: EncodedChunk, start: int, end: int) -> None:
        self._plan = plan
        self._chunk = chunk
        self._rows = slice(start, end)
        self._length = end - start
        self._forms: dict[int, Rows] = {}
        self._keys = self._group_keys() if plan.groups else None

    def add(self, family: CellFamily, bound: int, sums: list[int]) -> None:
        """Add this block's part of every cell of `family` to `sums`; no intermediate result exceeds `bound`."""
        if not family.terms:
            return
        exact64 = bound < _INT64_LIMIT
        summand = self._summand(family, exact64=exact64)
        if not exact64:
            keys = [0] * self._length if self._keys is None else self._keys.tolist()
            for key, value in zip(keys, summand, strict=True):
                if key < family.cells:
                    sums[family.first + key] += value
        elif self._keys is None:
            low, high = int((summand & _HALF_MASK).sum()), int((summand >> _HALF_BITS).sum())
            sums[family.first] += low + (high << _HALF_BITS)
        else:
            self._add_grouped(family, summand, bound, self._keys, sums)

    def _add_grouped(self, family: CellFamily, summand: Rows, bound: int, keys: Rows, sums: list[int]) -> None:
        halves = [(summand, 0)]
        if bound >= _DIRECT_LIMIT:
            halves = [(summand & _HALF_MASK, 0), (summand >> _HALF_BITS, _HALF_BITS)]
        for half, shift in halves:
            totals = np.bincount(keys, weights=half, minlength=family.cells + 1)[: family.cells]
            for cell in np.flatnonzero(totals).tolist():
                sums[family.first + cell] += int(totals[cell]) << shift

    def _summand(self, family: CellFamily, *, exact64: bool) -> Rows:
        total: Rows | None = None
        for term in family.terms:
            value = self._form(term.factors[0])
            if not exact64:
                value = value.astype(object)
            for index in term.factors[1:]:
                value = value * self._form(index)
            if term.coefficient != 1:
                value = value * term.coefficient
            total = value if total is None else total + value
        if total is None:
            raise CellsMismatch("a family has no terms")
        return total

    def _form(self, index: int) -> Rows:
        known = self._forms.get(index)
        if known is None:
            known = self._forms[index] = self._form_values(self._plan.forms[index])
        return known

    def _form_values(self, form: Form) -> Rows:
        values = np.full(self._length, form.constant, dtype=np.int64) if not form.digits else None
        for position, (name, weights) in enumerate(form.digits):
            # The constant goes into the first digit's table; NULL is its last entry.
            constant = form.constant if position == 0 else 0
            table = np.array([weight + constant for weight in weights] + [constant], dtype=np.int64)
            part = table[self._codes(name, len(weights))]
            values = part if values is None else values + part
        if values is None:
            raise CellsMismatch("a form has no values")
        return values

    def _group_keys(self) -> Rows:
        """The index of each row's group; rows of no group get the index after the last."""
        keys = np.zeros(self._length, dtype=np.int64)
        outside = np.zeros(self._length, dtype=bool)
        for group in self._plan.groups:
            null = self._codes(group.digits[0].name, group.digits[0].values) == group.digits[0].values
            code = np.zeros(self._length, dtype=np.int64)
            for digit in group.digits:
                code += self._codes(digit.name, digit.values).astype(np.int64) * digit.weight
            size = sum(digit.weight * (digit.values - 1) for digit in group.digits) + 1
            index = np.full(size + 1, -1, dtype=np.int64)
            index[list(group.codes)] = np.arange(len(group.codes))
            index[size] = len(group.codes) if group.null else -1
            own = index[np.where(null, size, code)]
            outside |= own < 0
            keys = keys * len(group.values) + own
        return np.where(outside, self._plan.group_cells, keys)

    def _codes(self, name: str, values: int) -> npt.NDArray[np.uint16]:
        """The codes of a digit, with `values` for NULL."""
        digit = self._chunk.by_name.get(name)
        if digit is None or digit.values != values:
            raise CellsMismatch(f"the chunk has no digit {name} of {values} values")
        codes = digit.codes[self._rows]
        return np.where(codes == ABSENT_CODE, np.uint16(values), codes)

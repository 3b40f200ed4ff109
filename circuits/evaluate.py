"""A hospital's cells in the clear: what the proof is about. Specification: `docs/spec/04-queries.md`.

Exact integers throughout. Rows are taken in blocks that fit the processor's cache. A row's summand is computed in 64-bit
integers, because the plan bounds it; where the bound is larger, in Python's integers.
"""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from circuits.cells import Bins, CellFamily, Form, Grid
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
        `plan.cells` integers.

    Raises:
        CellsMismatch: a chunk lacks a digit of the plan.
    """
    bounds = [_bound(plan, family) for family in plan.families]
    grids = [_GridIndex(grid) for grid in plan.grids]
    sums = [[0] * grids[family.grid].size for family in plan.families]
    for chunk in chunks:
        for start in range(0, chunk.real, BLOCK_ROWS):
            block = _Block(plan, grids, chunk, start, min(start + BLOCK_ROWS, chunk.real))
            for family, bound, own in zip(plan.families, bounds, sums, strict=True):
                block.add(family, bound, own)
    return [cell for family, own in zip(plan.families, sums, strict=True) for cell in grids[family.grid].cells(own)]


def _bound(plan: Plan, family: CellFamily) -> int:
    """A bound on every intermediate result of one row, even of a row whose digits contradict each other."""
    total = 0
    for term in family.terms:
        size = abs(term.coefficient)
        for index in term.factors:
            size *= max(1, plan.forms[index].bound())
        total += size
    return total


class _GridIndex:
    """Where a row belongs in a grid: each axis cut into pieces, of which a row has one. A key of bins is several pieces."""

    def __init__(self, grid: Grid) -> None:
        self._axes = grid
        self._pieces = [len(axis.starts) + 1 if isinstance(axis, Bins) else len(axis.values) for axis in grid]
        self.size = prod(self._pieces)

    def of(self, codes: Callable[[str, int], npt.NDArray[np.uint16]], length: int) -> Rows | None:
        """The index of each row's pieces; `size` for rows that have no cell. None if there is one cell for all."""
        if not self._axes:
            return None
        index = np.zeros(length, dtype=np.int64)
        outside = np.zeros(length, dtype=bool)
        for axis, pieces in zip(self._axes, self._pieces, strict=True):
            null = codes(axis.digits[0].name, axis.digits[0].values) == axis.digits[0].values
            code = np.zeros(length, dtype=np.int64)
            for digit in axis.digits:
                code += codes(digit.name, digit.values).astype(np.int64) * digit.weight
            if isinstance(axis, Bins):
                own = np.searchsorted(np.array(axis.starts), code, side="right") - 1
                own = np.where(null, len(axis.starts), own)
            else:
                size = sum(digit.weight * (digit.values - 1) for digit in axis.digits) + 1
                known = np.full(size + 1, -1, dtype=np.int64)
                known[list(axis.codes)] = np.arange(len(axis.codes))
                known[size] = len(axis.codes) if axis.null else -1
                own = known[np.where(null, size, code)]
            outside |= own < 0
            index = index * pieces + own
        return np.where(outside, self.size, index)

    def cells(self, sums: list[int]) -> list[int]:
        """From the sums of all pieces to those of all keys."""
        if not any(isinstance(axis, Bins) for axis in self._axes):
            return sums
        found = np.array(sums, dtype=object).reshape(self._pieces)
        for place, axis in enumerate(self._axes):
            if isinstance(axis, Bins):
                found = np.stack([found.take(members, axis=place).sum(axis=place) for members in axis.members], axis=place)
        return [int(cell) for cell in found.ravel()]


class _Block:
    def __init__(self, plan: Plan, grids: Sequence[_GridIndex], chunk: EncodedChunk, start: int, end: int) -> None:
        self._plan = plan
        self._chunk = chunk
        self._rows = slice(start, end)
        self._length = end - start
        self._forms: dict[int, Rows] = {}
        self._keys = [grid.of(self._codes, self._length) for grid in grids]

    def add(self, family: CellFamily, bound: int, sums: list[int]) -> None:
        """Add this block's part of every piece of `family` to `sums`; no intermediate result exceeds `bound`."""
        if not family.terms:
            return
        exact64 = bound < _INT64_LIMIT
        summand = self._summand(family, exact64=exact64)
        keys = self._keys[family.grid]
        if not exact64:
            for key, value in zip([0] * self._length if keys is None else keys.tolist(), summand, strict=True):
                if key < len(sums):
                    sums[key] += value
        elif keys is None:
            low, high = int((summand & _HALF_MASK).sum()), int((summand >> _HALF_BITS).sum())
            sums[0] += low + (high << _HALF_BITS)
        else:
            self._add_keyed(summand, bound, keys, sums)

    def _add_keyed(self, summand: Rows, bound: int, keys: Rows, sums: list[int]) -> None:
        halves = [(summand, 0)]
        if bound >= _DIRECT_LIMIT:
            halves = [(summand & _HALF_MASK, 0), (summand >> _HALF_BITS, _HALF_BITS)]
        for half, shift in halves:
            totals = np.bincount(keys, weights=half, minlength=len(sums) + 1)[: len(sums)]
            for piece in np.flatnonzero(totals).tolist():
                sums[piece] += int(totals[piece]) << shift

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

    def _codes(self, name: str, values: int) -> npt.NDArray[np.uint16]:
        """The codes of a digit, with `values` for NULL."""
        digit = self._chunk.by_name.get(name)
        if digit is None or digit.values != values:
            raise CellsMismatch(f"the chunk has no digit {name} of {values} values")
        codes = digit.codes[self._rows]
        return np.where(codes == ABSENT_CODE, np.uint16(values), codes)

"""All cells of a plan as one sum over the rows: sum_k gamma^k y_k.

A cell of a family is the sum of its polynomial over the rows of one combination of keys. The cells with weights gamma^k are
therefore one sum over all rows, of the polynomial times the powers of gamma of the row's keys, and these are a sum of
products of functions of the digits of the grid's columns. Specification: docs/spec/05-contribution.md, section "Relation".
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import product

from circuits.cells import Bins, CellFamily, Form, Grid, Group, Term
from circuits.columns import Digit
from circuits.combination import Combination, Combiner

State = tuple[tuple[int, int], ...]  # of a digit: the sum of c gamma^e as (e, c); empty where the row has no cell
Pattern = tuple[tuple[str, tuple[State, ...]], ...]  # a product: (digit, its states, NULL last)


def weighted_cells(
    digits: Sequence[Digit], grids: Sequence[Grid], forms: Sequence[Form], families: Iterable[CellFamily]
) -> Combination:
    """The combination of all cells of these families.

    Args:
        digits: of the schema, in its order.
    """
    weighting = _Weighting(digits, [grid_patterns(grid) for grid in grids], forms)
    for family in families:
        for term in family.terms:
            weighting.add(term, family.first, family.grid)
    return weighting.combiner.combination(padding_is_zero=True)


@lru_cache(maxsize=256)
def grid_patterns(grid: Grid) -> list[Pattern]:
    """The powers of gamma of a row's keys as a sum of products of functions of digits."""
    alternatives: list[list[Pattern]] = []
    stride = 1  # the first axis is the most significant
    for axis in reversed(grid):
        alternatives.append(_bins_patterns(axis, stride) if isinstance(axis, Bins) else [_group_pattern(axis, stride)])
        stride *= len(axis.values)
    return [tuple(part for parts in chosen for part in parts) for chosen in product(*alternatives)]


def _group_pattern(group: Group, stride: int) -> Pattern:
    """Over all digits the powers add up to stride times the index of the row's key."""
    null = _power(stride * len(group.codes)) if group.null else ()
    if len(group.digits) == 1:
        (digit,) = group.digits
        powers = {code: _power(stride * index) for index, code in enumerate(group.codes)}
        return ((digit.name, (*(powers.get(value, ()) for value in range(digit.values)), null)),)
    # Every code has a cell, so its index is the code itself. NULL is in all digits at once: the first has its power.
    parts = []
    for digit in group.digits:
        own = null if digit.position == 0 or not group.null else _power(0)
        parts.append((digit.name, (*(_power(stride * digit.weight * value) for value in range(digit.values)), own)))
    return tuple(parts)


def _bins_patterns(bins: Bins, stride: int) -> list[Pattern]:
    """The weight of a code is a step function: what changes where a set begins or ends, on the leading digits first."""
    jumps: dict[int, list[tuple[int, int]]] = {0: []}
    null: list[tuple[int, int]] = []
    for index, codes in enumerate(bins.sets):
        for low, high in codes.intervals:
            jumps.setdefault(low, []).append((stride * index, 1))
            if high < bins.size:
                jumps.setdefault(high, []).append((stride * index, -1))
        if codes.null:
            null.append((stride * index, 1))
    return _step_patterns(bins.digits, {code: _sum(jump) for code, jump in sorted(jumps.items())}, tuple(null))


def _step_patterns(digits: Sequence[Digit], jumps: Mapping[int, State], null: State) -> list[Pattern]:
    """The function of the code of `digits` that changes by `jumps[c]` at code c, and is `null` where it is NULL."""
    top = digits[-1]
    inner: dict[int, dict[int, State]] = {}
    steps: list[list[tuple[int, int]]] = [[] for _ in range(top.values)]
    for code, jump in jumps.items():
        value, rest = divmod(code, top.weight)
        if rest:
            inner.setdefault(value, {})[rest] = jump
            value += 1  # from the next value of the leading digit on, the jump has happened
        if value < top.values:
            steps[value] += jump
    states: list[State] = []
    level: list[tuple[int, int]] = []
    for step in steps:
        level += step
        states.append(_sum(level))
    patterns: list[Pattern] = [((top.name, (*states, null)),)] if any(states) or null else []
    return patterns + _inner_patterns(digits, inner)


def _inner_patterns(digits: Sequence[Digit], inner: Mapping[int, Mapping[int, State]]) -> list[Pattern]:
    """Jumps inside values of the leading digit: a product for each such value, or for each place, whichever are fewer."""
    one = _power(0)
    values = [({value: one}, jumps) for value, jumps in sorted(inner.items())]
    places = [
        ({value: jumps[place] for value, jumps in sorted(inner.items()) if place in jumps}, {place: one})
        for place in sorted({place for jumps in inner.values() for place in jumps})
    ]
    by_value, by_place = _products(digits, values), _products(digits, places)
    return by_place if len(by_place) < len(by_value) else by_value


def _products(digits: Sequence[Digit], parts: Sequence[tuple[Mapping[int, State], Mapping[int, State]]]) -> list[Pattern]:
    """Each part is a function of the leading digit, and the jumps of one of the others."""
    *lower, top = digits
    patterns: list[Pattern] = []
    for chosen, jumps in parts:
        states = tuple(chosen.get(value, ()) for value in range(top.values))
        patterns += [((top.name, (*states, ())), *pattern) for pattern in _step_patterns(lower, jumps, ())]
    return patterns


def _power(exponent: int) -> State:
    return ((exponent, 1),)


def _sum(parts: Iterable[tuple[int, int]]) -> State:
    sums: dict[int, int] = {}
    for exponent, coefficient in parts:
        sums[exponent] = sums.get(exponent, 0) + coefficient
    return tuple((exponent, coefficient) for exponent, coefficient in sorted(sums.items()) if coefficient)


class _Weighting:
    def __init__(self, digits: Sequence[Digit], grids: Sequence[Sequence[Pattern]], forms: Sequence[Form]) -> None:
        self.combiner = Combiner(digits)
        self._grids = grids
        self._plan_forms = forms
        self._keyed: dict[tuple[str, tuple[State, ...], int | None], int | None] = {}

    def add(self, term: Term, first: int, grid: int) -> None:
        """Add gamma^first times the term, times the powers of gamma of the row's keys."""
        for pattern in self._grids[grid]:
            self._add(term, first, dict(pattern))

    def _add(self, term: Term, first: int, keys: Mapping[str, tuple[State, ...]]) -> None:
        merged: dict[str, int] = {}  # the term's own function of a digit of the grid
        factors: list[int | None] = []
        for index in term.factors:
            names = [name for name, _ in self._plan_forms[index].digits]
            if len(names) == 1 and names[0] in keys and names[0] not in merged:
                merged[names[0]] = index
            elif names or not keys:  # `present` alone says nothing beside a key
                factors.append(self.combiner.form(self._plan_forms[index]))
        factors += [self._keyed_form(name, states, merged.get(name)) for name, states in keys.items()]
        self.combiner.add(first, term.coefficient, factors)

    def _keyed_form(self, name: str, states: tuple[State, ...], index: int | None) -> int | None:
        """The powers of a digit, times a form over that digit, state by state."""
        known = (name, states, index)
        if known not in self._keyed:
            form = Form(1, ((name, (0,) * (len(states) - 1)),)) if index is None else self._plan_forms[index]
            pairs = zip(states, (*form.digits[0][1], 0), strict=True)
            self._keyed[known] = self.combiner.function(
                name, [[(power, own * (form.constant + weight)) for power, own in state] for state, weight in pairs]
            )
        return self._keyed[known]

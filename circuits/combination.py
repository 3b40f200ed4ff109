"""All cells of a plan as one polynomial: sum_k gamma^k y_k, for a gamma that is drawn later.

A cell of a family is the sum of its polynomial over the rows of one group. The cells with weights gamma^k are therefore
one sum over all rows, of the polynomial times the power of gamma that belongs to the row's group, and that power is a
product of functions of the group's digits. Here gamma is a variable, so that nothing about the shape depends on its value.
Specification: `docs/spec/05-contribution.md`, section "Relation".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from circuits.cells import CellFamily, Form, Group, Term
from circuits.columns import PRESENT, Digit

Weight = tuple[tuple[int, int], ...]  # sum of c gamma^e as (e, c), e increasing, no c is 0
Parts = tuple[tuple[int, tuple[Weight, ...]], ...]  # of a form: (digit, one weight for each of its values)


@dataclass(frozen=True)
class Combination:
    """sum over terms of weight times the product of forms.

    Attributes:
        digits: those that are used, in schema order.
        forms: all different, none zero.
        terms: (weight, indices of forms, not decreasing); all different, no weight is zero.
    """

    digits: tuple[Digit, ...]
    forms: tuple[Parts, ...]
    terms: tuple[tuple[Weight, tuple[int, ...]], ...]


def combine(
    digits: Sequence[Digit], groups: Sequence[Group], forms: Sequence[Form], families: Iterable[CellFamily]
) -> Combination:
    """The combination of all cells of these families.

    Args:
        digits: `present`, and at least the digits of groups and forms, in schema order.
    """
    combiner = _Combiner(digits, _group_tables(groups), forms)
    for family in families:
        for term in family.terms:
            combiner.add(term, family.first)
    return combiner.combination()


Table = tuple[int | None, ...]  # the power of gamma of each state of a digit, NULL last; None where the row has no cell


def _group_tables(groups: Sequence[Group]) -> dict[str, Table]:
    """The power of gamma that each digit contributes; over all digits they add up to the index of the row's group."""
    tables: dict[str, Table] = {}
    stride = 1  # the first column is the most significant
    for group in reversed(groups):
        null = stride * len(group.codes) if group.null else None
        if len(group.digits) == 1:
            (digit,) = group.digits
            powers = {code: stride * index for index, code in enumerate(group.codes)}
            tables[digit.name] = (*(powers.get(value) for value in range(digit.values)), null)
        else:
            # Every code has a cell, so its index is the code itself. NULL is in all digits at once: the first has its power.
            for digit in group.digits:
                own = null if digit.position == 0 or null is None else 0
                tables[digit.name] = (*(stride * digit.weight * value for value in range(digit.values)), own)
        stride *= len(group.values)
    return tables


class _Combiner:
    def __init__(self, digits: Sequence[Digit], tables: Mapping[str, Table], forms: Sequence[Form]) -> None:
        self._digits = digits
        self._index = {digit.name: index for index, digit in enumerate(digits)}
        self._tables = tables
        self._plain = forms
        self._factors: dict[tuple[str, int | None], int | None] = {}
        self._forms: dict[Parts, int] = {}
        self._terms: dict[tuple[int, ...], dict[int, int]] = {}

    def add(self, term: Term, first: int) -> None:
        """Add gamma^first times the term, times the power of gamma of the row's group."""
        merged: dict[str, int] = {}  # the term's own functions of a digit that is grouped by
        factors: list[int | None] = []
        for index in term.factors:
            names = [name for name, _ in self._plain[index].digits]
            if len(names) == 1 and names[0] in self._tables:
                merged[names[0]] = index
            elif names or not self._tables:  # `present` alone says nothing beside a group
                factors.append(self._factor(PRESENT, index))
        factors += [self._factor(name, merged.get(name)) for name in self._tables]
        used = [factor for factor in factors if factor is not None]
        if len(used) < len(factors):
            return  # a factor is zero: WHERE excludes every key of a group
        sums = self._terms.setdefault(tuple(sorted(used)), {})
        sums[first] = sums.get(first, 0) + term.coefficient

    def combination(self) -> Combination:
        """What was added, without what adds up to zero."""
        terms = {factors: _weight(sums.items()) for factors, sums in self._terms.items()}
        return _compact(self._digits, list(self._forms), {factors: weight for factors, weight in terms.items() if weight})

    def _factor(self, grouped: str, index: int | None) -> int | None:
        """The number of a form of the plan, multiplied state by state with the group's table; None if that is zero."""
        known = self._factors.get((grouped, index), -1)
        if known == -1:
            form = Form(1, ()) if index is None else self._plain[index]
            parts = self._whole(form) if grouped == PRESENT else self._grouped(grouped, form)
            known = self._forms.setdefault(parts, len(self._forms)) if parts else None
            self._factors[grouped, index] = known
        return known

    def _whole(self, form: Form) -> Parts:
        parts: list[tuple[int, tuple[Weight, ...]]] = [(0, (_weight([(0, form.constant)]),))]
        parts += [(self._index[name], tuple(_weight([(0, w)]) for w in weights)) for name, weights in form.digits]
        return _parts(parts)

    def _grouped(self, name: str, form: Form) -> Parts:
        table = self._tables[name]
        weights = form.digits[0][1] if form.digits else (0,) * (len(table) - 1)
        pairs = zip(table, (*weights, 0), strict=True)
        states = [[] if power is None else [(power, form.constant + weight)] for power, weight in pairs]
        null = states.pop()
        values = tuple(_weight([*state, *((power, -c) for power, c in null)]) for state in states)
        return _parts([(0, (_weight(null),)), (self._index[name], values)])


def _weight(sums: Iterable[tuple[int, int]]) -> Weight:
    collected: dict[int, int] = {}
    for power, coefficient in sums:
        collected[power] = collected.get(power, 0) + coefficient
    return tuple(sorted((power, coefficient) for power, coefficient in collected.items() if coefficient))


def _parts(parts: Iterable[tuple[int, tuple[Weight, ...]]]) -> Parts:
    return tuple((digit, weights) for digit, weights in parts if any(weights))


def _compact(digits: Sequence[Digit], forms: Sequence[Parts], terms: Mapping[tuple[int, ...], Weight]) -> Combination:
    """Only the forms and digits that the terms use; no terms become the term zero, because a relation has one at least."""
    if not terms:
        return Combination((digits[0],), (((0, (((0, 1),),)),),), (((), (0,)),))
    used = sorted({index for factors in terms for index in factors})
    place = {index: new for new, index in enumerate(used)}
    kept = sorted({digit for index in used for digit, _ in forms[index]})
    renumbered = {digit: new for new, digit in enumerate(kept)}
    return Combination(
        tuple(digits[digit] for digit in kept),
        tuple(tuple((renumbered[digit], weights) for digit, weights in forms[index]) for index in used),
        tuple((weight, tuple(place[index] for index in factors)) for factors, weight in terms.items()),
    )

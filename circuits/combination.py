"""Polynomials of a row whose weights are polynomials in a challenge that is drawn later.

Nothing about the shape of such a polynomial depends on the value of the challenge, so everybody knows the length of a
proof before it is made. Specification: docs/spec/05-contribution.md, section "Relation".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from circuits.cells import Form
from circuits.columns import Digit

Weight = tuple[tuple[int, int], ...]  # the sum of c gamma^e as (e, c), e increasing, no c is 0
Parts = tuple[tuple[int, tuple[Weight, ...]], ...]  # of a form: (digit, one weight for each of its values), digits increasing
Factors = tuple[int, ...]  # numbers of forms, not decreasing

ONE: Final[Weight] = ((0, 1),)
PRESENT_FORM: Final[Parts] = ((0, (ONE,)),)  # the digit `present` is the first of every table


@dataclass(frozen=True)
class Combination:
    """The sum over terms of weight times the product of forms.

    Attributes:
        digits: those that are used, in schema order.
        forms: all different, none zero.
        terms: all different; at least one.
    """

    digits: tuple[Digit, ...]
    forms: tuple[Parts, ...]
    terms: tuple[tuple[Weight, Factors], ...]


def weight(sums: Iterable[tuple[int, int]]) -> Weight:
    """The sum of c gamma^e over all (e, c)."""
    collected: dict[int, int] = {}
    for power, coefficient in sums:
        collected[power] = collected.get(power, 0) + coefficient
    return tuple(sorted((power, coefficient) for power, coefficient in collected.items() if coefficient))


class Combiner:
    """Adds up products of forms; equal forms have one number, equal products one weight.

    Args:
        digits: of the whole table, `present` first; forms name them by index.
    """

    def __init__(self, digits: Sequence[Digit]) -> None:
        self._digits = digits
        self._index = {digit.name: index for index, digit in enumerate(digits)}
        self._forms: dict[Parts, int] = {}
        self._sums: dict[Factors, list[tuple[int, int]]] = {}

    def form(self, form: Form) -> int | None:
        """The number of a form with integer weights; None if it is zero."""
        parts = [(self._index[name], tuple(map(_integer, weights))) for name, weights in form.digits]
        return self._number([(0, (_integer(form.constant),)), *parts])

    def _number(self, parts: Iterable[tuple[int, tuple[Weight, ...]]]) -> int | None:
        """The number of a form, given by increasing digits; None if it is zero."""
        used = tuple((digit, weights) for digit, weights in parts if any(weights))
        return self._forms.setdefault(used, len(self._forms)) if used else None

    def function(self, digit: str, states: Sequence[Iterable[tuple[int, int]]]) -> int | None:
        """The number of the form that has these values, each a sum of c gamma^e, for the states of a digit, NULL last."""
        null = list(states[-1])
        values = tuple(weight([*state, *((power, -own) for power, own in null)]) for state in states[:-1])
        return self._number([(0, (weight(null),)), (self._index[digit], values)])

    def add(self, power: int, coefficient: int, factors: Sequence[int | None]) -> None:
        """Add coefficient gamma^power times the product of the forms with these numbers."""
        known = [factor for factor in factors if factor is not None]
        if len(known) == len(factors):
            self._sums.setdefault(tuple(sorted(known)), []).append((power, coefficient))

    def combination(self, *, padding_is_zero: bool) -> Combination:
        """The sum, with common factors taken out so that the prover has fewer forms and products to compute.

        Args:
            padding_is_zero: whether the rows are known to be zero in all digits where `present` is; a product is then
                equal to itself times `present`.
        """
        terms = {factors: total for factors, sums in self._sums.items() if (total := weight(sums))}
        present = self._forms.setdefault(PRESENT_FORM, len(self._forms)) if padding_is_zero else None
        while (fewer := self._factored(terms, present)) is not None:
            terms = fewer
        return self._compact(terms)

    def _factored(self, terms: Mapping[Factors, Weight], present: int | None) -> dict[Factors, Weight] | None:
        """The terms, those added up that differ in one form only; None if there are no such terms.

        The largest set of terms with a common rest comes first, so that what is common to most is taken out.
        """
        groups: dict[Factors, list[tuple[Factors, int]]] = {}
        for factors in terms:
            for place, form in enumerate(factors):
                if place == 0 or factors[place - 1] != form:
                    groups.setdefault(factors[:place] + factors[place + 1 :], []).append((factors, form))
            if present is not None:
                groups.setdefault(factors, []).append((factors, present))
        left = dict(terms)
        added: list[tuple[Factors, Weight]] = []
        for rest, members in sorted(groups.items(), key=lambda entry: -len(entry[1])):
            members = [member for member in members if member[0] in left]
            if len(members) > 1:
                total = self._number(self._total([(left.pop(factors), form) for factors, form in members]))
                if total is not None:
                    added.append((tuple(sorted((*rest, total))), ONE))
        if len(left) == len(terms):
            return None
        sums: dict[Factors, Weight] = {}
        for factors, own in [*left.items(), *added]:
            sums[factors] = weight([*sums.get(factors, ()), *own])
        return {factors: total for factors, total in sums.items() if total}

    def _total(self, parts: Iterable[tuple[Weight, int]]) -> Parts:
        """The form that is the sum of weight times form."""
        forms = list(self._forms)
        sums: dict[int, list[list[tuple[int, int]]]] = {}
        for factor, number in parts:
            for digit, weights in forms[number]:
                entries = sums.setdefault(digit, [[] for _ in weights])
                for entry, own in zip(entries, weights, strict=True):
                    entry += [(e + f, c * d) for e, c in factor for f, d in own]
        return tuple((digit, tuple(map(weight, entries))) for digit, entries in sorted(sums.items()))

    def _compact(self, terms: Mapping[Factors, Weight]) -> Combination:
        """Only the forms and digits that are used; no terms become the term zero, because a relation has one at least."""
        if not terms:
            return Combination((self._digits[0],), (PRESENT_FORM,), (((), (0,)),))
        forms = list(self._forms)
        used = sorted({number for factors in terms for number in factors})
        place = {number: new for new, number in enumerate(used)}
        digits = sorted({digit for number in used for digit, _ in forms[number]})
        renumbered = {digit: new for new, digit in enumerate(digits)}
        return Combination(
            tuple(self._digits[digit] for digit in digits),
            tuple(tuple((renumbered[digit], weights) for digit, weights in forms[number]) for number in used),
            tuple((own, tuple(place[number] for number in factors)) for factors, own in terms.items()),
        )


def _integer(number: int) -> Weight:
    return ((0, number),) if number else ()

"""A relation: what the row argument proves about committed rows (docs/spec/05-argument.md, section 1).

The relation of a query's cells is specified in docs/spec/05-contribution.md, that of a schema in docs/spec/03-admission.md.
"""

from dataclasses import dataclass
from functools import cache
from itertools import accumulate, repeat
from typing import Final

from circuits.columns import Digit
from circuits.combination import Combination, Weight
from circuits.plan import Plan
from protocol.parameters import GROUP_ORDER, SCALAR_BYTES

_BOOLEAN_DEGREE: Final = 2  # of b^2 - b


@dataclass(frozen=True)
class LinearForm:
    """phi(x) = sum over parts (d, w) of sum_t w_t b_d(t,x).

    Attributes:
        parts: (index in `Relation.digits`, one weight modulo the group order for each value of the digit); digits increase.
    """

    parts: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Relation:
    """sum of coefficient times product of forms, and digits whose entries are 0 or 1.

    Attributes:
        digits: all digits that the forms and `boolean` name, in schema order.
        terms: (coefficient modulo the group order, 1 to 6 indices of forms, not decreasing).
        boolean: indices of digits, increasing.
    """

    digits: tuple[Digit, ...]
    forms: tuple[LinearForm, ...]
    terms: tuple[tuple[int, tuple[int, ...]], ...]
    boolean: tuple[int, ...] = ()

    @property
    def degree(self) -> int:
        """D, the degree of the polynomial of a row."""
        factors = max(len(factors) for _, factors in self.terms)
        return max(factors, _BOOLEAN_DEGREE) if self.boolean else factors

    @property
    def selector_bits(self) -> int:
        """kappa, the number of bits of t over all boolean digits."""
        return max(((self.digits[index].values - 1).bit_length() for index in self.boolean), default=0)

    def encode(self) -> bytes:
        """The bytes of docs/spec/05-argument.md, section 1, which kernel, reference and transcript take."""
        out = [_u32(len(self.digits)), *(_u32(digit.values) for digit in self.digits), _u32(len(self.forms))]
        for form in self.forms:
            out.append(_u32(len(form.parts)))
            for digit, weights in form.parts:
                out += [_u32(digit), *map(_scalar, weights)]
        out.append(_u32(len(self.terms)))
        for coefficient, factors in self.terms:
            out += [_scalar(coefficient), _u32(len(factors)), *map(_u32, factors)]
        out += [_u32(len(self.boolean)), *map(_u32, self.boolean)]
        return b"".join(out)


def contribution_relation(plan: Plan, gamma: int) -> Relation:
    """The relation whose sum over all rows is sum_k gamma^k y_k, for the cells y_k of the plan.

    Args:
        gamma: modulo the group order. The shape of the relation, that is everything but weights and coefficients, does not
            depend on it.
    """
    return relation_at(plan.combination, gamma)


def relation_at(combination: Combination, challenge: int, boolean: tuple[int, ...] = ()) -> Relation:
    """The relation that `combination` is at this value of its challenge, with these boolean digits."""
    weights = [weight for parts in combination.forms for _, own in parts for weight in own]
    weights += [weight for weight, _ in combination.terms]
    powers = _powers(challenge, 1 + max(power for weight in weights for power, _ in weight))

    @cache
    def value(weight: Weight) -> int:
        return sum(coefficient * powers[power] for power, coefficient in weight) % GROUP_ORDER

    forms = tuple(LinearForm(tuple((digit, tuple(map(value, own))) for digit, own in parts)) for parts in combination.forms)
    return Relation(combination.digits, forms, tuple((value(own), factors) for own, factors in combination.terms), boolean)


def cell_weights(plan: Plan, gamma: int) -> bytes:
    """gamma^0 .. gamma^(K-1) as scalars, one for each cell of the plan."""
    return b"".join(map(_scalar, _powers(gamma, plan.cells)))


def _powers(base: int, count: int) -> list[int]:
    return list(accumulate(repeat(base, count - 1), lambda power, factor: power * factor % GROUP_ORDER, initial=1))


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _scalar(number: int) -> bytes:
    return number.to_bytes(SCALAR_BYTES, "big")

"""Relations and their encoding (docs/spec/05-argument.md, section 1), without the checks: a wrong one can be written too."""

from dataclasses import dataclass

from tests.malicious.algebra import scalar_bytes, scalars_of, vector_bytes

Form = tuple[tuple[int, tuple[int, ...]], ...]  # (digit, K weights) ...
Term = tuple[int, tuple[int, ...]]  # coefficient, form indices


@dataclass(frozen=True)
class RowRelation:
    """Digits by their numbers of values; forms, terms and boolean digits as the specification has them."""

    values: tuple[int, ...]
    forms: tuple[Form, ...]
    terms: tuple[Term, ...]
    boolean: tuple[int, ...] = ()

    @property
    def degree(self) -> int:
        """D."""
        return max([len(factors) for _, factors in self.terms] + [2] * bool(self.boolean))

    @property
    def selector_bits(self) -> int:
        """kappa."""
        return max([(self.values[digit] - 1).bit_length() for digit in self.boolean], default=0)

    def encode(self) -> bytes:
        parts = [_u32(len(self.values)), *map(_u32, self.values), _u32(len(self.forms))]
        for form in self.forms:
            parts.append(_u32(len(form)))
            parts += [_u32(digit) + vector_bytes(weights) for digit, weights in form]
        parts.append(_u32(len(self.terms)))
        for coefficient, factors in self.terms:
            parts += [scalar_bytes(coefficient), _u32(len(factors)), *map(_u32, factors)]
        return b"".join([*parts, _u32(len(self.boolean)), *map(_u32, self.boolean)])


def decode(data: bytes) -> RowRelation:
    """The relation of an encoding that is known to be good."""
    at = 0

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        return data[at - size : at]

    def u32() -> int:
        return int.from_bytes(take(4), "big")

    def form_part() -> tuple[int, tuple[int, ...]]:
        digit = u32()
        return digit, tuple(scalars_of(take(32 * values[digit])))

    def term() -> Term:
        return scalars_of(take(32))[0], tuple(u32() for _ in range(u32()))

    values = tuple(u32() for _ in range(u32()))
    forms = tuple(tuple(form_part() for _ in range(u32())) for _ in range(u32()))
    terms = tuple(term() for _ in range(u32()))
    return RowRelation(values, forms, terms, tuple(u32() for _ in range(u32())))


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")

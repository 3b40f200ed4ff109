"""A relation's polynomial on single rows, from the definition: one-hot columns, Python integers, modulo the group order."""

from collections.abc import Mapping

from circuits.chunk import EncodedChunk
from circuits.relation import LinearForm, Relation
from protocol.parameters import ABSENT_CODE, GROUP_ORDER

OneHotRow = Mapping[str, tuple[int, ...]]  # digit name: b_d(0,x) .. b_d(K-1,x) of one row x


def row_of(chunk: EncodedChunk, index: int) -> OneHotRow:
    """The committed entries of one row."""
    return {digit.name: entries(int(digit.codes[index]), digit.values) for digit in chunk.digits}


def entries(code: int, values: int) -> tuple[int, ...]:
    """One-hot, or all zero for ABSENT_CODE."""
    assert code < values or code == ABSENT_CODE
    return tuple(int(code == value) for value in range(values))


def form_value(relation: Relation, form: LinearForm, row: OneHotRow) -> int:
    """phi(x)."""
    total = 0
    for digit, weights in form.parts:
        total += sum(weight * entry for weight, entry in zip(weights, row[relation.digits[digit].name], strict=True))
    return total % GROUP_ORDER


def row_value(relation: Relation, row: OneHotRow) -> int:
    """sum_m a_m prod phi_j(x)."""
    forms = [form_value(relation, form, row) for form in relation.forms]
    total = 0
    for coefficient, factors in relation.terms:
        product = coefficient
        for index in factors:
            product = product * forms[index] % GROUP_ORDER
        total += product
    return total % GROUP_ORDER


def shape(relation: Relation) -> tuple[object, ...]:
    """Everything but weights and coefficients."""
    forms = [[(digit, len(weights)) for digit, weights in form.parts] for form in relation.forms]
    return relation.digits, forms, [factors for _, factors in relation.terms], relation.boolean

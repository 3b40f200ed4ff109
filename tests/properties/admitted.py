"""What admission says about one row, from its constraints, over the integers."""

from circuits.admission import admission_parts
from circuits.constraint import Constraint
from circuits.schema import Schema
from tests.properties.onehot import OneHotRow


def value(constraint: Constraint, row: OneHotRow) -> int:
    """What the constraint says about a row, over the integers."""
    total = 0
    for coefficient, forms in constraint.terms:
        product = coefficient
        for form in forms:
            own = form.constant * row["present"][0]
            own += sum(w * b for name, weights in form.digits for w, b in zip(weights, row[name], strict=True))
            product *= own
        total += product
    return total


def admitted(schema: Schema, row: OneHotRow) -> bool:
    """Whether no constraint of any part is violated, and all entries of boolean digits are 0 or 1."""
    for part in admission_parts(schema):
        if any(entry not in (0, 1) for name in part.boolean for entry in row[name]):
            return False
        if any(value(constraint, row) for constraint in part.constraints):
            return False
    return True


def padding(schema: Schema) -> OneHotRow:
    return {digit.name: (0,) * digit.values for digit in schema.digits}

"""All cells of a plan as one sum over the rows: sum_k gamma^k y_k.

A cell of a family is the sum of its polynomial over the rows of one group. The cells with weights gamma^k are therefore
one sum over all rows, of the polynomial times the power of gamma that belongs to the row's group, and that power is a
product of functions of the group's digits. Specification: docs/spec/05-contribution.md, section "Relation".
"""

from collections.abc import Iterable, Mapping, Sequence

from circuits.cells import CellFamily, Form, Group, Term
from circuits.columns import Digit
from circuits.combination import Combination, Combiner

Table = tuple[int | None, ...]  # the power of gamma of each state of a digit, NULL last; None where the row has no cell


def weighted_cells(
    digits: Sequence[Digit], groups: Sequence[Group], forms: Sequence[Form], families: Iterable[CellFamily]
) -> Combination:
    """The combination of all cells of these families.

    Args:
        digits: of the schema, in its order.
    """
    weighting = _Weighting(digits, _group_tables(groups), forms)
    for family in families:
        for term in family.terms:
            weighting.add(term, family.first)
    return weighting.combiner.combination(padding_is_zero=True)


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


class _Weighting:
    def __init__(self, digits: Sequence[Digit], tables: Mapping[str, Table], forms: Sequence[Form]) -> None:
        self.combiner = Combiner(digits)
        self._tables = tables
        self._plan_forms = forms
        self._grouped: dict[tuple[str, int | None], int | None] = {}

    def add(self, term: Term, first: int) -> None:
        """Add gamma^first times the term, times the power of gamma of the row's group."""
        merged: dict[str, int] = {}  # the term's own function of a digit that is grouped by
        factors: list[int | None] = []
        for index in term.factors:
            names = [name for name, _ in self._plan_forms[index].digits]
            if len(names) == 1 and names[0] in self._tables:
                merged[names[0]] = index
            elif names or not self._tables:  # `present` alone says nothing beside a group
                factors.append(self.combiner.form(self._plan_forms[index]))
        factors += [self._grouped_form(name, merged.get(name)) for name in self._tables]
        self.combiner.add(first, term.coefficient, factors)

    def _grouped_form(self, name: str, index: int | None) -> int | None:
        """The group's table of a digit, times a form over that digit, state by state."""
        if (name, index) not in self._grouped:
            table = self._tables[name]
            form = Form(1, ((name, (0,) * (len(table) - 1)),)) if index is None else self._plan_forms[index]
            pairs = zip(table, (*form.digits[0][1], 0), strict=True)
            states = [[] if power is None else [(power, form.constant + own)] for power, own in pairs]
            self._grouped[name, index] = self.combiner.function(name, states)
        return self._grouped[name, index]

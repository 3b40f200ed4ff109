"""The rule of suppression, as members apply it to all cells and as outsiders check it on those that are shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from privacy.disclosure import suppressed_cells, wrongly_shown_or_hidden


@dataclass(frozen=True)
class Rule:
    cohorts: Sequence[Sequence[tuple[int, int | None]]]
    never_opened: frozenset[int] = frozenset()


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Cells that are protected by earlier ones, by themselves, by differences, and some that are never opened."""
    cells = draw(st.integers(1, 12))
    cohorts = []
    for cell in range(cells):
        pairs = st.tuples(st.integers(0, cell), st.none() | st.integers(0, cell)).filter(lambda pair: pair[0] != pair[1])
        cohorts.append(draw(st.lists(pairs, max_size=3)))
    return Rule(cohorts, draw(st.frozensets(st.integers(0, cells - 1), max_size=3)))


def shown(rule: Rule, cells: Sequence[int], minimum: int) -> list[int | None]:
    hidden = set(suppressed_cells(rule, cells, minimum))
    return [None if index in hidden else cell for index, cell in enumerate(cells)]


def test_a_cell_that_is_never_opened_protects_others_unseen() -> None:
    rule = Rule([[], [(0, None)], [(2, None)]], frozenset({0}))
    assert suppressed_cells(rule, [4, 9, 9], 5) == [0, 1]
    assert suppressed_cells(rule, [5, 9, 9], 5) == [0]
    for cells in ([None, None, 9], [None, 9, 9], [None, 9, None]):
        assert wrongly_shown_or_hidden(rule, cells, 5) == []
    assert wrongly_shown_or_hidden(rule, [4, 9, 9], 5) == [0]
    assert wrongly_shown_or_hidden(rule, [None, 9, 4], 5) == [2]
    assert wrongly_shown_or_hidden(rule, [None, 9, 9], 1) == [0]


def test_a_cell_without_reason_to_hide_must_be_shown() -> None:
    rule = Rule([[(0, None)], [(0, None)]])
    assert wrongly_shown_or_hidden(rule, [7, None], 5) == [1]
    assert wrongly_shown_or_hidden(rule, [None, 7], 5) == [1]
    assert wrongly_shown_or_hidden(rule, [4, 7], 5) == [0, 1]
    assert wrongly_shown_or_hidden(rule, [None, None], 5) == []


@given(rules(), st.lists(st.integers(0, 30), min_size=12, max_size=12), st.integers(0, 12))
def test_what_the_rule_shows_is_never_refused_where_cohorts_protect_themselves(
    rule: Rule, values: list[int], minimum: int
) -> None:
    """As in plans: a cohort is protected by itself, and by what protects the cells that it is made of."""
    whole: list[set[tuple[int, int | None]]] = []
    for index, pairs in enumerate(rule.cohorts):
        own = {*pairs, (index, None)}
        for a, b in pairs:
            own |= {(a, None)} | (whole[a] if a < index else set())
            own |= set() if b is None else {(b, None)} | (whole[b] if b < index else set())
        whole.append(own)
    closed = Rule([sorted(own, key=str) for own in whole], rule.never_opened)
    cells = values[: len(closed.cohorts)]
    assert wrongly_shown_or_hidden(closed, shown(closed, cells, minimum), minimum) == []


@given(rules(), st.lists(st.integers(0, 30), min_size=12, max_size=12), st.integers(2, 12), st.integers(0, 11))
def test_a_cell_that_a_known_cohort_closes_cannot_be_shown(rule: Rule, values: list[int], minimum: int, place: int) -> None:
    cells = values[: len(rule.cohorts)]
    place %= len(cells)
    told = shown(rule, cells, minimum)
    small = [(a, b) for a, b in rule.cohorts[place] if a not in rule.never_opened and b not in rule.never_opened]
    if any(told[a] is not None and b is None and cells[a] < minimum for a, b in small) or place in rule.never_opened:
        told[place] = cells[place]
        assert place in wrongly_shown_or_hidden(rule, told, minimum)

"""From a formula to the columns of the design matrix: treatment coding without redundancy.

A category is coded by the indicators of all its codes but the first, the reference, unless that would lose something: in
`y ~ c - 1`, or in `a:b` without `a`, all codes are needed. Which, is decided term by term as patsy does; so are the order of
the columns and their names. Source: Wilkinson, Rogers (1973); Chambers, Hastie (1992), Statistical models in S, 2.4.1.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice, product
from typing import Final

from circuits.columns import Column, DecimalColumn, IntegerColumn, NumericColumn
from circuits.statistics.cross_products import INTERCEPT, DesignColumn, Shape
from circuits.statistics.formula import Formula, ModelTerm, Variable

MAX_DESIGN: Final = 50  # columns of the design matrix

Levels = Mapping[str, Sequence[int]]  # of each categorical column, the codes that it has
Coding = tuple[tuple[str, bool], ...]  # columns, and whether all codes are needed or all but the first


def all_levels(formula: Formula) -> dict[str, range]:
    """All codes of each categorical column."""
    return {column.name: range(column.size) for column in categorical_columns(formula)}


def shapes(formula: Formula) -> tuple[Shape, ...]:
    """The shape of each column of the design, and of each categorical column by itself, to know which codes it has."""
    columns = {column.name: column for column in categorical_columns(formula)}
    coded = design(formula, all_levels(formula))
    return (
        *(Shape((), (column,)) for column in columns.values()),
        *(Shape(column.numeric, tuple(columns[name] for name in column.codes)) for column in coded),
    )


def categorical_columns(formula: Formula) -> tuple[Column, ...]:
    """Every column that is a category, in the order of the formula."""
    found = {v.column.name: v.column for term in formula.terms for v in term.categorical}
    return tuple(found.values())


def design(formula: Formula, levels: Levels) -> tuple[DesignColumn, ...]:
    """The columns of the design matrix, the intercept first; of one that is too large, no more than shows that it is."""
    return tuple(islice(_columns(formula, levels), MAX_DESIGN + 1))


def _columns(formula: Formula, levels: Levels) -> Iterator[DesignColumn]:
    buckets: dict[frozenset[str], list[ModelTerm]] = {frozenset(): []}
    for term in formula.terms:
        buckets.setdefault(frozenset(v.column.name for v in term.numeric), []).append(term)
    if formula.intercept:
        yield INTERCEPT
    for numeric, terms in buckets.items():
        used: set[frozenset[str]] = {frozenset()} if formula.intercept and not numeric else set()
        for term in sorted(terms, key=lambda each: len(each.variables)):
            for coding in _codings([v.column.name for v in term.categorical], used):
                yield from _coded(term, dict(coding), levels)


def _codings(categorical: Sequence[str], used: set[frozenset[str]]) -> list[Coding]:
    """How to code a term beside those whose parts are `used`.

    A term of categories a, b with all their codes spans 1 + a' + b' + a':b', where ' leaves out the reference. The parts
    that are there already are left out; of the others, a' and a':b' together are a':b, and 1 and a' are a.
    """
    parts: list[Coding] = []
    for size in range(len(categorical) + 1):
        for subset in combinations(categorical, size):
            if frozenset(subset) not in used:
                used.add(frozenset(subset))
                parts.append(tuple((name, False) for name in subset))
    while (fewer := _absorbed(parts)) is not None:
        parts = fewer
    return parts


def _absorbed(parts: Sequence[Coding]) -> list[Coding] | None:
    for place, short in enumerate(parts):
        for other in range(place + 1, len(parts)):
            more = [entry for entry in parts[other] if entry not in short]
            if len(more) == 1 and len(parts[other]) == len(short) + 1:
                whole = tuple((name, full or (name, full) in more) for name, full in parts[other])
                return [*parts[:place], *parts[place + 1 : other], whole, *parts[other + 1 :]]
    return None


def _coded(term: ModelTerm, coding: Mapping[str, bool], levels: Levels) -> Iterator[DesignColumn]:
    chosen = [v for v in term.variables if not v.categorical or v.column.name in coding]
    choices: list[list[tuple[str, dict[str, int]]]] = []
    for variable in chosen:
        name = variable.column.name
        if variable.categorical:
            full = coding[name]
            codes = levels[name][0 if full else 1 :]
            choices.append([(_label(variable, code, full=full), {name: code}) for code in codes])
        else:
            choices.append([(variable.text, {})])
    for reverse in product(*reversed(choices)):  # the first variable changes fastest
        picked = reverse[::-1]
        merged = {name: code for _, codes in picked for name, code in codes.items()}
        yield DesignColumn(":".join(text for text, _ in picked), _numbers(term), merged)


def _label(variable: Variable, code: int, *, full: bool) -> str:
    return f"{variable.text}[{'' if full else 'T.'}{variable.column.value(code)}]"


def _numbers(term: ModelTerm) -> tuple[NumericColumn, ...]:
    return tuple(v.column for v in term.numeric if isinstance(v.column, IntegerColumn | DecimalColumn))

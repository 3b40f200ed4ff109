"""A WHERE clause as a polynomial that is 1 on the rows where it is true and 0 elsewhere.

Specification: `docs/spec/04-queries.md`. NOT is pushed to the leaves first: De Morgan's laws hold in SQL's three-valued
logic, and at a leaf "NOT c is true" is a set of codes like "c is true". After that only "is true" matters, conditions
over one column unite and intersect as sets, AND is a product, and OR is 1 - prod (1 - T_i).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from circuits.codeset import CodeSet, truth
from circuits.columns import Column, Digit
from circuits.polynomial import ONE, Polynomial, from_table, product, total
from circuits.query import And, Compare, In, Is, Not, Or, Predicate
from circuits.table import Table


@dataclass(frozen=True)
class Atom:
    """`column` has one of these codes."""

    column: Column
    codes: CodeSet


@dataclass(frozen=True)
class All:
    """Every part is true; no parts: every row."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Any:
    """Some part is true; no parts: no row."""

    parts: tuple["Condition", ...]


Condition = Atom | All | Any


def normalise(predicate: Predicate | None, schema: Table) -> Condition:
    """The condition under which `predicate` is true, with at most one atom a column in every All and Any."""
    return All(()) if predicate is None else _normalise(predicate, schema, negated=False)


def conjuncts(condition: Condition) -> tuple[Condition, ...]:
    """The parts that must all be true."""
    return condition.parts if isinstance(condition, All) else (condition,)


def indicator(condition: Condition, digits: Mapping[Digit, int]) -> Polynomial:
    """1 where the condition is true, 0 elsewhere.

    Args:
        digits: the index of every digit of the schema.

    Raises:
        PlanTooComplex: more terms than a plan may have.
    """
    return _polynomial(condition, digits, negated=False)


def code_indicator(column: Column, codes: CodeSet, digits: Mapping[Digit, int]) -> Polynomial:
    """1 where the code of `column` is in `codes`, 0 elsewhere; one term a distinct pattern of the lower digits."""
    top = column.digits[-1]
    capacity = top.values * top.weight
    # Codes beyond the domain do not occur; counting them with the last ones makes most ranges one term shorter.
    intervals = tuple((low, capacity if high == column.size else high) for low, high in codes.intervals)
    return _digit_indicator(column, len(column.digits) - 1, intervals, codes.null, digits)


def _normalise(predicate: Predicate, schema: Table, *, negated: bool) -> Condition:
    match predicate:
        case Not(operand):
            return _normalise(operand, schema, negated=not negated)
        case And(operands) | Or(operands):
            parts = [_normalise(operand, schema, negated=negated) for operand in operands]
            conjunction = isinstance(predicate, And) != negated
            return _combine(parts, conjunction=conjunction)
        case Compare() | In() | Is():
            column = schema.column(predicate.column)
            return _simple(Atom(column, truth(predicate, column, negated=negated)))


def _combine(parts: list[Condition], *, conjunction: bool) -> Condition:
    kind = All if conjunction else Any
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,))]
    atoms: dict[str, Atom] = {}
    others: list[Condition] = []
    for part in flat:
        if isinstance(part, Atom):
            known = atoms.get(part.column.name)
            if known is not None:
                codes = known.codes.intersect(part.codes) if conjunction else known.codes.union(part.codes)
                part = Atom(part.column, codes)
            atoms[part.column.name] = part
        elif part not in others:
            others.append(part)
    simple = [_simple(atom) for atom in atoms.values()] + others
    absorbing, neutral = (Any(()), All(())) if conjunction else (All(()), Any(()))
    if absorbing in simple:
        return absorbing
    simple = [part for part in simple if part != neutral]
    return simple[0] if len(simple) == 1 else kind(tuple(simple))


def _simple(atom: Atom) -> Condition:
    if atom.codes.is_empty():
        return Any(())
    return All(()) if atom.codes.is_everything(atom.column) else atom


def _polynomial(condition: Condition, digits: Mapping[Digit, int], *, negated: bool) -> Polynomial:
    # `negated` is the complement (not true: false or unknown), which is what 1 - T means.
    match condition:
        case Atom(column, codes):
            return code_indicator(column, codes.complement(column) if negated else codes, digits)
        case All(parts):
            result = product(_polynomial(part, digits, negated=False) for part in parts)
            return ONE - result if negated else result
        case Any(parts):
            result = product(_polynomial(part, digits, negated=True) for part in parts)
            return result if negated else ONE - result


def _digit_indicator(
    column: Column, position: int, intervals: tuple[tuple[int, int], ...], null: bool, digits: Mapping[Digit, int]
) -> Polynomial:
    digit = column.digits[position]
    whole = ((0, digit.weight),)
    patterns: dict[tuple[tuple[int, int], ...], list[int]] = {whole: []}
    for value in range(digit.values):
        start = value * digit.weight
        pattern = tuple(
            (max(low, start) - start, min(high, start + digit.weight) - start)
            for low, high in intervals
            if low < start + digit.weight and high > start
        )
        patterns.setdefault(pattern, []).append(value)
    parts = []
    for pattern, values in patterns.items():
        chosen = set(values)
        table = [int(value in chosen) for value in range(digit.values)]
        if column.nullable:
            table.append(int(null and pattern == whole))
        if pattern and any(table):
            form = from_table(digits[digit], table)
            lower = ONE if pattern == whole else _digit_indicator(column, position - 1, pattern, False, digits)
            parts.append(form * lower)
    return total(parts)

"""Builds the families of a plan: each distinct polynomial once. Specification: docs/spec/04-queries.md, "Plans"."""

from collections.abc import Iterable, Sequence
from itertools import product as combinations
from math import prod
from typing import Final

from circuits.cells import NEVER_OPENED, Bins, CellFamily, Cohort, Form, Grid, Group, Protection, Term
from circuits.codeset import CodeSet
from circuits.columns import Column
from circuits.columns import Value as ColumnValue
from circuits.errors import PlanTooComplex
from circuits.forms import PRESENT_FORM, code_form, table_form
from circuits.polynomial import Monomial, Polynomial, too_many_factors
from circuits.predicate import All, Atom, Condition, conjuncts, indicator, normalise
from circuits.query import Predicate
from circuits.schema import Schema
from circuits.summand import ROWS, Code, Summand, Value
from protocol.parameters import MAX_CELLS, MAX_FACTORS

QUERY_GRID: Final = 0  # that of GROUP BY


class Families:
    """The families, forms and grids of one plan.

    Args:
        where: WHERE; its parts over a one-digit GROUP BY column only choose which groups have cells.
        known: columns that must not be NULL for a row to count.
        opens_total: whether family 0, the rows of each group, is opened; else it only protects others.
    """

    def __init__(
        self,
        schema: Schema,
        where: Predicate | None,
        group_by: Sequence[str],
        known: Iterable[str] = (),
        *,
        opens_total: bool = True,
    ) -> None:
        self.schema = schema
        self._digits = {digit: index for index, digit in enumerate(schema.digits)}
        self._forms: dict[Form, int] = {}
        self._families: list[CellFamily] = []
        self._by_terms: dict[tuple[int, tuple[Term, ...], tuple[Cohort, ...] | None], int] = {}
        self._by_summand: dict[tuple[int, Summand], int] = {}
        self._by_cohorts: dict[tuple[int, Summand], int] = {}  # those that were asked for with cohorts of their own
        self._together: dict[int, tuple[Cohort, ...]] = {}
        self._grids: list[Grid] = []
        self._possible: dict[str, CodeSet] = {}  # what WHERE leaves of a column
        chosen: dict[str, CodeSet] = {}
        rest: list[Condition] = []
        for part in conjuncts(normalise(where, schema)):
            if isinstance(part, Atom):
                self._possible[part.column.name] = part.codes
            if isinstance(part, Atom) and part.column.name in group_by and len(part.column.digits) == 1:
                chosen[part.column.name] = part.codes
            else:
                rest.append(part)
        self.groups = tuple(plain_group(schema.column(name), chosen.get(name)) for name in group_by)
        self._where = tuple(rest)
        self._known = tuple(schema.column(name) for name in known)
        self._counted: dict[tuple[str, ...], Polynomial] = {}
        self.family(ROWS, self.grid(self.groups), cohorts=None if opens_total else [NEVER_OPENED])

    @property
    def forms(self) -> tuple[Form, ...]:
        """All forms, in the order of first use."""
        return tuple(self._forms)

    @property
    def families(self) -> tuple[CellFamily, ...]:
        """All families, in the order of their cells."""
        return tuple(self._families)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """All grids; the first is that of GROUP BY."""
        return tuple(self._grids)

    @property
    def index(self) -> dict[tuple[int, Summand], int]:
        """The family of each summand that was asked for over the rows that count, by grid."""
        return {**self._by_cohorts, **self._by_summand}

    def grid(self, axes: Grid) -> int:
        """The number of a grid."""
        if prod(len(axis.values) for axis in axes) > MAX_CELLS:
            raise too_many_cells(prod(len(axis.values) for axis in axes))
        if axes not in self._grids:
            self._grids.append(axes)
        return self._grids.index(axes)

    def family(
        self,
        summand: Summand,
        grid: int = QUERY_GRID,
        *,
        within: Summand = ROWS,
        cohorts: Sequence[Cohort] | None = None,
    ) -> int:
        """The index of the family of `summand`, made if it is new.

        Args:
            grid: as `grid` returned it.
            within: rows for which this is 0 do not count.
            cohorts: None protects each cell by the number of rows of its keys, and by the number of those among them that
                the sum is over.

        Raises:
            PlanTooComplex: too many cells, terms or factors.
        """
        key = (grid, summand * within)
        if cohorts is None and key in self._by_summand:
            return self._by_summand[key]
        polynomial = self._rows_for(summand * within) * (summand * within).polynomial(self.schema, self._digits)
        terms = tuple(self._term(monomial, coefficient) for monomial, coefficient in polynomial.terms)
        given = None if cohorts is None else tuple(cohorts)
        known = self._by_terms.get((grid, terms, given))
        if known is None:
            known = self._add(summand * within, grid, terms, given)
        (self._by_summand if given is None else self._by_cohorts)[key] = known
        return known

    def together(self, summand: Summand, grid: int) -> int:
        """The index of a family whose cells are opened all or none, by the rows of each key of a grid of plain groups.

        For statistics that need them all. One that is missing would follow from the others and the number of all rows. A
        key that WHERE excludes has no rows, as everybody knows, and holds nothing back.

        Args:
            summand: not NULL in any row that counts.

        Raises:
            PlanTooComplex: too many cells, terms or factors.
        """
        axes = self._grids[grid]
        if not axes:
            return self.family(summand, grid)
        if grid not in self._together:
            possible = [self._possible_codes(axis) for axis in axes]
            size = prod(len(axis.values) for axis in axes)
            places = [place for place, key in enumerate(combinations(*possible)) if all(key)]
            self._together[grid] = tuple(Cohort(Protection.SUPPORT, self._next + place, size) for place in places)
            self.family(ROWS, grid, cohorts=self._together[grid])
        return self.family(summand, grid, cohorts=self._together[grid])

    def _rows_for(self, summand: Summand) -> Polynomial:
        """1 for the rows that count. Where a value of several digits is NULL the summand is 0, without one more factor."""
        values = {factor.column for factor in summand.factors if isinstance(factor, Code | Value)}
        known = tuple(column for column in self._known if column.name not in values or len(column.digits) == 1)
        names = tuple(column.name for column in known)
        if names not in self._counted:
            atoms = (Atom(column, CodeSet(((0, column.size),), False)) for column in known)
            self._counted[names] = indicator(All((*self._where, *atoms)), self._digits)
        return self._counted[names]

    def _possible_codes(self, axis: Group | Bins) -> list[bool]:
        chosen = self._possible.get(axis.column)
        if chosen is None or not isinstance(axis, Group):
            return [True] * len(axis.values)
        known = [any(low <= code < high for low, high in chosen.intervals) for code in axis.codes]
        return known + [chosen.null] * axis.null

    def check_factors(self, columns: Iterable[Column]) -> None:
        """Check that the rows that count can be told apart by all digits of these columns. Raises PlanTooComplex."""
        digits = {self._digits[digit] for column in columns for digit in column.digits}
        for monomial, _ in self._rows_for(ROWS).terms:
            factors = len(digits | {digit for digit, _ in monomial.tables}) + len(monomial.codes)
            if factors > MAX_FACTORS:
                raise too_many_factors(factors)

    def first(self, family: int) -> int:
        """The index of the first cell of a family."""
        return self._families[family].first

    @property
    def _next(self) -> int:
        return sum(family.cells for family in self._families)

    def _add(self, summand: Summand, grid: int, terms: tuple[Term, ...], given: tuple[Cohort, ...] | None) -> int:
        # What protects a family comes before it, so that equal plans number their cells in one way.
        cohorts = self._support(summand, grid) if given is None else given
        size = prod(len(axis.values) for axis in self._grids[grid])
        if self._next + size > MAX_CELLS:
            raise too_many_cells(self._next + size)
        cohorts = cohorts or (Cohort(Protection.SUPPORT, self._next),)
        bound = summand.bound(self.schema) if terms else 0
        self._by_terms[grid, terms, given] = len(self._families)
        self._families.append(CellFamily(summand, grid, self._next, size, terms, bound, cohorts))
        return len(self._families) - 1

    def _support(self, summand: Summand, grid: int) -> tuple[Cohort, ...]:
        """The rows of each key and, among them, those that the sum is over. None: the family counts its own cohort."""
        if summand == ROWS:
            return ()
        rows = Cohort(Protection.SUPPORT, 0 if grid == QUERY_GRID else self.first(self.family(ROWS, grid)))
        if summand.support == summand:
            return (rows, Cohort(Protection.SUPPORT, self._next))
        return tuple(dict.fromkeys((rows, Cohort(Protection.SUPPORT, self.first(self.family(summand.support, grid))))))

    def _term(self, monomial: Monomial, coefficient: int) -> Term:
        forms = [table_form(self.schema.digits[digit], table) for digit, table in monomial.tables]
        forms += [code_form(self.schema.column(name)) for name in monomial.codes]
        if not forms:
            forms.append(PRESENT_FORM)
        return Term(coefficient, tuple(self._forms.setdefault(form, len(self._forms)) for form in forms))


def plain_group(column: Column, chosen: CodeSet | None = None) -> Group:
    """Each value of the column, or each of those that are chosen, as a key. Raises PlanTooComplex."""
    if column.size > MAX_CELLS:
        raise too_many_cells(column.size)
    known = chosen or CodeSet(((0, column.size),), column.nullable)
    codes = tuple(code for low, high in known.intervals for code in range(low, high))
    values = tuple(column.value(code) for code in codes) + (None,) * known.null
    return Group(column.name, column.digits, codes, known.null, values, column.type)


def keys_of(grid: Grid) -> tuple[tuple[ColumnValue | tuple[ColumnValue, ColumnValue] | None, ...], ...]:
    """The keys of each cell of a family over this grid, in the order of the cells; one empty key without axes."""
    return tuple(combinations(*(axis.values for axis in grid)))


def too_many_cells(cells: int) -> PlanTooComplex:
    """The error for more than MAX_CELLS cells."""
    return PlanTooComplex(
        f"the result would need {cells} cells, at most {MAX_CELLS} can be opened",
        hint="GROUP BY columns with fewer values, or restrict the groups with WHERE",
    )

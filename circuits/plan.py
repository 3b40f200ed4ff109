"""The plan of a query: which sums over rows are proved and opened, as a deterministic function of (query, schema).

Specification: `docs/spec/04-queries.md`. A plan is a list of *families*. A family is one polynomial of the row's digits;
it has one *cell* a group, and the cell is the sum of the polynomial over the rows of the group:

    y = sum over rows x of group(x) * sum_m a_m * prod_{j in F(m)} phi_j(x)

with integer a_m and affine forms phi_j of the committed one-hot columns. Plans are compared by their hash: API, nodes,
prover and auditor each compile the query themselves and must arrive at the same bytes.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product as combinations
from typing import Any, Final

from circuits.cells import CellFamily, Form, Group, Output, Term
from circuits.codeset import CodeSet
from circuits.columns import BooleanColumn, CategoryColumn, Column, DateColumn, Digit, Value
from circuits.combination import Combination
from circuits.errors import PlanTooComplex, SchemaInvalid
from circuits.forms import PRESENT_FORM, code_form, table_form
from circuits.polynomial import Monomial, Polynomial, code_power, too_many_factors
from circuits.predicate import All, Atom, code_indicator, conjuncts, indicator, normalise
from circuits.query import Aggregate, Function, GroupKey, Query, columns_of
from circuits.schema import Schema
from circuits.statistics import STATISTICS, Role
from circuits.weighting import weighted_cells
from protocol import canonical
from protocol.parameters import GROUP_ORDER, MAX_CELLS, MAX_FACTORS, PROTOCOL_VERSION

MAX_TOTAL_ROWS: Final = 1 << 40  # over all members and chunks; no cell may reach GROUP_ORDER / 2 with this many
MAX_PROVED: Final = 128  # forms, and products of them, of all cells together: each is work for every row
MAX_WEIGHT: Final = (1 << 53) - 1  # weights and coefficients are numbers of RFC 8785


@dataclass(frozen=True)
class Plan:
    """What is proved and opened for one query. Family 0 counts the rows of each group, whether or not it is asked for.

    Attributes:
        digits: all digits of the schema, in its order; they follow from `schema_hash`.
    """

    query: Query
    schema_hash: str
    digits: tuple[Digit, ...] = field(repr=False)
    groups: tuple[Group, ...]
    forms: tuple[Form, ...]
    families: tuple[CellFamily, ...]
    outputs: tuple[Output, ...]

    @property
    def cells(self) -> int:
        """How many cells are opened."""
        return sum(family.cells for family in self.families)

    @property
    def group_cells(self) -> int:
        """How many groups there are, which is the number of cells of each family."""
        return self.families[0].cells

    @cached_property
    def keys(self) -> tuple[tuple[Value | None, ...], ...]:
        """The key of each group, in the order of the cells of a family; one empty key without GROUP BY."""
        return tuple(combinations(*(group.values for group in self.groups)))

    @cached_property
    def degree(self) -> int:
        """The largest number of factors of any term, group indicators included."""
        grouped = {digit.name for group in self.groups for digit in group.digits}
        terms = (term for family in self.families for term in family.terms)
        return max((_factors(term, self.forms, grouped) for term in terms), default=len(grouped))

    @cached_property
    def combination(self) -> Combination:
        """All cells as one polynomial: what is proved about the committed rows."""
        return weighted_cells(self.digits, self.groups, self.forms, self.families)

    @cached_property
    def cohorts(self) -> tuple[tuple[int, ...], ...]:
        """For each cell, the cells that must reach the minimum cohort before it may be opened (it may be one of them).

        They are the COUNT(*) of its group and, for cells about one column, the COUNT of that column in the group.
        """
        counts = {family.column: family for family in self.families if family.role is Role.COUNT}
        protectors = []
        for family in self.families:
            count = counts.get(family.column) if family.column is not None else None
            for group in range(family.cells):
                protectors.append((group,) if count is None else (group, count.first + group))
        return tuple(protectors)

    @cached_property
    def columns_used(self) -> tuple[str, ...]:
        """Every column that the query reads, for whatever purpose, sorted."""
        return tuple(sorted({column for columns in self.columns_by_role.values() for column in columns}))

    @cached_property
    def columns_by_role(self) -> dict[str, tuple[str, ...]]:
        """The columns that the query filters by, groups by and aggregates, each sorted."""
        aggregated = {o.column for o in self.query.outputs if isinstance(o, Aggregate) and o.column is not None}
        return {
            "filter": tuple(sorted(columns_of(self.query.where))),
            "group": tuple(sorted(self.query.group_by)),
            "aggregate": tuple(sorted(aggregated)),
        }

    @cached_property
    def aggregates_used(self) -> tuple[tuple[Function, str | None], ...]:
        """(function, column) of every aggregate, without repetition, in the order of the SELECT list."""
        aggregates = (output for output in self.query.outputs if isinstance(output, Aggregate))
        return tuple(dict.fromkeys((aggregate.function, aggregate.column) for aggregate in aggregates))

    def canonical(self) -> dict[str, Any]:
        """JSON-ready members: all of the plan, so that equal hashes mean equal cells and equal results."""
        return {
            "version": PROTOCOL_VERSION,
            "query": self.query.canonical(),
            "schema": self.schema_hash,
            "groups": [group.canonical() for group in self.groups],
            "forms": [form.canonical() for form in self.forms],
            "families": [family.canonical() for family in self.families],
            "outputs": [output.canonical() for output in self.outputs],
        }

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form, hexadecimal: what nodes approve and what is proved."""
        return canonical.digest(self.canonical())


def compile_query(query: Query, schema: Schema) -> Plan:
    """Compile a query that was parsed against `schema`.

    1. WHERE becomes a condition; its parts over a one-digit GROUP BY column only choose which groups have cells.
    2. The rest of WHERE becomes a polynomial that is 1 on the rows that count.
    3. Every aggregate needs that polynomial times 1, [c is not NULL], the code of c, or its square. Equal polynomials
       become one family: COUNT(c) of a column that is never NULL is COUNT(*).
    4. Forms are numbered, and factors, cells and integers are checked against what can be proved.

    Raises:
        PlanTooComplex: more factors, terms or cells than the protocol carries.
        SchemaInvalid: the query is not about this schema.
    """
    if query.dataset != schema.name:
        raise SchemaInvalid(f"the query is about dataset {query.dataset}, the schema about {schema.name}")
    return _Compiler(query, schema).plan()


class _Compiler:
    def __init__(self, query: Query, schema: Schema) -> None:
        self._query = query
        self._schema = schema
        self._digits = {digit: index for index, digit in enumerate(schema.digits)}
        self._forms: dict[Form, int] = {}
        self._families: dict[tuple[Term, ...], CellFamily] = {}

    def plan(self) -> Plan:
        # 1. groups
        chosen: dict[str, CodeSet] = {}
        rest = []
        for part in conjuncts(normalise(self._query.where, self._schema)):
            if isinstance(part, Atom) and part.column.name in self._query.group_by and len(part.column.digits) == 1:
                chosen[part.column.name] = part.codes
            else:
                rest.append(part)
        groups = tuple(_group(self._schema.column(name), chosen.get(name)) for name in self._query.group_by)
        size = 1
        for group in groups:
            size *= len(group.values)
        if size > MAX_CELLS:
            raise _too_many_cells(size)
        # 2. rows that count
        counted = indicator(All(tuple(rest)), self._digits)
        # 3. families
        self._family(Role.ROWS, None, counted, size, 1)
        outputs = tuple(self._output(output, counted, size) for output in self._query.outputs)
        # 4. limits
        families = tuple(self._families.values())
        if len(families) * size > MAX_CELLS:
            raise _too_many_cells(len(families) * size)
        plan = Plan(self._query, self._schema.hash, self._schema.digits, groups, tuple(self._forms), families, outputs)
        _check(plan)
        return plan

    def _output(self, output: Aggregate | GroupKey, counted: Polynomial, size: int) -> Output:
        if isinstance(output, GroupKey):
            group = self._query.group_by.index(output.column)
            return Output(output.name, self._schema.column(output.column).type, None, output.column, group, (), 0, 0)
        statistic = STATISTICS[output.function]
        if output.column is None:
            rows = self._family(Role.ROWS, None, counted, size, 1)
            return Output(output.name, "integer", output.function, None, None, ((Role.COUNT, rows),), 0, 0)
        column = self._schema.column(output.column)
        families = []
        for role in statistic.needs:
            polynomial, bound = _summand(role, column, self._digits)
            families.append((role, self._family(role, column.name, counted * polynomial, size, bound)))
        low = scale = 0
        kind = "integer"
        if not isinstance(column, CategoryColumn | BooleanColumn | DateColumn):
            low, scale = column.low, column.scale
            if output.function is not Function.COUNT:
                kind = column.type if statistic.exact else "number"
        return Output(output.name, kind, output.function, column.name, None, tuple(families), low, scale)

    def _family(self, role: Role, column: str | None, polynomial: Polynomial, size: int, bound: int) -> int:
        terms = tuple(self._term(monomial, coefficient) for monomial, coefficient in polynomial.terms)
        known = self._families.get(terms)
        if known is None:
            known = CellFamily(role, column, len(self._families) * size, size, terms, bound if terms else 0)
            self._families[terms] = known
        return list(self._families).index(terms)

    def _term(self, monomial: Monomial, coefficient: int) -> Term:
        forms = [table_form(self._schema.digits[digit], table) for digit, table in monomial.tables]
        forms += [code_form(self._schema.column(name)) for name in monomial.codes]
        if not forms:
            forms.append(PRESENT_FORM)
        return Term(coefficient, tuple(self._forms.setdefault(form, len(self._forms)) for form in forms))


def _summand(role: Role, column: Column, digits: dict[Digit, int]) -> tuple[Polynomial, int]:
    """What a role sums, and the most that one row can add."""
    if role is Role.SUM:
        return code_power(column, digits, 1), column.size - 1
    if role is Role.SQUARES:
        return code_power(column, digits, 2), (column.size - 1) ** 2
    return code_indicator(column, CodeSet(((0, column.size),), False), digits), 1


def _group(column: Column, chosen: CodeSet | None) -> Group:
    if column.size > MAX_CELLS:
        raise _too_many_cells(column.size)
    known = chosen or CodeSet(((0, column.size),), column.nullable)
    codes = tuple(code for low, high in known.intervals for code in range(low, high))
    values = tuple(column.value(code) for code in codes) + (None,) * known.null
    return Group(column.name, column.digits, codes, known.null, values, column.type)


def _factors(term: Term, forms: tuple[Form, ...], grouped: set[str]) -> int:
    # A form of one digit that is also grouped by multiplies into the group's indicator: together they are one factor.
    used = [forms[index] for index in term.factors]
    single = {form.digits[0][0] for form in used if len(form.digits) == 1}
    # `present` alone is a factor only where nothing else is.
    return len(single | grouped) + sum(len(form.digits) > 1 for form in used) or 1


def _check(plan: Plan) -> None:
    if plan.degree > MAX_FACTORS:
        raise too_many_factors(plan.degree)
    parts = max(len(plan.combination.forms), len(plan.combination.terms))
    if parts > MAX_PROVED:
        raise PlanTooComplex(
            f"the query needs {parts} factors or products, at most {MAX_PROVED} can be proved",
            hint="ask for fewer aggregates at once, or use fewer ORs and fewer ranges over columns of many values",
        )
    for form in plan.forms:
        if max([abs(form.constant), *(abs(w) for _, weights in form.digits for w in weights)]) > MAX_WEIGHT:
            raise PlanTooComplex("a weight is too large", hint="use columns with smaller domains")
    for family in plan.families:
        total = 0
        for term in family.terms:
            if abs(term.coefficient) > MAX_WEIGHT:
                raise PlanTooComplex("a coefficient is too large", hint="use fewer conditions")
            size = abs(term.coefficient)
            for index in term.factors:
                size *= plan.forms[index].bound()
            total += size
        # Even a row whose digits contradict each other cannot make a cell wrap modulo the group order.
        if total * MAX_TOTAL_ROWS >= GROUP_ORDER // 2:
            raise PlanTooComplex("a sum could exceed the group order", hint="use columns with smaller domains")


def _too_many_cells(cells: int) -> PlanTooComplex:
    return PlanTooComplex(
        f"the result would need {cells} cells, at most {MAX_CELLS} can be opened",
        hint="GROUP BY columns with fewer values, or restrict the groups with WHERE",
    )

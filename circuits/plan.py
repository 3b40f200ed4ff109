"""The plan of a query: which sums over rows are proved and opened, as a deterministic function of (query, schema).

Specification: `docs/spec/04-queries.md`. A plan is a list of *families*. A family is one polynomial of the row's digits;
it has one *cell* a combination of keys of its grid, and the cell is the sum of the polynomial over the rows with these keys:

    y = sum over rows x of keys(x) * sum_m a_m * prod_{j in F(m)} phi_j(x)

with integer a_m and affine forms phi_j of the committed one-hot columns. Plans are compared by their hash: API, nodes,
prover and auditor each compile the query themselves and must arrive at the same bytes. A query that searches for order
statistics has several rounds; the plan of a round is a function of the plan before and of what it opened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from circuits.aggregates import AGGREGATES, ORDER_STATISTICS
from circuits.analysis import Prepared
from circuits.call import prepare
from circuits.catalogue import ANALYSES
from circuits.cells import CellFamily, Form, Grid, Group, Output, Protection, Term
from circuits.columns import BooleanColumn, CategoryColumn, DateColumn, Digit, Value
from circuits.combination import Combination
from circuits.errors import PlanTooComplex, RoundsInvalid, SchemaInvalid
from circuits.families import QUERY_GRID, Families, keys_of
from circuits.polynomial import too_many_factors
from circuits.query import Aggregate, Function, GroupKey, Query, columns_of
from circuits.schema import Schema
from circuits.search import Bracket, Search, begin, check_size, proceed, rounds_of
from circuits.statistics.roles import Role
from circuits.summand import ROWS, Summand
from circuits.weighting import grid_patterns, weighted_cells
from protocol import canonical
from protocol.parameters import GROUP_ORDER, MAX_FACTORS, PROTOCOL_VERSION

MAX_TOTAL_ROWS: Final = 1 << 40  # over all members and chunks; no cell may reach GROUP_ORDER / 2 with this many
MAX_PROVED: Final = 256  # forms, and products of them, of all cells together: each is work for every row
MAX_WEIGHT: Final = (1 << 53) - 1  # weights and coefficients are numbers of RFC 8785


@dataclass(frozen=True)
class Opened:
    """What a round opened.

    Attributes:
        cells: one a cell of the plan, None where the cohort is too small.
        minimum: the minimum cohort.
    """

    cells: tuple[int | None, ...]
    minimum: int


@dataclass(frozen=True)
class Plan:
    """What is proved and opened in one round of a query. Family 0 counts the rows of each group, always.

    Attributes:
        digits: all digits of the schema, in its order; they follow from `schema_hash`.
        grids: what families are cut by; the first is that of GROUP BY.
        searches: for order statistics.
        analysis: the analysis that is asked for, with its arguments, if it is one.
        index: the family of each summand, by grid.
        earlier: the rounds before this one, with what they opened.
    """

    query: Query
    schema: Schema = field(repr=False)
    digits: tuple[Digit, ...] = field(repr=False)
    grids: tuple[Grid, ...]
    forms: tuple[Form, ...]
    families: tuple[CellFamily, ...]
    outputs: tuple[Output, ...]
    searches: tuple[Search, ...] = ()
    analysis: Prepared | None = None
    index: Mapping[tuple[int, Summand], int] = field(default_factory=dict, repr=False, compare=False)
    earlier: tuple[tuple["Plan", Opened], ...] = field(default=(), repr=False)

    @property
    def schema_hash(self) -> str:
        """Hash of the schema that the query was compiled against."""
        return self.schema.hash

    @property
    def groups(self) -> tuple[Group, ...]:
        """The GROUP BY columns."""
        return tuple(axis for axis in self.grids[QUERY_GRID] if isinstance(axis, Group))

    @property
    def cells(self) -> int:
        """How many cells are opened."""
        return sum(family.cells for family in self.families)

    @property
    def group_cells(self) -> int:
        """How many groups there are, which is the number of cells of each family over the grid of GROUP BY."""
        return self.families[0].cells

    @cached_property
    def keys(self) -> tuple[tuple[Value | None, ...], ...]:
        """The key of each group, in the order of the cells of a family; one empty key without GROUP BY."""
        return keys_of(self.groups)  # type: ignore[return-value]  # plain groups have plain values

    @cached_property
    def degree(self) -> int:
        """The largest number of factors of any term, indicators of keys included."""
        return max(_degree(family, term, self) for family in self.families for term in family.terms or (None,))

    @cached_property
    def combination(self) -> Combination:
        """All cells as one polynomial: what is proved about the committed rows."""
        return weighted_cells(self.digits, self.grids, self.forms, self.families)

    @cached_property
    def cohorts(self) -> tuple[tuple[tuple[int, int | None], ...], ...]:
        """For each cell, the counts (a, b) of which cell a minus cell b must reach the minimum cohort; b None is 0."""
        protectors: list[tuple[tuple[int, int | None], ...]] = []
        for family in self.families:
            for cell in range(family.cells):
                own: dict[tuple[int, int | None], None] = {}
                for cohort in family.cohorts:
                    if cohort.protection is Protection.NEVER:
                        continue
                    base = cohort.base + cell // cohort.stride
                    own[base, None] = None
                    if cohort.protection is Protection.TAILS:
                        own[family.first + cell, None] = None
                        own[base, family.first + cell] = None
                protectors.append(tuple(own))
        return tuple(protectors)

    @cached_property
    def never_opened(self) -> frozenset[int]:
        """The cells that only protect others."""
        return frozenset(
            family.first + cell
            for family in self.families
            if any(cohort.protection is Protection.NEVER for cohort in family.cohorts)
            for cell in range(family.cells)
        )

    @cached_property
    def columns_used(self) -> tuple[str, ...]:
        """Every column that the query reads, for whatever purpose, sorted."""
        return tuple(sorted({column for columns in self.columns_by_role.values() for column in columns}))

    @cached_property
    def columns_by_role(self) -> dict[str, tuple[str, ...]]:
        """The columns that the query filters by, groups by and aggregates, each sorted."""
        aggregated = {column for o in self.query.outputs if isinstance(o, Aggregate) for column in o.columns}
        if self.analysis is not None:
            aggregated.update(self.analysis.columns)
        return {
            "filter": tuple(sorted(columns_of(self.query.where))),
            "group": tuple(sorted(self.query.group_by)),
            "aggregate": tuple(sorted(aggregated)),
        }

    @cached_property
    def aggregates_used(self) -> tuple[tuple[str, str | None], ...]:
        """(name, columns) of every aggregate or of the analysis, without repetition, in the order of the SELECT list."""
        if self.query.call is not None and self.analysis is not None:
            return ((self.query.call.name, ", ".join(self.analysis.columns)),)
        aggregates = (output for output in self.query.outputs if isinstance(output, Aggregate))
        return tuple(dict.fromkeys((str(each.function), ", ".join(each.columns) or None) for each in aggregates))

    @property
    def round(self) -> int:
        """Which round this is, from 1."""
        return len(self.earlier) + 1

    @cached_property
    def rounds(self) -> int:
        """How many rounds the query takes, if no search has to look everywhere."""
        return max((rounds_of(search.column) for search in self.searches), default=1)

    def canonical(self) -> dict[str, Any]:
        """JSON-ready members: all of the plan, so that equal hashes mean equal cells and equal results."""
        return {
            "version": PROTOCOL_VERSION,
            "query": self.query.canonical(),
            "schema": self.schema_hash,
            "grids": [[axis.canonical() for axis in grid] for grid in self.grids],
            "forms": [form.canonical() for form in self.forms],
            "families": [family.canonical() for family in self.families],
            "outputs": [output.canonical() for output in self.outputs],
            "searches": [search.canonical() for search in self.searches],
            "round": self.round,
        }

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form, hexadecimal: what nodes approve and what is proved."""
        return canonical.digest(self.canonical())


def compile_query(query: Query, schema: Schema, earlier: Sequence[Opened] = ()) -> Plan:
    """Compile a query that was parsed against `schema`, for the round after those that have opened `earlier`.

    1. WHERE becomes a condition; its parts over a one-digit GROUP BY column only choose which groups have cells.
    2. The rest of WHERE becomes a polynomial that is 1 on the rows that count.
    3. Every aggregate and every analysis needs that polynomial times some summands. Equal polynomials become one family:
       COUNT(c) of a column that is never NULL is COUNT(*).
    4. Forms are numbered, and factors, cells and integers are checked against what can be proved.

    Raises:
        PlanTooComplex: more factors, terms or cells than the protocol carries.
        SchemaInvalid: the query is not about this schema.
        RoundsInvalid: the query has no such round.
    """
    if query.dataset != schema.name:
        raise SchemaInvalid(f"the query is about dataset {query.dataset}, the schema about {schema.name}")
    plan: Plan | None = _Compiler(query, schema).plan()
    for opened in earlier:
        plan = None if plan is None else next_round(plan, opened)
    if plan is None:
        raise RoundsInvalid(f"the query is finished after fewer than {len(earlier)} rounds")
    return plan


def next_round(plan: Plan, opened: Opened) -> Plan | None:
    """The plan of the round after the one that opened these cells; None if everything is found that will be.

    Raises:
        RoundsInvalid: there are not as many cells as the plan has.
    """
    found = found_by(plan, opened)
    if all(bracket.settled for groups in found for brackets in groups.values() for bracket in brackets):
        return None
    families = _families(plan.query, plan.schema, plan.analysis)
    try:
        searches = tuple(proceed(families, search, own) for search, own in zip(plan.searches, found, strict=True))
        return _plan(plan.query, families, plan.outputs, searches, plan.analysis, (*plan.earlier, (plan, opened)))
    except PlanTooComplex:
        # Only where several searches have to look everywhere: what is found so far is the answer.
        return None


def found_by(plan: Plan, opened: Opened) -> tuple[dict[int, tuple[Bracket, ...]], ...]:
    """What each search has found when this round is opened. Raises RoundsInvalid."""
    if len(opened.cells) != plan.cells:
        raise RoundsInvalid(f"the plan has {plan.cells} cells, {len(opened.cells)} were opened")
    return tuple(search.found(opened.cells, opened.minimum) for search in plan.searches)


class _Compiler:
    def __init__(self, query: Query, schema: Schema) -> None:
        self._query = query
        self._schema = schema
        self._searches: list[Search] = []

    def plan(self) -> Plan:
        """The plan of the first round."""
        call = self._query.call
        analysis = None if call is None else prepare(call, self._schema, self._query.group_by)
        families = _families(self._query, self._schema, analysis)
        outputs = tuple(self._output(output, families) for output in self._query.outputs)
        if analysis is not None:
            self._searches += analysis.request(families)
        check_size(self._searches)
        return _plan(self._query, families, outputs, tuple(self._searches), analysis, ())

    def _output(self, output: Aggregate | GroupKey, families: Families) -> Output:
        if isinstance(output, GroupKey):
            group = self._query.group_by.index(output.column)
            return Output(output.name, self._schema.column(output.column).type, None, output.column, group, (), 0, 0)
        if output.column is None:
            rows = families.family(ROWS)
            return Output(output.name, "integer", output.function, None, None, ((Role.COUNT, rows),), 0, 0)
        column = self._schema.column(output.column)
        if output.function in ORDER_STATISTICS:
            return self._order_statistic(output, families)
        statistic = AGGREGATES[output.function]
        needs = tuple((role, families.family(role.summand(column.name, output.other))) for role in statistic.needs)
        low = scale = 0
        kind = "integer"
        if not isinstance(column, CategoryColumn | BooleanColumn | DateColumn):
            low, scale = column.low, column.scale
            if output.function is not Function.COUNT:
                kind = column.type if statistic.exact else "number"
        other = None
        if output.other is not None:
            second = self._schema.column(output.other)
            if not isinstance(second, CategoryColumn | BooleanColumn | DateColumn):
                other = (second.name, second.low, second.scale)
        return Output(output.name, kind, output.function, column.name, None, needs, low, scale, other)

    def _order_statistic(self, output: Aggregate, families: Families) -> Output:
        column = self._schema.column(output.column or "")
        statistic = ORDER_STATISTICS[output.function]
        quantile = statistic.quantile(Fraction(output.parameter or 0))
        self._searches.append(begin(families, column, (quantile,), disclosive=statistic.disclosive))
        count = families.family(Role.COUNT.summand(column.name, None))
        kind = "number" if quantile.interpolated else column.type
        place = len(self._searches) - 1
        return Output(output.name, kind, output.function, column.name, None, ((Role.COUNT, count),), 0, 0, search=place)


def _plan(
    query: Query,
    families: Families,
    outputs: tuple[Output, ...],
    searches: tuple[Search, ...],
    analysis: Prepared | None,
    earlier: tuple[tuple[Plan, Opened], ...],
) -> Plan:
    schema = families.schema
    plan = Plan(
        query, schema, schema.digits, families.grids, families.forms, families.families, outputs, searches, analysis,
        families.index, earlier,
    )  # fmt: skip
    _check(plan)
    return plan


def _families(query: Query, schema: Schema, analysis: Prepared | None) -> Families:
    """Nothing but family 0."""
    if query.call is None or analysis is None:
        return Families(schema, query.where, query.group_by)
    opens_total = ANALYSES[query.call.name].opens_total
    return Families(schema, query.where, query.group_by, analysis.known, opens_total=opens_total)


def _degree(family: CellFamily, term: Term | None, plan: Plan) -> int:
    used = [plan.forms[index] for index in term.factors] if term is not None else []
    single = {form.digits[0][0] for form in used if len(form.digits) == 1}
    others = sum(len(form.digits) > 1 for form in used)
    # A form of one digit of the grid multiplies into the keys' indicator: together they are one factor. `present` alone is a
    # factor only where nothing else is.
    keys = [{digit for digit, _ in pattern} for pattern in grid_patterns(plan.grids[family.grid])] or [set()]
    return max(len(single | pattern) for pattern in keys) + others or 1


def _check(plan: Plan) -> None:
    if plan.degree > MAX_FACTORS:
        raise too_many_factors(plan.degree)
    parts = max(len(plan.combination.forms), len(plan.combination.terms))
    if parts > MAX_PROVED:
        raise PlanTooComplex(
            f"the query needs {parts} factors or products, at most {MAX_PROVED} can be proved",
            hint="ask for fewer statistics at once, or use fewer ORs, bins and ranges over columns of many values",
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

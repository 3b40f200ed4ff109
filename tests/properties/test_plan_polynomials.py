"""The polynomial of a plan, term by term as a verifier reads it, against SQL's three-valued logic on single rows."""

from decimal import Decimal
from functools import cache

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from circuits.cells import Form
from circuits.chunk import EncodedChunk, padded, padded_rows
from circuits.codeset import CodeSet
from circuits.columns import PRESENT_DIGIT, Column
from circuits.errors import PlanTooComplex
from circuits.evaluate import evaluate
from circuits.plan import Plan, compile_query
from circuits.query import Aggregate, And, Compare, Constant, Function, In, Is, Not, Operator, Or, Predicate, Query
from circuits.schema import Schema, parse_schema
from circuits.sql import parse
from protocol.parameters import ABSENT_CODE, GROUP_ORDER, MAX_FACTORS

SCHEMA = parse_schema("""
name = "t"
[[columns]]
name = "c"
type = "category"
codes = ["b", "a", "é"]
nullable = true
[[columns]]
name = "n"
type = "integer"
min = -3
max = 3
[[columns]]
name = "two"
type = "decimal"
scale = 1
min = -10
max = 20
nullable = true
[[columns]]
name = "three"
type = "integer"
min = 0
max = 9000
nullable = true
[[columns]]
name = "flag"
type = "boolean"
nullable = true
""")
Row = tuple[int | None, ...]  # a code, or None, for each column

OPERATORS = {
    Operator.EQ: lambda a, b: a == b,
    Operator.NE: lambda a, b: a != b,
    Operator.LT: lambda a, b: a < b,
    Operator.LE: lambda a, b: a <= b,
    Operator.GT: lambda a, b: a > b,
    Operator.GE: lambda a, b: a >= b,
}


def rows() -> st.SearchStrategy[Row]:
    def field(column: Column) -> st.SearchStrategy[int | None]:
        codes = st.integers(0, column.size - 1) | st.sampled_from([0, column.size - 1, min(63, column.size - 1)])
        return st.none() | codes if column.nullable else codes

    return st.tuples(*(field(column) for column in SCHEMA.columns))


def constants(column: Column) -> st.SearchStrategy[Constant]:
    if column.type == "category":
        return st.sampled_from(["a", "b", "é", "", "zebra"])
    if column.type == "boolean":
        return st.booleans()
    top = 9100 if column.name == "three" else 25
    return st.integers(-120, top * 10).map(lambda n: Decimal(f"{n / 10:.1f}")) | st.sampled_from([Decimal("0.05")])


@st.composite
def leaves(draw: st.DrawFn) -> Predicate:
    column = draw(st.sampled_from(SCHEMA.columns))
    operators = [Operator.EQ, Operator.NE] if column.type == "boolean" else list(Operator)
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return Is(column.name, draw(st.sampled_from([None, True, False] if column.type == "boolean" else [None])))
    if kind == 1:
        return In(column.name, tuple(draw(st.lists(constants(column), min_size=1, max_size=4))))
    return Compare(column.name, draw(st.sampled_from(operators)), draw(constants(column)))


def predicates() -> st.SearchStrategy[Predicate]:
    return st.recursive(
        leaves(),
        lambda inner: (
            inner.map(Not)
            | st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts)))
            | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts)))
        ),
        max_leaves=6,
    )


def truth(predicate: Predicate, row: Row) -> bool | None:
    """SQL's answer, from the definition."""
    match predicate:
        case Not(operand):
            inner = truth(operand, row)
            return None if inner is None else not inner
        case And(operands):
            inner_all = [truth(operand, row) for operand in operands]
            return False if False in inner_all else None if None in inner_all else True
        case Or(operands):
            inner_all = [truth(operand, row) for operand in operands]
            return True if True in inner_all else None if None in inner_all else False
        case Compare(name, operator, constant):
            value = value_of(name, row)
            return None if value is None else bool(OPERATORS[operator](value, constant))
        case In(name, choices):
            value = value_of(name, row)
            return None if value is None else value in choices
        case Is(name, wanted):
            value = value_of(name, row)
            return value is None if wanted is None else value is wanted


def value_of(name: str, row: Row) -> Constant | None:
    index = [column.name for column in SCHEMA.columns].index(name)
    code = row[index]
    if code is None:
        return None
    value = SCHEMA.columns[index].value(code)
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


@cache
def digit_codes(row: Row) -> dict[str, int | None]:
    codes: dict[str, int | None] = {"present": 0}
    for column, code in zip(SCHEMA.columns, row, strict=True):
        for digit in column.digits:
            codes[digit.name] = None if code is None else code // digit.weight % (64 if len(column.digits) > 1 else 1 << 20)
    return codes


def form_value(form: Form, row: Row | None) -> int:
    """phi(x); None is a padding row, in which every b[d,t] and `present` is 0."""
    if row is None:
        return 0
    codes = digit_codes(row)
    return form.constant + sum(0 if codes[n] is None else weights[codes[n] or 0] for n, weights in form.digits)


def family_value(plan: Plan, family: int, row: Row | None) -> int:
    total = 0
    for term in plan.families[family].terms:
        product = term.coefficient
        for index in term.factors:
            product *= form_value(plan.forms[index], row)
        total += product
    return total


def query(where: Predicate | None, group_by: tuple[str, ...] = ()) -> Query:
    outputs = (
        Aggregate(Function.COUNT, None, "n"),
        Aggregate(Function.VAR_POP, "two", "v"),
        Aggregate(Function.SUM, "n", "s"),
    )
    return Query("t", outputs, where, group_by)


def compiled(asked: Query) -> Plan | None:
    assert parse(asked.canonical(), SCHEMA).canonical()
    try:
        return compile_query(asked, SCHEMA)
    except PlanTooComplex:
        return None


@given(predicates(), st.lists(rows(), min_size=1, max_size=8))
def test_each_family_is_what_its_role_says_on_every_row(where: Predicate, some: list[Row]) -> None:
    plan = compiled(query(where))
    assume(plan is not None)
    assert plan is not None
    assert plan.degree <= MAX_FACTORS
    variance, total = plan.outputs[1], plan.outputs[2]
    for row in some:
        counted = truth(where, row) is True
        two, n = row[2], row[1]
        assert n is not None
        expected = {
            0: int(counted),
            variance.families[0][1]: int(counted and two is not None),
            variance.families[1][1]: (two or 0) * counted,
            variance.families[2][1]: (two or 0) ** 2 * counted,
            total.families[1][1]: n * counted,
        }
        for family, value in expected.items():
            assert family_value(plan, family, row) == value
            assert 0 <= value <= plan.families[family].bound_per_row or not plan.families[family].terms
            assert family_value(plan, family, None) == 0


@given(predicates(), st.sampled_from([("c",), ("n", "flag"), ("c", "n")]), st.lists(rows(), max_size=12))
def test_cells_are_sums_of_the_polynomial_over_the_rows_of_each_group(
    where: Predicate, group_by: tuple[str, ...], some: list[Row]
) -> None:
    plan = compiled(query(where, group_by))
    assume(plan is not None)
    assert plan is not None
    found = evaluate(plan, [chunk_of(some)])
    expected = [0] * plan.cells
    for row in some:
        key = tuple(key_value(name, row) for name in group_by)
        if key in plan.keys:
            for index, family in enumerate(plan.families):
                expected[family.first + plan.keys.index(key)] += family_value(plan, index, row)
        else:
            assert truth(where, row) is not True
    assert found == expected


def key_value(name: str, row: Row) -> object:
    index = [column.name for column in SCHEMA.columns].index(name)
    code = row[index]
    return None if code is None else SCHEMA.columns[index].value(code)


def chunk_of(some: list[Row]) -> EncodedChunk:
    size = padded_rows(len(some))
    digits = [padded(PRESENT_DIGIT, np.zeros(len(some), dtype=np.uint16), size)]
    for digit in SCHEMA.digits[1:]:
        codes = [digit_codes(row)[digit.name] for row in some]
        digits.append(padded(digit, np.array([ABSENT_CODE if c is None else c for c in codes], dtype=np.uint16), size))
    return EncodedChunk(size, len(some), tuple(digits))


@given(predicates(), predicates())
def test_equal_conditions_have_equal_families(left: Predicate, right: Predicate) -> None:
    pairs: list[tuple[Predicate, Predicate]] = [
        (And((left, right)), And((right, left))),
        (Not(Or((left, right))), And((Not(left), Not(right)))),
        (Or((left, left)), left),
    ]
    for one, other in pairs:
        plans = compiled(query(one)), compiled(query(other))
        if plans[0] is not None and plans[1] is not None:
            assert values(plans[0]) == values(plans[1])


def values(plan: Plan) -> list[list[str]]:
    return [
        sorted(f"{term.coefficient} {[plan.forms[i] for i in term.factors]}" for term in family.terms)
        for family in plan.families
    ]


@given(predicates())
def test_no_cell_can_wrap_even_if_digits_contradict_each_other(where: Predicate) -> None:
    plan = compiled(query(where))
    assume(plan is not None)
    assert plan is not None
    for family in plan.families:
        total = 0
        for term in family.terms:
            size = abs(term.coefficient)
            for index in term.factors:
                size *= plan.forms[index].bound()
            total += size
        assert total << 40 < GROUP_ORDER // 2


sets = st.builds(
    lambda edges, null: CodeSet(tuple(zip(edges[::2], edges[1::2], strict=False)), null),
    st.lists(st.integers(0, 301), max_size=8, unique=True).map(sorted),
    st.booleans(),
)


@given(sets, sets)
def test_code_sets_are_sets(left: CodeSet, right: CodeSet) -> None:
    column = wide_column()

    def members(codes: CodeSet) -> set[int | None]:
        found: set[int | None] = {code for low, high in codes.intervals for code in range(low, high)}
        return found | {None} if codes.null else found

    everything: set[int | None] = {None, *range(301)}
    assert members(left.union(right)) == members(left) | members(right)
    assert members(left.intersect(right)) == members(left) & members(right)
    assert members(left.complement(column)) == everything - members(left)
    assert left.complement(column).complement(column) == left
    assert left.is_everything(column) == (members(left) == everything)
    assert left.is_empty() == (not members(left))


@cache
def wide_column() -> Column:
    column: Schema = parse_schema('name="t"\n[[columns]]\nname="x"\ntype="integer"\nmin=0\nmax=300\nnullable=true\n')
    return column.column("x")

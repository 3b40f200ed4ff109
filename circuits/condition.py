"""Conditions, as after WHERE, to typed predicates, by an allow-list over the node classes of sqlglot's syntax tree.

A node passes only if its class is handled below and every argument that is set on it is one the handler reads: what a
newer sqlglot adds is refused until somebody thinks about it. Specification: `docs/spec/04-queries.md`.
"""

from collections.abc import Collection
from typing import Final, NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from circuits import lexical
from circuits.columns import BooleanColumn, Column
from circuits.constants import is_constant, read_constant
from circuits.errors import QuerySyntax, QueryTooLarge, QueryType, QueryUnknownName
from circuits.query import MIRRORED, And, Compare, Constant, In, Is, Not, Operator, Or, Predicate
from circuits.table import Table

MAX_IN_LIST: Final = 1_024
MAX_PREDICATE_NODES: Final = 512
MAX_NAME_LENGTH: Final = 63

_COMPARISONS: Final[dict[type[exp.Expression], Operator]] = {
    exp.EQ: Operator.EQ,
    exp.NEQ: Operator.NE,
    exp.LT: Operator.LT,
    exp.LTE: Operator.LE,
    exp.GT: Operator.GT,
    exp.GTE: Operator.GE,
}
_NEAREST: Final = {
    "joins": "query one dataset; every hospital holds the same table",
    "alias": "write the name of the dataset alone",
    "query": "write the constants out: IN (constant, ...)",
    "symmetric": "write the smaller bound first: BETWEEN low AND high",
    "table": "there is one dataset: write the column name alone",
    "db": "write the name of the dataset alone",
}


def parse_condition(text: str, table: Table) -> Predicate:
    """One condition over the columns of `table`. Raises what `circuits.sql.parse` raises."""
    # The parentheses keep a clause after WHERE out of the condition; the line break ends a comment.
    sql = " ".join(("SELECT COUNT(*) FROM", f'"{table.name}"', "WHERE (", text, "\n)"))
    select = syntax_tree(sql, table, ("COUNT",))
    reader = ConditionReader(sql, table)
    reader.only(select, "a condition", "expressions", "from_", "where")
    where = select.args.get("where")
    if not isinstance(where, exp.Where):
        raise QuerySyntax("not a condition", hint="write a condition as after WHERE")
    return reader.predicate(where.this)


def syntax_tree(sql: str, table: Table, functions: Collection[str]) -> exp.Select:
    """The tree of one SELECT statement, of which nothing but its tokens has been checked.

    Args:
        functions: the names of functions that may be called, in capitals.

    Raises:
        QuerySyntax, QueryTooLarge, QueryUnsupported: as `circuits.sql.parse`.
    """
    names = [table.name, *(column.name for column in table.columns)]
    lexical.screen(sql, names, functions)
    try:
        statements = sqlglot.parse(sql, dialect="postgres")
    except ParseError as error:
        detail = error.errors[0] if error.errors else {}
        where = f"line {detail['line']}, column {detail['col']}" if detail.get("line") else None
        raise QuerySyntax("the query is not valid SQL", where=where) from error
    except RecursionError as error:
        raise QueryTooLarge("the query is nested too deeply") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise lexical.unsupported(sql, 0, "anything but one SELECT statement")
    return statements[0]


class ConditionReader:
    """Reads the conditions and the names of one statement.

    Args:
        sql: its text, for the places of errors.
        table: whose columns it is about.
    """

    def __init__(self, sql: str, table: Table) -> None:
        self.sql = sql
        self.table = table
        self._nodes = 0

    def predicate(self, node: exp.Expression) -> Predicate:
        """The condition that a node of WHERE is."""
        self._nodes += 1
        if self._nodes > MAX_PREDICATE_NODES:
            raise QueryTooLarge(f"the WHERE clause has more than {MAX_PREDICATE_NODES} conditions")
        match node:
            case exp.Paren():
                self.only(node, "this parenthesis", "this")
                return self.predicate(node.this)
            case exp.And():
                return And(self._operands(node, exp.And, And))
            case exp.Or():
                return Or(self._operands(node, exp.Or, Or))
            case exp.Not():
                self.only(node, "this NOT", "this")
                return Not(self.predicate(node.this))
            case exp.Between():
                return self._between(node)
            case exp.In():
                return self._in(node)
            case exp.Is():
                return self._is(node)
            case exp.Column():
                column = self.column(node)
                if not isinstance(column, BooleanColumn):
                    raise QueryType(f"column {column.name} is of type {column.type}, not a condition", where=self.place(node))
                return Compare(column.name, Operator.EQ, True)
        operator = _COMPARISONS.get(type(node))
        if operator is None:
            self.refuse(node, "this condition", "=, <>, <, <=, >, >=, BETWEEN, IN, IS [NOT] NULL, AND, OR, NOT")
        self.only(node, "this comparison", "this", "expression")
        return self._comparison(node, operator)

    def _operands(self, node: exp.Expression, kind: type[exp.Connector], result: type[And | Or]) -> tuple[Predicate, ...]:
        # A chain of ANDs is a left-deep tree as long as the query: it is walked, not recursed into.
        operands: list[Predicate] = []
        stack = [node]
        while stack:
            top = stack.pop()
            if isinstance(top, kind):
                self.only(top, "this condition", "this", "expression")
                stack += [top.expression, top.this]
                continue
            operand = self.predicate(top)
            operands += operand.operands if isinstance(operand, result) else [operand]
        return tuple(operands)

    def _comparison(self, node: exp.Expression, operator: Operator) -> Compare:
        left, right = bare(node.this), bare(node.expression)
        if isinstance(left, exp.Column) and isinstance(right, exp.Column):
            self.refuse(node, "comparing two columns", "compare a column with a constant")
        if is_constant(left) and isinstance(right, exp.Column):
            left, right, operator = right, left, MIRRORED[operator]
        return self._compare(left, operator, right)

    def _compare(self, left: exp.Expression, operator: Operator, right: exp.Expression) -> Compare:
        column = self._operand(left)
        if isinstance(column, BooleanColumn) and operator not in (Operator.EQ, Operator.NE):
            self.refuse(left, f"{operator} on a boolean", f"{column.name} = TRUE, or {column.name} alone")
        return Compare(column.name, operator, self._constant(right, column))

    def _between(self, node: exp.Between) -> Predicate:
        self.only(node, "this form of BETWEEN", "this", "low", "high")
        low = self._compare(node.this, Operator.GE, node.args["low"])
        return And((low, self._compare(node.this, Operator.LE, node.args["high"])))

    def _in(self, node: exp.In) -> Predicate:
        self.only(node, "this form of IN", "this", "expressions")
        column = self._operand(node.this)
        if not node.expressions:
            self.refuse(node, "IN without a list", "IN (constant, ...)")
        if len(node.expressions) > MAX_IN_LIST:
            raise QueryTooLarge(f"an IN list has more than {MAX_IN_LIST} constants", where=self.place(node))
        constants = {self._constant(item, column) for item in node.expressions}
        return In(column.name, tuple(sorted(constants)))

    def _is(self, node: exp.Is) -> Predicate:
        self.only(node, "this form of IS", "this", "expression", "negate")
        column, value = self._operand(node.this), node.expression
        negate = bool(node.args.get("negate"))  # some versions of sqlglot say IS NOT so, others as NOT (... IS ...)
        if isinstance(value, exp.Null):
            test = Is(column.name, None)
            return Not(test) if negate else test
        if isinstance(value, exp.Boolean) and isinstance(column, BooleanColumn):
            test = Is(column.name, bool(value.this))
            return Not(test) if negate else test
        self.refuse(node, "this form of IS", "IS [NOT] NULL, or IS [NOT] TRUE on a boolean column")

    def _operand(self, node: exp.Expression) -> Column:
        node = bare(node)
        if not isinstance(node, exp.Column):
            self.refuse(node, "this comparison", "compare a column with a constant")
        return self.column(node)

    def _constant(self, node: exp.Expression, column: Column) -> Constant:
        node = bare(node)
        if not is_constant(node):
            self.refuse(node, "comparing with anything but a constant", "compare a column with a constant")
        return read_constant(node, column, self.place(node))

    def column(self, node: exp.Column) -> Column:
        """The column that a node names."""
        self.only(node, "this column reference", "this")
        if not isinstance(node.this, exp.Identifier):
            self.refuse(node, "* outside COUNT(*)", "name the columns")
        name = node.this.name
        column = self.table.find(name)
        if column is None:
            close = lexical.nearest(name, [column.name for column in self.table.columns])
            raise QueryUnknownName(
                f"dataset {self.table.name} has no column {name[:MAX_NAME_LENGTH]!r}",
                hint=f"did you mean {close}?" if close else None,
                where=self.place(node),
            )
        return column

    def only(self, node: exp.Expression, what: str, *accepted: str) -> None:
        """Refuse a node on which anything else is set."""
        for key, value in node.args.items():
            if value and key not in accepted:
                self.refuse(node, f"{what} with {key.strip('_').replace('_', ' ').upper()}", _NEAREST.get(key))

    def refuse(self, node: exp.Expression, what: str, hint: str | None = None) -> NoReturn:
        """Raise QueryUnsupported for a node."""
        raise lexical.unsupported(self.sql, self._offset(node), what, hint)

    def place(self, node: exp.Expression) -> str:
        """Where a node is written."""
        return lexical.place(self.sql, self._offset(node))

    def _offset(self, node: exp.Expression) -> int:
        # Names, numbers and strings know their place; NULL, TRUE and operators take it from what they stand in.
        place: exp.Expr | None = node
        while place is not None:
            starts = [inner.meta["start"] for inner in place.walk() if "start" in inner.meta]
            if starts:
                return int(min(starts))
            place = place.parent
        return 0


def bare(node: exp.Expression) -> exp.Expression:
    """The node inside any parentheses."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node

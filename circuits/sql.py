"""SQL to a typed `Query`, by an allow-list over the node classes of sqlglot's syntax tree.

A node passes only if its class is handled below and every argument that is set on it is one the handler reads: what a
newer sqlglot adds is refused until somebody thinks about it. Specification: `docs/spec/04-queries.md`.
"""

from typing import Final, NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from circuits import lexical
from circuits.columns import BooleanColumn, Column, DecimalColumn, IntegerColumn
from circuits.constants import is_constant, read_constant
from circuits.errors import QuerySyntax, QueryTooLarge, QueryType, QueryUnknownName
from circuits.query import (
    MIRRORED,
    Aggregate,
    And,
    Compare,
    Constant,
    Function,
    GroupKey,
    In,
    Is,
    Not,
    Operator,
    Or,
    Predicate,
    Query,
)
from circuits.table import Table

MAX_GROUP_COLUMNS: Final = 3
MAX_OUTPUTS: Final = 64
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
_FUNCTIONS: Final[dict[type[exp.Expression], Function]] = {
    exp.Count: Function.COUNT,
    exp.Sum: Function.SUM,
    exp.Avg: Function.AVG,
    exp.Variance: Function.VAR_SAMP,
    exp.VariancePop: Function.VAR_POP,
    exp.Stddev: Function.STDDEV_SAMP,
    exp.StddevSamp: Function.STDDEV_SAMP,
}
_NEAREST: Final = {
    "joins": "query one dataset; every hospital holds the same table",
    "alias": "write the name of the dataset alone",
    "query": "write the constants out: IN (constant, ...)",
    "symmetric": "write the smaller bound first: BETWEEN low AND high",
    "table": "there is one dataset: write the column name alone",
    "db": "write the name of the dataset alone",
}


def parse(sql: str, schema: Table) -> Query:
    """Parse and check one query against `schema`.

    Raises:
        QuerySyntax: not SQL. QueryTooLarge: too long, deep or wide. QueryUnsupported: SQL that is not run.
        QueryUnknownName: a dataset or column that is not in the schema. QueryType: a constant or aggregate that does
        not fit its column. All but QueryTooLarge say the line and column.
    """
    names = [schema.name, *(column.name for column in schema.columns)]
    lexical.screen(sql, names)
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
    return _Reader(sql, schema).query(statements[0])


class _Reader:
    def __init__(self, sql: str, schema: Table) -> None:
        self._sql = sql
        self._schema = schema
        self._nodes = 0

    def query(self, select: exp.Select) -> Query:
        self._only(select, "SELECT", "expressions", "from_", "where", "group")
        source = select.args.get("from_")
        if not isinstance(source, exp.From):
            self._refuse(select, "a query without FROM", f"FROM {self._schema.name}")
        self._dataset(source)
        group = select.args.get("group")
        group_by = self._group_by(group) if isinstance(group, exp.Group) else ()
        outputs = tuple(self._output(node, group_by) for node in select.expressions[: MAX_OUTPUTS + 1])
        if len(outputs) > MAX_OUTPUTS:
            raise QueryTooLarge(f"the SELECT list has more than {MAX_OUTPUTS} columns")
        if not any(isinstance(output, Aggregate) for output in outputs):
            self._refuse(select, "a SELECT list without an aggregate", "add COUNT(*)")
        self._names_differ(select, outputs)
        where = select.args.get("where")
        predicate = None
        if isinstance(where, exp.Where):
            self._only(where, "WHERE", "this")
            predicate = self._predicate(where.this)
        return Query(self._schema.name, outputs, predicate, group_by)

    def _dataset(self, source: exp.From) -> None:
        self._only(source, "FROM", "this")
        table = source.this
        if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
            self._refuse(source, "this FROM", f"FROM {self._schema.name}")
        self._only(table, "this FROM", "this")
        if table.this.name.lower() != self._schema.name.lower():
            raise QueryUnknownName(
                f"there is no dataset {table.this.name[:MAX_NAME_LENGTH]!r}",
                hint=f"this schema is of dataset {self._schema.name}",
                where=self._place(table),
            )

    def _group_by(self, group: exp.Group) -> tuple[str, ...]:
        self._only(group, "GROUP BY", "expressions")
        if not group.expressions:
            raise QuerySyntax("GROUP BY names no column", where=lexical.place(self._sql, len(self._sql)))
        if len(group.expressions) > MAX_GROUP_COLUMNS:
            self._refuse(group, f"GROUP BY over more than {MAX_GROUP_COLUMNS} columns", "send one query for each combination")
        columns = []
        for node in group.expressions:
            if not isinstance(node, exp.Column):
                self._refuse(node, "GROUP BY of anything but a column name", "write the column name")
            column = self._column(node).name
            if column in columns:
                self._refuse(node, "the same column twice in GROUP BY", "name it once")
            columns.append(column)
        return tuple(columns)

    def _output(self, node: exp.Expression, group_by: tuple[str, ...]) -> Aggregate | GroupKey:
        name = None
        if isinstance(node, exp.Alias):
            self._only(node, "this alias", "this", "alias")
            name = self._alias(node)
            node = node.this
        if isinstance(node, exp.Column):
            column = self._column(node)
            if column.name not in group_by:
                self._refuse(
                    node, "a column outside an aggregate", f"rows are never shown: GROUP BY {column.name}, or aggregate"
                )
            return GroupKey(column.name, name or column.name)
        function = _FUNCTIONS.get(type(node))
        if function is None:
            self._refuse(node, "this output", "COUNT(*), COUNT(c), SUM, AVG, VAR_SAMP, VAR_POP, STDDEV_SAMP")
        self._only(node, f"this form of {function}", "this", "big_int")
        argument = node.this
        if function is Function.COUNT and isinstance(argument, exp.Star):
            self._only(argument, "this form of *")
            return Aggregate(function, None, name or "count")
        if not isinstance(argument, exp.Column):
            nearest = "COUNT(*) or COUNT(column)" if function is Function.COUNT else f"{function}(column)"
            self._refuse(node, f"{function} of anything but a column name", nearest)
        column = self._column(argument)
        if function is not Function.COUNT and not isinstance(column, IntegerColumn | DecimalColumn):
            raise QueryType(
                f"{function} needs a number, and column {column.name} is of type {column.type}",
                hint=f"GROUP BY {column.name} with COUNT(*) gives its distribution",
                where=self._place(argument),
            )
        return Aggregate(function, column.name, name or f"{function.lower()}_{column.name}"[:MAX_NAME_LENGTH])

    def _alias(self, node: exp.Alias) -> str:
        name = str(node.alias)
        if not (name.isascii() and name.isidentifier() and len(name) <= MAX_NAME_LENGTH):
            # Results are exported to spreadsheets, where a name such as `=cmd` would be a formula.
            self._refuse(node.args["alias"], "this alias", "letters, digits and underscores, up to 63")
        return name

    def _names_differ(self, select: exp.Select, outputs: tuple[Aggregate | GroupKey, ...]) -> None:
        seen = set()
        for output, node in zip(outputs, select.expressions, strict=True):
            if output.name.lower() in seen:
                self._refuse(node, f"two output columns called {output.name}", "give one of them an alias with AS")
            seen.add(output.name.lower())

    def _predicate(self, node: exp.Expression) -> Predicate:
        self._nodes += 1
        if self._nodes > MAX_PREDICATE_NODES:
            raise QueryTooLarge(f"the WHERE clause has more than {MAX_PREDICATE_NODES} conditions")
        match node:
            case exp.Paren():
                self._only(node, "this parenthesis", "this")
                return self._predicate(node.this)
            case exp.And():
                return And(self._operands(node, exp.And, And))
            case exp.Or():
                return Or(self._operands(node, exp.Or, Or))
            case exp.Not():
                self._only(node, "this NOT", "this")
                return Not(self._predicate(node.this))
            case exp.Between():
                return self._between(node)
            case exp.In():
                return self._in(node)
            case exp.Is():
                return self._is(node)
            case exp.Column():
                column = self._column(node)
                if not isinstance(column, BooleanColumn):
                    raise QueryType(
                        f"column {column.name} is of type {column.type}, not a condition", where=self._place(node)
                    )
                return Compare(column.name, Operator.EQ, True)
        operator = _COMPARISONS.get(type(node))
        if operator is None:
            self._refuse(node, "this condition", "=, <>, <, <=, >, >=, BETWEEN, IN, IS [NOT] NULL, AND, OR, NOT")
        self._only(node, "this comparison", "this", "expression")
        return self._comparison(node, operator)

    def _operands(self, node: exp.Expression, kind: type[exp.Connector], result: type[And | Or]) -> tuple[Predicate, ...]:
        # A chain of ANDs is a left-deep tree as long as the query: it is walked, not recursed into.
        operands: list[Predicate] = []
        stack = [node]
        while stack:
            top = stack.pop()
            if isinstance(top, kind):
                self._only(top, "this condition", "this", "expression")
                stack += [top.expression, top.this]
                continue
            operand = self._predicate(top)
            operands += operand.operands if isinstance(operand, result) else [operand]
        return tuple(operands)

    def _comparison(self, node: exp.Expression, operator: Operator) -> Compare:
        left, right = _bare(node.this), _bare(node.expression)
        if isinstance(left, exp.Column) and isinstance(right, exp.Column):
            self._refuse(node, "comparing two columns", "compare a column with a constant")
        if is_constant(left) and isinstance(right, exp.Column):
            left, right, operator = right, left, MIRRORED[operator]
        return self._compare(left, operator, right)

    def _compare(self, left: exp.Expression, operator: Operator, right: exp.Expression) -> Compare:
        column = self._operand(left)
        if isinstance(column, BooleanColumn) and operator not in (Operator.EQ, Operator.NE):
            self._refuse(left, f"{operator} on a boolean", f"{column.name} = TRUE, or {column.name} alone")
        return Compare(column.name, operator, self._constant(right, column))

    def _between(self, node: exp.Between) -> Predicate:
        self._only(node, "this form of BETWEEN", "this", "low", "high")
        low = self._compare(node.this, Operator.GE, node.args["low"])
        return And((low, self._compare(node.this, Operator.LE, node.args["high"])))

    def _in(self, node: exp.In) -> Predicate:
        self._only(node, "this form of IN", "this", "expressions")
        column = self._operand(node.this)
        if not node.expressions:
            self._refuse(node, "IN without a list", "IN (constant, ...)")
        if len(node.expressions) > MAX_IN_LIST:
            raise QueryTooLarge(f"an IN list has more than {MAX_IN_LIST} constants", where=self._place(node))
        constants = {self._constant(item, column) for item in node.expressions}
        return In(column.name, tuple(sorted(constants)))

    def _is(self, node: exp.Is) -> Predicate:
        self._only(node, "this form of IS", "this", "expression", "negate")
        column, value = self._operand(node.this), node.expression
        negate = bool(node.args.get("negate"))  # some versions of sqlglot say IS NOT so, others as NOT (... IS ...)
        if isinstance(value, exp.Null):
            test = Is(column.name, None)
            return Not(test) if negate else test
        if isinstance(value, exp.Boolean) and isinstance(column, BooleanColumn):
            test = Is(column.name, bool(value.this))
            return Not(test) if negate else test
        self._refuse(node, "this form of IS", "IS [NOT] NULL, or IS [NOT] TRUE on a boolean column")

    def _operand(self, node: exp.Expression) -> Column:
        node = _bare(node)
        if not isinstance(node, exp.Column):
            self._refuse(node, "this comparison", "compare a column with a constant")
        return self._column(node)

    def _constant(self, node: exp.Expression, column: Column) -> Constant:
        node = _bare(node)
        if not is_constant(node):
            self._refuse(node, "comparing with anything but a constant", "compare a column with a constant")
        return read_constant(node, column, self._place(node))

    def _column(self, node: exp.Column) -> Column:
        self._only(node, "this column reference", "this")
        if not isinstance(node.this, exp.Identifier):
            self._refuse(node, "* outside COUNT(*)", "name the columns")
        name = node.this.name
        column = self._schema.find(name)
        if column is None:
            close = lexical.nearest(name, [column.name for column in self._schema.columns])
            raise QueryUnknownName(
                f"dataset {self._schema.name} has no column {name[:MAX_NAME_LENGTH]!r}",
                hint=f"did you mean {close}?" if close else None,
                where=self._place(node),
            )
        return column

    def _only(self, node: exp.Expression, what: str, *accepted: str) -> None:
        for key, value in node.args.items():
            if value and key not in accepted:
                self._refuse(node, f"{what} with {key.strip('_').replace('_', ' ').upper()}", _NEAREST.get(key))

    def _refuse(self, node: exp.Expression, what: str, hint: str | None = None) -> NoReturn:
        raise lexical.unsupported(self._sql, self._offset(node), what, hint)

    def _place(self, node: exp.Expression) -> str:
        return lexical.place(self._sql, self._offset(node))

    def _offset(self, node: exp.Expression) -> int:
        # Names, numbers and strings know their place; NULL, TRUE and operators take it from what they stand in.
        place: exp.Expr | None = node
        while place is not None:
            starts = [inner.meta["start"] for inner in place.walk() if "start" in inner.meta]
            if starts:
                return int(min(starts))
            place = place.parent
        return 0


def _bare(node: exp.Expression) -> exp.Expression:
    """The node inside any parentheses."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node

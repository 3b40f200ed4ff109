"""SQL to a typed `Query`, by an allow-list over the node classes of sqlglot's syntax tree.

A node passes only if its class is handled below and every argument that is set on it is one the handler reads: what a
newer sqlglot adds is refused until somebody thinks about it. Specification: `docs/spec/04-queries.md`.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from sqlglot import exp

from circuits import lexical
from circuits.aggregates import AGGREGATES, ORDER_STATISTICS
from circuits.call import read_arguments, signature
from circuits.catalogue import ANALYSES, NAMES
from circuits.columns import Column, DateColumn, DecimalColumn, IntegerColumn
from circuits.condition import MAX_NAME_LENGTH, ConditionReader, bare, syntax_tree
from circuits.constants import is_constant, read_number
from circuits.errors import QuerySyntax, QueryTooLarge, QueryType, QueryUnknownName
from circuits.query import Aggregate, Argument, Call, ColumnName, Function, GroupKey, Query
from circuits.table import Table

MAX_GROUP_COLUMNS: Final = 3
MAX_OUTPUTS: Final = 64

_FUNCTIONS: Final[dict[type[exp.Expression], Function]] = {
    exp.Count: Function.COUNT,
    exp.Sum: Function.SUM,
    exp.Avg: Function.AVG,
    exp.Variance: Function.VAR_SAMP,
    exp.VariancePop: Function.VAR_POP,
    exp.Stddev: Function.STDDEV_SAMP,
    exp.StddevSamp: Function.STDDEV_SAMP,
    exp.Corr: Function.CORR,
    exp.CovarSamp: Function.COVAR_SAMP,
    exp.CovarPop: Function.COVAR_POP,
    exp.Min: Function.MIN,
    exp.Max: Function.MAX,
    exp.Median: Function.MEDIAN,
    exp.Quantile: Function.QUANTILE,
}
# Those that the parser takes for functions that it does not know.
_NAMED: Final = {str(function): function for function in (Function.WEIGHTED_AVG, Function.QUANTILE_CONT)}
# Accepted spellings. VARIANCE and STDDEV are the sample forms in DuckDB and PostgreSQL alike.
_SPELLINGS: Final = (*NAMES, "VARIANCE", "STDDEV")


def parse(sql: str, schema: Table) -> Query:
    """Parse and check one query against `schema`.

    Raises:
        QuerySyntax: not SQL. QueryTooLarge: too long, deep or wide. QueryUnsupported: SQL that is not run.
        QueryUnknownName: a dataset or column that is not in the schema. QueryType: a constant or aggregate that does
        not fit its column. All but QueryTooLarge say the line and column.
    """
    return _Reader(sql, schema).query(syntax_tree(sql, schema, _SPELLINGS))


class _Reader(ConditionReader):
    def query(self, select: exp.Select) -> Query:
        self.only(select, "SELECT", "expressions", "from_", "where", "group")
        source = select.args.get("from_")
        if not isinstance(source, exp.From):
            self.refuse(select, "a query without FROM", f"FROM {self.table.name}")
        self._dataset(source)
        group = select.args.get("group")
        group_by = self._group_by(group) if isinstance(group, exp.Group) else ()
        call: Call | None = None
        outputs: tuple[Aggregate | GroupKey, ...] = ()
        only = select.expressions[0] if len(select.expressions) == 1 else None
        if isinstance(only, exp.Anonymous) and only.name.upper() in ANALYSES:
            call = self._call(only)
        else:
            outputs = self._outputs(select, group_by)
        where = select.args.get("where")
        predicate = None
        if isinstance(where, exp.Where):
            self.only(where, "WHERE", "this")
            predicate = self.predicate(where.this)
        return Query(self.table.name, outputs, predicate, group_by, call)

    def _outputs(self, select: exp.Select, group_by: tuple[str, ...]) -> tuple[Aggregate | GroupKey, ...]:
        outputs = tuple(self._output(node, group_by) for node in select.expressions[: MAX_OUTPUTS + 1])
        if len(outputs) > MAX_OUTPUTS:
            raise QueryTooLarge(f"the SELECT list has more than {MAX_OUTPUTS} columns")
        if not any(isinstance(output, Aggregate) for output in outputs):
            self.refuse(select, "a SELECT list without an aggregate", "add COUNT(*)")
        self._names_differ(select, outputs)
        return outputs

    def _dataset(self, source: exp.From) -> None:
        self.only(source, "FROM", "this")
        table = source.this
        if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
            self.refuse(source, "this FROM", f"FROM {self.table.name}")
        self.only(table, "this FROM", "this")
        if table.this.name.lower() != self.table.name.lower():
            raise QueryUnknownName(
                f"there is no dataset {table.this.name[:MAX_NAME_LENGTH]!r}",
                hint=f"this schema is of dataset {self.table.name}",
                where=self.place(table),
            )

    def _group_by(self, group: exp.Group) -> tuple[str, ...]:
        self.only(group, "GROUP BY", "expressions")
        if not group.expressions:
            raise QuerySyntax("GROUP BY names no column", where=lexical.place(self.sql, len(self.sql)))
        if len(group.expressions) > MAX_GROUP_COLUMNS:
            self.refuse(group, f"GROUP BY over more than {MAX_GROUP_COLUMNS} columns", "send one query for each combination")
        columns = []
        for node in group.expressions:
            if not isinstance(node, exp.Column):
                self.refuse(node, "GROUP BY of anything but a column name", "write the column name")
            column = self.column(node).name
            if column in columns:
                self.refuse(node, "the same column twice in GROUP BY", "name it once")
            columns.append(column)
        return tuple(columns)

    def _output(self, node: exp.Expression, group_by: tuple[str, ...]) -> Aggregate | GroupKey:
        name = None
        if isinstance(node, exp.Alias):
            self.only(node, "this alias", "this", "alias")
            name = self._alias(node)
            node = node.this
        if isinstance(node, exp.Column):
            column = self.column(node)
            if column.name not in group_by:
                self.refuse(
                    node, "a column outside an aggregate", f"rows are never shown: GROUP BY {column.name}, or aggregate"
                )
            return GroupKey(column.name, name or column.name)
        function, arguments = self._function(node)
        if function is Function.COUNT and isinstance(arguments[0], exp.Star):
            self.only(arguments[0], "this form of *")
            return Aggregate(function, None, name or "count")
        columns: list[Column] = []
        for argument in arguments[: _columns_of(function)]:
            if not isinstance(argument, exp.Column):
                nearest = "COUNT(*) or COUNT(column)" if function is Function.COUNT else f"{function}(column)"
                self.refuse(node, f"{function} of anything but a column name", nearest)
            columns.append(self.column(argument))
            self._check_type(function, columns[-1], argument)
        wanted = _columns_of(function)
        parameter = None
        if function in ORDER_STATISTICS and ORDER_STATISTICS[function].parameter:
            parameter = self._fraction(function, node, arguments[1:])
            wanted += 1
        if len(arguments) != wanted or len(columns) != _columns_of(function):
            raise QueryType(f"{function} takes {wanted} arguments", where=self.place(node))
        default = "_".join([function.lower(), *(column.name for column in columns)])[:MAX_NAME_LENGTH]
        other = columns[1].name if len(columns) > 1 else None
        return Aggregate(function, columns[0].name, name or default, other, parameter)

    def _function(self, node: exp.Expression) -> tuple[Function, list[exp.Expression]]:
        """The aggregate that a node calls, and its arguments."""
        if isinstance(node, exp.Anonymous):
            named = _NAMED.get(node.name.upper())
            if named is not None:
                self.only(node, f"this form of {named}", "this", "expressions")
                return named, list(node.expressions)
            if node.name.upper() in ANALYSES:
                self.refuse(node, f"{node.name.upper()} beside other outputs", "an analysis stands alone in the SELECT list")
        function = _FUNCTIONS.get(type(node))
        if function is None:
            self.refuse(node, "this output", f"COUNT(*), {', '.join(_SPELLINGS)}")
        self.only(node, f"this form of {function}", "this", "big_int", "expression", "quantile")
        others = [node.args.get(key) for key in ("expression", "quantile")]
        return function, [node.this, *(other for other in others if isinstance(other, exp.Expression))]

    def _check_type(self, function: Function, column: Column, node: exp.Expression) -> None:
        numbers = isinstance(column, IntegerColumn | DecimalColumn)
        ordered = function in (Function.MIN, Function.MAX, Function.QUANTILE) and isinstance(column, DateColumn)
        if function is not Function.COUNT and not numbers and not ordered:
            raise QueryType(
                f"{function} needs a number, and column {column.name} is of type {column.type}",
                hint=f"GROUP BY {column.name} with COUNT(*) gives its distribution",
                where=self.place(node),
            )

    def _fraction(self, function: Function, node: exp.Expression, arguments: Sequence[exp.Expression]) -> Decimal:
        """The parameter of a quantile."""
        if len(arguments) != 1 or not isinstance(arguments[0], exp.Literal):
            raise QueryType(f"{function} takes a column and a number from 0 to 1", where=self.place(node))
        number = read_number(arguments[0], self.place(arguments[0]))
        if number is None or not 0 <= number <= 1:
            raise QueryType(f"{function} takes a column and a number from 0 to 1", where=self.place(arguments[0]))
        return number

    def _call(self, node: exp.Anonymous) -> Call:
        """A whole analysis."""
        analysis = ANALYSES[node.name.upper()]
        self.only(node, f"this form of {analysis.name}", "this", "expressions")
        arguments: list[Argument] = []
        for argument in map(bare, node.expressions):
            if isinstance(argument, exp.Column):
                arguments.append(ColumnName(self.column(argument).name))
            elif isinstance(argument, exp.Null):
                arguments.append(None)
            elif isinstance(argument, exp.Literal) and argument.is_string:
                arguments.append(str(argument.this))
            else:
                number = read_number(argument, self.place(argument)) if is_constant(argument) else None
                if number is None:
                    self.refuse(argument, "this argument", signature(analysis))
                arguments.append(number)
        while arguments and arguments[-1] is None:
            arguments.pop()
        call = Call(analysis.name, tuple(arguments))
        try:
            read_arguments(analysis, call.arguments, self.table)
        except QueryType as error:
            raise QueryType(error.message, hint=error.hint, where=self.place(node)) from error
        return call

    def _alias(self, node: exp.Alias) -> str:
        name = str(node.alias)
        if not (name.isascii() and name.isidentifier() and len(name) <= MAX_NAME_LENGTH):
            # Results are exported to spreadsheets, where a name such as `=cmd` would be a formula.
            self.refuse(node.args["alias"], "this alias", "letters, digits and underscores, up to 63")
        return name

    def _names_differ(self, select: exp.Select, outputs: tuple[Aggregate | GroupKey, ...]) -> None:
        seen = set()
        for output, node in zip(outputs, select.expressions, strict=True):
            if output.name.lower() in seen:
                self.refuse(node, f"two output columns called {output.name}", "give one of them an alias with AS")
            seen.add(output.name.lower())


def _columns_of(function: Function) -> int:
    """How many columns an aggregate takes."""
    return AGGREGATES[function].columns if function in AGGREGATES else 1

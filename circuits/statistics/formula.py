"""Wilkinson formulas: `y ~ a + b`, `C(c)`, `a:b`, `a*b`, `- 1` or `+ 0`, parentheses.

Source: Wilkinson, Rogers (1973), Symbolic description of factorial models for analysis of variance, Applied Statistics 22.
The meaning of each operator, and the order of the terms, are those of patsy and statsmodels.
"""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from circuits.columns import BooleanColumn, CategoryColumn, Column, DateColumn, DecimalColumn, IntegerColumn
from circuits.errors import QuerySyntax, QueryTooLarge, QueryType, QueryUnknownName, QueryUnsupported
from circuits.table import Table
from protocol.parameters import MAX_DIGIT_VALUES

MAX_LENGTH: Final = 2_000
MAX_TERMS: Final = 40
MAX_VARIABLES: Final = 6  # of one term; a product of more cannot be proved
MAX_OPERATORS: Final = 200  # bounds the depth of the syntax tree, and with it recursion

_HINT: Final = "write for example 'bmi ~ age + C(sex) + age:smoked'"
_TOKENS: Final = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+(?![A-Za-z_])|[+\-*:() \t\r\n])*")
_NAME: Final = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z_][A-Za-z0-9_]*")
_PREFIX: Final = "_"  # before every name while Python reads the formula: a column may be called `class`


@dataclass(frozen=True)
class Variable:
    """A column in a formula.

    Attributes:
        categorical: its values are categories; otherwise they are numbers.
        text: how it is written, `age` or `C(age)`.
    """

    column: Column
    categorical: bool
    text: str

    @property
    def key(self) -> tuple[str, bool]:
        """What tells variables apart."""
        return self.column.name, self.categorical


@dataclass(frozen=True)
class ModelTerm:
    """The product of variables, all different, in the order in which they are written."""

    variables: tuple[Variable, ...]

    @property
    def numeric(self) -> tuple[Variable, ...]:
        """The variables that are numbers."""
        return tuple(variable for variable in self.variables if not variable.categorical)

    @property
    def categorical(self) -> tuple[Variable, ...]:
        """The variables that are categories."""
        return tuple(variable for variable in self.variables if variable.categorical)

    @property
    def key(self) -> frozenset[tuple[str, bool]]:
        """What tells terms apart."""
        return frozenset(variable.key for variable in self.variables)

    def __str__(self) -> str:
        return ":".join(variable.text for variable in self.variables)


@dataclass(frozen=True)
class Formula:
    """A model.

    Attributes:
        outcome: the column on the left.
        terms: those on the right, without the intercept, in the order in which they are written.
    """

    outcome: Column
    terms: tuple[ModelTerm, ...]
    intercept: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it reads, each once, the outcome first."""
        read = (variable.column.name for term in self.terms for variable in term.variables)
        return tuple(dict.fromkeys((self.outcome.name, *read)))


def parse_formula(text: str, schema: Table) -> Formula:
    """Read a formula with an outcome.

    Raises:
        QuerySyntax, QueryTooLarge, QueryUnsupported: it is no formula, too long, or uses what is not supported.
        QueryUnknownName, QueryType: a column does not exist, or its type does not fit.
    """
    outcome, tilde, right = text.partition("~")
    if not tilde or "~" in right:
        raise QuerySyntax("a formula has one ~, with the outcome on its left", hint=_HINT)
    name = outcome.strip()
    if len(text) <= MAX_LENGTH and not _NAME.fullmatch(name):
        raise QueryUnsupported("the left side of a formula is the name of one column", hint=_HINT)
    terms, intercept = parse_terms(right, schema, len(text))
    column = _column(name, schema)
    for term in terms:
        if any(variable.column == column for variable in term.variables):
            raise QueryUnsupported(f"{column.name} is on both sides of the formula", hint="leave it out on the right")
    return Formula(column, terms, intercept)


def parse_terms(text: str, schema: Table, length: int = 0) -> tuple[tuple[ModelTerm, ...], bool]:
    """Read the right side of a formula: its terms, and whether it has an intercept. Raises as `parse_formula`."""
    if max(len(text), length) > MAX_LENGTH:
        raise QueryTooLarge(f"the formula is longer than {MAX_LENGTH} characters", hint="use fewer terms")
    known = _TOKENS.match(text)
    if known is not None and known.end() < len(text):
        raise QueryUnsupported(f"a formula cannot contain {text[known.end()]!r} here", hint=_HINT)
    if "**" in text:
        raise QueryUnsupported("powers in a formula are not supported", hint="write the products: a + b + a:b")
    if sum(text.count(sign) for sign in "+-*:(") > MAX_OPERATORS:
        raise QueryTooLarge(f"the formula has more than {MAX_OPERATORS} operators", hint="use fewer terms")
    # In Python ** binds tighter than *, as : does here.
    python = _NAME.sub(lambda found: _PREFIX + found.group(), " ".join(text.split())).replace(":", "**")
    try:
        tree = ast.parse(python, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise QuerySyntax(f"{text.strip()[:80]!r} is not the right side of a formula", hint=_HINT) from error
    read = _Reader(schema).read(tree.body)
    return read.terms, read.intercept is not False


@dataclass(frozen=True)
class _Read:
    """Part of the right side; `intercept` is None where nothing is said of it."""

    terms: tuple[ModelTerm, ...] = ()
    intercept: bool | None = None


class _Reader:
    def __init__(self, schema: Table) -> None:
        self._schema = schema

    def read(self, node: ast.expr) -> _Read:
        match node:
            case ast.Name(id=name):
                return _Read((ModelTerm((_variable(_column(name[len(_PREFIX) :], self._schema)),)),))
            case ast.Constant(value=0 | 1 as number):
                return _Read((), number == 1)
            case ast.Call(func=ast.Name(id="_C"), args=[ast.Name(id=name)], keywords=[]):
                return _Read((ModelTerm((_category(_column(name[len(_PREFIX) :], self._schema)),)),))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as number):
                return self._without(_Read(), self.read(number))
            case ast.BinOp(left=left, op=operator, right=right):
                return self._combined(self.read(left), operator, self.read(right))
            case ast.Call():
                raise _unsupported("a function other than C(column)")
            case ast.Constant():
                raise _unsupported("a number other than 0 and 1, which stand for the intercept,")
        raise _unsupported("this expression")

    def _combined(self, left: _Read, operator: ast.operator, right: _Read) -> _Read:
        match operator:
            case ast.Add():
                intercept = left.intercept if right.intercept is None else right.intercept
                return _Read(_distinct((*left.terms, *right.terms)), intercept)
            case ast.Sub():
                return self._without(left, right)
            case ast.Mult() | ast.Pow() if left.intercept is None and right.intercept is None:
                products = tuple(_joined(a, b) for a in left.terms for b in right.terms)
                both = (*left.terms, *right.terms) if isinstance(operator, ast.Mult) else ()
                return _Read(_distinct((*both, *products)))
        raise _unsupported("the intercept in a product")

    def _without(self, left: _Read, right: _Read) -> _Read:
        removed = {term.key for term in right.terms}
        intercept = left.intercept if right.intercept is None else not right.intercept
        return _Read(tuple(term for term in left.terms if term.key not in removed), intercept)


def _distinct(terms: Sequence[ModelTerm]) -> tuple[ModelTerm, ...]:
    found: dict[frozenset[tuple[str, bool]], ModelTerm] = {}
    for term in terms:
        found.setdefault(term.key, term)
    if len(found) > MAX_TERMS:
        raise QueryTooLarge(f"the formula has more than {MAX_TERMS} terms", hint="use fewer terms")
    return tuple(found.values())


def _joined(left: ModelTerm, right: ModelTerm) -> ModelTerm:
    variables = {variable.key: variable for variable in (*right.variables, *left.variables)}
    order = dict.fromkeys(variable.key for variable in (*left.variables, *right.variables))
    if len(order) > MAX_VARIABLES:
        raise QueryTooLarge(f"a term of the formula has more than {MAX_VARIABLES} variables", hint="use shorter products")
    return ModelTerm(tuple(variables[key] for key in order))


def _column(name: str, schema: Table) -> Column:
    column = schema.find(name)
    if column is None:
        names = ", ".join(known.name for known in schema.columns[:20])
        raise QueryUnknownName(f"there is no column {name[:63]!r} in dataset {schema.name}", hint=f"there are {names}")
    return column


def _variable(column: Column) -> Variable:
    match column:
        case IntegerColumn() | DecimalColumn():
            return Variable(column, False, column.name)
        case CategoryColumn() | BooleanColumn():
            return Variable(_discrete(column), True, column.name)
    raise QueryType(
        f"column {column.name} is of type {column.type}, which no formula takes", hint="use numbers or categories"
    )


def _category(column: Column) -> Variable:
    if isinstance(column, DateColumn | DecimalColumn):
        raise QueryType(f"C({column.name}): a column of type {column.type} is no category", hint=f"write {column.name}")
    return Variable(_discrete(column), True, f"C({column.name})")


def _discrete(column: Column) -> Column:
    if column.size > MAX_DIGIT_VALUES:
        raise QueryType(
            f"column {column.name} has {column.size} values, as categories at most {MAX_DIGIT_VALUES}",
            hint="use it as a number, or a column with fewer values",
        )
    return column


def _unsupported(what: str) -> QueryUnsupported:
    return QueryUnsupported(f"{what} in a formula is not supported", hint=_HINT)

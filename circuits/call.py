"""The arguments of an analysis: what the SELECT list says, checked against what the analysis takes."""

from collections.abc import Iterator

from circuits.analysis import Analysis, Arguments, Kind, Parameter, Prepared, Read
from circuits.catalogue import ANALYSES
from circuits.columns import BooleanColumn, CategoryColumn, Column, DateColumn, DecimalColumn, IntegerColumn
from circuits.errors import QueryType, QueryUnsupported
from circuits.query import Argument, Call, ColumnName
from circuits.schema import Schema
from circuits.table import Table
from protocol.parameters import MAX_DIGIT_VALUES


def prepare(call: Call, schema: Schema, group_by: tuple[str, ...]) -> Prepared:
    """The analysis with its arguments.

    Raises:
        QueryType: an argument is not of its parameter's kind, or there are too few or too many.
        QueryUnsupported: there is no such analysis, or not with GROUP BY, or not with these arguments.
        QueryUnknownName: a formula names a column that the schema does not have.
    """
    analysis = ANALYSES.get(call.name)
    if analysis is None:
        raise QueryUnsupported(f"analysis {call.name} is not supported", hint=f"there are {', '.join(ANALYSES)}")
    if group_by and not analysis.grouped:
        raise QueryUnsupported(f"{call.name} with GROUP BY is not supported", hint=f"write {signature(analysis)}")
    return analysis.prepare(read_arguments(analysis, call.arguments, schema), schema, group_by)


def signature(analysis: Analysis) -> str:
    """How a call is written: `NAME(first, [optional], repeated, ...)`."""
    names = [f"[{p.name}]" if p.optional else p.name for p in analysis.parameters]
    if analysis.parameters and analysis.parameters[-1].repeated:
        names.append("...")
    return f"{analysis.name}({', '.join(names)})"


def read_arguments(analysis: Analysis, arguments: tuple[Argument, ...], schema: Table) -> Arguments:
    """Arguments of the kinds that the analysis takes. Raises QueryType."""
    pairs = list(_assigned(analysis, arguments))
    values: dict[str, Read | tuple[Read, ...]] = {}
    for parameter, argument in pairs:
        value = _read(analysis, parameter, argument, schema)
        if parameter.repeated:
            earlier = values.get(parameter.name, ())
            values[parameter.name] = (*(earlier if isinstance(earlier, tuple) else ()), value)
        else:
            values[parameter.name] = value
    for parameter in analysis.parameters:
        if parameter.name not in values and not parameter.optional:
            raise QueryType(f"{analysis.name} needs {parameter.name}, {parameter.kind}", hint=f"write {signature(analysis)}")
    return Arguments(values)


def _assigned(analysis: Analysis, arguments: tuple[Argument, ...]) -> Iterator[tuple[Parameter, Argument]]:
    parameters = analysis.parameters
    for place, argument in enumerate(arguments):
        parameter = parameters[min(place, len(parameters) - 1)] if parameters else None
        if parameter is None or (place >= len(parameters) and not parameter.repeated):
            raise QueryType(f"{analysis.name} takes at most {len(parameters)} arguments", hint=f"write {signature(analysis)}")
        yield parameter, argument


def _read(analysis: Analysis, parameter: Parameter, argument: Argument, schema: Table) -> Read:
    if argument is None:
        if parameter.optional and not parameter.repeated:
            return None
        raise _wrong_kind(analysis, parameter)
    if not isinstance(argument, ColumnName):
        expected = Kind.TEXT if isinstance(argument, str) else Kind.NUMBER
        if parameter.kind is not expected or isinstance(argument, bool):
            raise _wrong_kind(analysis, parameter)
        return argument  # type: ignore[return-value]  # dates are of no kind
    column = schema.column(argument.name)
    if not _is_of(column, parameter.kind):
        raise _wrong_kind(analysis, parameter, f", and column {column.name} is of type {column.type}")
    return column


def _is_of(column: Column, kind: Kind) -> bool:
    match kind:
        case Kind.COLUMN:
            return True
        case Kind.NUMERIC:
            return isinstance(column, IntegerColumn | DecimalColumn)
        case Kind.DISCRETE:
            return isinstance(column, CategoryColumn | BooleanColumn) or (
                not isinstance(column, DateColumn) and column.size <= MAX_DIGIT_VALUES
            )
        case Kind.BOOLEAN:
            return column.size == 2
        case _:
            return False


def _wrong_kind(analysis: Analysis, parameter: Parameter, but: str = "") -> QueryType:
    return QueryType(f"{analysis.name} takes {parameter.kind} as {parameter.name}{but}", hint=f"write {signature(analysis)}")

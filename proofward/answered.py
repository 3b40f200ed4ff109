"""A finished table together with its question: what a summary or a chart is made of."""

from dataclasses import dataclass
from typing import Final

from circuits.catalogue import ANALYSES
from circuits.query import ColumnName, Query, predicate_text
from circuits.result import ResultTable
from circuits.schema import Schema

TABLE: Final = "table"  # the kind of the aggregates of a SELECT list


@dataclass(frozen=True)
class Answered:
    """A result with what it is about."""

    table: ResultTable
    query: Query
    schema: Schema

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the analysis is about: columns and formulas; not how it is done: numbers."""
        arguments = () if self.query.call is None else self.query.call.arguments
        names = (each.name if isinstance(each, ColumnName) else each for each in arguments)
        return tuple(each for each in names if isinstance(each, str))

    @property
    def title(self) -> str:
        """What was computed, of what."""
        call = self.query.call
        outputs = ", ".join(output.name for output in self.query.outputs if output.name not in self.query.group_by)
        what = outputs if call is None else ": ".join(filter(None, (_heading(call.name), ", ".join(self.arguments))))
        by = f" by {', '.join(self.query.group_by)}" if self.query.group_by else ""
        return f"{what}{by}"

    @property
    def population(self) -> str:
        """Of whom: the dataset and the condition."""
        where = f", where {predicate_text(self.query.where)}".replace('"', "") if self.query.where is not None else ""
        return f"{self.schema.title}{where}"

    def label(self, name: str) -> str:
        """A column of the dataset with its unit; any other name as it is."""
        unit = next((column.unit for column in self.schema.columns if column.name == name), "")
        return f"{name} ({unit})" if unit else name


def _heading(analysis: str) -> str:
    return ANALYSES[analysis].title.partition(":")[0]

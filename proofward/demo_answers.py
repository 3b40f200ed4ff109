"""The demonstration's questions, and how an answer is compared with the one over all rows in one place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from proofward.result import Result

MINIMUM_COHORT: Final = 10
# DuckDB adds doubles one after the other; ours are rounded once, from exact integers.
_RELATIVE: Final = 1e-9


@dataclass(frozen=True)
class Question:
    """One question. The first output columns are the group keys; `people` is COUNT(*)."""

    name: str
    title: str
    sql: str
    keys: int
    publication: Literal["digest", "aggregate"]


QUESTIONS: Final = (
    Question(
        name="count",
        title="how many people of 40 to 64 with obesity have diabetes?",
        sql="SELECT COUNT(*) AS people FROM nhanes WHERE age BETWEEN 40 AND 64 AND bmi >= 30 AND diabetes = 'yes'",
        keys=0,
        publication="aggregate",
    ),
    Question(
        name="means",
        title="body mass index and blood pressure of adults, by diabetes",
        sql=(
            "SELECT diabetes, COUNT(*) AS people, AVG(bmi) AS mean_bmi, VAR_SAMP(bmi) AS var_bmi, "
            "AVG(systolic) AS mean_systolic, VAR_SAMP(systolic) AS var_systolic "
            "FROM nhanes WHERE age >= 20 GROUP BY diabetes"
        ),
        keys=1,
        publication="digest",
    ),
    Question(
        name="two-way",
        title="health insurance by origin",
        sql="SELECT origin, insured, COUNT(*) AS people FROM nhanes GROUP BY origin, insured",
        keys=2,
        publication="digest",
    ),
)


@dataclass(frozen=True)
class Comparison:
    """Both answers, in the same order of rows.

    Attributes:
        pooled: without the groups that have too few people to be shown.
        suppressed: how many groups have rows, but too few.
    """

    columns: tuple[str, ...]
    verified: tuple[tuple[Any, ...], ...]
    pooled: tuple[tuple[Any, ...], ...]
    suppressed: int
    equal: bool


def compare(question: Question, result: Result, pooled: Sequence[tuple[Any, ...]]) -> Comparison:
    """Compare a verified answer with the pooled rows: integers exactly, doubles to nine digits.

    A pooled group with fewer than MINIMUM_COHORT people must be missing from the answer, and be named as suppressed.
    """
    people = result.columns.index("people")
    shown = [row for row in pooled if row[people] >= MINIMUM_COHORT]
    hidden = {row[: question.keys] for row in pooled if row[people] < MINIMUM_COHORT}
    order = {row[: question.keys]: place for place, row in enumerate(result.rows)}
    shown.sort(key=lambda row: order.get(row[: question.keys], len(order)))
    equal = (
        len(shown) == len(result.rows)
        and hidden <= set(result.suppressed)
        and not result.withheld
        and all(_same(ours, theirs) for ours, theirs in zip(result.rows, shown, strict=True))
    )
    return Comparison(result.columns, result.rows, tuple(shown), len(hidden), equal)


def _same(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    return len(ours) == len(theirs) and all(_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=_RELATIVE)
    return type(ours) is type(theirs) and bool(ours == theirs)

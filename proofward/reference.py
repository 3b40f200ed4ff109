"""Every statistic that can be asked, as a document: `proofward statistics --page` makes docs/statistics.md."""

from collections.abc import Iterator
from typing import Final

from circuits.aggregates import AGGREGATES, ORDER_STATISTICS
from circuits.analysis import Analysis, Parameter
from circuits.call import signature
from circuits.catalogue import ANALYSES
from circuits.query import Function

_INTRODUCTION: Final = """\
# Statistics

Made by `proofward statistics --page`; change the catalogue in `circuits/`, not this page.

A query asks for a list of *aggregates*, of all rows or of each group, or for one *analysis*. Either way hospitals open
*cells*, sums over rows, and everybody computes the statistic from them by the formula below, exactly, rounding once; so the
audit covers the last p-value. What is revealed is what is opened, not only what is printed: `explain` lists it before
anybody is asked. A hospital's policy allows each by its SQL name. A cell with fewer people than the minimum cohort stays
closed; a statistic that needs it says what is missing, or is withheld as a whole.

```python
from proofward import connect

client = connect("https://hub.example.org", trust="trust.toml", purpose="research")
result = client.ttest("bmi", by="sex", where="age >= 18", dataset="survey")
print(result.summary())  # tables with intervals and p-values, notes, who took part, how far it is proven
result.plot()  # the usual chart (pip install 'proofward[plot]')
result.to_pandas("groups")  # a further table (pip install 'proofward[pandas]')
print(client.sql.ttest("bmi", by="sex"))  # the SQL of any method
client.explain(client.sql.ttest("bmi", by="sex"))  # what it would reveal, and who would answer
```

Every method takes `where=`, a condition as after SQL's WHERE, `dataset=` and `purpose=`. Rows with NULL in a column of an
analysis do not count, unless it says otherwise. Intervals are of 95 %, unless another level is asked for.
"""

_AGGREGATES: Final = """\
## Aggregates

In a SELECT list, with or without GROUP BY, as many as needed:
`SELECT sex, COUNT(*), AVG(bmi) AS mean FROM survey WHERE age >= 18 GROUP BY sex`. Each skips rows where its columns are NULL.

| SQL | value | revealed |
|---|---|---|
"""

_ROWS: Final = "how many rows count"
_SUMS: Final = f"{_ROWS}, the sums of the values and of their squares"
_PAIRS: Final = f"{_ROWS}, the sums of both columns, of their squares and of their products"
_SEARCH: Final = "how many rows lie in ever smaller intervals around it, while enough people are in them"
_EXTREME: Final = "how many rows lie in ever smaller intervals around it, down to one person, if enough rows count"
_OF_AGGREGATES: Final = {
    Function.COUNT: ("COUNT(*), COUNT(c)", "how many rows there are, or have a value", _ROWS),
    Function.SUM: ("SUM(c)", "the sum, exactly", f"{_ROWS}, the sum"),
    Function.AVG: ("AVG(c)", "the mean", f"{_ROWS}, the sum"),
    Function.VAR_SAMP: ("VAR_SAMP(c), VARIANCE(c)", "the sample variance, divided by n - 1", _SUMS),
    Function.VAR_POP: ("VAR_POP(c)", "the variance, divided by n", _SUMS),
    Function.STDDEV_SAMP: ("STDDEV_SAMP(c), STDDEV(c)", "the root of the sample variance", _SUMS),
    Function.CORR: ("CORR(a, b)", "Pearson's correlation (1895)", _PAIRS),
    Function.COVAR_SAMP: (
        "COVAR_SAMP(a, b)",
        "the sample covariance, divided by n - 1",
        f"{_ROWS}, the sums of both columns and of their products",
    ),
    Function.COVAR_POP: (
        "COVAR_POP(a, b)",
        "the covariance, divided by n",
        f"{_ROWS}, the sums of both columns and of their products",
    ),
    Function.WEIGHTED_AVG: (
        "WEIGHTED_AVG(c, w)",
        "the sum of c w over the sum of w",
        f"{_ROWS}, the sums of both columns and of their products",
    ),
    Function.MIN: ("MIN(c)", "the smallest value: that of a single person, so a policy must name it", _EXTREME),
    Function.MAX: ("MAX(c)", "the largest value: that of a single person, so a policy must name it", _EXTREME),
    Function.MEDIAN: ("MEDIAN(c)", "the value in the middle, or half way between the two", _SEARCH),
    Function.QUANTILE: (
        "QUANTILE(c, q)",
        "the value of rank max(1, ceil(n q)) (Hyndman and Fan, 1996, definition 1)",
        _SEARCH,
    ),
    Function.QUANTILE_CONT: (
        "QUANTILE_CONT(c, q)",
        "interpolated around rank 1 + (n - 1) q (Hyndman and Fan, 1996, definition 7)",
        _SEARCH,
    ),
}


def page() -> str:
    """The whole document, Markdown."""
    return "\n".join(
        [_INTRODUCTION, _AGGREGATES + "\n".join(_aggregates()), "", "## Analyses", "", *_contents(), *_sections()]
    )


def section(analysis: Analysis) -> str:
    """What there is to know of one analysis, Markdown."""
    grouped = ", with GROUP BY if wanted" if analysis.grouped else ""
    return "\n".join(
        [
            f"### {analysis.name}",
            "",
            f"{analysis.title}. Written `{signature(analysis)}` in SQL, alone in the SELECT list{grouped}.",
            "",
            *map(_parameter, analysis.parameters),
            "",
            "```python",
            analysis.example,
            "```",
            "",
            f"**Formula.** {analysis.formula}",
            "",
            f"**Source.** {analysis.source}",
            "",
            f"**Revealed.** {analysis.revealed}",
            "",
            f"**Limits.** {analysis.limits}",
            "",
        ]
    )


def _aggregates() -> Iterator[str]:
    for function in (*AGGREGATES, *ORDER_STATISTICS):
        sql, value, revealed = _OF_AGGREGATES[function]
        yield f"| `{sql}` | {value} | {revealed} |"


def _contents() -> Iterator[str]:
    for name in sorted(ANALYSES):
        yield f"- [{name}](#{name.lower()}): {ANALYSES[name].title}"
    yield ""


def _sections() -> Iterator[str]:
    for name in sorted(ANALYSES):
        yield section(ANALYSES[name])


def _parameter(parameter: Parameter) -> str:
    how = ", one or more" if parameter.repeated else ""
    optional = ", optional" if parameter.optional else ""
    return f"- `{parameter.name}` ({parameter.kind}{how}{optional}): {parameter.description}"

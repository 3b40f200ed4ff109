"""What a query will do, before anybody runs it: for buyers, and for hospitals that decide about it.

Specification: `docs/spec/04-queries.md`, "Explaining".
"""

from typing import Any

from circuits.cells import Protection
from circuits.codeset import truth
from circuits.columns import CategoryColumn, Column
from circuits.lexical import nearest
from circuits.plan import Plan
from circuits.query import And, Compare, Constant, In, Not, Operator, Or, Predicate, Query, constant_text
from circuits.schema import Schema


def explain(query: Query, plan: Plan, schema: Schema) -> dict[str, Any]:
    """JSON-ready facts about a plan: its cells, what they cost, what is revealed by opening them, and likely mistakes.

    `rules` are those that the rows of the columns used are proved to obey; `forms` and `terms` are those of the proof.
    """
    used = {name for form in plan.forms for name, _ in form.digits}
    used |= {digit.name for group in plan.groups for digit in group.digits}
    return {
        "query": query.canonical(),
        "plan": plan.hash,
        "schema": schema.hash,
        "dataset": schema.name,
        "cells": plan.cells,
        "rounds": plan.rounds,
        "disclosure": disclosure(plan),
        "columns": {role: list(columns) for role, columns in plan.columns_by_role.items()},
        "aggregates": [f"{function}({column or '*'})" for function, column in plan.aggregates_used],
        "groups": [{"column": group.column, "keys": len(group.values), "null": group.null} for group in plan.groups],
        "digits": sorted(used),
        "forms": len(plan.combination.forms),
        "terms": len(plan.combination.terms),
        "factors": plan.degree,
        "outputs": [{"name": output.name, "type": output.type} for output in plan.outputs],
        "rules": [
            {"name": check.name, "check": check.text}
            for check in schema.checks
            if not set(plan.columns_used).isdisjoint(check.columns)
        ],
        "revealed": [
            {
                "sum": str(family.role),
                "column": family.column,
                "cells": family.cells,
                "largest_share_of_one_row": str(family.bound_per_row),
            }
            for family in plan.families
        ],
        "warnings": _warnings(query.where, schema),
    }


def disclosure(plan: Plan) -> dict[str, Any]:
    """What opening the cells can tell about single people: `risk` is low, medium or high, `why` says it in words."""
    protections = {cohort.protection for family in plan.families for cohort in family.cohorts}
    why = ["a number is opened only if as many rows are behind it as the most careful hospital asks"]
    risk = "low"
    if Protection.TAILS in protections:
        risk = "medium"
        why.append(
            "counts of values below close bounds are opened, in the middle of the distribution: how many rows have a certain "
            "value there can be read off, but nothing about the smallest and the largest values of a minimum cohort"
        )
    if Protection.TOTAL in protections:
        risk = "high"
        why.append("the smallest or largest value is that of a single row")
    if plan.rounds > 1:
        why.append(f"{plan.rounds} rounds: each asks closer about what the one before has opened, of the same tables")
    return {"risk": risk, "why": why}


def nearest_allowed(plan: Plan, refusal: str) -> str | None:
    """What a buyer can ask instead, by the code of a hospital's refusal; None if nothing in the question helps."""
    if refusal == "policy-aggregate":
        names = {name for name, _ in plan.aggregates_used}
        if names & {"MIN", "MAX"}:
            return "QUANTILE(c, 0.01) or QUANTILE(c, 0.99) instead of MIN or MAX: no single row's value"
        if plan.searches:
            return "HISTOGRAM(c, 20), or AVG(c) with STDDEV_SAMP(c): no counts between close bounds"
        if plan.analysis is not None:
            return "COUNT(*), AVG and VAR_SAMP with GROUP BY: most analyses can be computed from them"
        return "COUNT(*) of the same groups"
    if refusal == "policy-cells":
        return "fewer groups or bins: GROUP BY fewer columns, or restrict them with WHERE"
    if refusal == "policy-column":
        return "the same without the column that the policy does not allow"
    if refusal == "policy-publication":
        return 'publication "digest": the chain gets a salted digest only'
    return None


def _warnings(predicate: Predicate | None, schema: Schema) -> list[str]:
    match predicate:
        case Not(operand):
            return _warnings(operand, schema)
        case And(operands) | Or(operands):
            return [warning for operand in operands for warning in _warnings(operand, schema)]
        case Compare(name, _, constant):
            return _outside(schema.column(name), (constant,))
        case In(name, constants):
            return _outside(schema.column(name), constants)
        case _:
            return []


def _outside(column: Column, constants: tuple[Constant, ...]) -> list[str]:
    # Valid SQL that can hardly be meant: the comparison has the same outcome for every row.
    warnings = []
    for constant in constants:
        text = constant_text(constant)
        if isinstance(column, CategoryColumn) and isinstance(constant, str) and constant not in column.codes:
            close = nearest(constant, column.codes)
            advice = f"; did you mean {constant_text(close)}?" if close else ""
            warnings.append(f"{text} is not a code of {column.name}{advice}")
        elif not isinstance(column, CategoryColumn) and any(
            truth(Compare(column.name, operator, constant), column, negated=False).is_empty()
            for operator in (Operator.LE, Operator.GE)
        ):
            low, high = column.value(0), column.value(column.size - 1)
            warnings.append(f"{text} is outside the domain of {column.name}, {low} to {high}")
    return warnings

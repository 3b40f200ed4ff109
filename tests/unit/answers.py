"""Real answers to draw and to print: tables that four hospitals' rows give, finished as everybody finishes them."""

from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from circuits.schema import Schema, parse_schema
from circuits.sql import parse
from proofward.answered import Answered
from proofward.statistics import SqlTexts
from tests.statistics.pooled import Pool

SCHEMA = parse_schema("""
name = "survey"
title = "A survey"

[[columns]]
name = "age"
type = "integer"
min = 18
max = 90
unit = "year"

[[columns]]
name = "sex"
type = "category"
codes = ["female", "male"]

[[columns]]
name = "region"
type = "category"
codes = ["north", "east", "south"]

[[columns]]
name = "smoker"
type = "boolean"
nullable = true

[[columns]]
name = "ill"
type = "boolean"

[[columns]]
name = "bmi"
type = "decimal"
scale = 1
min = 12.0
max = 59.9
nullable = true
unit = "kg/m2"

[[columns]]
name = "score"
type = "integer"
min = 0
max = 100

[[columns]]
name = "risk"
type = "decimal"
scale = 2
min = 0.00
max = 1.00

[[columns]]
name = "days"
type = "integer"
min = 0
max = 400
unit = "day"
""")


def _row(rng: Random) -> dict[str, Any]:
    age, male, smoker = rng.randint(18, 90), rng.random() < 0.5, rng.random() < 0.3
    risk = min(0.9, 0.002 * age + 0.2 * smoker)
    ill = rng.random() < risk
    bmi = min(59.9, max(12.0, rng.gauss(21 + 0.1 * age + male, 4)))
    return {
        "age": age,
        "sex": "male" if male else "female",
        "region": rng.choice(["north", "east", "south"]),
        "smoker": None if rng.random() < 0.05 else smoker,
        "ill": ill,
        "bmi": None if rng.random() < 0.05 else Decimal(f"{bmi:.1f}"),
        "score": min(100, max(0, round(rng.gauss(100 * risk, 15)))),
        "risk": Decimal(f"{risk:.2f}"),
        "days": min(400, int(rng.expovariate(1 / (250 - 100 * smoker)))),
    }


@cache
def pool() -> Pool:
    """600 people at four hospitals."""
    rng = Random(5)
    return Pool.split(SCHEMA, [_row(rng) for _ in range(600)])


def values(column: str, _: object = None) -> list[object]:
    """The domain of a column."""
    found = SCHEMA.column(column)
    return [found.value(code) for code in range(found.size)]


SQL = SqlTexts(lambda options: options.get("dataset", "survey"), values)


def answer(sql: str, minimum: int = 1, schema: Schema = SCHEMA) -> Answered:
    """The answer to a question about them."""
    return Answered(pool().ask(sql, minimum), parse(sql, schema), schema)

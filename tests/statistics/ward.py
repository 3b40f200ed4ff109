"""A made-up table with all that a real one has: NULLs, negative values, decimals, a code that nobody has; and NHANES."""

import csv
import random
import tempfile
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from circuits.schema import Schema, parse_schema
from proofward.demo_data import SCHEMA_TEXT, nhanes_file, split
from tests.statistics.pooled import Pool

SCHEMA = parse_schema(
    """
name = "ward"
title = "Ward"

[[columns]]
name = "score"
type = "decimal"
scale = 2
min = -50
max = 50
nullable = true

[[columns]]
name = "steps"
type = "integer"
min = -20
max = 300000

[[columns]]
name = "sex"
type = "category"
codes = ["female", "male"]
nullable = true

[[columns]]
name = "arm"
type = "category"
codes = ["control", "low", "nobody", "high"]
nullable = true

[[columns]]
name = "stage"
type = "integer"
min = 1
max = 5
nullable = true

[[columns]]
name = "smoker"
type = "boolean"

[[columns]]
name = "died"
type = "boolean"
nullable = true

[[columns]]
name = "age"
type = "integer"
min = 0
max = 100
"""
)
REQUIRED = {"steps": 0, "smoker": False, "age": 1}
NULLABLE = ("score", "sex", "arm", "stage", "died")


def rows(number: int, seed: int = 1) -> list[dict[str, Any]]:
    """Rows that differ between groups; about one value in twenty is NULL."""
    rng = random.Random(seed)
    found = []
    for _ in range(number):
        sex, arm = rng.choice(["female", "female", "male"]), rng.choice(["control", "low", "high", "high"])
        smoker = rng.random() < (0.2 if sex == "female" else 0.5)
        middle = {"control": 0, "low": 2, "high": -3}[arm] + (4 if sex == "male" else 0)
        row: dict[str, Any] = {
            "score": Decimal(max(-5000, min(5000, round(100 * rng.gauss(middle, 8))))) / 100,
            "steps": rng.randint(-20, 300000),
            "sex": sex,
            "arm": arm,
            "stage": rng.choice([1, 2, 2, 4, 5]),
            "smoker": smoker,
            "died": rng.random() < (0.4 if smoker else 0.15),
            "age": rng.randint(0, 100),
        }
        found.append({name: None if name in NULLABLE and rng.random() < 0.05 else value for name, value in row.items()})
    return found


def pool(table: list[dict[str, Any]]) -> Pool:
    """Four hospitals of uneven size. What is never NULL may be left out."""
    table = [REQUIRED | row for row in table]
    cuts = [0, len(table) // 2, len(table) // 2 + len(table) // 3, len(table) - len(table) // 20, len(table)]
    return Pool.of(SCHEMA, [table[low:high] for low, high in pairwise(cuts)])


def frame(table: list[dict[str, Any]], *columns: str) -> pd.DataFrame:
    """The rows that have all of these columns."""
    found = pd.DataFrame(table, columns=["age", *(name for name in columns if name != "age")]).dropna()
    if "score" in columns:
        found["score"] = found["score"].astype(float)
    return found


@cache
def nhanes() -> tuple[Schema, Pool, pd.DataFrame]:
    """The survey at four hospitals, and pooled."""
    schema = parse_schema(SCHEMA_TEXT)
    with tempfile.TemporaryDirectory() as directory:
        paths = [Path(directory) / f"{number}.csv" for number in range(4)]
        split(nhanes_file(), paths)
        parts = []
        for path in paths:
            with path.open(encoding="utf-8", newline="") as lines:
                parts.append(
                    [{name: _read(cell, schema, name) for name, cell in row.items()} for row in csv.DictReader(lines)]
                )
    return schema, Pool.of(schema, parts), pd.DataFrame([row for part in parts for row in part])


def _read(cell: str, schema: Schema, name: str) -> Any:
    if cell == "":
        return None
    kind = schema.column(name).type
    readers: dict[str, Callable[[str], Any]] = {"integer": int, "decimal": float, "boolean": "true".__eq__}
    return readers.get(kind, str)(cell)

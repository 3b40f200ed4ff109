"""SUMMARY against pandas, on random rows and on NHANES."""

import datetime
import random
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from circuits.errors import QueryType, QueryUnsupported
from circuits.result import ResultTable
from circuits.schema import Schema, parse_schema
from proofward.demo_data import SCHEMA_TEXT, nhanes_file, split
from tests.statistics.pooled import Pool

SCHEMA = parse_schema(
    """
name = "ward"
title = "Ward"

[[columns]]
name = "age"
type = "integer"
min = 0
max = 120
unit = "year"

[[columns]]
name = "balance"
type = "decimal"
scale = 2
min = -500
max = 500
nullable = true

[[columns]]
name = "sex"
type = "category"
codes = ["female", "male"]
nullable = true

[[columns]]
name = "smokes"
type = "boolean"
nullable = true

[[columns]]
name = "seen"
type = "date"
min = 2020-01-01
max = 2020-12-31
nullable = true
"""
)


def _rows(number: int, seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = []
    for _ in range(number):
        row = {
            "age": rng.randint(0, 120),
            "balance": Decimal(rng.randint(-50000, 50000)) / 100,
            "sex": rng.choice(["female", "male"]),
            "smokes": rng.random() < 0.2,
            "seen": datetime.date(2020, 1, 1) + datetime.timedelta(rng.randrange(366)),
        }
        rows.append({name: None if name != "age" and rng.random() < 0.1 else value for name, value in row.items()})
    return rows


def _by_column(table: ResultTable) -> dict[Any, dict[str, Any]]:
    names = [name for name, _ in table.columns]
    return {row[0]: dict(zip(names, row, strict=True)) for row in table.rows}


def _assert_is_of(table: ResultTable, frame: pd.DataFrame, schema: Schema) -> None:
    found = _by_column(table)
    for column in schema.columns:
        own, values = found[column.name], frame[column.name]
        assert own["type"] == column.type
        assert own["unit"] == column.unit
        assert (own["rows"], own["missing"]) == (len(frame), values.isna().sum())
        assert own["share_missing"] == pytest.approx(values.isna().mean(), rel=1e-9)
        if column.type in ("integer", "decimal"):
            numbers = values.dropna().astype(float)
            assert own["mean"] == pytest.approx(numbers.mean(), rel=1e-9)
            assert own["standard_deviation"] == pytest.approx(numbers.std(), rel=1e-9)
        else:
            assert own["mean"] is own["standard_deviation"] is None
    counts: dict[str, dict[Any, Any]] = {}
    for name, value, count, share in table.named("frequencies").rows:
        counts.setdefault(str(name), {})[value] = count
        assert share == pytest.approx(count / len(frame), rel=1e-9)  # type: ignore[operator]
    for name, own_counts in counts.items():
        values = frame[name].map(lambda value: str(value).lower() if isinstance(value, bool) else value)
        assert {value: count for value, count in own_counts.items() if count} == values.value_counts().to_dict()
    assert set(counts) == {column.name for column in schema.columns if column.type in ("category", "boolean")}


@pytest.mark.parametrize("seed", range(4))
def test_every_column_is_described(seed: int) -> None:
    rows = _rows(300 if seed else 7, seed)
    table = Pool.split(SCHEMA, rows).ask("SELECT SUMMARY() FROM ward")
    assert table.kind == "summary"
    assert table.withheld == ()
    _assert_is_of(table, pd.DataFrame(rows).astype(object), SCHEMA)
    domains = [row[3] for row in table.rows]
    assert domains == ["0 to 120", "-500.00 to 500.00", "female, male", "false, true", "2020-01-01 to 2020-12-31"]


def test_some_columns_of_some_rows() -> None:
    rows = _rows(200, 3)
    table = Pool.split(SCHEMA, rows).ask("SELECT SUMMARY(balance, age, balance) FROM ward WHERE sex = 'male' OR smokes")
    kept = pd.DataFrame([row for row in rows if row["sex"] == "male" or row["smokes"]])
    assert [row[0] for row in table.rows] == ["balance", "age"]
    assert table.tables == ()
    assert _by_column(table)["balance"]["mean"] == pytest.approx(kept.balance.dropna().astype(float).mean(), rel=1e-9)


def test_nhanes(tmp_path: Any) -> None:
    schema = parse_schema(SCHEMA_TEXT)
    paths = [tmp_path / f"{place}.csv" for place in range(4)]
    split(nhanes_file(), paths)
    frames = [pd.read_csv(path, dtype=object, keep_default_na=False, na_values=[""]) for path in paths]
    for column in schema.columns:
        if column.type == "boolean":
            for frame in frames:
                frame[column.name] = frame[column.name].map({"true": True, "false": False})
    parts = [frame.astype(object).where(frame.notna(), None).to_dict("records") for frame in frames]
    table = Pool.of(schema, parts).ask("SELECT SUMMARY() FROM nhanes", 10)
    assert table.withheld == ()
    _assert_is_of(table, pd.concat(frames), schema)


def test_what_is_withheld_is_listed() -> None:
    rows = [
        {"age": 40, "balance": 1 if index < 5 else None, "sex": "male" if index < 5 else "female", "smokes": True}
        for index in range(30)
    ]
    table = Pool.split(SCHEMA, rows).ask("SELECT SUMMARY() FROM ward", 10)
    names = ["missing", "share_missing", "mean", "standard_deviation"]
    hidden = [(("balance",), name) for name in names] + [(("seen",), name) for name in names[:2]]
    assert list(table.withheld) == hidden
    found = _by_column(table)
    assert all(found["balance"][name] is None for name in names)
    assert found["age"]["mean"] == 40
    assert found["age"]["standard_deviation"] == 0
    frequencies = table.named("frequencies")
    assert frequencies.rows == (("sex", "female", 25, 25 / 30), ("smokes", "true", 30, 1.0))
    assert frequencies.suppressed == (("sex", "male"), ("smokes", "false"))


def test_nobody_one_and_all_missing() -> None:
    pool = Pool.split(SCHEMA, _rows(30, 2))
    assert pool.ask("SELECT SUMMARY() FROM ward WHERE age < 0 OR (age > 5 AND age < 6)").notes == (
        "undefined: there are no rows",
    )
    assert "withheld" in pool.ask("SELECT SUMMARY() FROM ward WHERE age < 0", 10).notes[0]
    one = _by_column(Pool.split(SCHEMA, [{"age": 7}]).ask("SELECT SUMMARY() FROM ward"))
    assert (one["age"]["mean"], one["age"]["standard_deviation"]) == (7, None)
    assert (one["balance"]["missing"], one["balance"]["mean"]) == (1, None)


def test_forty_columns_of_any_size_fit_and_no_more() -> None:
    def schema(number: int) -> Schema:
        column = '[[columns]]\nname = "c{}"\ntype = "integer"\nmin = -7\nmax = 4000\nnullable = true\n'
        return parse_schema('name = "wide"\n' + "".join(column.format(place) for place in range(number)))

    table = Pool.split(schema(40), [{"c3": 5}, {"c3": -6}]).ask("SELECT SUMMARY() FROM wide")
    assert table.rows[3][4:8] == (2, 0, 0.0, -0.5)
    with pytest.raises(QueryUnsupported):
        Pool.split(schema(41), [{"c3": 5}]).ask("SELECT SUMMARY() FROM wide")
    with pytest.raises(QueryType):
        Pool.split(SCHEMA, []).ask("SELECT SUMMARY(5) FROM ward")

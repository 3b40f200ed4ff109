"""Drafting a schema from a file."""

import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from circuits.encode import encode_chunks
from circuits.schema import parse_schema
from mpc_nodes.data_errors import DataSourceRefused
from mpc_nodes.data_infer import infer_schema
from mpc_nodes.data_source import open_source, parse_source_config

CSV = '''Sex,age,bmi %,seen,dead,note,id,empty,visit no,2nd,smokes
f,34,22.50,2001-02-03,true,a,{0},,1,x,0
m,,19.125,2010-12-31,FALSE,"b ""quoted""",{1},,2,y,1
f,-3,30,,T,,{2},,2,z,1
'''


def test_a_draft_describes_the_file_it_was_drafted_from(tmp_path: Path) -> None:
    path = tmp_path / "Visits 2020.csv"
    path.write_text(CSV.format(*range(3)))
    text = infer_schema(path)
    schema = parse_schema(text)
    assert schema.name == "visits_2020"
    columns = {column.name: column.canonical() for column in schema.columns}
    assert columns["Sex"]["codes"] == ["f", "m"]
    assert (columns["age"]["min"], columns["age"]["max"], columns["age"]["nullable"]) == ("-3", "34", True)
    assert (columns["bmi"]["scale"], columns["bmi"]["min"], columns["bmi"]["max"]) == (3, "19.125", "30.000")
    assert (columns["seen"]["type"], columns["seen"]["min"]) == ("date", "2001-02-03")
    assert columns["dead"]["type"] == "boolean"
    assert columns["note"]["codes"] == ["a", 'b "quoted"']
    assert "# empty: left out, because it has no values." in text
    assert "in the file visit no: map it" in text
    assert "c_2nd" in columns
    assert "few values" in text
    mapping = {"bmi": "bmi %", "visit_no": "visit no", "c_2nd": "2nd"}
    config = parse_source_config({"kind": "csv", "path": path.name, "columns": mapping})
    with open_source(config, root=tmp_path) as source:
        assert sum(chunk.real for chunk in encode_chunks(source, schema)) == 3


def test_identifiers_are_left_out_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,x\n" + "".join(f"p{i},{i}\n" for i in range(300)))
    text = infer_schema(path)
    assert "# id: left out, because it has more than 256 distinct texts" in text
    assert [column.name for column in parse_schema(text).columns] == ["x"]


def test_nothing_from_the_file_ends_a_comment(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('"x\n[[columns]]\nname = evil",y\n,1\n')
    schema = parse_schema(infer_schema(path))
    assert [column.name for column in schema.columns] == ["y"]


def test_parquet_is_drafted_from_its_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "a": pa.array([1, None], pa.int16()),
            "b": pa.array([Decimal("1.50"), Decimal("-2.25")]),
            "c": pa.array([0.1, 27.3]),
            "d": pa.array([datetime.date(2020, 1, 2), datetime.date(2021, 1, 2)]),
            "e": pa.array([True, False]),
            "f": pa.array([[1], [2]]),
            "g": pa.array([datetime.datetime(2020, 1, 1), None]),
            "h": pa.array([float("nan"), 1.0]),
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    text = infer_schema(path)
    schema = parse_schema(text)
    types = {column.name: column.type for column in schema.columns}
    assert types == {"a": "integer", "b": "decimal", "c": "decimal", "d": "date", "e": "boolean", "h": "category"}
    assert "# f: left out" in text
    assert "# g: left out" in text


def test_a_file_of_nothing_usable_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n,\n,\n")
    with pytest.raises(DataSourceRefused, match="no column"):
        infer_schema(path)

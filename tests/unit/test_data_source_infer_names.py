"""The name that a drafted schema gives to the table can be registered."""

from pathlib import Path

import pytest

from circuits.schema import parse_schema
from mpc_nodes.data_infer import infer_schema

NAMES = {"Visits_2020": "visits_2020", "2020 visits": "c_2020_visits", "Ä-b": "b", "___": "c"}


@pytest.mark.parametrize(("stem", "name"), NAMES.items())
def test_the_name_of_the_file_becomes_an_identifier(tmp_path: Path, stem: str, name: str) -> None:
    path = tmp_path / f"{stem}.csv"
    path.write_text("age\n1\n2\n")
    assert parse_schema(infer_schema(path)).name == name

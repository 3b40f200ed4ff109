"""A5: the path of a data file as a way out of the data directory."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc_nodes.data_config import resolve_inside
from mpc_nodes.data_errors import DataConfigInvalid
from mpc_nodes.data_source import open_source, parse_source_config


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data directory beside a secret, with links that lead out of it."""
    (tmp_path / "secret.csv").write_text("x\n1\n")
    inside = tmp_path / "data"
    (inside / "sub").mkdir(parents=True)
    (inside / "good.csv").write_text("x\n1\n")
    (inside / "sub" / "good.csv").write_text("x\n1\n")
    (inside / "link.csv").symlink_to(tmp_path / "secret.csv")
    (inside / "up").symlink_to(tmp_path)
    (inside / "passwd.csv").symlink_to("/etc/passwd")
    (inside / "loop.csv").symlink_to(inside / "loop.csv")
    (inside / "same.csv").symlink_to("good.csv")
    os.mkfifo(inside / "pipe.csv")
    return inside


@pytest.mark.parametrize("path", ["good.csv", "sub/good.csv", "sub/../good.csv", "./good.csv", "same.csv"])
def test_files_in_the_data_directory_are_read(root: Path, path: str) -> None:
    with open_source(parse_source_config({"kind": "csv", "path": path}), root=root) as source:
        assert source.columns == ("x",)


@pytest.mark.parametrize(
    "path",
    [
        "../secret.csv",
        "sub/../../secret.csv",
        "up/secret.csv",
        "link.csv",
        "passwd.csv",
        "loop.csv",
        "pipe.csv",
        "sub",
        ".",
        "/etc/passwd",
        "%2e%2e/secret.csv",
        "..%2fsecret.csv",
        "..\\secret.csv",
        "‥/secret.csv",
        "..／secret.csv",
        "good.csv\x00.png",
        "*.csv",
        "g?od.csv",
        "[g]ood.csv",
        "{good,bad}.csv",
        "good.csv\n",
        "file:good.csv",
        "file:///etc/passwd",
        "https://example.org/good.csv",
        "s3://bucket/good.csv",
        "sqlite:good.csv",
        "x" * 4000,
    ],
)
def test_no_other_path_is_read(root: Path, path: str) -> None:
    with pytest.raises(DataConfigInvalid) as caught:
        open_source(parse_source_config({"kind": "csv", "path": path}), root=root)
    assert caught.value.where == "path"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["..", ".", "sub", "up", "data", "good.csv", "secret.csv", "link.csv", "", "%2e%2e", "\x00", "*"]),
        max_size=8,
    ).map("/".join)
    | st.text(max_size=30)
)
def test_what_is_resolved_is_a_file_inside(root: Path, path: str) -> None:
    try:
        resolved = resolve_inside(root, path)
    except DataConfigInvalid:
        return
    assert resolved.is_file()
    assert resolved.is_relative_to(root.resolve())


def test_a_missing_root_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(DataConfigInvalid):
        resolve_inside(tmp_path / "nowhere", "good.csv")

"""A6: small files that want much: read in a child with little memory and time, they end in a named refusal."""

import subprocess
import sys
import zlib
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
from pathlib import Path
from circuits.encode import encode_chunks
from circuits.schema import parse_schema
from mpc_nodes.data_source import open_source, parse_source_config
from protocol.errors import ProofwardError
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
schema = parse_schema('name = "t"\\n[[columns]]\\nname = "x"\\ntype = "integer"\\nmin = 0\\nmax = 9\\nnullable = true\\n')
path = Path(sys.argv[1])
try:
    with open_source(parse_source_config({"kind": sys.argv[2], "path": path.name}), root=path.parent) as source:
        kept = [chunk.real for chunk in encode_chunks(source, schema)]
except ProofwardError as error:
    print(error.code)
else:
    print("read", sum(kept))
# Not ru_maxrss: a child starts with the peak of its parent.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print("peak_mb", int(peak.split()[1]) // 1024)
"""


def read_in_child(path: Path, kind: str) -> tuple[str, int]:
    """What the child says and the memory that it took, in MB."""
    command = [sys.executable, "-c", CHILD, str(path), kind]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
    verdict, peak = ran.stdout.strip().splitlines()
    return verdict, int(peak.split()[1])


@pytest.mark.parametrize("quoted", [False, True])
def test_a_field_of_many_megabytes(tmp_path: Path, quoted: bool) -> None:
    mark = b'"' if quoted else b""
    with (tmp_path / "t.csv").open("wb") as file:
        file.write(b"x\n1\n" + mark)
        for _ in range(50):
            file.write(b"9" * 1_000_000)
        file.write(mark + b"\n1\n")
    verdict, peak = read_in_child(tmp_path / "t.csv", "csv")
    assert verdict == "data-source-refused"
    assert peak < 1000


def test_a_header_of_many_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",".join(f"c{i}" for i in range(100_000)) + "\n")
    assert read_in_child(tmp_path / "t.csv", "csv")[0] == "data-source-refused"
    (tmp_path / "u.csv").write_bytes(b"," * 5_000_000)
    assert read_in_child(tmp_path / "u.csv", "csv")[0] == "data-source-refused"


def test_a_parquet_of_many_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({f"c{i}": pa.array([1]) for i in range(20_000)}), tmp_path / "t.parquet")
    assert read_in_child(tmp_path / "t.parquet", "parquet")[0] == "data-source-refused"


def test_a_parquet_whose_runs_expand(tmp_path: Path) -> None:
    # 150 million equal rows in a small file: more than the 2^27 that are accepted, refused by the footer alone.
    path = tmp_path / "t.parquet"
    duckdb.sql(f"COPY (SELECT 1::TINYINT AS x FROM range(150_000_000)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    assert path.stat().st_size < 20_000_000
    assert read_in_child(path, "parquet")[0] == "data-source-refused"


def test_a_parquet_whose_footer_lies_about_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": pa.array([1] * 100)}), path)
    data = bytearray(path.read_bytes())
    footer = int.from_bytes(data[-8:-4], "little")
    start = len(data) - 8 - footer
    # The zigzag varint of 100 rows is c8 01; another number of the same length claims 8,191 rows.
    lied = data[:start] + data[start:-8].replace(b"\xc8\x01", b"\xfe\x7f") + data[-8:]
    assert lied != data
    path.write_bytes(lied)
    assert read_in_child(path, "parquet")[0] == "data-source-refused"


@pytest.mark.parametrize("kind", ["string", "binary"])
def test_a_compressed_cell_that_expands(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t.parquet"
    value = "9" * 300_000_000 if kind == "string" else zlib.compress(b"x") + b"0" * 300_000_000
    pq.write_table(pa.table({"x": pa.array([value])}), path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 1_000_000
    verdict, peak = read_in_child(path, "parquet")
    assert verdict in ("data-source-refused", "data-value-refused")
    assert peak < 2500


def test_a_nested_type_is_refused_by_its_type(tmp_path: Path) -> None:
    value, kind = [1], pa.list_(pa.int64())
    for _ in range(30):
        value, kind = [value], pa.list_(kind)  # type: ignore[list-item]
    pq.write_table(pa.table({"x": pa.array([value], kind)}), tmp_path / "t.parquet")
    assert read_in_child(tmp_path / "t.parquet", "parquet")[0] in ("data-value-refused", "data-source-refused")


def test_rows_of_one_value_are_simply_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"x\n" + b"1\n" * 1_000_000)
    verdict, peak = read_in_child(tmp_path / "t.csv", "csv")
    assert verdict == "read 1000000"
    assert peak < 1000

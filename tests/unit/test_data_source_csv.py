"""The independent count of records, against the standard library's reader."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_nodes.data_csv import MAX_LINE_BYTES, RecordCounter
from mpc_nodes.data_errors import DataSourceRefused

FIELDS = st.text(st.sampled_from('ab",\n\r é'), max_size=6)


def count(data: bytes, block: int) -> int:
    counter = RecordCounter("t.csv")
    for start in range(0, len(data), block):
        counter.feed(data[start : start + block])
    return counter.finish()


@given(
    st.lists(st.lists(FIELDS, min_size=2, max_size=3), min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
    st.booleans(),
)
def test_records_are_counted_as_the_standard_says(rows: list[list[str]], end: str, block: int, last: bool) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end).writerows(rows)
    data = text.getvalue().encode()
    if not last:
        data = data[: -len(end)]
    assert count(data, block) == len(rows)
    assert count(data + b"\n\r\n", block) == len(rows)


@pytest.mark.parametrize(
    ("data", "records"), [(b"", 0), (b"\n\n", 0), (b"a", 1), (b"a\n\nb\n", 3), (b"\na\n", 2), (b'"\n\n"', 1)]
)
def test_blank_lines_count_unless_they_end_the_file(data: bytes, records: int) -> None:
    assert count(data, 2) == records


def test_an_open_quote_is_refused() -> None:
    with pytest.raises(DataSourceRefused, match="not closed"):
        count(b'a,b\n1,"2\n3,4\n', 5)


@pytest.mark.parametrize("block", [1 << 10, 1 << 22])
def test_a_long_line_is_refused_with_its_number(block: int) -> None:
    fits = b"x\n" + b"y" * (MAX_LINE_BYTES - 1) + b"\nz\n"
    assert count(fits, block) == 3
    with pytest.raises(DataSourceRefused) as caught:
        count(b"x\n1\n" + b"y" * (MAX_LINE_BYTES + 1) + b"\nz\n", block)
    assert caught.value.where == "t.csv: line 3"

"""What a CSV file contains, counted independently of the reader that parses it. RFC 4180.

DuckDB drops an unfinished last record and skips blank lines without a word. The bytes are read for their digest anyway,
so records are counted on the way, by the parity of quotes; a reader that gives another number of rows is refused.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mpc_nodes.data_errors import DataSourceRefused

MAX_HEADER_BYTES: Final = 1 << 20
MAX_LINE_BYTES: Final = 1 << 20
MAX_SOURCE_COLUMNS: Final = 4096
_TAIL_BYTES: Final = 1 << 16
_QUOTE: Final = ord('"')
_NEWLINE: Final = ord("\n")


@dataclass
class RecordCounter:
    """Counts records of a file that is fed block by block: line ends outside quotes, and what follows the last one."""

    name: str
    _ends: int = 0
    _lines: int = 0
    _quoted: bool = False
    _open: int = 0  # bytes since the last line end
    _tail: bytes = b""

    def feed(self, block: bytes) -> None:
        """Count a block of the file. Raises DataSourceRefused for a line of more than MAX_LINE_BYTES."""
        data = np.frombuffer(block, dtype=np.uint8)
        newline = data == _NEWLINE
        places = np.flatnonzero(newline)
        lengths = np.diff(places, prepend=-1 - self._open, append=len(data))
        if len(lengths) and lengths.max() > MAX_LINE_BYTES:
            line = self._lines + int(np.argmax(lengths > MAX_LINE_BYTES)) + 1
            raise DataSourceRefused(f"the line is longer than {MAX_LINE_BYTES} bytes", where=f"{self.name}: line {line}")
        self._lines += len(places)
        self._open = len(data) - 1 - int(places[-1]) if len(places) else self._open + len(data)
        if self._quoted or b'"' in block:
            inside = (np.cumsum(data == _QUOTE) + self._quoted) % 2 == 1
            self._ends += int(np.count_nonzero(newline & ~inside))
            self._quoted = bool(inside[-1])
        else:
            self._ends += len(places)
        self._tail = (self._tail + block[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    def finish(self) -> int:
        """The number of records, header and blank lines included, but for blank lines at the end of the file.

        Raises:
            DataSourceRefused: a quote is left open.
        """
        if self._quoted:
            raise DataSourceRefused("a quoted field is not closed: the file is cut off or malformed", where=self.name)
        last = self._tail.rstrip(b"\r\n")
        after = self._tail[len(last) :].count(b"\n")
        return self._ends - after + 1 if last else 0


def read_header(path: Path, delimiter: str, name: str) -> tuple[str, ...]:
    """The column names in the first record. Raises DataSourceRefused if there are none, or two alike."""
    with path.open("rb") as file:
        start = file.read(MAX_HEADER_BYTES)
    if not start:
        raise DataSourceRefused("the file is empty", where=name)
    if b"\x00" in start:
        raise DataSourceRefused("the file contains NUL bytes: it is not UTF-8 text", where=name)
    # A character may be cut at the end of the block; the first record ends well before.
    text = start.decode("utf-8-sig", errors="replace")
    try:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        raise DataSourceRefused("the header cannot be read", where=name) from error
    if "\ufffd" in "".join(header):
        raise DataSourceRefused("the header is not UTF-8", where=name)
    if len(header) > MAX_SOURCE_COLUMNS:
        raise DataSourceRefused(f"the file has more than {MAX_SOURCE_COLUMNS} columns", where=name)
    if len(set(header)) != len(header):
        raise DataSourceRefused("two columns of the file have the same name", where=name)
    return tuple(header)

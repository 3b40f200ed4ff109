"""The journal of the embedded chain: the signed transactions, in order, each durable before it is executed.

Format (docs/spec/08-chain.md, "The embedded chain"): text lines, each a canonical JSON document, one space and the
SHA-256 of the document. The first line fixes the genesis. Each further line is one block: its transaction, its timestamp
and the hash of the block before, so that a replay which differs from the original is noticed.

A crash while the last line is written leaves it without its newline, or with blocks of zeros in it; such a line was never
acknowledged and is cut off. Any other damage is refused.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from attestation.chain_errors import ChainJournalCorrupted, ChainJournalInUse, ChainUnavailable
from protocol import canonical
from protocol.errors import MalformedInput

_TYPE: Final = "proofward/journal/v1"
_MAX_LINE: Final = 1 << 20  # a transaction has at most 128 KiB, twice that in hexadecimal


@dataclass(frozen=True)
class Genesis:
    """What block 0 is made from."""

    chain_id: int
    timestamp: int  # Unix seconds
    funded: tuple[str, ...]  # accounts that can pay for gas, lower case


@dataclass(frozen=True)
class Record:
    """One block: everything that is needed to execute it again."""

    parent: str  # hash of the block before, hexadecimal
    timestamp: int  # Unix seconds
    transaction: bytes  # signed and encoded


class Journal:
    """An open journal. One process at a time; not thread-safe (the chain holds its lock)."""

    def __init__(self, path: Path, genesis: Genesis) -> None:
        """Open `path`, or create it with `genesis`, and read it.

        Raises:
            ChainJournalCorrupted: a damaged record, or it was created with another chain id or other accounts.
            ChainJournalInUse: another process has it open.
            ChainUnavailable: it cannot be opened or written.
        """
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise ChainUnavailable(f"cannot open the chain journal: {error.strerror}", where=str(path)) from error
        try:
            self._lock()
            self.genesis, self.records = self._load(genesis)
        except BaseException:
            self.close()
            raise

    def append(self, record: Record) -> None:
        """Write `record` durably. When this returns it survives a power cut. Raises ChainUnavailable."""
        self._append_line({"parent": record.parent, "timestamp": record.timestamp, "transaction": record.transaction.hex()})

    def close(self) -> None:
        """Release the file. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ChainJournalInUse("another process runs this embedded chain", where=str(self._path)) from error

    def _load(self, wanted: Genesis) -> tuple[Genesis, list[Record]]:
        data = self._read()
        whole, torn = _without_torn_tail(data)
        if torn:
            os.ftruncate(self._file, len(whole))
            os.fsync(self._file)
        lines = whole.split(b"\n")[:-1]
        if not lines:
            self._append_line(
                {
                    "type": _TYPE,
                    "chain_id": wanted.chain_id,
                    "timestamp": wanted.timestamp,
                    "funded": list(wanted.funded),
                }
            )
            self._sync_directory()
            return wanted, []
        genesis = self._parse_genesis(self._parse(lines[0], 1), wanted)
        return genesis, [self._parse_record(self._parse(line, i), i) for i, line in enumerate(lines[1:], start=2)]

    def _read(self) -> bytes:
        with open(self._file, "rb", closefd=False) as file:
            file.seek(0)
            return file.read()

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        document, _, digest = line.rpartition(b" ")
        if canonical.sha256_hex(document).encode() != digest:
            raise self._corrupted("its digest does not match", number)
        try:
            value = canonical.decode(document, limit=_MAX_LINE)
        except MalformedInput as error:
            raise self._corrupted(error.message, number) from error
        if not isinstance(value, dict):
            raise self._corrupted("it is not an object", number)
        return value

    def _parse_genesis(self, value: dict[str, Any], wanted: Genesis) -> Genesis:
        try:
            genesis = Genesis(value["chain_id"], value["timestamp"], tuple(value["funded"]))
            known = value["type"] == _TYPE
        except (KeyError, TypeError) as error:
            raise self._corrupted("it is not a genesis record", 1) from error
        if not known:
            raise self._corrupted("it is of another version", 1)
        if (genesis.chain_id, genesis.funded) != (wanted.chain_id, wanted.funded):
            raise self._corrupted("it was created with another chain id or other accounts", 1)
        return genesis

    def _parse_record(self, value: dict[str, Any], number: int) -> Record:
        try:
            return Record(value["parent"], value["timestamp"], bytes.fromhex(value["transaction"]))
        except (KeyError, TypeError, ValueError) as error:
            raise self._corrupted("it is not a block record", number) from error

    def _corrupted(self, reason: str, number: int) -> ChainJournalCorrupted:
        return ChainJournalCorrupted(f"the chain journal is damaged: {reason}", where=f"{self._path}:{number}")

    def _append_line(self, value: dict[str, Any]) -> None:
        if self._file < 0:
            raise ChainUnavailable("the embedded chain is closed")
        document = canonical.encode(value)
        line = document + b" " + canonical.sha256_hex(document).encode() + b"\n"
        length = os.fstat(self._file).st_size
        try:
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
            os.fsync(self._file)
        except OSError as error:
            # The record may be on disk in part, and was not acknowledged. After a failed fsync nothing is known about
            # the pages, so the file is not trusted any further by this process; the next start reads what is there.
            self._cut(length)
            self.close()
            raise ChainUnavailable(f"cannot write the chain journal: {error.strerror}", where=str(self._path)) from error

    def _cut(self, length: int) -> None:
        try:
            os.ftruncate(self._file, length)
            os.fsync(self._file)
        except OSError:
            # Then the torn record stays; it is cut off, or executed if it is whole, at the next start. Both are sound:
            # the sender has been told that the outcome is unknown and asks by the transaction's hash.
            return

    def _sync_directory(self) -> None:
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _without_torn_tail(data: bytes) -> tuple[bytes, bool]:
    """The whole lines of `data`, and whether something was cut off."""
    end = data.rfind(b"\n") + 1
    last = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
    if end == len(data) and b"\0" in data[last:end]:
        end = last
    return data[:end], end != len(data)

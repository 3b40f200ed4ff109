"""The evidence file: a bundle and the dataset packages that it rests on, as one file for an auditor.

It is a ZIP archive, so that anybody can look inside with any tool, but only the one archive that `evidence_pieces` makes of
its contents: nothing is compressed, every header follows from names and contents, and the order is fixed. Whatever a ZIP file
could hide (a second directory, a member twice, a bomb, bytes between members) is therefore another file, and refused.
Specification: docs/spec/08-attestation.md, "Evidence file"; ZIP: PKWARE APPNOTE.TXT 6.3.10, section 4.3.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceInvalid
from protocol.parameters import MAX_MEMBERS

MAX_EVIDENCE_BYTES: Final = (1 << 32) - 1  # what the offsets of a ZIP file without extensions can say
BUNDLE_NAME: Final = "bundle.json"

_DATASET: Final = re.compile(r"datasets/([0-9a-f]{64})\.dataset")
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_LOCAL_SIGNATURE: Final = b"PK\x03\x04"
_CENTRAL_SIGNATURE: Final = b"PK\x01\x02"
_END_SIGNATURE: Final = b"PK\x05\x06"
_VERSION: Final = 20
_MADE_BY: Final = 3 << 8 | _VERSION  # Unix, for the file mode
_DATE: Final = 1 << 5 | 1  # 1 January 1980: the file does not say when it was made
_MODE: Final = 0o100644 << 16


@dataclass(frozen=True)
class Evidence:
    """What an evidence file holds: the bytes of the bundle, and those of dataset packages by root. All of it untrusted."""

    bundle: bytes = field(repr=False)  # megabytes, both
    datasets: Mapping[str, bytes] = field(repr=False)


def is_evidence(data: bytes) -> bool:
    """Whether `data` begins like an evidence file; a bundle is JSON and does not."""
    return data.startswith(_LOCAL_SIGNATURE)


def encode_evidence(bundle: bytes, datasets: Mapping[str, bytes]) -> bytes:
    """The evidence file. Raises EvidenceInvalid if it would be longer than MAX_EVIDENCE_BYTES."""
    return b"".join(evidence_pieces(bundle, sorted(datasets.items())))


def evidence_pieces(bundle: bytes, datasets: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The evidence file piece by piece, so that one package is in memory at a time.

    Args:
        datasets: packages with their roots, by increasing root; consumed one at a time.

    Raises:
        EvidenceInvalid: the roots are not in order, or the file would be longer than MAX_EVIDENCE_BYTES.
    """
    entries: list[_Entry] = []
    offset = 0
    for name, content in _members(bundle, datasets):
        entry = _Entry(name, zlib.crc32(content), len(content), offset)
        offset += len(entry.local) + len(content)
        if offset > MAX_EVIDENCE_BYTES - _directory_size(len(entries) + 1):
            raise EvidenceInvalid(f"an evidence file has at most {MAX_EVIDENCE_BYTES} bytes")
        entries.append(entry)
        yield entry.local
        yield content
    yield _directory(entries, offset)


def decode_evidence(data: bytes) -> Evidence:
    """Read an evidence file, which is untrusted. Nothing is allocated but slices of `data`.

    Raises:
        EvidenceInvalid: it is not the one archive of its contents.
    """
    entries: list[_Entry] = []
    contents: dict[str, bytes] = {}
    at = 0
    while data.startswith(_LOCAL_SIGNATURE, at):
        if len(entries) > MAX_MEMBERS:
            raise EvidenceInvalid("the evidence file has more members than a bundle and a package for each hospital")
        if len(data) - at < _LOCAL.size:
            raise EvidenceInvalid("the evidence file is cut short")
        *_, size, _, name_length, _ = _LOCAL.unpack_from(data, at)
        start = at + _LOCAL.size + name_length
        if size > len(data) - start:
            raise EvidenceInvalid("the evidence file is cut short")
        name, content = data[at + _LOCAL.size : start], data[start : start + size]
        _check_name(name, [entry.name for entry in entries])
        entry = _Entry(name.decode(), zlib.crc32(content), size, at)
        if entry.local != data[at:start]:
            raise EvidenceInvalid("a member's header is not the one that follows from its content", where=entry.name)
        entries.append(entry)
        contents[entry.name] = content
        at = start + size
    if BUNDLE_NAME not in contents:
        raise EvidenceInvalid("the evidence file holds no bundle")
    if data[at:] != _directory(entries, at):
        raise EvidenceInvalid("the archive's directory is not the one that follows from its members")
    bundle = contents.pop(BUNDLE_NAME)
    return Evidence(bundle, {_root_of(name): content for name, content in contents.items()})


@dataclass(frozen=True)
class _Entry:
    """One member of the archive: all that its headers follow from."""

    name: str
    crc: int
    size: int
    offset: int

    @property
    def local(self) -> bytes:
        """The header before the content (section 4.3.7)."""
        shared = (_VERSION, 0, 0, 0, _DATE, self.crc, self.size, self.size, len(self.name), 0)
        return _LOCAL.pack(_LOCAL_SIGNATURE, *shared) + self.name.encode()

    @property
    def central(self) -> bytes:
        """The header in the directory (section 4.3.12)."""
        shared = (_VERSION, 0, 0, 0, _DATE, self.crc, self.size, self.size, len(self.name), 0)
        return _CENTRAL.pack(_CENTRAL_SIGNATURE, _MADE_BY, *shared, 0, 0, 0, _MODE, self.offset) + self.name.encode()


def _directory(entries: list[_Entry], offset: int) -> bytes:
    headers = b"".join(entry.central for entry in entries)
    count = len(entries)
    return headers + _END.pack(_END_SIGNATURE, 0, 0, count, count, len(headers), offset, 0)


def _directory_size(count: int) -> int:
    return count * (_CENTRAL.size + len(_dataset_name("0" * 64))) + _END.size


def _members(bundle: bytes, datasets: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    yield BUNDLE_NAME, bundle
    previous = ""
    for root, package in datasets:
        if root <= previous or _DATASET.fullmatch(_dataset_name(root)) is None:
            raise EvidenceInvalid("the datasets are not in order of distinct roots")
        yield _dataset_name(root), package
        previous = root


def _check_name(name: bytes, earlier: list[str]) -> None:
    """The bundle comes first, then datasets in order of distinct roots. Raises EvidenceInvalid."""
    text = name.decode("ascii", errors="replace")
    if not earlier:
        if text != BUNDLE_NAME:
            raise EvidenceInvalid(f"an evidence file begins with {BUNDLE_NAME}")
    elif _DATASET.fullmatch(text) is None:
        raise EvidenceInvalid("the evidence file has a member that is no dataset")
    elif len(earlier) > 1 and text <= earlier[-1]:
        raise EvidenceInvalid("the datasets are not in order of distinct roots")


def _dataset_name(root: str) -> str:
    return f"datasets/{root}.dataset"


def _root_of(name: str) -> str:
    return name.removeprefix("datasets/").removesuffix(".dataset")

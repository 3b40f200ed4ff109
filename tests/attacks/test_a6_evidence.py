"""A6: evidence files that are bombs, or that two readers would read in two ways. All are refused as a form, at once."""

import io
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from attestation.audit import audit
from attestation.errors import EvidenceInvalid, VerificationFailed
from attestation.evidence import decode_evidence, encode_evidence, evidence_pieces, is_evidence
from attestation.trust import load_trust
from attestation.verify import verify_bundle
from protocol.parameters import MAX_MEMBERS
from tests.vectors.bundles.generate import EVIDENCE, FOLDER

TRUST = load_trust(FOLDER / "trust.toml")
GOOD = (FOLDER / "good" / f"{EVIDENCE}.evidence.zip").read_bytes()
PARTS = decode_evidence(GOOD)
A, B = "a" * 64, "b" * 64
MEMBERS = {"bundle.json": PARTS.bundle} | {f"datasets/{root}.dataset": data for root, data in PARTS.datasets.items()}


def test_any_tool_can_look_inside() -> None:
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        assert archive.testzip() is None
        assert archive.read("bundle.json") == PARTS.bundle
        assert archive.namelist() == ["bundle.json", *(f"datasets/{root}.dataset" for root in sorted(PARTS.datasets))]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_there_is_one_file_of_given_contents() -> None:
    assert encode_evidence(PARTS.bundle, PARTS.datasets) == GOOD
    assert decode_evidence(encode_evidence(b"", {A: b"", B: b"x"})).datasets == {A: b"", B: b"x"}
    assert is_evidence(GOOD)
    assert not is_evidence(PARTS.bundle)
    verify_bundle(GOOD, TRUST)


def repacked(pack: Callable[[zipfile.ZipFile, dict[str, bytes]], None], members: dict[str, bytes]) -> bytes:
    """An archive by another program."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        pack(archive, members)
    return out.getvalue()


def plainly(archive: zipfile.ZipFile, members: dict[str, bytes]) -> None:
    for name, data in members.items():
        archive.writestr(zipfile.ZipInfo(name), data)


def compressed(archive: zipfile.ZipFile, members: dict[str, bytes]) -> None:
    for name, data in members.items():
        archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def with_member(name: str) -> bytes:
    """The evidence file with a package under another name of the same length, in header and directory."""
    honest = f"datasets/{A}.dataset"
    return encode_evidence(PARTS.bundle, {A: b"x"}).replace(honest.encode(), name.encode().ljust(len(honest), b"_"))


def end_of(data: bytes) -> int:
    return data.rindex(b"PK\x05\x06")


def directory_of(data: bytes) -> int:
    return int(struct.unpack_from("<I", data, end_of(data) + 16)[0])


HOSTILE: dict[str, Callable[[], bytes]] = {
    "repacked": lambda: repacked(plainly, MEMBERS),
    "compressed": lambda: repacked(compressed, MEMBERS),
    "a_bomb": lambda: repacked(compressed, {"bundle.json": bytes(64 << 20)}),
    "bytes_behind": lambda: GOOD + b"\0",
    "bytes_before": lambda: b"PK\x03\x04" + GOOD,
    "another_archive_behind": lambda: GOOD + GOOD,
    "bytes_between": lambda: GOOD[: directory_of(GOOD)] + b"hidden" + GOOD[directory_of(GOOD) :],
    "no_directory": lambda: GOOD[: directory_of(GOOD)],
    "no_end": lambda: GOOD[: end_of(GOOD)],
    "a_comment": lambda: GOOD[:-2] + b"\x02\x00hi",
    "another_directory": lambda: (
        GOOD[: directory_of(GOOD)] + GOOD[directory_of(GOOD) :].replace(b"bundle.json", b"bundle.jsom")
    ),
    "cut": lambda: GOOD[: len(GOOD) // 2],
    "only_a_header": lambda: GOOD[:30],
    "only_a_signature": lambda: GOOD[:4],
    "a_length_of_4_gib": lambda: GOOD[:18] + b"\xff" * 8 + GOOD[26:],
    "a_name_of_64_kib": lambda: GOOD[:26] + b"\xff\xff" + GOOD[28:],
    "an_extra_field": lambda: GOOD[:28] + b"\x04\x00" + GOOD[30:],
    "another_time": lambda: GOOD[:10] + b"\x01" + GOOD[11:],
    "a_wrong_checksum": lambda: GOOD[:14] + b"\0\0\0\0" + GOOD[18:],
    "encrypted": lambda: GOOD[:6] + b"\x01" + GOOD[7:],
    "no_bundle": lambda: GOOD[GOOD.index(b"PK\x03\x04", 4) :],
    "empty_archive": lambda: b"PK\x05\x06" + bytes(18),
    "a_path_upwards": lambda: with_member("../../../../etc/passwd"),
    "an_absolute_path": lambda: with_member("/datasets/" + A),
    "upper_case": lambda: with_member(f"datasets/{A.upper()}.dataset"),
    "a_member_twice": lambda: encode_evidence(b"{}", {A: b"1", B: b"2"}).replace(B.encode(), A.encode()),
    "out_of_order": lambda: encode_evidence(b"{}", {A: b"1", B: b"2"}).replace(A.encode(), b"c" * 64),
    "a_dataset_of_nobody": lambda: encode_evidence(PARTS.bundle, {**PARTS.datasets, A: b"x"}),
    "a_bundle_in_a_bundle": lambda: encode_evidence(GOOD, PARTS.datasets),
    "too_many_members": lambda: encode_evidence(PARTS.bundle, {f"{i:064x}": b"" for i in range(1, MAX_MEMBERS + 2)}),
    "not_a_bundle": lambda: encode_evidence(b"{}", PARTS.datasets),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_at_once(name: str) -> None:
    data = HOSTILE[name]()
    assert data != GOOD
    started = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(VerificationFailed) as raised:
            verify_bundle(data, TRUST)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(GOOD) + (4 << 20)
    finally:
        tracemalloc.stop()
    assert (raised.value.step, raised.value.undecided) == ("form", False)
    assert time.monotonic() - started < 2
    assert audit(data, TRUST).exit_code == 1


def test_a_flipped_bit_in_the_container_is_refused() -> None:
    # The headers and the directory; contents are attacked in test_p7_bundle_malleability.py.
    header = range(30 + len("bundle.json"))
    for byte in [*header, *range(directory_of(GOOD), len(GOOD))]:
        for bit in range(8):
            changed = bytearray(GOOD)
            changed[byte] ^= 1 << bit
            with pytest.raises(VerificationFailed) as raised:
                verify_bundle(bytes(changed), TRUST)
            assert raised.value.step == "form"


def test_what_cannot_be_an_evidence_file_is_not_made() -> None:
    for roots in ([B, A], [A, A], ["A" * 64], ["../x"], [""]):
        with pytest.raises(EvidenceInvalid):
            list(evidence_pieces(b"{}", [(root, b"") for root in roots]))


def test_a_file_is_made_and_read_a_package_at_a_time() -> None:
    asked: list[str] = []

    def packages() -> object:
        for root in (A, B):
            asked.append(root)
            yield root, bytes(1000)

    pieces = evidence_pieces(b"{}", packages())  # type: ignore[arg-type]
    assert [len(next(pieces)) > 0 for _ in range(4)] == [
        True
    ] * 4  # header and content of the bundle, and of the first package
    assert asked == [A]

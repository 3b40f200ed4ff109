"""The embedded chain comes back as it was, whatever ends the process; damage is noticed."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from attestation.chain_errors import ChainJournalCorrupted, ChainJournalInUse, ChainRejected, ChainUnavailable
from attestation.chain_journal import Genesis, Journal, Record
from attestation.embedded_chain import EmbeddedChain
from attestation.transactions import Call, Fees, sign
from tests.contracts.chains import FUNDED, account, key

GENESIS = Genesis(19011, 1_763_700_000, FUNDED)


def start(path: Path, **options: int) -> EmbeddedChain:
    ticks = itertools.count(1_763_700_000, 12)
    return EmbeddedChain(path, funded=FUNDED, clock=lambda: float(next(ticks)), **options)


def transfer(nonce: int, *, chain_id: int = 19011, sender: str = "hub", gas: int = 21_000, fee: int = 10**10) -> bytes:
    return sign(key(sender), Call(account("stranger"), b""), chain_id=chain_id, nonce=nonce, gas=gas, fees=Fees(fee, 1))


def blocks(chain: EmbeddedChain) -> list[str]:
    return [chain.header(number).hash.hex() for number in range(chain.head.block_number + 1)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chain.journal"


@pytest.fixture
def written(path: Path) -> list[str]:
    """A journal of five blocks, and their hashes."""
    chain = start(path)
    for nonce in range(5):
        chain.send_raw_transaction(transfer(nonce))
    hashes = blocks(chain)
    chain.close()
    return hashes


def test_a_restart_replays_the_same_blocks(path: Path, written: list[str]) -> None:
    for _ in range(2):
        chain = start(path)
        assert blocks(chain) == written
        mined = chain.mined(3)
        assert mined is not None
        assert mined.transaction.nonce == 2
        chain.close()


def test_it_goes_on_after_a_restart(path: Path, written: list[str]) -> None:
    chain = start(path)
    chain.send_raw_transaction(transfer(5))
    assert blocks(chain)[:-1] == written
    timestamps = [chain.header(number).timestamp for number in range(7)]
    assert timestamps == sorted(set(timestamps))  # although the clock began anew
    chain.close()


def test_a_transaction_is_on_disk_before_it_is_executed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = start(path)
    seen = []

    def look(transaction: object) -> None:
        seen.append(transfer(0).hex().encode() in path.read_bytes())
        raise KeyboardInterrupt  # the process dies in the middle of the execution

    monkeypatch.setattr(chain, "_execute", look)
    with pytest.raises(KeyboardInterrupt):
        chain.send_raw_transaction(transfer(0))
    assert seen == [True]
    chain.close()
    again = start(path)
    assert again.head.block_number == 1
    assert again.find(keccak(transfer(0))) is not None
    again.close()


def test_every_cut_of_the_last_record_loses_that_record_only(path: Path, written: list[str]) -> None:
    whole = path.read_bytes()
    start_of_last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for length in {start_of_last + 1, start_of_last + 50, (start_of_last + len(whole)) // 2, len(whole) - 1}:
        path.write_bytes(whole[:length])
        chain = start(path)
        assert blocks(chain) == written[:-1]
        chain.send_raw_transaction(transfer(4))
        chain.close()
        chain = start(path)  # what was torn is gone for good
        assert chain.head.block_number == 5
        chain.close()


def test_a_last_record_with_a_hole_of_zeros_is_torn_too(path: Path, written: list[str]) -> None:
    whole = path.read_bytes()
    start_of_last = whole.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(whole[: start_of_last + 10] + bytes(100) + whole[start_of_last + 110 :])
    chain = start(path)
    assert blocks(chain) == written[:-1]
    chain.close()


def test_a_journal_without_a_whole_first_line_begins_anew(path: Path) -> None:
    path.write_bytes(b'{"chain_id":19')
    chain = start(path)
    assert chain.head.block_number == 0
    chain.close()


@settings(max_examples=60)
@given(data=st.data())
def test_any_changed_byte_before_the_last_record_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    journal = Journal(path, GENESIS)
    for number in range(3):
        journal.append(Record("ab" * 32, 1_763_700_000 + number, bytes([number]) * 40))
    journal.close()
    whole = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, whole.rstrip(b"\n").rfind(b"\n")))
    whole[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    with pytest.raises(ChainJournalCorrupted):
        Journal(path, GENESIS).close()


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1]


def test_a_removed_or_swapped_record_is_refused(path: Path, written: list[str]) -> None:
    good = lines(path)
    for bad in (
        good[:2] + good[3:],
        [*good[:2], good[3], good[2], *good[4:]],
        [*good[:3], good[2], *good[3:]],
        good[1:],
        [good[0], good[0], *good[1:]],
    ):
        path.write_bytes(b"\n".join(bad) + b"\n")
        with pytest.raises(ChainJournalCorrupted):
            start(path)


def test_records_of_another_chain_are_refused(path: Path, written: list[str], tmp_path: Path) -> None:
    with pytest.raises(ChainJournalCorrupted, match="another chain id or other accounts"):
        start(path, chain_id=1)
    with pytest.raises(ChainJournalCorrupted, match="another chain id or other accounts"):
        EmbeddedChain(path, funded=FUNDED[:2], clock=lambda: 0.0)
    other = tmp_path / "other"
    chain = start(other, chain_id=7)
    chain.send_raw_transaction(transfer(0, chain_id=7))
    chain.close()
    path.write_bytes(b"\n".join([lines(path)[0], lines(other)[1]]) + b"\n")
    with pytest.raises(ChainJournalCorrupted):
        start(path)


def test_one_process_at_a_time(path: Path) -> None:
    chain = start(path)
    with pytest.raises(ChainJournalInUse):
        start(path)
    chain.close()
    start(path).close()


def test_a_closed_chain_takes_nothing(path: Path) -> None:
    chain = start(path)
    chain.close()
    with pytest.raises(ChainUnavailable):
        chain.send_raw_transaction(transfer(0))


def test_a_full_disk_acknowledges_nothing(path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    chain = start(path)
    size = path.stat().st_size

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("attestation.chain_journal.os.write", full)
    with pytest.raises(ChainUnavailable, match="No space left"):
        chain.send_raw_transaction(transfer(5))
    monkeypatch.undo()
    assert path.stat().st_size == size
    with pytest.raises(ChainUnavailable):
        chain.send_raw_transaction(transfer(5))  # nothing more is trusted to this file by this process
    assert start(path).head.block_number == 5


def test_a_journal_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ChainUnavailable):
        start(tmp_path / "missing" / "journal")


def test_only_its_owner_reads_the_journal(path: Path, written: list[str]) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "oversized or empty"),
        (bytes(200_000), "oversized or empty"),
        (b"\x03" + bytes(100), "type not supported"),
        (b"\x04" + bytes(100), "type not supported"),
        (b"\x00" + bytes(100), "type not supported"),
        (b"\x02" + bytes(100), "malformed"),
        (b"\xc0", "malformed"),
        (b"\xf8", "malformed"),
        (transfer(0) + b"\x00", "malformed"),
        (transfer(0, chain_id=1), "invalid chain id"),
        (transfer(1), "nonce too high"),
        (transfer(0, fee=2), "less than block base fee"),
        (transfer(0, gas=20_999), "intrinsic gas too low"),
        (transfer(0, gas=30_000_001), "exceeds block gas limit"),
        (transfer(0, sender="nobody"), "insufficient funds"),
        (transfer(0, fee=10**21), "insufficient funds"),
    ],
)
def test_what_cannot_be_in_a_block_is_refused_and_not_written(path: Path, raw: bytes, message: str) -> None:
    chain = start(path)
    size = path.stat().st_size
    with pytest.raises(ChainRejected, match=message):
        chain.send_raw_transaction(raw)
    assert path.stat().st_size == size
    assert chain.head.block_number == 0
    chain.send_raw_transaction(transfer(0))  # and the chain goes on
    with pytest.raises(ChainRejected, match="already known"):
        chain.send_raw_transaction(transfer(0))
    with pytest.raises(ChainRejected, match="nonce too low"):
        chain.send_raw_transaction(transfer(0, gas=30_000))
    chain.close()


@settings(max_examples=100)
@given(raw=st.binary(max_size=300) | st.builds(lambda tail: transfer(0)[:60] + tail, st.binary(max_size=80)))
def test_no_bytes_crash_the_chain(shared: EmbeddedChain, raw: bytes) -> None:
    with pytest.raises(ChainRejected):
        shared.send_raw_transaction(raw)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedChain]:
    chain = start(tmp_path_factory.mktemp("chain") / "journal")
    yield chain
    chain.close()

"""Cutting documents into parts and putting them together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_nodes.transfer import Assembler, cut, parse
from mpc_nodes.transport_errors import TransferInvalid
from protocol.errors import MalformedInput
from protocol.messages import Round
from protocol.relay import DOCUMENTS, FROM_HUB, FROM_NODE, LIMITS, PART_BYTES, PackageFile, RoundRequest, TransferKind
from protocol.wire import relay_pb2
from tests.simulation.members import digest, make_members

MEMBERS = make_members(3)
QUERY = digest("query")
EVERY = frozenset(TransferKind)


def request(size: int) -> RoundRequest:
    """A request of at least `size` bytes."""
    message = MEMBERS.decision(1, QUERY).model_copy(update={"body": "00" * (size // 2)})
    return RoundRequest(round=Round.DEAL, query_id=QUERY, offer=None, inputs=(message,), deadline=0)


def test_every_kind_has_a_document_a_limit_and_a_direction() -> None:
    assert set(DOCUMENTS) == set(LIMITS) == EVERY == FROM_HUB | FROM_NODE
    assert {TransferKind.REGISTRATION, TransferKind.PACKAGE, TransferKind.ACKNOWLEDGEMENT} == FROM_HUB & FROM_NODE
    assert len(set(DOCUMENTS.values())) == len(EVERY)


@given(sizes=st.lists(st.integers(0, 3 * PART_BYTES), min_size=1, max_size=2))
def test_what_was_cut_comes_together(sizes: list[int]) -> None:
    assembler = Assembler(EVERY)
    for number, size in enumerate(sizes, start=1):
        document = request(size)
        *first, last = cut(number, document)
        for part in first:
            assert len(part.data) == PART_BYTES
            assert assembler.add(part) is None
            assert assembler.in_progress
        complete = assembler.add(last)
        assert complete is not None
        assert not assembler.in_progress
        assert parse(*complete) == document


@given(size=st.integers(1, 3 * PART_BYTES))
def test_a_package_travels_as_it_is(size: int) -> None:
    assembler, package = Assembler(FROM_NODE), PackageFile(b"\xff" * size)
    *_, complete = [assembler.add(part) for part in cut(1, package)]
    assert complete == (TransferKind.PACKAGE, package.encoded)
    assert parse(*complete) == package


def test_a_package_above_its_limit_is_not_sent() -> None:
    with pytest.raises(TransferInvalid):
        next(cut(1, PackageFile(bytes(LIMITS[TransferKind.PACKAGE] + 1))))
    with pytest.raises(MalformedInput):
        PackageFile.from_bytes(bytes(11), limit=10)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_boundary_between_one_and_two_parts(extra: int) -> None:
    overhead = len(request(0).encoded)
    size = PART_BYTES - overhead + extra
    document = request(size - size % 2)
    parts = list(cut(1, document))
    assert [part.count for part in parts] == [len(parts)] * len(parts)
    assert sum(len(part.data) for part in parts) == len(document.encoded)
    assert len(parts) == -(-len(document.encoded) // PART_BYTES)


def test_a_document_above_its_limit_is_not_sent() -> None:
    with pytest.raises(TransferInvalid):
        list(cut(1, request(LIMITS[TransferKind.REQUEST])))


def test_a_document_of_another_kind_does_not_parse() -> None:
    with pytest.raises(MalformedInput):
        parse(TransferKind.REPLY, request(0).encoded)


@given(
    parts=st.lists(
        st.builds(
            relay_pb2.Part,
            transfer=st.integers(0, 3),
            index=st.integers(0, 3),
            count=st.integers(0, 4),
            kind=st.sampled_from([*map(str, EVERY), "", "other"]),
            data=st.sampled_from([b"", b"x", bytes(100), bytes(PART_BYTES), bytes(PART_BYTES + 1)]),
        ),
        max_size=8,
    )
)
def test_no_parts_make_more_than_a_transfer_or_another_error(parts: list[relay_pb2.Part]) -> None:
    assembler = Assembler(FROM_NODE)
    try:
        for part in parts:
            complete = assembler.add(part)
            if complete is not None:
                kind, data = complete
                assert kind in FROM_NODE
                assert len(data) <= LIMITS[kind]
    except TransferInvalid:
        return

"""Seals open with one key, for one round, query, sender and receiver, and are refused otherwise."""

import os

import pytest

from mpc_nodes.errors import SealBroken, SealKeyInvalid
from mpc_nodes.sealing import SEAL_OVERHEAD, check_public_key, new_private_key, open_sealed, public_key, seal
from protocol.messages import Round
from protocol.signing import seal_info

QUERY, CONSORTIUM = "22" * 32, "33" * 32
INFO = seal_info(CONSORTIUM, QUERY, Round.DEAL, 1, 2)


def test_a_seal_opens() -> None:
    key = new_private_key(os.urandom)
    sealed = seal(b"share" * 100, public_key(key), INFO)
    assert len(sealed) == 500 + SEAL_OVERHEAD
    assert open_sealed(sealed, key, INFO) == b"share" * 100


def test_two_seals_of_one_text_differ() -> None:
    public = public_key(new_private_key(os.urandom))
    assert seal(b"share", public, INFO) != seal(b"share", public, INFO)


@pytest.mark.parametrize(
    "info",
    [
        seal_info(CONSORTIUM, QUERY, Round.OPEN, 1, 2),
        seal_info(CONSORTIUM, QUERY, Round.DEAL, 2, 1),
        seal_info(CONSORTIUM, QUERY, Round.DEAL, 1, 3),
        seal_info(CONSORTIUM, "44" * 32, Round.DEAL, 1, 2),
        seal_info("44" * 32, QUERY, Round.DEAL, 1, 2),
    ],
    ids=["round", "sender and receiver", "receiver", "query", "consortium"],
)
def test_a_seal_for_another_purpose(info: bytes) -> None:
    key = new_private_key(os.urandom)
    sealed = seal(b"share", public_key(key), INFO)
    with pytest.raises(SealBroken):
        open_sealed(sealed, key, info)


def test_another_key() -> None:
    sealed = seal(b"share", public_key(new_private_key(os.urandom)), INFO)
    with pytest.raises(SealBroken):
        open_sealed(sealed, new_private_key(os.urandom), INFO)


def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    key = new_private_key(os.urandom)
    sealed = seal(b"share", public_key(key), INFO)
    for position in range(8 * len(sealed)):
        if position == 255:
            continue  # the unused bit of an X25519 coordinate
        broken = bytearray(sealed)
        broken[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBroken):
            open_sealed(bytes(broken), key, INFO)
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            open_sealed(sealed[:length], key, INFO)


# The points of order 1, 2, 4 and 8, and a non-canonical encoding of one (RFC 7748, section 7; Wycheproof).
SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_a_point_of_small_order_is_no_key(public: str) -> None:
    with pytest.raises(SealKeyInvalid):
        check_public_key(public)
    with pytest.raises(SealKeyInvalid):
        seal(b"share", public, INFO)
    with pytest.raises(SealBroken):
        open_sealed(bytes.fromhex(public) + bytes(48), new_private_key(os.urandom), INFO)


def test_an_honest_key_is_a_key() -> None:
    for _ in range(20):
        check_public_key(public_key(new_private_key(os.urandom)))

"""Sealing of shares to one-time keys: HPKE base mode (RFC 9180), X25519, HKDF-SHA256, ChaCha20-Poly1305.

Base mode does not authenticate the sender; the Ed25519 signature over the message that carries the seal does. `info`
(`protocol.signing.seal_info`) ties a seal to one round, query, sender and receiver.
"""

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from mpc_nodes.errors import SealBroken, SealKeyInvalid

KEY_BYTES: Final = 32
SEAL_OVERHEAD: Final = 48  # encapsulated key and authentication tag

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
# Any private key finds the points of small order: the exchange with one is zero, and is refused, for every scalar.
_PROBE: Final = X25519PrivateKey.from_private_bytes(b"\x01" * KEY_BYTES)


def new_private_key(entropy: Callable[[int], bytes]) -> bytes:
    """A fresh one-time private key, 32 bytes."""
    return entropy(KEY_BYTES)


def public_key(private: bytes) -> str:
    """The public key of a private key, hexadecimal."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()


def check_public_key(public: str) -> None:
    """Check that `public`, 64 hexadecimal digits, can be sealed to. Raises SealKeyInvalid."""
    try:
        _PROBE.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(public)))
    except ValueError:
        raise SealKeyInvalid("a one-time key is not a usable X25519 public key") from None


def seal(plaintext: bytes, public: str, info: bytes) -> bytes:
    """`plaintext` so that only the holder of the private key of `public` reads it; SEAL_OVERHEAD bytes longer.

    Raises:
        SealKeyInvalid: `public` is not a key that can be sealed to.
    """
    try:
        return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(bytes.fromhex(public)), info=info)
    except ValueError:
        raise SealKeyInvalid("a one-time key is not a usable X25519 public key") from None


def open_sealed(sealed: bytes, private: bytes, info: bytes) -> bytes:
    """What was sealed. Raises SealBroken if the key, the bytes or `info` are not those of the seal."""
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info=info)
    except (InvalidTag, ValueError):
        raise SealBroken("the sealed share does not open") from None

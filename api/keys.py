"""API keys: `pw_<id>_<secret>`, of which only a hash of the secret is kept.

The secret is 256 random bits, so one SHA-256 is the right hash: there is no dictionary to try, and a slow password hash
would only let strangers make the service busy. The comparison is in constant time all the same.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, Column, Engine, RowMapping, String, Table, insert, select, update

from api.errors import ApiKeyNotFound, AuthenticationRequired, RequestInvalid
from api.store import metadata
from mpc_nodes.database import reading
from protocol import canonical

_KEY: Final = re.compile(r"pw_([0-9a-f]{16})_([0-9a-f]{64})", re.ASCII)
_NO_HASH: Final = "0" * 64


class Role(StrEnum):
    """What a key is for. Hospitals have no role here: their nodes speak gRPC to the hub under their own certificates."""

    BUYER = "buyer"
    AUDITOR = "auditor"
    OPERATOR = "operator"


api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("secret_sha256", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("buyer", String(63)),  # set if and only if the role is buyer
    Column("label", String(100), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)


@dataclass(frozen=True)
class Principal:
    """Who is asking."""

    key_id: str
    role: Role
    buyer: str | None


@dataclass(frozen=True)
class KeyRecord:
    """What is known about a key. The secret is not."""

    id: str
    role: Role
    buyer: str | None
    label: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None


class KeyStore:
    """API keys in a database. Methods are synchronous and safe to call from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def issue(
        self, role: Role, *, buyer: str | None, label: str, now: int, expires_at: int | None = None, key: str | None = None
    ) -> tuple[str, KeyRecord]:
        """A new key and its record. The key itself is returned here and never again.

        Args:
            key: a key made by `new_key` that is already in the hands of its owner.

        Raises:
            RequestInvalid: a buyer key without a buyer name, or another key with one.
            AuthenticationRequired: `key` is not a key.
        """
        if (role is Role.BUYER) != (buyer is not None):
            raise RequestInvalid("a key names a buyer if and only if its role is buyer")
        key = key or new_key()
        key_id, secret = _parts(key)
        record = KeyRecord(key_id, role, buyer, label, now, expires_at, None)
        with self._engine.begin() as connection:
            connection.execute(
                insert(api_keys).values(
                    id=key_id,
                    secret_sha256=_hash(secret),
                    role=role.value,
                    buyer=buyer,
                    label=label,
                    created_at=now,
                    expires_at=expires_at,
                )
            )
        return key, record

    def authenticate(self, key: str, *, now: int) -> Principal:
        """Whose key this is. Raises AuthenticationRequired, in every case with the same words."""
        key_id, secret = _parts(key)
        with reading(self._engine) as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).mappings().one_or_none()
        expected = _NO_HASH if row is None else str(row["secret_sha256"])
        if not hmac.compare_digest(_hash(secret), expected) or row is None:
            raise _refused()
        record = _record(row)
        if record.revoked_at is not None or (record.expires_at is not None and record.expires_at <= now):
            raise _refused()
        return Principal(record.id, record.role, record.buyer)

    def list(self) -> list[KeyRecord]:
        """All keys, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)).mappings()
            return [_record(row) for row in rows]

    def revoke(self, key_id: str, *, now: int) -> None:
        """Revoke a key, at once and for good; a second time changes nothing. Raises ApiKeyNotFound."""
        with self._engine.begin() as connection:
            known = connection.execute(select(api_keys.c.id).where(api_keys.c.id == key_id)).one_or_none()
            if known is None:
                raise ApiKeyNotFound("there is no API key with this id")
            connection.execute(
                update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
            )


def new_key() -> str:
    """A fresh key, which nobody knows yet: not valid until it is issued."""
    return f"pw_{secrets.token_hex(8)}_{secrets.token_hex(32)}"


def _parts(key: str) -> tuple[str, str]:
    match = _KEY.fullmatch(key)
    if match is None:
        raise _refused()
    return match.group(1), match.group(2)


def _hash(secret: str) -> str:
    return canonical.sha256_hex(secret.encode())


def _refused() -> AuthenticationRequired:
    return AuthenticationRequired(
        "a valid API key is required", hint="send it as 'Authorization: Bearer pw_...'; the operator issues keys"
    )


def _record(row: RowMapping) -> KeyRecord:
    return KeyRecord(
        id=row["id"],
        role=Role(row["role"]),
        buyer=row["buyer"],
        label=row["label"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )

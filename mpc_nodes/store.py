"""What a node remembers of queries: it is written before the node speaks (docs/spec/06-rounds.md, "Crashes").

A query is an offer, the one-time private keys, and for each answered round the request's digest, its messages and the
reply. States are rebuilt from these, so nothing else has to survive a crash. One process uses a store at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from pydantic import Field

from mpc_nodes.database import reading, upgrade
from mpc_nodes.node_tables import marks, one_time_keys, packages, queries, rounds
from mpc_nodes.transport_errors import PackageQuota
from protocol.document import Document
from protocol.messages import Round, SignedMessage
from protocol.query import Offer
from protocol.relay import MAX_TRANSFER_BYTES, RoundReply

QUOTA_BYTES: Final = 16 << 30  # of the packages of one hospital
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_MAX_STORED: Final = 1 << 30  # of a document that this node wrote itself
_HALTED: Final = "halted"


class RoundInputs(Document):
    """The messages that came with the request of a round, in order of sender and round."""

    messages: tuple[SignedMessage, ...] = Field(default=())


@dataclass(frozen=True)
class RoundRecord:
    """An answered round."""

    request_digest: str
    reply: RoundReply


@dataclass(frozen=True)
class QueryRecord:
    """What is left of a query: the offer, and what was made for it unless it has been forgotten."""

    offer: Offer
    forgotten: bool


class NodeStore:
    """The node's database."""

    def __init__(self, engine: sa.Engine) -> None:
        upgrade(engine, MIGRATIONS)
        self._engine = engine

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction: all of it is on disk when the block ends, or none of it."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A consistent view."""
        with reading(self._engine) as connection:
            yield connection

    # --- queries ---

    def query(self, query_id: str) -> QueryRecord | None:
        """The query, if this node has decided on it."""
        with self.reading() as connection:
            row = connection.execute(sa.select(queries).where(queries.c.query_id == query_id)).one_or_none()
        if row is None:
            return None
        return QueryRecord(Offer.from_bytes(row.offer, limit=_MAX_STORED), row.forgotten)

    def keys(self, query_id: str) -> tuple[bytes, ...]:
        """The one-time private keys in order of sender; empty if there are none or the query is forgotten."""
        select = sa.select(one_time_keys.c.private_key).where(one_time_keys.c.query_id == query_id)
        with self.reading() as connection:
            return tuple(row.private_key for row in connection.execute(select.order_by(one_time_keys.c.sender)))

    def round(self, query_id: str, round_: Round) -> RoundRecord | None:
        """The round, if it has been answered."""
        with self.reading() as connection:
            row = connection.execute(_select(query_id, round_, rounds.c.request_digest, rounds.c.reply)).one_or_none()
        if row is None:
            return None
        return RoundRecord(row.request_digest, RoundReply.from_bytes(row.reply, limit=MAX_TRANSFER_BYTES))

    def inputs(self, query_id: str, round_: Round) -> tuple[SignedMessage, ...] | None:
        """The messages that came with the request of a round, unless it is unanswered or the query is forgotten."""
        with self.reading() as connection:
            row = connection.execute(_select(query_id, round_, rounds.c.inputs)).one_or_none()
        if row is None or row.inputs is None:
            return None
        return RoundInputs.from_bytes(row.inputs, limit=_MAX_STORED).messages

    def add_query(self, connection: sa.Connection, offer: Offer, keys: tuple[bytes, ...]) -> None:
        """Remember an offer and the keys made for it, in the transaction of the caller."""
        connection.execute(
            queries.insert().values(
                query_id=offer.query_id, offer=offer.encoded, expires_at=offer.expires_at, forgotten=False
            )
        )
        if keys:
            rows = [
                {"query_id": offer.query_id, "sender": sender, "private_key": key} for sender, key in enumerate(keys, start=1)
            ]
            connection.execute(one_time_keys.insert(), rows)

    def add_round(
        self, connection: sa.Connection, request_digest: str, inputs: tuple[SignedMessage, ...], reply: RoundReply
    ) -> None:
        """Remember a round with its reply. The primary key lets a round of a query be answered only once."""
        connection.execute(
            rounds.insert().values(
                query_id=reply.query_id,
                round=reply.round.value,
                request_digest=request_digest,
                inputs=RoundInputs(messages=inputs).encoded,
                reply=reply.encoded,
            )
        )

    def forget(self, connection: sa.Connection, query_id: str) -> None:
        """Delete what could open the sealed shares of a query. Its replies stay, so that they can be sent again."""
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")  # overwrite, not only unlink
        connection.execute(one_time_keys.delete().where(one_time_keys.c.query_id == query_id))
        connection.execute(rounds.update().where(rounds.c.query_id == query_id).values(inputs=None))
        connection.execute(queries.update().where(queries.c.query_id == query_id).values(forgotten=True))

    def forget_expired(self, now: int) -> list[str]:
        """Forget every query that expired before `now`, Unix seconds; returns their identifiers."""
        expired = sa.select(queries.c.query_id).where((queries.c.expires_at < now) & ~queries.c.forgotten)
        with self.reading() as connection:
            found = [row.query_id for row in connection.execute(expired)]
        for query_id in found:
            with self.writing() as connection:
                self.forget(connection, query_id)
        if found:
            self.truncate_journal()
        return found

    def truncate_journal(self) -> None:
        """Move SQLite's write-ahead log into the database and empty it: it still holds deleted keys until then."""
        if self._engine.dialect.name != "sqlite":
            return
        # On the driver's own connection, because a checkpoint inside a transaction is an error. If somebody is reading,
        # it does less, and the next one does the rest.
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.close()
        finally:
            connection.close()

    # --- packages of other hospitals ---

    def add_package(self, root: str, hospital: int, data: bytes, now: int) -> None:
        """Keep a verified package; again is as good as once. Raises PackageQuota."""
        with self.writing() as connection:
            if connection.execute(sa.select(packages.c.root).where(packages.c.root == root)).first() is not None:
                return
            held = sa.select(sa.func.coalesce(sa.func.sum(packages.c.size), 0)).where(packages.c.hospital == hospital)
            if int(connection.execute(held).scalar_one()) + len(data) > QUOTA_BYTES:
                raise PackageQuota(f"the packages of member {hospital} would take more than {QUOTA_BYTES} bytes")
            row = {"root": root, "hospital": hospital, "size": len(data), "data": data, "admitted_at": now}
            connection.execute(packages.insert().values(**row))

    def has_package(self, root: str) -> bool:
        """Whether the package with this root is kept."""
        with self.reading() as connection:
            return connection.execute(sa.select(packages.c.root).where(packages.c.root == root)).first() is not None

    def package(self, root: str) -> bytes | None:
        """The verified package with this root, or None."""
        with self.reading() as connection:
            return connection.execute(sa.select(packages.c.data).where(packages.c.root == root)).scalar_one_or_none()

    # --- the node as a whole ---

    def halted(self) -> str | None:
        """Why this node stopped itself for good, if it did."""
        with self.reading() as connection:
            row = connection.execute(sa.select(marks.c.text).where(marks.c.name == _HALTED)).one_or_none()
        return row.text if row else None

    def halt(self, why: str) -> None:
        """Stop for good: the reason survives a restart."""
        with self.writing() as connection:
            connection.execute(marks.delete().where(marks.c.name == _HALTED))
            connection.execute(marks.insert().values(name=_HALTED, text=why))


def _select(query_id: str, round_: Round, *columns: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(*columns).where((rounds.c.query_id == query_id) & (rounds.c.round == round_.value))

"""The durable state of the API: queries with their progress, and which idempotency key asked for which query.

Everything is written before it is acknowledged. A query's row moves forward only, and its offer never changes; what the
members answered is not here but with the hub (`mpc_nodes/hub_store.py`), round by round.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    and_,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from api.errors import IdempotencyConflict, QueryNotFound
from mpc_nodes.database import reading
from protocol import canonical
from protocol.query import Offer

metadata: Final = MetaData()

_MAX_OFFER_BYTES: Final = 64 << 10


class State(StrEnum):
    """Where a query is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"  # final: the bundle is stored and its attestation is confirmed on chain
    FAILED = "failed"  # final: a typed failure is stored


queries: Final = Table(
    "queries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("position", Integer, nullable=False, unique=True),  # order of arrival
    Column("buyer", String(63), nullable=False),
    Column("offer", LargeBinary, nullable=False),  # the exact bytes that hospitals are shown
    Column("submitted_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("claim_owner", String(64)),
    Column("claim_until", BigInteger),
    Column("failure", Text),  # canonical JSON of ProofwardError.to_dict()
    Column("attested", LargeBinary),  # the bundle before it is posted; fixed once, so that one attestation can exist only
    Column("bundle", LargeBinary),  # with its chain record: what the buyer gets
    Column("bundle_sha256", String(64)),
    Column("result", Text),  # canonical JSON of the finished result, from the verified cells
    Column("statement", String(64)),  # digest of the attested statement: the attestation's id
    Column("finished_at", BigInteger),
    Index("queries_by_buyer", "buyer", "position"),
    Index("queries_by_state", "state", "position"),
    Index("queries_by_statement", "statement", unique=True),
)

events: Final = Table(
    "events",
    metadata,
    Column("query_id", String(64), ForeignKey("queries.id"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("name", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("data", Text, nullable=False),
    # A pipeline that is run again says the same things again; the name makes each of them count once.
    Index("events_once", "query_id", "name", unique=True),
)

idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("buyer", String(63), primary_key=True),
    Column("key", String(64), primary_key=True),  # SHA-256 of what the buyer sent
    Column("request", String(64), nullable=False),  # digest of the request body
    Column("query_id", String(64), ForeignKey("queries.id"), nullable=False),
)


@dataclass(frozen=True)
class QueryRecord:
    """One row of `queries`, without the bundle's bytes."""

    id: str
    position: int
    buyer: str
    offer: Offer
    state: State
    failure: dict[str, str] | None
    bundle_sha256: str | None
    statement: str | None
    finished_at: int | None


@dataclass(frozen=True)
class Event:
    """Something that happened to a query. `name` is unique within the query."""

    name: str
    data: dict[str, Any]


@dataclass(frozen=True)
class StoredEvent:
    """An event with its place in the query's history: 1, 2, ..."""

    sequence: int
    name: str
    at: int
    data: dict[str, Any]


_ROW = [column for column in queries.columns if column.name not in ("attested", "bundle", "result")]


class QueryStore:
    """Queries, events and idempotency keys in one database. Methods are synchronous and safe to call from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def submit(self, offer: Offer, *, idempotency_key: str, request: str) -> QueryRecord:
        """Store a new query, or return the one that the same buyer's same key made before.

        Args:
            offer: the query as it will be offered; its `query_id` is ignored if the key was used before.
            idempotency_key: the buyer's key, as sent.
            request: digest of the request body.

        Raises:
            IdempotencyConflict: the key was used with another body.
        """
        key = canonical.sha256_hex(idempotency_key.encode())
        for _ in range(_ATTEMPTS):
            known = self.find_submission(offer.buyer, idempotency_key, request)
            if known is not None:
                return known
            try:
                with self._engine.begin() as connection:
                    self._insert(connection, offer, key, request)
            except IntegrityError:
                continue  # somebody else used the key or took the position between the look and the insertion
            return self.get(offer.query_id)
        raise IdempotencyConflict("the same idempotency key is being used by another request at this moment")

    def find_submission(self, buyer: str, idempotency_key: str, request: str) -> QueryRecord | None:
        """The query that `buyer` made with this key, if any. Raises IdempotencyConflict if with another body."""
        key = canonical.sha256_hex(idempotency_key.encode())
        with reading(self._engine) as connection:
            row = connection.execute(
                select(idempotency.c.request, idempotency.c.query_id).where(
                    idempotency.c.buyer == buyer, idempotency.c.key == key
                )
            ).one_or_none()
        if row is None:
            return None
        if row.request != request:
            raise IdempotencyConflict("this idempotency key was used for another request")
        return self.get(row.query_id)

    def get(self, query_id: str, *, buyer: str | None = None) -> QueryRecord:
        """The query. With `buyer`, only if it is that buyer's. Raises QueryNotFound."""
        statement = select(*_ROW).where(queries.c.id == query_id)
        if buyer is not None:
            statement = statement.where(queries.c.buyer == buyer)
        with reading(self._engine) as connection:
            row = connection.execute(statement).mappings().one_or_none()
        if row is None:
            raise QueryNotFound("there is no query with this id")
        return _record(row)

    def page(self, *, buyer: str | None, before: int | None, limit: int, attested_only: bool = False) -> list[QueryRecord]:
        """Newest first, at most `limit`, older than position `before`; of one buyer, or of all."""
        statement = select(*_ROW).order_by(queries.c.position.desc()).limit(limit)
        if buyer is not None:
            statement = statement.where(queries.c.buyer == buyer)
        if before is not None:
            statement = statement.where(queries.c.position < before)
        if attested_only:
            statement = statement.where(queries.c.state == State.DONE.value)
        with reading(self._engine) as connection:
            return [_record(row) for row in connection.execute(statement).mappings()]

    def by_statement(self, statement: str, *, buyer: str | None) -> QueryRecord | None:
        """The finished query whose attested statement has this digest; with `buyer`, only if it is that buyer's."""
        lookup = select(*_ROW).where(queries.c.statement == statement, queries.c.state == State.DONE.value)
        if buyer is not None:
            lookup = lookup.where(queries.c.buyer == buyer)
        with reading(self._engine) as connection:
            row = connection.execute(lookup).mappings().one_or_none()
        return None if row is None else _record(row)

    def unfinished(self) -> list[str]:
        """Ids of queries that are neither done nor failed, in order of arrival."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(queries.c.id)
                .where(queries.c.state.in_([State.QUEUED.value, State.RUNNING.value]))
                .order_by(queries.c.position)
            )
            return list(rows.scalars())

    def counts(self) -> dict[State, int]:
        """How many queries are in each state."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(queries.c.state, func.count()).group_by(queries.c.state)).all()
        found = {State(state): count for state, count in rows}
        return {state: found.get(state, 0) for state in State}

    def claim(self, query_id: str, *, owner: str, now: int, until: int) -> bool:
        """Take or renew the right to run the query. False if another owner's claim has not lapsed, or it is finished."""
        free = or_(queries.c.claim_owner.is_(None), queries.c.claim_owner == owner, queries.c.claim_until < now)
        open_ = queries.c.state.in_([State.QUEUED.value, State.RUNNING.value])
        with self._engine.begin() as connection:
            taken = connection.execute(
                update(queries)
                .where(and_(queries.c.id == query_id, free, open_))
                .values(claim_owner=owner, claim_until=until, state=State.RUNNING.value)
            )
            return taken.rowcount == 1

    def attest(self, query_id: str, bundle: bytes, statement: str) -> bytes:
        """Fix the attested bundle of the query, once. Returns the fixed one, which a later call cannot change."""
        with self._engine.begin() as connection:
            connection.execute(
                update(queries)
                .where(queries.c.id == query_id, queries.c.attested.is_(None))
                .values(attested=bundle, statement=statement)
            )
            row = connection.execute(select(queries.c.attested).where(queries.c.id == query_id)).one()
        return bytes(row.attested)

    def attested(self, query_id: str) -> bytes | None:
        """The attested bundle, if the query has come so far."""
        return self._blob(query_id, "attested")

    def bundle(self, query_id: str) -> bytes | None:
        """The finished bundle, if the query is done."""
        return self._blob(query_id, "bundle")

    def result(self, query_id: str) -> bytes | None:
        """The canonical JSON of the result, if the query is done."""
        with reading(self._engine) as connection:
            text = connection.execute(select(queries.c.result).where(queries.c.id == query_id)).scalar_one_or_none()
        return None if text is None else str(text).encode()

    def finish(self, query_id: str, bundle: bytes, result: dict[str, Any], last: Event, *, now: int) -> None:
        """Store the bundle with its chain record and the `last` event; the query is done. No effect on a finished query."""
        self._close(
            query_id,
            last,
            now,
            state=State.DONE.value,
            bundle=bundle,
            bundle_sha256=canonical.sha256_hex(bundle),
            result=canonical.encode(result).decode(),
        )

    def fail(self, query_id: str, failure: dict[str, str], last: Event, *, now: int) -> None:
        """Store why there is no answer and the `last` event; the query has failed. No effect on a finished query."""
        text = canonical.encode(failure).decode()
        self._close(query_id, last, now, state=State.FAILED.value, failure=text)

    def record(self, query_id: str, happened: Sequence[Event], *, now: int) -> int:
        """Append the events whose names the query does not have yet. Returns the last sequence number."""
        for _ in range(_ATTEMPTS):
            try:
                return self._append(query_id, happened, now)
            except IntegrityError:
                continue  # a request appended at the same moment; the sequence numbers have moved
        return self._append(query_id, happened, now)

    def events(self, query_id: str, *, after: int = 0) -> list[StoredEvent]:
        """The query's events with a sequence number above `after`, in order."""
        lookup = select(events).where(events.c.query_id == query_id, events.c.sequence > after).order_by(events.c.sequence)
        with reading(self._engine) as connection:
            return [
                StoredEvent(row["sequence"], row["name"], row["at"], json.loads(row["data"]))
                for row in connection.execute(lookup).mappings()
            ]

    def _insert(self, connection: Connection, offer: Offer, key: str, request: str) -> None:
        last = connection.execute(select(func.max(queries.c.position))).scalar_one_or_none()
        connection.execute(
            insert(queries).values(
                id=offer.query_id,
                position=(last or 0) + 1,
                buyer=offer.buyer,
                offer=offer.encoded,
                submitted_at=offer.submitted_at,
                expires_at=offer.expires_at,
                state=State.QUEUED.value,
            )
        )
        connection.execute(insert(idempotency).values(buyer=offer.buyer, key=key, request=request, query_id=offer.query_id))

    def _append(self, query_id: str, happened: Sequence[Event], now: int) -> int:
        with self._engine.begin() as connection:
            return _append(connection, query_id, happened, now)

    def _blob(self, query_id: str, column: str) -> bytes | None:
        with reading(self._engine) as connection:
            value = connection.execute(select(queries.c[column]).where(queries.c.id == query_id)).scalar_one_or_none()
        return None if value is None else bytes(value)

    def _close(self, query_id: str, last: Event, now: int, **values: Any) -> None:
        # In one transaction: whoever sees that the query is finished also finds its last event.
        with self._engine.begin() as connection:
            closed = connection.execute(
                update(queries)
                .where(queries.c.id == query_id, queries.c.state.in_([State.QUEUED.value, State.RUNNING.value]))
                .values(claim_owner=None, claim_until=None, finished_at=now, **values)
            )
            if closed.rowcount == 1:
                _append(connection, query_id, [last], now)


def _append(connection: Connection, query_id: str, happened: Sequence[Event], now: int) -> int:
    known = select(events.c.name, events.c.sequence).where(events.c.query_id == query_id)
    names = {row.name: row.sequence for row in connection.execute(known)}
    last = max(names.values(), default=0)
    for event in happened:
        if event.name in names:
            continue
        last += 1
        names[event.name] = last
        data = canonical.encode(event.data).decode()
        connection.execute(insert(events).values(query_id=query_id, sequence=last, name=event.name, at=now, data=data))
    return last


_ATTEMPTS: Final = 20


def _record(row: RowMapping) -> QueryRecord:
    return QueryRecord(
        id=row["id"],
        position=row["position"],
        buyer=row["buyer"],
        offer=Offer.from_bytes(bytes(row["offer"]), limit=_MAX_OFFER_BYTES),
        state=State(row["state"]),
        failure=json.loads(row["failure"]) if row["failure"] is not None else None,
        bundle_sha256=row["bundle_sha256"],
        statement=row["statement"],
        finished_at=row["finished_at"],
    )

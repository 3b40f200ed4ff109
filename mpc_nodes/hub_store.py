"""What the hub must not forget: rounds asked, replies, closed rounds, last decisions, registrations, packages, incidents.

Each function is one transaction, so a crash leaves a round either as it was or with the whole reply in it. A round is
open until `close_round`; replies enter open rounds only, hence the set that a closed round holds never changes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from mpc_nodes.database import reading
from mpc_nodes.transport_errors import PackageQuota, RegistrationConflict, RoundConflict
from protocol.dataset import SignedRegistration
from protocol.messages import Round, SignedMessage
from protocol.relay import LIMITS, RoundReply, RoundRequest, TransferKind

QUOTA_BYTES: Final = 16 << 30  # of the packages of one hospital

hub_metadata: Final = sa.MetaData()

rounds: Final = sa.Table(
    "rounds",
    hub_metadata,
    sa.Column("query_id", sa.String(64), primary_key=True),
    sa.Column("round", sa.String(16), primary_key=True),
    sa.Column("request", sa.LargeBinary, nullable=False),  # canonical RoundRequest
    sa.Column("members", sa.JSON, nullable=False),  # indices of the members that are asked
    sa.Column("opened_at", sa.Float(53), nullable=False),  # Unix seconds, as all times here
    sa.Column("closed_at", sa.Float(53)),
)

replies: Final = sa.Table(
    "replies",
    hub_metadata,
    sa.Column("query_id", sa.String(64), primary_key=True),
    sa.Column("round", sa.String(16), primary_key=True),
    sa.Column("member", sa.Integer, primary_key=True, autoincrement=False),
    # 0: the reply that counts. 1: another message of the same member for the same round, kept as evidence.
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("reply", sa.LargeBinary, nullable=False),  # canonical RoundReply
    sa.Column("received_at", sa.Float(53), nullable=False),
    sa.ForeignKeyConstraint(["query_id", "round"], ["rounds.query_id", "rounds.round"]),
)

decisions: Final = sa.Table(
    "decisions",
    hub_metadata,
    sa.Column("member", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),  # position in the member's access log
    sa.Column("message", sa.LargeBinary, nullable=False),  # canonical SignedMessage of the decision round
)

registrations: Final = sa.Table(
    "registrations",
    hub_metadata,
    sa.Column("member", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("dataset", sa.String(63), primary_key=True),
    sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("registration", sa.LargeBinary, nullable=False),  # canonical SignedRegistration
    sa.Column("received_at", sa.Float(53), nullable=False),
)

# The evidence about each registration: in the same transaction, so that there is never one without the other.
packages: Final = sa.Table(
    "packages",
    hub_metadata,
    sa.Column("root", sa.String(64), primary_key=True),
    sa.Column("member", sa.Integer, nullable=False),  # whose table it is, and which epoch of which dataset
    sa.Column("dataset", sa.String(63), nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes of `data`
    sa.Column("data", sa.LargeBinary, nullable=False),  # prover.package
    sa.UniqueConstraint("member", "dataset", "epoch"),
)

# Which members have told the hub that they verified and keep a package. The owner of the table is one from the beginning.
admissions: Final = sa.Table(
    "admissions",
    hub_metadata,
    sa.Column("root", sa.String(64), sa.ForeignKey("packages.root"), primary_key=True),
    sa.Column("member", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("admitted_at", sa.Float(53), nullable=False),
)

incidents: Final = sa.Table(
    "incidents",
    hub_metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("member", sa.Integer, nullable=False),
    sa.Column("query_id", sa.String(64), nullable=False),
    sa.Column("round", sa.String(16), nullable=False),
    sa.Column("code", sa.String(63), nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),  # list of canonical documents, as text
    sa.Column("recorded_at", sa.Float(53), nullable=False),
    # One of a kind a round: a member cannot fill the disk with its own misbehaviour.
    sa.UniqueConstraint("member", "query_id", "round", "code"),
)


class Outcome(StrEnum):
    """What became of a reply."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"  # the same bytes again, as after a lost connection
    CONFLICTING = "conflicting"  # another reply than the first, kept as evidence if both are signed
    LATE = "late"  # the round is closed
    UNASKED = "unasked"  # no such round, or this member was not asked


@dataclass(frozen=True)
class StoredRound:
    """A round as it is on disk. `replies` are those that count, `conflicting` the second messages of equivocators."""

    request: RoundRequest
    members: tuple[int, ...]
    closed_at: float | None
    replies: dict[int, RoundReply]
    conflicting: tuple[SignedMessage, ...]

    @property
    def closed(self) -> bool:
        """Whether the replies are final."""
        return self.closed_at is not None


@dataclass(frozen=True)
class Incident:
    """Misbehaviour of a member, with the signed documents that show it."""

    member: int
    query_id: str
    round: Round
    code: str
    evidence: tuple[str, ...]
    recorded_at: float


class HubStore:
    """The hub's durable state, on a database that has the tables of `hub_metadata`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def open_round(self, request: RoundRequest, members: Iterable[int], now: float) -> StoredRound:
        """The round of `request`, stored before anybody is asked. A round that exists keeps its first deadline.

        Raises:
            RoundConflict: the round exists with another offer, other inputs or other members.
        """
        asked = tuple(sorted(set(members)))
        with self._engine.begin() as connection:
            stored = _load(connection, request.query_id, request.round)
            if stored is None:
                connection.execute(
                    sa.insert(rounds).values(
                        query_id=request.query_id,
                        round=str(request.round),
                        request=request.encoded,
                        members=list(asked),
                        opened_at=now,
                    )
                )
                return StoredRound(request, asked, closed_at=None, replies={}, conflicting=())
        same = stored.request.offer == request.offer and stored.request.inputs == request.inputs and stored.members == asked
        if not same:
            raise RoundConflict(f"round {request.round} of this query was asked before, with other inputs")
        return stored

    def load_round(self, query_id: str, round_: Round) -> StoredRound | None:
        """The round as it is on disk, or None."""
        with reading(self._engine) as connection:
            return _load(connection, query_id, round_)

    def add_reply(self, member: int, reply: RoundReply, sequence: int | None, now: float) -> Outcome:
        """Store a reply whose signature has been checked. On return its outcome is durable.

        Args:
            sequence: of a decision, its position in the member's access log.
        """
        key = (reply.query_id, str(reply.round))
        with self._engine.begin() as connection:
            row = connection.execute(_round_row(*key).with_for_update()).one_or_none()
            if row is None or member not in row.members:
                return Outcome.UNASKED
            if sequence is not None and reply.message is not None:
                _remember_decision(connection, member, sequence, reply.message)
            first = connection.execute(
                sa.select(replies.c.reply).where(_is_reply(*key), replies.c.member == member, replies.c.ordinal == 0)
            ).scalar_one_or_none()
            if first == reply.encoded:
                return Outcome.DUPLICATE
            if first is not None:
                return _conflict(connection, member, _reply(first), reply, row.closed_at is None, now)
            if row.closed_at is not None:
                return Outcome.LATE
            _insert_reply(connection, member, 0, reply, now)
            return Outcome.COUNTED

    def close_round(self, query_id: str, round_: Round, now: float) -> StoredRound:
        """Close the round for ever and return it. Closing it again changes nothing.

        Raises:
            RoundConflict: it was never opened.
        """
        with self._engine.begin() as connection:
            row = connection.execute(_round_row(query_id, str(round_)).with_for_update()).one_or_none()
            if row is None:
                raise RoundConflict(f"round {round_} of this query was never opened")
            connection.execute(
                sa.update(rounds)
                .where(rounds.c.query_id == query_id, rounds.c.round == str(round_), rounds.c.closed_at.is_(None))
                .values(closed_at=now)
            )
            stored = _load(connection, query_id, round_)
        if stored is None:
            raise RoundConflict(f"round {round_} of this query vanished")
        return stored

    def last_decision(self, member: int) -> SignedMessage | None:
        """The decision with the highest access-log position that this member ever signed here."""
        with reading(self._engine) as connection:
            data = connection.execute(sa.select(decisions.c.message).where(decisions.c.member == member)).scalar_one_or_none()
        return None if data is None else SignedMessage.from_bytes(data, limit=LIMITS[TransferKind.REPLY])

    def add_registration(self, signed: SignedRegistration, package: bytes, now: float) -> None:
        """Store a registration with its package, both checked; again is as good as once.

        Raises:
            RegistrationConflict: the hospital registered this epoch of the dataset with other contents.
            PackageQuota: the packages of this hospital would take more than QUOTA_BYTES.
        """
        registration = signed.registration
        key = {"member": registration.hospital, "dataset": registration.dataset, "epoch": registration.epoch}
        with self._engine.begin() as connection:
            if _is_registered(connection, signed):
                return
            held = sa.select(sa.func.coalesce(sa.func.sum(packages.c.size), 0)).where(packages.c.member == key["member"])
            if int(connection.execute(held).scalar_one()) + len(package) > QUOTA_BYTES:
                raise PackageQuota(f"the packages of member {registration.hospital} would take more than {QUOTA_BYTES} bytes")
            connection.execute(sa.insert(registrations).values(**key, registration=signed.encoded, received_at=now))
            connection.execute(sa.insert(packages).values(**key, root=registration.root, size=len(package), data=package))
            owner = {"root": registration.root, "member": registration.hospital, "admitted_at": now}
            connection.execute(sa.insert(admissions).values(**owner))

    def is_registered(self, signed: SignedRegistration) -> bool:
        """Whether this registration and its package are stored. Raises RegistrationConflict as `add_registration`."""
        with reading(self._engine) as connection:
            return _is_registered(connection, signed)

    def registrations(self) -> list[SignedRegistration]:
        """All registrations, ordered by dataset, member and epoch."""
        order = (registrations.c.dataset, registrations.c.member, registrations.c.epoch)
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(registrations.c.registration).order_by(*order)).scalars().all()
        return [SignedRegistration.from_bytes(row, limit=LIMITS[TransferKind.REGISTRATION]) for row in rows]

    def registration(self, root: str) -> SignedRegistration | None:
        """The registration with this root, if it and its package are stored."""
        key = [registrations.c[name] == packages.c[name] for name in ("member", "dataset", "epoch")]
        select = sa.select(registrations.c.registration).join(packages, sa.and_(*key)).where(packages.c.root == root)
        with reading(self._engine) as connection:
            data = connection.execute(select).scalar_one_or_none()
        return None if data is None else SignedRegistration.from_bytes(data, limit=LIMITS[TransferKind.REGISTRATION])

    def package(self, root: str) -> bytes | None:
        """The verified package of the registration with this root (`prover.package.decode_package`), or None."""
        with reading(self._engine) as connection:
            return connection.execute(sa.select(packages.c.data).where(packages.c.root == root)).scalar_one_or_none()

    def add_admission(self, root: str, member: int, now: float) -> None:
        """Remember that a member verified and keeps the package with this root; unknown roots are nothing to remember."""
        entry = sa.and_(admissions.c.root == root, admissions.c.member == member)
        with self._engine.begin() as connection:
            known = connection.execute(sa.select(packages.c.root).where(packages.c.root == root)).first()
            if known is not None and connection.execute(sa.select(admissions.c.root).where(entry)).first() is None:
                connection.execute(sa.insert(admissions).values(root=root, member=member, admitted_at=now))

    def admitted_by(self, root: str, at: float | None = None) -> frozenset[int]:
        """The members that hold the package with this root, its owner among them; if `at` is given, that held it then."""
        select = sa.select(admissions.c.member).where(admissions.c.root == root)
        if at is not None:
            select = select.where(admissions.c.admitted_at <= at)
        with reading(self._engine) as connection:
            return frozenset(connection.execute(select).scalars())

    def to_announce(self, member: int) -> list[str]:
        """The roots that a member is told of when it connects: what it has not admitted, and the newest of every dataset.

        The newest are said again because the member may have lost its database; queries are about them.
        """
        newest = (
            sa.select(packages.c.member, packages.c.dataset, sa.func.max(packages.c.epoch).label("epoch"))
            .group_by(packages.c.member, packages.c.dataset)
            .subquery()
        )
        admitted = sa.and_(admissions.c.root == packages.c.root, admissions.c.member == member)
        select = (
            sa.select(packages.c.root)
            .join(newest, sa.and_(newest.c.member == packages.c.member, newest.c.dataset == packages.c.dataset))
            .outerjoin(admissions, admitted)
            .where(packages.c.member != member)
            .where(sa.or_(packages.c.epoch == newest.c.epoch, admissions.c.root.is_(None)))
            .order_by(packages.c.epoch.desc(), packages.c.dataset, packages.c.member)
        )
        with reading(self._engine) as connection:
            return list(connection.execute(select).scalars())

    def add_incident(self, member: int, reply: RoundReply, code: str, now: float) -> None:
        """Keep a reply that was refused, once a member, round and code."""
        with self._engine.begin() as connection:
            row = connection.execute(_round_row(reply.query_id, str(reply.round))).one_or_none()
            if row is not None:  # a round that nobody opened is an invention, and inventions are without bound
                _insert_incident(connection, member, reply, code, (reply.encoded.decode(),), now)

    def incidents(self, query_id: str | None = None) -> list[Incident]:
        """What members did wrong, in order, of one query or of all."""
        statement = sa.select(incidents).order_by(incidents.c.id)
        if query_id is not None:
            statement = statement.where(incidents.c.query_id == query_id)
        with reading(self._engine) as connection:
            rows = connection.execute(statement).all()
        return [
            Incident(row.member, row.query_id, Round(row.round), row.code, tuple(row.evidence), row.recorded_at)
            for row in rows
        ]


def _is_registered(connection: sa.Connection, signed: SignedRegistration) -> bool:
    registration = signed.registration
    key = {"member": registration.hospital, "dataset": registration.dataset, "epoch": registration.epoch}
    stored = connection.execute(sa.select(registrations.c.registration).filter_by(**key)).scalar_one_or_none()
    if stored is None:
        return False
    if SignedRegistration.from_bytes(stored, limit=LIMITS[TransferKind.REGISTRATION]).registration != registration:
        raise RegistrationConflict(
            f"epoch {registration.epoch} of {registration.dataset} is registered with other contents",
            where=f"member {registration.hospital}",
        )
    return True


def _round_row(query_id: str, round_: str) -> sa.Select[Any]:
    return sa.select(rounds).where(rounds.c.query_id == query_id, rounds.c.round == round_)


def _is_reply(query_id: str, round_: str) -> sa.ColumnElement[bool]:
    return sa.and_(replies.c.query_id == query_id, replies.c.round == round_)


def _reply(data: bytes) -> RoundReply:
    return RoundReply.from_bytes(data, limit=LIMITS[TransferKind.REPLY])


def _load(connection: sa.Connection, query_id: str, round_: Round) -> StoredRound | None:
    row = connection.execute(_round_row(query_id, str(round_))).one_or_none()
    if row is None:
        return None
    counted: dict[int, RoundReply] = {}
    conflicting: list[SignedMessage] = []
    order = (replies.c.member, replies.c.ordinal)
    for stored in connection.execute(sa.select(replies).where(_is_reply(query_id, str(round_))).order_by(*order)):
        reply = _reply(stored.reply)
        if stored.ordinal == 0:
            counted[stored.member] = reply
        elif reply.message is not None:
            conflicting.append(reply.message)
    request = RoundRequest.from_bytes(row.request, limit=LIMITS[TransferKind.REQUEST])
    return StoredRound(request, tuple(row.members), row.closed_at, counted, tuple(conflicting))


def _insert_reply(connection: sa.Connection, member: int, ordinal: int, reply: RoundReply, now: float) -> None:
    connection.execute(
        sa.insert(replies).values(
            query_id=reply.query_id,
            round=str(reply.round),
            member=member,
            ordinal=ordinal,
            reply=reply.encoded,
            received_at=now,
        )
    )


def _conflict(
    connection: sa.Connection, member: int, first: RoundReply, second: RoundReply, is_open: bool, now: float
) -> Outcome:
    """Two signed messages of one member for one round are equivocation, provable to everybody; anything else is noise."""
    if first.message is None or second.message is None or first.message.body == second.message.body:
        return Outcome.CONFLICTING
    evidence = (first.message.encoded.decode(), second.message.encoded.decode())
    new = _insert_incident(connection, member, second, "equivocation", evidence, now)
    if new and is_open:
        _insert_reply(connection, member, 1, second, now)
    return Outcome.CONFLICTING


def _insert_incident(
    connection: sa.Connection, member: int, reply: RoundReply, code: str, evidence: tuple[str, ...], now: float
) -> bool:
    key = {"member": member, "query_id": reply.query_id, "round": str(reply.round), "code": code}
    if connection.execute(sa.select(incidents.c.id).filter_by(**key)).first() is not None:
        return False
    connection.execute(sa.insert(incidents).values(**key, evidence=list(evidence), recorded_at=now))
    return True


def _remember_decision(connection: sa.Connection, member: int, sequence: int, message: SignedMessage) -> None:
    known = connection.execute(sa.select(decisions.c.sequence).where(decisions.c.member == member)).scalar_one_or_none()
    if known is None:
        connection.execute(sa.insert(decisions).values(member=member, sequence=sequence, message=message.encoded))
    elif sequence > known:
        values = {"sequence": sequence, "message": message.encoded}
        connection.execute(sa.update(decisions).where(decisions.c.member == member).values(**values))

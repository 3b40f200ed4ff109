"""The access log: every decision of a hospital, allowed and denied, in a hash chain that shows a gap or a rewrite.

    head_0 = 32 zero bytes,   head_k = SHA-256(head_{k-1} || canonical encoding of entry k)

The head after a decision goes into the Decision and from there into the attestation, so the hospital cannot change an
entry afterwards without contradicting what it signed. Each entry carries a random salt: a head reaches the chain, and
without the salt an entry is not guessable from it. Specification: docs/spec/06-rounds.md, "The access log".
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Final

import sqlalchemy as sa
from pydantic import Field

from mpc_nodes.errors import LogBroken
from mpc_nodes.node_tables import access_log
from protocol.document import Document
from protocol.identifiers import ErrorCode, Hex32, Name
from protocol.messages import LogHead
from protocol.query import MAX_SQL_CHARACTERS, Offer, Publication

FIRST_HEAD: Final = "00" * 32
SALT_BYTES: Final = 32
MAX_ENTRY_BYTES: Final = 1 << 20


class AccessEntry(Document):
    """One decision."""

    sequence: Annotated[int, Field(ge=1)]
    time: Annotated[int, Field(ge=0)]  # Unix seconds, by the hospital's clock
    query_id: Hex32
    offer: Hex32  # digest of the Offer
    buyer: Name
    purpose: Name
    dataset: Name
    sql: Annotated[str, Field(max_length=MAX_SQL_CHARACTERS)]
    publication: Publication
    allowed: bool
    refusal: ErrorCode | None
    salt: Hex32


def next_head(head: str, entry: AccessEntry) -> str:
    """The head after `entry`, hexadecimal."""
    return hashlib.sha256(bytes.fromhex(head) + entry.encoded).hexdigest()


def append(
    connection: sa.Connection, offer: Offer, *, time: int, refusal: str | None, entropy: Callable[[int], bytes]
) -> LogHead:
    """Log the decision on `offer`, in the transaction of the caller, and return the new head."""
    last = _last(connection)
    entry = AccessEntry(
        sequence=last.sequence + 1 if last else 1,
        time=time,
        query_id=offer.query_id,
        offer=offer.digest,
        buyer=offer.buyer,
        purpose=offer.purpose,
        dataset=offer.dataset,
        sql=offer.sql,
        publication=offer.publication,
        allowed=refusal is None,
        refusal=refusal,
        salt=entropy(SALT_BYTES).hex(),
    )
    head = next_head(last.head if last else FIRST_HEAD, entry)
    connection.execute(
        access_log.insert().values(
            sequence=entry.sequence,
            time=entry.time,
            buyer=entry.buyer,
            allowed=entry.allowed,
            entry=entry.encoded,
            head=head,
        )
    )
    return LogHead(sequence=entry.sequence, head=head)


def allowed_since(connection: sa.Connection, buyer: str, since: int) -> int:
    """How many queries of `buyer` were allowed at or after `since`, Unix seconds."""
    condition = (access_log.c.buyer == buyer) & access_log.c.allowed & (access_log.c.time >= since)
    count: int = connection.execute(sa.select(sa.func.count()).select_from(access_log).where(condition)).scalar_one()
    return count


def head_at(connection: sa.Connection, sequence: int) -> LogHead | None:
    """The head after entry `sequence`, if there is such an entry."""
    row = connection.execute(sa.select(access_log.c.head).where(access_log.c.sequence == sequence)).one_or_none()
    return LogHead(sequence=sequence, head=row.head) if row else None


def entries(connection: sa.Connection) -> Iterator[AccessEntry]:
    """All entries, oldest first, as they are stored; check them with `verify_log`."""
    for row in connection.execute(sa.select(access_log.c.entry).order_by(access_log.c.sequence)):
        yield AccessEntry.from_bytes(row.entry, limit=MAX_ENTRY_BYTES)


def entries_up_to(connection: sa.Connection, head: LogHead) -> list[AccessEntry]:
    """The entries that an attested head stands for, checked against it: what a hospital hands to its own auditor.

    Raises:
        LogBroken: the log does not lead to this head.
    """
    found = [entry for entry in entries(connection) if entry.sequence <= head.sequence]
    verify_log(found, [head])
    return found


def export(connection: sa.Connection) -> Iterator[bytes]:
    """All entries as lines of JSON, oldest first."""
    for entry in entries(connection):
        yield entry.encoded + b"\n"


def verify_log(log: Sequence[AccessEntry], heads: Sequence[LogHead]) -> None:
    """Check that `log` is whole and leads to every one of `heads`, which come from attestations or from a hub.

    Raises:
        LogBroken: an entry is missing, added, moved or changed.
    """
    head = FIRST_HEAD
    at = {0: head}
    for position, entry in enumerate(log, start=1):
        if entry.sequence != position:
            raise LogBroken(f"entry {entry.sequence} stands where entry {position} belongs", where=f"entry {position}")
        head = at[position] = next_head(head, entry)
    for attested in heads:
        if attested.sequence not in at:
            raise LogBroken("the log ends before an attested entry", where=f"entry {attested.sequence}")
        if at[attested.sequence] != attested.head:
            raise LogBroken("an entry up to here was changed after it was attested", where=f"entry {attested.sequence}")


def _last(connection: sa.Connection) -> LogHead | None:
    query = sa.select(access_log.c.sequence, access_log.c.head).order_by(access_log.c.sequence.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return LogHead(sequence=row.sequence, head=row.head) if row else None

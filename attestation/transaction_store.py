"""The outbox: signed transactions, durable before they are sent. Specification: docs/spec/08-chain.md, "Publishing".

One row is one signed transaction. Several rows of one purpose are its attempts: replacements with a higher fee under the
same nonce, or a new nonce after another transaction took the first one. Uniqueness is the database's: of two processes
that publish the same purpose, or that choose the same nonce, one row wins and the other process takes it up.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    UniqueConstraint,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from attestation.chain_errors import ChainArgumentInvalid

MAX_PURPOSE: Final = 200  # characters


class Status(StrEnum):
    """Where a transaction stands."""

    STORED = "stored"  # signed and durable; sent or not
    CONFIRMED = "confirmed"  # mined deep enough, with success
    FULFILLED = "fulfilled"  # somebody's transaction with the same effect is mined; `raw` is that one
    REVERTED = "reverted"  # mined, refused by the contract
    SUPERSEDED = "superseded"  # another transaction used its nonce: it can never be mined


@dataclass(frozen=True)
class TransactionRecord:
    """One signed transaction."""

    transaction: bytes  # hash
    purpose: str  # what it is for, for example "attest/<query id>"
    attempt: int  # 0, 1 .. within the purpose
    chain_id: int
    sender: str  # the account that publishes, lower case
    nonce: int | None  # None: somebody else's transaction that fulfilled the purpose
    bump: int  # 0, 1 .. among the transactions that share chain, sender and nonce
    raw: bytes
    status: Status
    block_number: int | None = None
    block_hash: bytes | None = None

    @property
    def final(self) -> bool:
        """Whether the purpose is reached."""
        return self.status in (Status.CONFIRMED, Status.FULFILLED)


class TransactionStore(Protocol):
    """What the publisher needs of a store. Every method is durable when it returns."""

    def add(self, record: TransactionRecord) -> bool:
        """Store a new transaction; False if its purpose and attempt, or its nonce and bump, are taken."""

    def update(self, record: TransactionRecord) -> None:
        """Set status and block of a stored transaction."""

    def of(self, purpose: str, chain_id: int, sender: str) -> list[TransactionRecord]:
        """The attempts of a purpose, first to last."""

    def pending(self, chain_id: int, sender: str) -> list[TransactionRecord]:
        """The stored transactions that are not decided, in order of nonce and bump."""

    def confirmed_since(self, chain_id: int, sender: str, block_number: int) -> list[TransactionRecord]:
        """The confirmed and fulfilled transactions of blocks from `block_number` on."""

    def next_nonce(self, chain_id: int, sender: str) -> int:
        """One more than the highest nonce stored; 0 if there is none."""


metadata: Final = MetaData()

chain_transactions: Final = Table(
    "chain_transactions",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sender", String(42), primary_key=True),
    Column("purpose", String(MAX_PURPOSE), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("transaction_hash", String(64), nullable=False, index=True),
    Column("nonce", BigInteger),
    Column("bump", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("block_number", BigInteger),
    Column("block_hash", String(64)),
    UniqueConstraint("chain_id", "sender", "nonce", "bump", name="uq_chain_transactions_nonce"),
)


def create_tables(engine: Engine) -> None:
    """Create the table where no migration does it (tests, the demo)."""
    metadata.create_all(engine)


class SqlTransactionStore:
    """A `TransactionStore` in SQLite or PostgreSQL. As durable as the engine's commit: SQLite needs synchronous=FULL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, record: TransactionRecord) -> bool:
        """See `TransactionStore`. Raises ChainArgumentInvalid if the purpose is too long."""
        if not 0 < len(record.purpose) <= MAX_PURPOSE:
            raise ChainArgumentInvalid(f"a purpose has 1 to {MAX_PURPOSE} characters")
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(chain_transactions).values(**_to_row(record)))
        except IntegrityError:
            return False
        return True

    def update(self, record: TransactionRecord) -> None:
        """See `TransactionStore`."""
        row = _to_row(record)
        statement = (
            update(chain_transactions)
            .where(*(chain_transactions.c[name] == row[name] for name in ("chain_id", "sender", "purpose", "attempt")))
            .values(status=row["status"], block_number=row["block_number"], block_hash=row["block_hash"])
        )
        with self._engine.begin() as connection:
            connection.execute(statement)

    def of(self, purpose: str, chain_id: int, sender: str) -> list[TransactionRecord]:
        """See `TransactionStore`."""
        table = chain_transactions.c
        return self._select(chain_id, sender, table.purpose == purpose, order=[table.attempt])

    def pending(self, chain_id: int, sender: str) -> list[TransactionRecord]:
        """See `TransactionStore`."""
        table = chain_transactions.c
        return self._select(chain_id, sender, table.status == Status.STORED.value, order=[table.nonce, table.bump])

    def confirmed_since(self, chain_id: int, sender: str, block_number: int) -> list[TransactionRecord]:
        """See `TransactionStore`."""
        table = chain_transactions.c
        final = table.status.in_([Status.CONFIRMED.value, Status.FULFILLED.value])
        return self._select(chain_id, sender, final & (table.block_number >= block_number), order=[table.nonce])

    def next_nonce(self, chain_id: int, sender: str) -> int:
        """See `TransactionStore`."""
        table = chain_transactions.c
        statement = select(func.max(table.nonce)).where(table.chain_id == chain_id, table.sender == sender)
        with self._engine.connect() as connection:
            highest = connection.execute(statement).scalar()
        return 0 if highest is None else int(highest) + 1

    def _select(self, chain_id: int, sender: str, condition: object, order: list[object]) -> list[TransactionRecord]:
        table = chain_transactions.c
        statement = (
            select(chain_transactions)
            .where(table.chain_id == chain_id, table.sender == sender, condition)  # type: ignore[arg-type]
            .order_by(*order)  # type: ignore[arg-type]
        )
        with self._engine.connect() as connection:
            return [_from_row(row) for row in connection.execute(statement).mappings()]


def decided(record: TransactionRecord, status: Status, number: int | None, block: bytes | None) -> TransactionRecord:
    """`record` with another status and block."""
    return replace(record, status=status, block_number=number, block_hash=block)


def _to_row(record: TransactionRecord) -> dict[str, object]:
    return {
        "transaction_hash": record.transaction.hex(),
        "purpose": record.purpose,
        "attempt": record.attempt,
        "chain_id": record.chain_id,
        "sender": record.sender,
        "nonce": record.nonce,
        "bump": record.bump,
        "raw": record.raw,
        "status": record.status.value,
        "block_number": record.block_number,
        "block_hash": None if record.block_hash is None else record.block_hash.hex(),
    }


def _from_row(row: RowMapping) -> TransactionRecord:
    block_hash = row["block_hash"]
    return TransactionRecord(
        transaction=bytes.fromhex(row["transaction_hash"]),
        purpose=row["purpose"],
        attempt=row["attempt"],
        chain_id=row["chain_id"],
        sender=row["sender"],
        nonce=row["nonce"],
        bump=row["bump"],
        raw=bytes(row["raw"]),
        status=Status(row["status"]),
        block_number=row["block_number"],
        block_hash=None if block_hash is None else bytes.fromhex(block_hash),
    )

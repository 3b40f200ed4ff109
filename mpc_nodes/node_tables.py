"""The tables of a hospital node's database. `migrations/` makes the same ones; a test compares them."""

import sqlalchemy as sa

metadata = sa.MetaData()

queries = sa.Table(
    "queries",
    metadata,
    sa.Column("query_id", sa.String(64), primary_key=True),
    sa.Column("offer", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("forgotten", sa.Boolean, nullable=False),  # keys and inputs are deleted; the replies stay
)

one_time_keys = sa.Table(
    "one_time_keys",
    metadata,
    sa.Column("query_id", sa.String(64), sa.ForeignKey("queries.query_id"), primary_key=True),
    sa.Column("sender", sa.Integer, primary_key=True, autoincrement=False),  # the member that seals to this key
    sa.Column("private_key", sa.LargeBinary, nullable=False),
)

rounds = sa.Table(
    "rounds",
    metadata,
    sa.Column("query_id", sa.String(64), sa.ForeignKey("queries.query_id"), primary_key=True),
    sa.Column("round", sa.String(16), primary_key=True),
    sa.Column("request_digest", sa.String(64), nullable=False),
    sa.Column("inputs", sa.LargeBinary),  # the messages that came with the request
    sa.Column("reply", sa.LargeBinary, nullable=False),  # the RoundReply, byte for byte what was sent
)

access_log = sa.Table(
    "access_log",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time", sa.BigInteger, nullable=False),  # these three repeat members of the entry, to count by
    sa.Column("buyer", sa.String(63), nullable=False),
    sa.Column("allowed", sa.Boolean, nullable=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),  # canonical AccessEntry
    sa.Column("head", sa.String(64), nullable=False),
    sa.Index("access_log_rate", "buyer", "allowed", "time"),
)

registrations = sa.Table(
    "registrations",
    metadata,
    sa.Column("dataset", sa.String(63), primary_key=True),
    sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("root", sa.String(64), nullable=False, unique=True),
    sa.Column("registration", sa.LargeBinary, nullable=False),  # canonical SignedRegistration
    sa.Column("snapshot", sa.String(255), nullable=False),  # folder below the data directory
    sa.Column("snapshot_digest", sa.String(64), nullable=False),
    sa.Column("posted", sa.Boolean, nullable=False),  # the root is on chain
)

# The evidence about the tables of the other hospitals, verified before it came here. The node's own is in its snapshots.
packages = sa.Table(
    "packages",
    metadata,
    sa.Column("root", sa.String(64), primary_key=True),
    sa.Column("hospital", sa.Integer, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes of `data`
    sa.Column("data", sa.LargeBinary, nullable=False),  # prover.package
    sa.Column("admitted_at", sa.BigInteger, nullable=False),  # Unix seconds
)

# Facts about the node as a whole; so far only that it stopped itself, and why.
marks = sa.Table(
    "marks",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

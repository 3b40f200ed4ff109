"""The first tables of a node."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "queries",
        sa.Column("query_id", sa.String(64), primary_key=True),
        sa.Column("offer", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("forgotten", sa.Boolean, nullable=False),
    )
    op.create_table(
        "one_time_keys",
        sa.Column("query_id", sa.String(64), sa.ForeignKey("queries.query_id"), primary_key=True),
        sa.Column("sender", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("private_key", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "rounds",
        sa.Column("query_id", sa.String(64), sa.ForeignKey("queries.query_id"), primary_key=True),
        sa.Column("round", sa.String(16), primary_key=True),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("inputs", sa.LargeBinary),
        sa.Column("reply", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "access_log",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("buyer", sa.String(63), nullable=False),
        sa.Column("allowed", sa.Boolean, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
    )
    op.create_index("access_log_rate", "access_log", ["buyer", "allowed", "time"])
    op.create_table(
        "registrations",
        sa.Column("dataset", sa.String(63), primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("root", sa.String(64), nullable=False, unique=True),
        sa.Column("registration", sa.LargeBinary, nullable=False),
        sa.Column("snapshot", sa.String(255), nullable=False),
        sa.Column("snapshot_digest", sa.String(64), nullable=False),
        sa.Column("posted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )

"""The evidence about every registration, and which members have verified it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "packages",
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("member", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.String(length=63), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("root"),
        sa.UniqueConstraint("member", "dataset", "epoch"),
    )
    op.create_table(
        "admissions",
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("member", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("admitted_at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["root"], ["packages.root"]),
        sa.PrimaryKeyConstraint("root", "member"),
    )

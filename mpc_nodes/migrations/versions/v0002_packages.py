"""The evidence about the tables of the other hospitals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "packages",
        sa.Column("root", sa.String(64), primary_key=True),
        sa.Column("hospital", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("admitted_at", sa.BigInteger, nullable=False),
    )

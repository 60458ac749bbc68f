"""Reports of the pipeline for people to look at."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "reports",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_reports"),
    )

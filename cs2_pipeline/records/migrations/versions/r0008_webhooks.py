"""Webhooks that the owners of API keys register."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("kinds", sa.String(200), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("failing_since", sa.String(27)),
        sa.Column("disabled_at", sa.String(27)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_webhooks_key_id_api_keys", ondelete="CASCADE"),
    )
    op.create_index("ix_webhooks_key_id", "webhooks", ["key_id"])

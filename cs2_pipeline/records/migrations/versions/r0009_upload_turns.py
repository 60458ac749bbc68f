"""Whose uploads were read last, keys that act for an account, and players' names on their cards."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("users", sa.Column("upload_read_at", sa.String(27)))
    op.add_column("api_keys", sa.Column("user_id", sa.String(32)))
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"])
    op.add_column("skill_cards", sa.Column("name", sa.String(300)))

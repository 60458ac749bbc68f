"""Directories of maps, teams and players."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "directory",
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("id", sa.String(100), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("matches", sa.Integer, nullable=False),
        sa.Column("last_played", sa.String(27)),
        sa.Column("about", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name="pk_directory"),
    )
    revision_table = op.create_table(
        "directory_revision",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_directory_revision"),
    )
    op.bulk_insert(revision_table, [{"id": 1, "revision": 0}])

"""Files that people uploaded, and what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "uploaded_files",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("place", sa.String(80), nullable=False),
        sa.Column("played_on", sa.String(10)),
        sa.Column("received_at", sa.String(27), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("settled_at", sa.String(27)),
        sa.Column("body", sa.Text),
        sa.PrimaryKeyConstraint("digest", name="pk_uploaded_files"),
        sa.UniqueConstraint("place", name="uq_uploaded_files_place"),
    )
    op.create_index("ix_uploaded_files_state", "uploaded_files", ["state"])
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_uploads_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["digest"], ["uploaded_files.digest"], name="fk_uploads_digest_uploaded_files"),
    )
    op.create_index("ix_uploads_digest", "uploads", ["digest"])
    op.create_index("uq_uploads_user_id_digest", "uploads", ["user_id", "digest"], unique=True)

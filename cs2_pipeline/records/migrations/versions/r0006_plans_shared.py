"""What players ticked off in plans, whom they show them, and what drills did over all players."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "plan_ticks",
        sa.Column("plan_id", sa.String(32), nullable=False),
        sa.Column("drill", sa.String(64), nullable=False),
        sa.Column("session", sa.Integer, nullable=False),
        sa.Column("done_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "drill", "session", name="pk_plan_ticks"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_plan_ticks_plan_id_plans", ondelete="CASCADE"),
    )
    op.create_table(
        "plan_shares",
        sa.Column("game", sa.String(16), nullable=False),
        sa.Column("player_id", sa.String(100), nullable=False),
        sa.Column("username_key", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("game", "player_id", "username_key", name="pk_plan_shares"),
    )
    op.create_table(
        "drill_evidence",
        sa.Column("game", sa.String(16), nullable=False),
        sa.Column("drill", sa.String(64), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("game", "drill", name="pk_drill_evidence"),
    )

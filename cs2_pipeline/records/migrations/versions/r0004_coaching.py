"""Skill cards, plans and what came of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "skill_cards",
        sa.Column("game", sa.String(16), nullable=False),
        sa.Column("player_id", sa.String(100), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("game", "player_id", name="pk_skill_cards"),
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("game", sa.String(16), nullable=False),
        sa.Column("player_id", sa.String(100), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("ended_at", sa.String(27)),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
    )
    op.create_index("ix_plans_game_player_id", "plans", ["game", "player_id"])
    op.create_table(
        "plan_progress",
        sa.Column("plan_id", sa.String(32), nullable=False),
        sa.Column("skill", sa.String(64), nullable=False),
        sa.Column("looked_at", sa.String(27), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "skill", name="pk_plan_progress"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_plan_progress_plan_id_plans", ondelete="CASCADE"),
    )

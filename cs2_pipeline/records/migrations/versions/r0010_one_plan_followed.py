"""A player follows one plan at a time: where two requests at once left two, the newer one stays."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """End older plans and keep it so by an index."""
    op.execute(
        "UPDATE plans SET ended_at = made_at WHERE ended_at IS NULL AND EXISTS (SELECT 1 FROM plans AS newer "
        "WHERE newer.game = plans.game AND newer.player_id = plans.player_id AND newer.ended_at IS NULL "
        "AND (newer.made_at > plans.made_at OR (newer.made_at = plans.made_at AND newer.id > plans.id)))"
    )
    followed = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_plans_followed",
        "plans",
        ["game", "player_id"],
        unique=True,
        postgresql_where=followed,
        sqlite_where=followed,
    )

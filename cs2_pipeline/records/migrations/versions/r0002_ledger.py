"""The ledger of forecasts, settlements, and events to hand out."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.String(27)
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables, and the head of an empty chain."""
    op.create_table(
        "ledger",
        sa.Column("seq", NUMBER, nullable=False, autoincrement=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("team1_id", sa.String(100)),
        sa.Column("team2_id", sa.String(100)),
        sa.Column("model_version", sa.String(100)),
        sa.Column("probability", sa.Float),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger"),
        sa.UniqueConstraint("id", name="uq_ledger_id"),
    )
    for column in ("kind", "team1_id", "team2_id"):
        op.create_index(f"ix_ledger_{column}_seq", "ledger", [column, "seq"])
    head = op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_head"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])
    op.create_table(
        "settlements",
        sa.Column("forecast_id", sa.String(32), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("entry_id", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("result_id", sa.String(200)),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("forecast_id", "revision", name="pk_settlements"),
        sa.UniqueConstraint("entry_id", name="uq_settlements_entry_id"),
    )
    op.create_table(
        "events",
        sa.Column("seq", NUMBER, nullable=False, autoincrement=True),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        sa.UniqueConstraint("key", name="uq_events_key"),
    )
    op.create_index("ix_events_channel_seq", "events", ["channel", "seq"])
    op.create_table(
        "deliveries",
        sa.Column("listener", sa.String(200), nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("listener", "channel", name="pk_deliveries"),
    )

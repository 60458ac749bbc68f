"""The tables, as the newest migration leaves them. A change here needs a migration beside it; a test compares the two.

Moments are kept as text in UTC with microseconds, the same on both databases: it sorts as time does.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def moment_text(moment: datetime) -> str:
    """A moment as the tables and the ledger hold it: ``2026-01-18T12:00:00.123456Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept as text in UTC."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else moment_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else datetime.fromisoformat(value)


USERS: Final = Table(
    "users",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("username", String(64), nullable=False),
    Column("username_key", String(64), nullable=False, unique=True, doc="case-folded"),
    Column("email_key", String(320), unique=True, doc="case-folded"),
    Column("password_hash", Text, doc="Argon2id; none for who signs in through Steam only"),
    Column("steam_id", String(20), unique=True),
    Column("is_admin", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
    Column(
        "upload_read_at", Moment, doc="when reading one of the account's uploads last began: its place in the queue"
    ),
)

SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("user_id", String(32), ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("revoked_reason", String(64)),
)

REFRESH_TOKENS: Final = Table(
    "refresh_tokens",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("session_id", String(32), ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
)

SIGNING_KEYS: Final = Table(
    "signing_keys",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("secret", String(128), nullable=False),
    Column("created_at", Moment, nullable=False),
)

STEAM_SIGN_INS: Final = Table(
    "steam_sign_ins",
    METADATA,
    Column("state_digest", String(64), primary_key=True),
    Column("user_id", String(32), ForeignKey("users.id", ondelete="CASCADE")),
    Column("created_at", Moment, nullable=False),
)

OPENID_NONCES: Final = Table(
    "openid_nonces",
    METADATA,
    Column("nonce", String(300), primary_key=True),
    Column("seen_at", Moment, nullable=False),
)

API_KEYS: Final = Table(
    "api_keys",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("rate", Float, nullable=False, doc="requests a second"),
    Column("daily_quota", Integer),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("user_id", String(32), index=True, doc="the account it acts for; none for a program's own key"),
)

QUOTA_USE: Final = Table(
    "quota_use",
    METADATA,
    Column("key_id", String(16), ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("used", BigInteger, nullable=False),
)

LEDGER: Final = Table(
    "ledger",
    METADATA,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", String(32), nullable=False, unique=True),
    Column("kind", String(16), nullable=False, doc="map, series or settlement"),
    Column("at", Moment, nullable=False),
    Column("team1_id", String(100)),
    Column("team2_id", String(100)),
    Column("model_version", String(100)),
    Column("probability", Float),
    Column("body", Text, nullable=False, doc="canonical JSON; holds the hash of the entry before"),
    Column("hash", String(64), nullable=False, doc="SHA-256 of the body"),
    Index("ix_ledger_kind_seq", "kind", "seq"),
    Index("ix_ledger_team1_id_seq", "team1_id", "seq"),
    Index("ix_ledger_team2_id_seq", "team2_id", "seq"),
)

LEDGER_HEAD: Final = Table(
    "ledger_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""One row. Whoever appends holds its lock, so that two processes cannot fork the chain."""

SETTLEMENTS: Final = Table(
    "settlements",
    METADATA,
    Column("forecast_id", String(32), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("entry_id", String(32), nullable=False, unique=True),
    Column("status", String(16), nullable=False, doc="won, lost, forfeited or not_played, seen from team 1"),
    Column("result_id", String(200)),
    Column("at", Moment, nullable=False),
)

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("channel", String(64), nullable=False),
    Column("key", String(200), nullable=False, unique=True, doc="what happened; the same twice is one event"),
    Column("at", Moment, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_events_channel_seq", "channel", "seq"),
)

DELIVERIES: Final = Table(
    "deliveries",
    METADATA,
    Column("listener", String(200), primary_key=True),
    Column("channel", String(64), primary_key=True),
    Column("seq", BigInteger, nullable=False, doc="up to here it has been handed over"),
)

DIRECTORY: Final = Table(
    "directory",
    METADATA,
    Column("kind", String(8), primary_key=True, doc="map, team or player"),
    Column("id", String(100), primary_key=True),
    Column("name", String(300), nullable=False),
    Column("matches", Integer, nullable=False),
    Column("last_played", Moment),
    Column("about", Text, nullable=False, doc="JSON: what else is known of it"),
)

DIRECTORY_REVISION: Final = Table(
    "directory_revision",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
)
"""One row: how often the directories were replaced. Readers keep them in memory and look at this alone."""

SKILL_CARDS: Final = Table(
    "skill_cards",
    METADATA,
    Column("game", String(16), primary_key=True),
    Column("player_id", String(100), primary_key=True),
    Column("made_at", Moment, nullable=False),
    Column("body", Text, nullable=False, doc="JSON: the card"),
    Column("name", String(300), doc="what the player is called, where nothing else tells"),
)

PLANS: Final = Table(
    "plans",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("game", String(16), nullable=False),
    Column("player_id", String(100), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("ended_at", Moment, doc="when a newer one took its place; null for the plan that is followed"),
    Column("body", Text, nullable=False, doc="JSON: the plan as it was given"),
    Index("ix_plans_game_player_id", "game", "player_id"),
    Index(
        "ix_plans_followed",  # one plan of a player at a time
        "game",
        "player_id",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
        sqlite_where=text("ended_at IS NULL"),
    ),
)

PLAN_PROGRESS: Final = Table(
    "plan_progress",
    METADATA,
    Column("plan_id", String(32), ForeignKey("plans.id", ondelete="CASCADE"), primary_key=True),
    Column("skill", String(64), primary_key=True),
    Column("looked_at", Moment, nullable=False),
    Column("body", Text, nullable=False, doc="JSON: the trial as it stood"),
)
"""Whether a plan's drills helped so far, by the skill they are for."""

REPORTS: Final = Table(
    "reports",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("made_at", Moment, nullable=False),
    Column("body", Text, nullable=False, doc="JSON: what the pipeline reports"),
)

PLAN_TICKS: Final = Table(
    "plan_ticks",
    METADATA,
    Column("plan_id", String(32), ForeignKey("plans.id", ondelete="CASCADE"), primary_key=True),
    Column("drill", String(64), primary_key=True),
    Column("session", Integer, primary_key=True, autoincrement=False, doc="of the week, from 1"),
    Column("done_at", Moment, nullable=False),
)

PLAN_SHARES: Final = Table(
    "plan_shares",
    METADATA,
    Column("game", String(16), primary_key=True),
    Column("player_id", String(100), primary_key=True),
    Column(
        "username_key", String(64), primary_key=True, doc="case-folded; nobody is told whether there is such a name"
    ),
)
"""Whom a player lets see the plan and its progress."""

DRILL_EVIDENCE: Final = Table(
    "drill_evidence",
    METADATA,
    Column("game", String(16), primary_key=True),
    Column("drill", String(64), primary_key=True),
    Column("made_at", Moment, nullable=False),
    Column("body", Text, nullable=False, doc="JSON: what the drill did over all players"),
)

UPLOADED_FILES: Final = Table(
    "uploaded_files",
    METADATA,
    Column("digest", String(64), primary_key=True, doc="SHA-256 of the content: each file is kept and read once"),
    Column("kind", String(16), nullable=False, doc="demo, export or replay"),
    Column("size", BigInteger, nullable=False, doc="bytes"),
    Column("place", String(80), nullable=False, unique=True, doc="its name where uploaded files are kept"),
    Column("played_on", String(10), doc="UTC day, where whoever sent it says so"),
    Column("received_at", Moment, nullable=False),
    Column("tries", Integer, nullable=False, doc="how often reading it was begun"),
    Column("state", String(16), nullable=False, doc="waiting, accepted or quarantined"),
    Column("reason", Text, nullable=False, doc="why it is in quarantine; what came of it where it was accepted"),
    Column("settled_at", Moment),
    Column("body", Text, doc="JSON: the game, where nothing else keeps it"),
    Index("ix_uploaded_files_state", "state"),
)

UPLOADS: Final = Table(
    "uploads",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("user_id", String(32), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("digest", String(64), ForeignKey("uploaded_files.digest"), nullable=False, index=True),
    Column("name", String(255), nullable=False, doc="as the sender calls it; never part of a path"),
    Column("at", Moment, nullable=False),
    Index("uq_uploads_user_id_digest", "user_id", "digest", unique=True),
)
"""Who sent which file. Several people may have sent the same one."""

WEBHOOKS: Final = Table(
    "webhooks",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("key_id", String(16), ForeignKey("api_keys.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("secret", String(100), nullable=False, doc="signs what is posted, so it must be kept as it is"),
    Column("kinds", String(200), nullable=False, doc="of updates, joined by spaces"),
    Column("created_at", Moment, nullable=False),
    Column("failing_since", Moment, doc="the first failure after the last success"),
    Column("disabled_at", Moment),
    Column("reason", Text, nullable=False, doc="of the last failure"),
)

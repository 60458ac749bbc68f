"""What goes out to whoever wants to know: forecasts given and settled, models promoted. Kept: nothing is lost.

Each channel is a row of numbered announcements. Those of `FORECASTS` are the ledger's own entries; the others
are noted here. A listener's position is kept too: one that was away goes on where it was. Handing over and noting that
it was done are two steps, so after a crash an announcement may be handed over twice; its id tells.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from cs2_pipeline.records.database import Records
from cs2_pipeline.records.ledger import SETTLEMENT
from cs2_pipeline.records.tables import DELIVERIES, EVENTS, LEDGER, moment_text

MODELS: Final = "ml_models"
FORECASTS: Final = "forecast_events"
LEDGER_HEADS: Final = "ledger_heads"
CHANNELS: Final = (MODELS, FORECASTS, LEDGER_HEADS)


@dataclass(frozen=True)
class Announcement:
    """Something that happened.

    Attributes:
        channel, seq: its place; together they are its id.
        body: JSON, the same for everybody.
    """

    channel: str
    seq: int
    body: str

    @property
    def id(self) -> str:
        """Tells one that is handed over twice."""
        return f"{self.channel}:{self.seq}"


def note(records: Records, channel: str, key: str, what: Mapping[str, Any]) -> bool:
    """Announce what happened, but to forecasts; the same key again is no second announcement. Whether it is new."""
    row = {"channel": channel, "key": key, "at": datetime.now(UTC), "body": json.dumps(what)}
    with records.reading() as connection:
        if connection.execute(select(EVENTS.c.seq).where(EVENTS.c.key == key)).first() is not None:
            return False
    try:
        with records.writing() as connection:
            connection.execute(insert(EVENTS), row)
    except IntegrityError:
        return False
    return True


def after(records: Records, channel: str, seq: int, limit: int) -> list[Announcement]:
    """The announcements of a channel behind a place, in order."""
    if channel != FORECASTS:
        behind = (EVENTS.c.channel == channel) & (EVENTS.c.seq > seq)
        asked = select(EVENTS.c.seq, EVENTS.c.at, EVENTS.c.body).where(behind)
        with records.reading() as connection:
            rows = connection.execute(asked.order_by(EVENTS.c.seq).limit(limit)).all()
        return [Announcement(channel, row.seq, _told(channel, row.seq, row.at, json.loads(row.body))) for row in rows]
    found = select(LEDGER.c.seq, LEDGER.c.kind, LEDGER.c.at, LEDGER.c.body).where(LEDGER.c.seq > seq)
    with records.reading() as connection:
        entries = connection.execute(found.order_by(LEDGER.c.seq).limit(limit)).all()
    return [
        Announcement(channel, row.seq, _told(channel, row.seq, row.at, _of_entry(row.kind, json.loads(row.body))))
        for row in entries
    ]


def newest(records: Records, channel: str) -> int:
    """The place of a channel's newest announcement; 0 before the first."""
    column = LEDGER.c.seq if channel == FORECASTS else EVENTS.c.seq
    with records.reading() as connection:
        found: int = connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one()
    return found


def position(records: Records, listener: str, channel: str) -> int:
    """Up to where a listener was told. One seen for the first time begins with what comes now."""
    mine = (DELIVERIES.c.listener == listener) & (DELIVERIES.c.channel == channel)
    with records.reading() as connection:
        known: int | None = connection.execute(select(DELIVERIES.c.seq).where(mine)).scalar_one_or_none()
    if known is not None:
        return known
    start = newest(records, channel)
    try:
        with records.writing() as connection:
            connection.execute(insert(DELIVERIES), {"listener": listener, "channel": channel, "seq": start})
    except IntegrityError:  # another gateway has just done so
        return position(records, listener, channel)
    return start


def advance(records: Records, listener: str, channel: str, seq: int) -> None:
    """Note that a listener was told up to a place."""
    mine = (DELIVERIES.c.listener == listener) & (DELIVERIES.c.channel == channel) & (DELIVERIES.c.seq < seq)
    with records.writing() as connection:
        connection.execute(update(DELIVERIES).where(mine).values(seq=seq))


def _told(channel: str, seq: int, at: datetime, what: Mapping[str, Any]) -> str:
    said = {"id": f"{channel}:{seq}", "channel": channel, "at": moment_text(at), **what}
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


def _of_entry(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    if kind == SETTLEMENT:
        kept: tuple[str, ...] = ("forecast_id", "status", "revision", "result_id")
        return {"type": "forecast_settled", **{name: content.get(name) for name in kept}}
    kept = ("team1_id", "team2_id", "probability", "interval", "model_name", "model_version")
    asked = content.get("asked", {})
    about = {
        "forecast_id": content["id"],
        "kind": kind,
        "map_ids": asked.get("map_ids"),
        "best_of": asked.get("best_of"),
    }
    return {"type": "forecast_given", **about, **{name: content.get(name) for name in kept}}

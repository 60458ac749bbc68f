"""What of a demo database's last matches each model can use, and why not the rest, for `cs2 doctor`.

The last matches are extracted as a pipeline run would, and what that left out is put into sentences with what to do.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd
from sqlalchemy import func, select

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import eligibility, extract, reasons, watermark
from cs2_pipeline.demodb.extraction.eligibility import Days
from cs2_pipeline.demodb.extraction.events import events_of
from cs2_pipeline.demodb.extraction.reasons import Tally

MATCHES: Final = 20
"""How many of the last imported matches are looked at."""
SHOWN: Final = 3
_ENOUGH_LINES: Final = 50
"""Records from which a column with one value alone is worth a word."""
_FEW: Final = 0.8
"""Share of usable rounds or records below which it is a warning."""
_IN_PLAYER_PARTS: Final = ("first_kills", "clutches", "clutch_attempts", "damage", "headshots", "assists")
_IN_ROUND_PARTS: Final = ("equipment_value", "start_money")
_OPTIONAL_OF_ROUNDS: Final = ("has_helmet", "has_defuse_kit")
_TO_DO: Final[Mapping[str, str]] = {
    reasons.NO_POSITIONS: "switch on player positions in Demo Lens and parse the demos again",
    reasons.NO_MONEY: "update Demo Lens: this version records no money; then parse the demos again",
    reasons.NO_ARMOR: "update Demo Lens: this version records no armour; then parse the demos again",
    reasons.NO_INVENTORY: "switch on equipment in Demo Lens and parse the demos again",
    reasons.NO_ECONOMY: "these recordings hold no economy; import the .dem files themselves (`cs2 ingest demos`)",
    reasons.NO_EVENTS: "parse the demos again with kills, damage and bomb events",
    reasons.UNFINISHED_MATCH: "demos cut off, or false starts; nothing to do where the whole match is there too",
    reasons.TEAM_INCOMPLETE: "players left, or PlayerRoundStats lacks them; the refused rows name the rounds",
    reasons.UNKNOWN_TICK_RATE: "set DemoFiles.TickRate",
}


@dataclass(frozen=True)
class Remark:
    """One thing found of the content: ``warning`` deserves a look, ``error`` leaves nothing to train on."""

    level: Literal["ok", "warning", "error"]
    message: str


def examine(db: DemoDatabase) -> Iterator[Remark]:
    """What the last `MATCHES` imported matches hold.

    Raises:
        DemoDatabaseError: the database cannot be read.
    """
    days = _last_matches(db)
    if days is None:
        return
    yield from _sources(db)
    live = len(eligibility.live_rounds(days, Tally()))
    events = events_of(days)
    players = extract.players_of(days)
    among = f"of the last {len(days.only or ())} matches"
    round_remark = _usable("round model", f"live rounds {among}", (len(events.rounds), live), events.left_out)
    recorded = len(players.frame) + sum(
        count for reason, count in players.left_out.items() if reason not in reasons.EXPECTED
    )
    player_remark = _usable("player model", f"player records {among}", (len(players.frame), recorded), players.left_out)
    both = (round_remark, player_remark)
    nothing = all(remark.level == "error" for remark in both)
    yield from both if nothing else (Remark("warning" if r.level == "error" else r.level, r.message) for r in both)
    yield from _corrections(Counter(events.mapped) | Counter(players.mapped), among)
    yield from _constants(players.frame, events.participants)


def sources(db: DemoDatabase) -> dict[str, int]:
    """How many demos each source recorded, by the source's name.

    Raises:
        DemoDatabaseError: the database cannot be read.
    """
    demos = select(*db.schema["DemoFiles"].select({"source": "DemoSource", "id": "Id"})).subquery()
    query = select(demos.c.source, func.count().label("demos")).group_by(demos.c.source)
    return {one["source"] or eligibility.APPLICATION: int(one["demos"]) for one in db.read(query).to_pylist()}


def _last_matches(db: DemoDatabase) -> Days | None:
    match, demo = db.schema["Matches"], db.schema["DemoFiles"]
    started = watermark.has_day(match["StartTime"], db.engine.dialect.name)
    query = (
        select(match["Id"].label("match_id"), match["StartTime"].label("started_at"))
        .join_from(match.clause, demo.clause, match["DemoFileId"] == demo["Id"])
        .where(started)
        .order_by(demo["Id"].desc())
        .limit(MATCHES)
    )
    found = eligibility.frame_of(db.read(query))
    if found.empty:
        return None
    on = found["started_at"].dt.date
    return Days(db, on.min(), on.max(), tuple(int(match_id) for match_id in found["match_id"]))


def _sources(db: DemoDatabase) -> Iterator[Remark]:
    """The tables that only the application fills: which there are, and which of them are empty."""
    there = [name for name in tables.APPLICATION.tables if not db.schema.missing([name])]
    for name in there:
        source = db.schema[name]
        if db.read(select(source["Id"].label("row")).limit(1)).num_rows == 0:
            yield Remark("warning", f"{name} is empty: switch it on in Demo Lens, and parse the demos again")


def _usable(model: str, what: str, counts: tuple[int, int], left_out: Mapping[str, int]) -> Remark:
    """The share that a model can use (used, there), the leading reasons against the rest, and what to do."""
    used, there = counts
    share = used / there if there else 0.0
    missed = Counter({reason: n for reason, n in left_out.items() if not there or reason not in reasons.EXPECTED})
    leading = missed.most_common(SHOWN) if used < there or not there else []
    text = f"{model}: {used:,} of {there:,} {what} can be used ({share:.0%})"
    if leading:
        text += "; left out: " + "; ".join(f"{reason} ({count:,})" for reason, count in leading)
    to_do = [_TO_DO[reason] for reason, _ in leading if reason in _TO_DO]
    if to_do:
        text += ". What to do: " + "; ".join(to_do)
    level: Literal["ok", "warning", "error"] = "error" if used == 0 else "warning" if share < _FEW else "ok"
    return Remark(level, text)


def _corrections(mapped: Counter[str], among: str) -> Iterator[Remark]:
    if mapped:
        said = "; ".join(f"{reason} ({count:,})" for reason, count in mapped.most_common())
        yield Remark("ok", f"{among}, taken with a correction: {said}")


def _constants(players: pd.DataFrame, participants: pd.DataFrame) -> Iterator[Remark]:
    """Columns that hold one value alone: no model can learn from them, and none should answer by them."""
    for frame, names, model, so in (
        (players, _IN_PLAYER_PARTS, "player model", "what is trained on it is not promoted"),
        (participants, _OPTIONAL_OF_ROUNDS, "round model", "it is trained without it"),
        (participants, _IN_ROUND_PARTS, "round model", "what is trained on it is not promoted"),
    ):
        if len(frame) < _ENOUGH_LINES:
            continue
        constant = [
            f"{name} (never recorded)" if frame[name].isna().all() else f"{name} (always {frame[name].iloc[0]})"
            for name in names
            if len(frame[name].unique()) == 1
        ]
        if constant:
            text = f"{model}: no information in {', '.join(constant)}; {so}"
            yield Remark("warning", text)

"""The clocks of rounds in seconds: how long freeze time lasted, and what the round clock then showed.

A round's ticks and its demo's tick rate come from its row; the end of freeze time from the application's GameEvents
where there is one, else from the match's settings, else from the rules of the game.
"""

from typing import Final

import pandas as pd
from sqlalchemy import select

from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.eligibility import Days, frame_of
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline.game import rules

_TICK_RATES: Final = (16, 256)
"""Lowest and highest tick rate a server runs at; 64 and 128 are usual."""
_LONGEST_IN_MINUTES: Final = 10.0
"""A round clock up to this was recorded in minutes: the server's setting is."""
LONGEST_ROUND: Final = 400.0
"""Seconds from a round's start to its end that no round takes without a pause."""
_LATE_END: Final = 15.0
"""Seconds by which a recorded end may lie after the clocks': some writers note when the next round is prepared."""
_FREEZE_END: Final = "round_freeze_end"


def with_clocks(days: Days, played: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Rounds whose ticks can be turned into seconds, with `freeze_time` and `round_time_limit` in seconds."""
    where = {"table": "Rounds", "key": "round_id"}
    low, high = _TICK_RATES
    rate = played["tick_rate"]
    detail = "DemoFiles.TickRate is " + _written(rate)
    known_rate = rate.between(low, high).fillna(False).astype(bool)
    played = tally.refuse(played, ~known_rate, reasons.UNKNOWN_TICK_RATE, detail=detail, **where)
    played = played.sort_values(["match_id", "round_number"])
    before = played.groupby("match_id")["start_tick"].cummax().groupby(played["match_id"]).shift()
    ended = played["end_tick"].astype("Int64")
    backwards = ((played["start_tick"] <= before) | (ended < played["start_tick"])).fillna(False).astype(bool)
    backwards |= played["start_tick"].isna()
    detail = "StartTick " + _written(played["start_tick"]) + ", EndTick " + _written(ended)
    played = tally.refuse(played, backwards, reasons.TICKS_BACKWARDS, detail=detail, **where)
    played = played.assign(end_tick=played["end_tick"].astype("Int64")).astype(
        {"start_tick": "int64", "tick_rate": "int64"}
    )
    seen = _freeze_ends(days, played)
    played = played.assign(
        round_time_limit=_clock(played["round_time_limit"], rules.ROUND_TIME, tally),
        freeze_time=((seen - played["start_tick"]) / played["tick_rate"]).fillna(played["freeze_time"]),
    )
    played["freeze_time"] = _default(played["freeze_time"], rules.FREEZE_TIME, tally)
    live = (played["end_tick"] - played["start_tick"]).astype("float64") / played["tick_rate"] - played["freeze_time"]
    too_long = live > played["round_time_limit"] + rules.BOMB_TIME + _LATE_END
    played = tally.leave_out(played, too_long, reasons.LONGER_THAN_CLOCKS)
    return played.sort_values(["started_at", "match_id", "round_number"])


def without_pauses(days: Days, played: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Rounds with a `duration` in which a pause in freeze time does not count.

    Where the end of freeze time was not recorded, a round of more than `LONGEST_ROUND` seconds is left out.
    """
    long = played["duration"] > LONGEST_ROUND
    if not long.any():
        return played
    paused = played[long & played["start_tick"].notna() & played["tick_rate"].gt(0).fillna(False)]
    ends = _freeze_ends(days, paused.astype({"start_tick": "int64"}))
    pause = (ends - paused["start_tick"]).astype("float64") / paused["tick_rate"] - rules.FREEZE_TIME
    pause = pause.clip(lower=0).reindex(played.index).fillna(0)
    if (pause > 0).any():
        tally.mapped[reasons.PAUSE] += int((pause > 0).sum())
    played = played.assign(duration=played["duration"] - pause)
    return tally.leave_out(played, played["duration"] > LONGEST_ROUND, reasons.LONGER_THAN_CLOCKS)


def _freeze_ends(days: Days, played: pd.DataFrame) -> pd.Series:
    """The tick at which each round's freeze time was seen to end, NaN where it was not; by the index of `played`."""
    none = pd.Series(float("nan"), index=played.index)
    if days.db.schema.missing(["GameEvents"]) or played.empty:
        return none
    event, match = days.db.schema["GameEvents"], days.db.schema["Matches"]
    query = (
        select(*event.select({"demo_id": "DemoFileId", "tick": "Tick"}))
        .join_from(match.clause, event.clause, match["DemoFileId"] == event["DemoFileId"])
        .where(days.condition(), event["EventName"] == _FREEZE_END)
    )
    found = frame_of(days.db.read(query)).dropna().astype("int64").sort_values("tick").assign(seen=lambda e: e["tick"])
    rounds = played[["demo_id", "start_tick", "end_tick"]].astype({"demo_id": "int64"}).sort_values("start_tick")
    first = pd.merge_asof(
        rounds, found, left_on="start_tick", right_on="tick", by="demo_id", direction="forward"
    ).set_index(rounds.index)
    within = (first["seen"] < first["end_tick"].astype("float64").fillna(float("inf"))).astype(bool)
    return none.fillna(first["seen"].where(within).astype("float64"))


def _clock(recorded: pd.Series, default: float, tally: Tally) -> pd.Series:
    """The round clock in seconds; servers are configured, and some demos recorded, in minutes."""
    recorded = recorded.astype("float64")
    minutes = (recorded > 0) & (recorded <= _LONGEST_IN_MINUTES)
    if minutes.any():
        tally.mapped[reasons.CLOCK_IN_MINUTES] += int(minutes.sum())
    return _default(recorded.where(~minutes, (recorded * 60.0).floordiv(1.0)), default, tally)


def _default(recorded: pd.Series, default: float, tally: Tally) -> pd.Series:
    unknown = ~(recorded > 0)
    if unknown.any():
        tally.mapped[reasons.CLOCK_NOT_RECORDED] += int(unknown.sum())
    return recorded.where(~unknown, default).astype("float64")


def _written(values: pd.Series) -> pd.Series:
    """Numbers as a reason names them; what is null reads NULL."""
    return values.astype("Int64").astype("str").where(values.notna(), "NULL")

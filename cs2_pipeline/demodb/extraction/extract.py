"""From the demo database's rows to the platform's tables, one range of match days at a time.

What a row of the database means and whether it counts is decided here and in `demodb.events`: rows are mapped,
left out or refused, each deliberately and counted by reason (`demodb.reasons`, docs/demo-database.md). Days are
UTC days of the match's start; a range includes its first and its last day. The database is only read.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import pandas as pd
from sqlalchemy import select

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import deeds, reasons, unwritten
from cs2_pipeline.demodb.extraction.clocks import without_pauses
from cs2_pipeline.demodb.extraction.eligibility import (
    ROUND_FRAME,
    Days,
    flag,
    frame_of,
    live_rounds,
    matches,
    of_counted_matches,
    refuse_missing,
)
from cs2_pipeline.demodb.extraction.events import ExtractedEvents, event_tables
from cs2_pipeline.demodb.extraction.reasons import Tally

__all__ = [
    "PLAYER_FRAME",
    "ROUND_FRAME",
    "Extracted",
    "ExtractedEvents",
    "event_tables",
    "player_match_stats",
    "rounds",
]

PLAYER_FRAME: Final = (
    "steam_id",
    "player_name",
    "match_id",
    "started_at",
    "played_at",
    "map_name",
    "kills",
    "deaths",
    "assists",
    "headshots",
    "damage",
    "first_kills",
    "clutches",
    "clutch_attempts",
    "rounds",
    "trade_kills",
    "trade_deaths",
    *deeds.CLUTCHES_BY_SIZE,
    "source",
)

_PLAYER_STATS: Final = {
    "record_id": "Id",
    "player_id": "PlayerId",
    "match_id": "MatchId",
    "kills": "Kills",
    "deaths": "Deaths",
    "assists": "Assists",
    "headshots": "HeadshotKills",
    "damage": "TotalDamageDealt",
    "first_kills": "FirstKills",
    "clutches": "ClutchWins",
    "clutch_attempts": "ClutchAttempts",
    "rounds": "RoundsPlayed",
    "trade_kills": "TradeKills",
    "trade_deaths": "TradeDeaths",
    **{f"clutches_1v{size}": f"ClutchWins1v{size}" for size in deeds.CLUTCH_SIZES},
    **{f"clutch_attempts_1v{size}": f"ClutchAttempts1v{size}" for size in deeds.CLUTCH_SIZES},
}
_MAY_BE_UNKNOWN: Final = ("trade_kills", "trade_deaths", *deeds.CLUTCHES_BY_SIZE)
"""Counts that a writer may not record: NULL, or no column at all."""
_BY_CHANCE: Final = 0.05
"""Share of a match's count by which records and events may differ: a kill credited otherwise, say."""
_FEW: Final = 3
"""Differences that a match with little to count may have."""
_PLAYER_COUNTS: Final = PLAYER_FRAME[6:-1]
_NEEDED_COUNTS: Final = tuple(name for name in _PLAYER_COUNTS if name not in _MAY_BE_UNKNOWN)


@dataclass(frozen=True)
class Extracted:
    """An extracted table and the account of what is not in it.

    Attributes:
        frame: the rows that count.
        left_out: number of rows left out, by reason; the refused ones included.
        refused: rows that are wrong: table, row_id, reason, detail, and `started_at` of their match.
        mapped: number of rows taken with a correction, by reason.
    """

    frame: pd.DataFrame
    left_out: dict[str, int]
    refused: pd.DataFrame
    mapped: dict[str, int]


def rounds(db: DemoDatabase, first: date, last: date) -> Extracted:
    """Finished live rounds with a winner, of finished matches that started on the days `first` to `last`.

    Returns:
        The frame has `ROUND_FRAME`: ids and scores int64, players alive, money, equipment and `bomb_planted` Int64
        (null where nothing tells them), `ct_wins` int8, `duration` float64 (seconds), `started_at` the start of the
        match as recorded, `played_at` when it was played where that is known to be another day (null else); sorted by
        match start, match and round number.

    Raises:
        DemoDatabaseError: the database cannot be read or lacks a table or column.
    """
    tally, days = Tally(), Days(db, first, last)
    frame = unwritten.filled(days, without_pauses(days, live_rounds(days, tally), tally), tally)
    return _extracted(frame[list(ROUND_FRAME)].reset_index(drop=True), tally)


def player_match_stats(db: DemoDatabase, first: date, last: date) -> Extracted:
    """One row per player and finished match that started on the days `first` to `last`; no bots, no HLTV.

    Returns:
        The frame has `PLAYER_FRAME`: `steam_id` text, counts int64 (trades and clutches by size Int64, null where
        neither the record nor events tell them), sorted by match start, match and steam_id.

    Raises:
        DemoDatabaseError: the database cannot be read or lacks a table or column.
    """
    return players_of(Days(db, first, last))


def players_of(days: Days) -> Extracted:
    """As `player_match_stats`, of the matches of some days."""
    tally = Tally()
    frame = _player_records(days)
    context = matches(days, tally)
    frame = of_counted_matches(frame, context, tally)
    frame = tally.leave_out(frame, flag(frame["is_bot"]), reasons.BOT)
    frame = tally.leave_out(frame, flag(frame["is_hltv"]), reasons.HLTV)
    where = {"table": "PlayerMatchStats", "key": "record_id"}
    frame = refuse_missing(frame, ["steam_id", *_NEEDED_COUNTS], tally, **where)
    frame = _with_deeds(days, frame, tally)
    unknown = frame["steam_id"].isin(["0", ""])
    frame = tally.refuse(frame, unknown, reasons.NO_STEAM_ID, detail="SteamId is 0 and the player is no bot", **where)
    frame = tally.leave_out(frame, frame["rounds"] <= 0, reasons.NO_ROUNDS_PLAYED)
    frame = _one_record_each(frame, tally)
    frame = frame.astype(dict.fromkeys(_NEEDED_COUNTS, "int64") | dict.fromkeys(_MAY_BE_UNKNOWN, "Int64"))
    frame = frame.sort_values(["started_at", "match_id", "steam_id"])
    return _extracted(frame[list(PLAYER_FRAME)].reset_index(drop=True), tally)


def _extracted(frame: pd.DataFrame, tally: Tally) -> Extracted:
    return Extracted(frame, dict(sorted(tally.left_out.items())), tally.refused(), dict(sorted(tally.mapped.items())))


def _player_records(days: Days) -> pd.DataFrame:
    match, stats, player = (days.db.schema[name] for name in ("Matches", "PlayerMatchStats", "Players"))
    who = {"steam_id": "SteamId", "player_name": "PlayerName", "is_bot": "IsBot", "is_hltv": "IsHltv"}
    query = (
        select(*stats.select(_PLAYER_STATS), *player.select(who))
        .select_from(
            match.clause.join(stats.clause, stats["MatchId"] == match["Id"]).join(
                player.clause, stats["PlayerId"] == player["Id"]
            )
        )
        .where(days.condition())
    )
    return frame_of(days.db.read(query))


def _with_deeds(days: Days, frame: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """The records with what the events of live rounds tell where the records do not hold it.

    A match whose records count other rounds than the live ones is counted from its events altogether. Of another, a
    column that is 0 throughout was never written and is counted too. Anything else stays as recorded, but for who was
    in no live round and has neither kill nor death: a coach or viewer played no round.
    """
    from_events = deeds.deeds(days, live_rounds(days, Tally()), Tally())
    names = list(_PLAYER_COUNTS)
    own = frame[["match_id", "player_id"]].merge(from_events, on=["match_id", "player_id"], how="left")[names]
    absent = own["rounds"].isna().set_axis(frame.index)
    own = own.fillna(0).astype("int64").set_axis(frame.index)
    match = frame["match_id"]
    recorded = frame[names].astype("Int64")
    known = own["kills"].groupby(match).transform("sum") > 0
    watching = known & absent & (recorded[["kills", "deaths"]].sum(axis=1) == 0)
    most = [table["rounds"].groupby(match).transform("max") for table in (recorded, own)]
    others = known & (most[0] != most[1])
    if others.any():
        tally.mapped[reasons.OTHER_ROUNDS_COUNTED] += int(others.sum())
    for name in names:
        sums = [table[name].groupby(match).transform("sum") for table in (recorded, own)]
        unwritten_here = known & ~others & (sums[0] == 0) & (sums[1] > 0)
        if unwritten_here.any():
            tally.mapped[reasons.COUNT_NOT_WRITTEN] += int(match[unwritten_here].nunique())
        apart = (recorded[name] - own[name]).abs().groupby(match).transform("sum")
        disagrees = known & ~others & ~unwritten_here & (apart > (sums[1] * _BY_CHANCE).clip(lower=_FEW))
        if disagrees.any():
            tally.mapped[reasons.disagreeing(name)] += int(match[disagrees].nunique())
        counted_here = others | watching | unwritten_here | (known & recorded[name].isna())
        frame = frame.assign(**{name: recorded[name].where(~counted_here, own[name])})
    return frame


def _one_record_each(frame: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """One row per player and match: a player who reconnects may have several, the fullest counts."""
    frame = frame.sort_values(["match_id", "steam_id", "rounds", "record_id"])
    second = frame.duplicated(["match_id", "steam_id"], keep="last")
    detail = "another record of player " + frame["steam_id"] + " in this match holds at least as many rounds"
    where = {"table": "PlayerMatchStats", "key": "record_id"}
    return tally.refuse(frame, second, reasons.SECOND_RECORD, detail=detail, **where)

"""Who the players of the event tables are."""

from datetime import date

import pandas as pd

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.eligibility import Days, flag, frame_of


def steam_ids(db: DemoDatabase, first: date, last: date) -> pd.Series:
    """SteamID64 as text by Players.Id, of the matches that started on the days `first` to `last`; bots, and players
    without one, are not in it.

    Raises:
        DemoDatabaseError: the database cannot be read or lacks a table or column.
    """
    days = Days(db, first, last)
    stats, player, recorded = (db.schema[name] for name in ("PlayerRoundStats", "Players", "Rounds"))
    who = {"player_id": "Id", "steam_id": "SteamId", "is_bot": "IsBot"}
    query = days.rounds(player.select(who), joined=(stats.clause, stats["RoundId"] == recorded["Id"]))
    query = query.join(player.clause, stats["PlayerId"] == player["Id"]).distinct()
    found = frame_of(db.read(query)).dropna(subset=["player_id", "steam_id"])
    found = found[~flag(found["is_bot"]) & ~found["steam_id"].isin(["0", ""])].drop_duplicates("player_id")
    return pd.Series(found["steam_id"].astype("str").to_numpy(), index=found["player_id"].astype("int64"))

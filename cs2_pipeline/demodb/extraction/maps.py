"""Whole maps: who played whom, who began on which side, how each half went, who won.

A match of the demo database is one map. Its two teams are told apart by who played together, not by the recorded team
or the clan tag: the side that begins as CT is called first here, and every later player belongs to the side that his
team mates were on.
"""

import json
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.eligibility import Days, frame_of, live_rounds
from cs2_pipeline.demodb.extraction.extract import Extracted
from cs2_pipeline.demodb.extraction.presence import TEAMS_OF_KILLS, present
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline.game import rules
from cs2_pipeline.game.series import ScoreError, is_final

PERIODS: Final = ("half1", "half2", "overtime")
MAP_FRAME: Final = (
    "match_id",
    "started_at",
    "played_at",
    "map_name",
    "first_name",
    "second_name",
    "first_players",
    "second_players",
    "first_score",
    "second_score",
    *(f"{side}_{period}" for period in PERIODS for side in ("first", "second")),
    "first_wins",
    "source",
)


def maps(db: DemoDatabase, first: date, last: date) -> Extracted:
    """One row per finished map that started on the days `first` to `last`.

    Returns:
        The frame has `MAP_FRAME`: line-ups as JSON lists of SteamIDs, the five who played most rounds, sorted;
        names are the clan tag most of a line-up carried, null where there was none; scores int64, `first_wins` int8.
        Sorted by start and match.

    Raises:
        DemoDatabaseError: the database cannot be read or lacks a table or column.
    """
    tally = Tally()
    days = Days(db, first, last)
    played = live_rounds(days, tally)
    players = _with_team(present(days, played, _kills(days), tally), tally)
    found = _scores(played, players)
    table = {"table": "Matches", "key": "match_id"}
    unknown = found["first_score"].isna()
    found = tally.refuse(
        found, unknown, reasons.UNKNOWN_TEAMS, detail="no round tells which players were on one side", **table
    )
    score = (
        found["first_score"].astype("int64").astype("str") + ":" + found["second_score"].astype("int64").astype("str")
    )
    open_ = pd.Series(
        [not _final(*pair) for pair in zip(found["first_score"], found["second_score"], strict=True)], found.index, bool
    )
    found = tally.refuse(found, open_, reasons.NO_FINAL_SCORE, detail="its rounds end at " + score, **table)
    found = found.merge(_line_ups(players), on="match_id", how="left", validate="one_to_one")
    empty = found[["first_players", "second_players"]].isna().any(axis=1)
    found = tally.refuse(found, empty, reasons.NO_LINE_UP, detail="a side has no player with a SteamId", **table)
    whole = [name for name in MAP_FRAME if "score" in name or name.endswith(PERIODS)]
    found = found.assign(first_wins=(found["first_score"] > found["second_score"]).astype("int8"))
    found = found.astype(dict.fromkeys(whole, "int64")).sort_values(["started_at", "match_id"], ignore_index=True)
    return Extracted(
        found[list(MAP_FRAME)],
        dict(sorted(tally.left_out.items())),
        tally.refused(),
        dict(sorted(tally.mapped.items())),
    )


def _final(own: float, other: float) -> bool:
    try:
        return is_final((int(own), int(other)))
    except ScoreError:
        return False


def _kills(days: Days) -> pd.DataFrame:
    kills, recorded = days.db.schema["Kills"], days.db.schema["Rounds"]
    columns = kills.select({"round_id": "RoundId", **TEAMS_OF_KILLS})
    return frame_of(days.db.read(days.rounds(columns, joined=(kills.clause, kills["RoundId"] == recorded["Id"]))))


def _with_team(present: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Participants with `first_is_ct` of their round and `first`: whether they play for the side that began as CT.

    The players of the first round tell in every later round which side their team is on.
    """
    opening = present["round_number"] == present.groupby("match_id")["round_number"].transform("min")
    began = present[opening].assign(began_ct=lambda rows: rows["side"] == "CT")
    merged = present.merge(began[["match_id", "player_id", "began_ct"]], on=["match_id", "player_id"], how="left")
    is_ct = merged["side"] == "CT"
    votes = (is_ct == merged["began_ct"].astype("boolean")).astype("Float64").where(merged["began_ct"].notna())
    share = votes.groupby(merged["round_id"]).transform("mean").astype("float64")
    merged = merged.assign(first_is_ct=share > 0.5)
    merged = tally.leave_out(merged, share.isna() | (share == 0.5), reasons.UNKNOWN_SIDES)
    return merged.assign(first=lambda rows: (rows["side"] == "CT") == rows["first_is_ct"])


def _scores(played: pd.DataFrame, present: pd.DataFrame) -> pd.DataFrame:
    """A row per match with the score in all and by period; null where a round's teams are not known."""
    first_is_ct = present.drop_duplicates("round_id").set_index("round_id")["first_is_ct"].astype("boolean")
    rounds = played.assign(first_is_ct=played["round_id"].map(first_is_ct).astype("boolean"))
    rounds["first_won"] = (rounds["ct_wins"] == 1) == rounds["first_is_ct"]
    half = np.select(
        [rounds["round_number"] <= rules.REGULATION_HALF, rounds["round_number"] <= 2 * rules.REGULATION_HALF],
        PERIODS[:2],
        default=PERIODS[2],
    )
    matches = rounds.groupby("match_id", sort=False).agg(
        started_at=("started_at", "first"),
        played_at=("played_at", "first"),
        map_name=("map_name", "first"),
        source=("source", "first"),
    )
    columns = {}
    for side, won in (("first", rounds["first_won"]), ("second", ~rounds["first_won"])):
        whole = won.astype("Float64").groupby(rounds["match_id"])
        columns[f"{side}_score"] = whole.sum(min_count=1).where(whole.count() == whole.size())
        for period in PERIODS:
            columns[f"{side}_{period}"] = won.astype("Float64").where(half == period).groupby(rounds["match_id"]).sum()
    return matches.join(pd.DataFrame(columns)).reset_index()


def _line_ups(present: pd.DataFrame) -> pd.DataFrame:
    """A row per match: both line-ups, and the name most rounds of each carried."""
    known = present[present["steam_id"].notna()]
    rounds = known.groupby(["match_id", "first", "steam_id"], as_index=False).size()
    rounds = rounds.sort_values(["size", "steam_id"], ascending=[False, True])
    # Who changed teams in mid-map belongs to the side he played more rounds for.
    rounds = rounds.drop_duplicates(["match_id", "steam_id"])
    five = rounds.groupby(["match_id", "first"]).head(rules.TEAM_SIZE)
    players = five.groupby(["match_id", "first"])["steam_id"].agg(lambda ids: json.dumps(sorted(ids)))
    tags = known[known["clan_tag"].fillna("").str.strip() != ""].copy()
    tags["clan_tag"] = tags["clan_tag"].str.strip()
    counts = tags.groupby(["match_id", "first", "clan_tag"], as_index=False).size()
    counts = counts.sort_values(["size", "clan_tag"], ascending=[False, True]).drop_duplicates(["match_id", "first"])
    names = counts.set_index(["match_id", "first"])["clan_tag"]
    table = pd.DataFrame(index=pd.Index(players.index.unique("match_id"), name="match_id"))
    for side, is_first in (("first", True), ("second", False)):
        for what, values in (("players", players), ("name", names)):
            of_side = values[values.index.get_level_values("first") == is_first]
            table[f"{side}_{what}"] = of_side.droplevel("first")
    return table.reset_index()

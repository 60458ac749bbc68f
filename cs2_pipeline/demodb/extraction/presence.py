"""Who was present in each round, and on which side. Nothing about what they did or held belongs here."""

from typing import Final

import pandas as pd

from cs2_pipeline.demodb.connection import dialect
from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.eligibility import Days, flag, frame_of
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline.demodb.extraction.sides import sides, sightings
from cs2_pipeline.game import rules

TEAMS_OF_KILLS: Final = {
    "killer_id": "KillerId",
    "killer_team": "KillerTeam",
    "victim_id": "VictimId",
    "victim_team": "VictimTeam",
}
"""What `sides.sightings` needs of Kills, by internal name."""


def present(days: Days, played: pd.DataFrame, kills: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """The players with a record of a round whose side is known; coaches are not among them.

    Args:
        days: the days of the matches.
        played: the rounds: match_id, round_id, round_number.
        kills: round_id and `TEAMS_OF_KILLS`.
        tally: counts who is left out: coaches, and whose side no record and no kill tells.

    Returns:
        match_id, round_id, round_number, player_id, side ("CT"/"T"), steam_id and clan_tag (null for bots and where
        unknown); one row per round and player.
    """
    stats, player, recorded = (days.db.schema[name] for name in ("PlayerRoundStats", "Players", "Rounds"))
    who = {"steam_id": "SteamId", "clan_tag": "ClanTag", "team": "Team", "is_bot": "IsBot", "is_hltv": "IsHltv"}
    query = days.rounds(
        [*stats.select({"round_id": "RoundId", "player_id": "PlayerId"}), *player.select(who)],
        joined=(stats.clause, stats["RoundId"] == recorded["Id"]),
    ).join(player.clause, stats["PlayerId"] == player["Id"])
    found = frame_of(days.db.read(query)).drop_duplicates(["round_id", "player_id"])
    found = found[~flag(found["is_hltv"])].merge(played[["round_id", "match_id", "round_number"]], on="round_id")
    found = found.assign(team=found["team"].map(dialect.side_of, na_action="ignore").astype("str"))
    found = found.assign(side=sides(found, sightings(kills)))
    found = tally.leave_out(found, found["side"].isna(), reasons.UNKNOWN_SIDES)
    found = tally.leave_out(found, _coaches(found, kills), reasons.COACH)
    found.loc[flag(found["is_bot"]) | found["steam_id"].isin(["0", ""]), "steam_id"] = None
    return found.drop(columns=["team", "is_bot", "is_hltv"])


def _coaches(people: pd.DataFrame, kills: pd.DataFrame) -> pd.Series:
    """Which rows are of a coach: one too many on a side, who neither kills nor dies in the whole match.

    The application records a coach as a player of the side, and so present in every round. A bot is nobody's coach: it
    plays for somebody who left.
    """
    acted = pd.concat([kills["killer_id"], kills["victim_id"]]).dropna().astype("int64")
    human = ~flag(people["is_bot"])
    too_many = human.groupby([people["round_id"], people["side"]]).transform("sum") > rules.TEAM_SIZE
    idle = human & ~people["player_id"].isin(acted)
    return people["player_id"].isin(people.loc[too_many & idle, "player_id"])

"""On which side each player played each round.

The database keeps one team per player and demo, while sides swap. Only that one question belongs here.
"""

import numpy as np
import pandas as pd

from cs2_pipeline.demodb.connection import dialect
from cs2_pipeline.game.rules import sides_swapped


def sides(players: pd.DataFrame, sightings: pd.DataFrame) -> pd.Series:
    """The side of each player in each round.

    Whether a round was played on swapped sides is seen from its own kills, where they name a side; where none does,
    it follows from the round's number. Should the kills of a match contradict the numbers throughout (its
    recorded teams are those of the end, say), the numbers are read the other way round.

    Args:
        players: one row per round and player: match_id, round_id, round_number, player_id, team
            ("CT"/"T" as recorded for the whole demo, null where unknown).
        sightings: sides that kills name: round_id, player_id, side ("CT"/"T").

    Returns:
        "CT", "T" or null, by the index of `players`.
    """
    seen = sightings.drop_duplicates(["round_id", "player_id"]).assign(seen=lambda rows: _as_ct(rows["side"]))
    table = players[["match_id", "round_id", "round_number", "player_id"]].assign(team=_as_ct(players["team"]))
    table = table.merge(seen[["round_id", "player_id", "seen"]], on=["round_id", "player_id"], how="left")
    swapped = _swapped(table)
    team = table["team"].fillna(_team_of_sightings(table, swapped))
    derived = pd.Series(np.where(swapped, 1.0 - team, team), index=table.index)
    ct = table["seen"].fillna(derived)
    named = ct.map({1.0: "CT", 0.0: "T"}).astype("str")
    return pd.Series(named.to_numpy(), index=players.index, dtype="str")


def sightings(kills: pd.DataFrame) -> pd.DataFrame:
    """The sides that kills name, of killers and victims: round_id, player_id, side ("CT"/"T").

    Args:
        kills: round_id, killer_id, killer_team, victim_id, victim_team.
    """
    roles = [
        kills[["round_id", f"{role}_id", f"{role}_team"]].set_axis(["round_id", "player_id", "side"], axis=1)
        for role in ("killer", "victim")
    ]
    both = pd.concat(roles, ignore_index=True).dropna(subset=["player_id", "side"])
    both = both.assign(side=both["side"].map(dialect.side_of)).dropna(subset=["side"])
    return both.astype({"player_id": "int64"})


def _as_ct(side: pd.Series) -> pd.Series:
    return side.map({"CT": 1.0, "T": 0.0}).astype("float64")


def _swapped(table: pd.DataFrame) -> pd.Series:
    """Per row, whether its round was played on the other sides than the recorded teams."""
    differs = (table["seen"] - table["team"]).abs()
    by_kills = (differs.groupby(table["round_id"]).transform("mean") > 0.5).where(
        differs.groupby(table["round_id"]).transform("count") > 0
    )
    by_number = table["round_number"].map({number: sides_swapped(number) for number in table["round_number"].unique()})
    contradicts = (by_kills.astype("float64") - by_number.astype("float64")).abs()
    inverted = contradicts.groupby(table["match_id"]).transform("mean") > 0.5
    return by_kills.astype("boolean").fillna(by_number.astype("boolean") ^ inverted).astype(bool)


def _team_of_sightings(table: pd.DataFrame, swapped: pd.Series) -> pd.Series:
    """The team of players recorded without one, as most of their sightings have it."""
    votes = table["seen"].where(~swapped, 1.0 - table["seen"])
    mean = votes.groupby([table["match_id"], table["player_id"]]).transform("mean")
    return mean.round().where(mean != 0.5)

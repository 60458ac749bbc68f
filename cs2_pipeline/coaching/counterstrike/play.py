"""Rounds as they were played: who was there and won, who died in which order, and how rows of rounds are added up."""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from cs2_pipeline.coaching.observed import EVERYBODY, OBSERVATIONS

RANKS: Final = (
    (1, 6, "Silver"),
    (7, 10, "Gold Nova"),
    (11, 14, "Master Guardian"),
    (15, 18, "Legendary Eagle and above"),
)
"""Competitive ranks that are peers: first, last, name."""
RATING_STEP: Final = 5000
"""Width of a class of Premier ratings."""


@dataclass(frozen=True)
class Play:
    """Rounds as they were played.

    Attributes:
        rounds: match_id, round_id, at, map_name, ct_wins, tick_rate.
        known: a row for each player of a round: round_id, player, side, won, match_id, and what was recorded of it.
        deaths: in order, one for each victim of a round: killer, victim, both sides, ``seconds``, ``enemy`` (whether an
            enemy killed), players alive after it (``ct``, ``t``), headshot.
        bombs: round_id, tick, player, event.
    """

    rounds: pd.DataFrame
    known: pd.DataFrame
    deaths: pd.DataFrame
    bombs: pd.DataFrame


def play(rounds: pd.DataFrame, people: pd.DataFrame, kills: pd.DataFrame, bombs: pd.DataFrame) -> Play:
    """Rounds, people, kills and bombs, as `observations` takes them, put together."""
    known = people.merge(rounds[["match_id", "round_id", "ct_wins"]], on="round_id")
    known = known.assign(won=(known["ct_wins"] == 1) == (known["side"] == "CT"))
    return Play(rounds, known, _deaths(kills, rounds, known), bombs)


def sizes(people: pd.DataFrame) -> pd.DataFrame:
    """How many of each side, by round."""
    return pd.crosstab(people["round_id"], people["side"]).reindex(columns=["CT", "T"], fill_value=0)


def plants(bombs: pd.DataFrame) -> pd.DataFrame:
    """The first plant of each round."""
    return bombs[bombs["event"] == "planted"].sort_values("tick").drop_duplicates("round_id")


def rows(
    of: pd.DataFrame, skill: str, player: str, total: pd.Series | float, exposure: pd.Series | float = 1.0
) -> pd.DataFrame:
    """What rounds tell of a skill: round_id, player, skill, total, exposure."""
    table = pd.DataFrame({"round_id": of["round_id"], "player": of[player], "skill": skill})
    return table.assign(total=total, exposure=exposure).astype({"total": "float64", "exposure": "float64"})


def summed(found: list[pd.DataFrame], played: Play) -> pd.DataFrame:
    """Rows of rounds added up by match and context, which is map and side: `observed.OBSERVATIONS`."""
    events = pd.concat(found, ignore_index=True).dropna(subset=["player", "total", "exposure"])
    about = ["round_id", "player", "side", *(name for name in ("rank",) if name in played.known)]
    events = events.merge(played.known[about], on=["round_id", "player"])
    events = events.join(played.rounds.set_index("round_id")[["match_id", "at", "map_name"]], on="round_id")
    events = events.assign(context=events["map_name"].fillna("unknown map").astype("str") + " " + events["side"])
    keys = ["player", "match_id", "at", "context", "skill"]
    sums = events.groupby(keys, as_index=False)[["total", "exposure"]].sum()
    sums = sums[sums["exposure"] > 0].rename(columns={"match_id": "match"})
    sums = sums.astype({"player": "str", "match": "str"})
    return sums.assign(group=_groups(sums, played.known))[list(OBSERVATIONS)].reset_index(drop=True)


def group_of_rank(rank: float) -> str:
    """The peers of a rank: competitive ranks 1 to 18, Premier ratings above; everybody without one."""
    if not rank > 0:
        return EVERYBODY
    for first, last, name in RANKS:
        if first <= rank <= last:
            return name
    low = int(rank // RATING_STEP) * RATING_STEP
    return f"Premier {low} to {low + RATING_STEP - 1}"


def _groups(sums: pd.DataFrame, known: pd.DataFrame) -> "pd.Series | str":
    if "rank" not in known:
        return EVERYBODY
    ranks = known.groupby([known["player"].astype("str"), known["match_id"].astype("str")])["rank"].max()
    found = ranks.reindex(pd.MultiIndex.from_frame(sums[["player", "match"]])).fillna(0).map(group_of_rank)
    return pd.Series(found.to_numpy(), index=sums.index)


def _deaths(kills: pd.DataFrame, rounds: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    side = known.set_index(["round_id", "player"])["side"]
    deaths = kills[kills["round_id"].isin(rounds["round_id"])].astype({"tick": "float64"})
    deaths = deaths.sort_values(["round_id", "tick"], kind="stable")
    for role in ("killer", "victim"):
        keys = pd.MultiIndex.from_arrays([deaths["round_id"], deaths[role].astype("object")])
        deaths = deaths.assign(**{f"{role}_side": side.reindex(keys).to_numpy()})
    deaths = deaths.dropna(subset=["victim_side"]).drop_duplicates(["round_id", "victim"])
    size, alive = sizes(known), {}
    for name in ("CT", "T"):
        dead = (deaths["victim_side"] == name).astype("int64").groupby(deaths["round_id"]).cumsum()
        alive[name] = deaths["round_id"].map(size[name]) - dead
    rate = deaths["round_id"].map(rounds.set_index("round_id")["tick_rate"]).astype("float64")
    enemy = deaths["killer_side"].notna() & (deaths["killer_side"] != deaths["victim_side"])
    return deaths.assign(seconds=deaths["tick"] / rate, enemy=enemy, ct=alive["CT"], t=alive["T"])

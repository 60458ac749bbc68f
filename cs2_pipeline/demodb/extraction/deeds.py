"""What players did in live rounds, counted from Kills and Damages.

Demo Lens never sets first kills and clutches and counts warm-up, knife rounds and false starts into the rest; other
writers sum up what is here. Counting belongs here; which of the two is used is `extract`'s business.
"""

from typing import Final

import pandas as pd

from cs2_pipeline.demodb.extraction.eligibility import Days, flag, frame_of
from cs2_pipeline.demodb.extraction.presence import TEAMS_OF_KILLS, present
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline.game import rules

DEEDS: Final = (
    "kills",
    "deaths",
    "assists",
    "headshots",
    "damage",
    "first_kills",
    "trade_kills",
    "trade_deaths",
    "clutches",
    "clutch_attempts",
    "rounds",
)
CLUTCH_SIZES: Final = tuple(range(1, rules.TEAM_SIZE + 1))
CLUTCHES_BY_SIZE: Final = tuple(f"{kind}_1v{size}" for kind in ("clutches", "clutch_attempts") for size in CLUTCH_SIZES)
_KILL: Final = {
    "row_id": "Id",
    "round_id": "RoundId",
    "tick": "Tick",
    "assister_id": "AssisterId",
    "is_headshot": "IsHeadshot",
    **TEAMS_OF_KILLS,
}
_HIT: Final = {
    "round_id": "RoundId",
    "tick": "Tick",
    "attacker_id": "AttackerId",
    "victim_id": "VictimId",
    "amount": "DamageAmount",
    "health": "Health",
}


def deeds(days: Days, played: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """What each player did in a match's live rounds.

    Args:
        days: the days of the matches.
        played: the live rounds: match_id, round_id, round_number, end_tick, tick_rate, ct_wins.
        tally: counts players whose side is not known.

    Returns:
        match_id, player_id, `DEEDS` and `CLUTCHES_BY_SIZE`: int64, a row for each player with a
        record of a live round. Kills of team mates count as nobody's kill; damage is what the victim lost.
    """
    kills = events_of(days, "Kills", _KILL, played).sort_values(["tick", "row_id"])
    people = present(days, played, kills, tally)[["match_id", "round_id", "player_id", "side"]]
    side = people.set_index(["round_id", "player_id"])["side"]
    kills = kills.dropna(subset=["victim_id", "tick"]).drop_duplicates(["round_id", "victim_id"])
    kills = kills.assign(victim_side=side_of(kills, "victim_id", side), killer_side=side_of(kills, "killer_id", side))
    enemy = kills[kills["killer_side"].notna() & (kills["killer_side"] != kills["victim_side"])]
    hits = events_of(days, "Damages", _HIT, played)
    clutches = _clutches(people, kills, played)
    by_role = {
        "kills": enemy.assign(player_id=enemy["killer_id"]),
        "deaths": kills.assign(player_id=kills["victim_id"]),
        "assists": kills.assign(player_id=kills["assister_id"]).dropna(subset=["player_id"]),
        "headshots": enemy[flag(enemy["is_headshot"])].assign(player_id=lambda rows: rows["killer_id"]),
        "first_kills": enemy.drop_duplicates("round_id").assign(player_id=lambda rows: rows["killer_id"]),
        **_trades(enemy, played),
        "damage": damage_of(hits, side),
        **clutches,
    }
    size = people.groupby(["match_id", "player_id"]).size()
    table = size.index.to_frame(index=False).assign(rounds=size.to_numpy())
    match = played.set_index("round_id")["match_id"]
    for name, rows in by_role.items():
        done = rows.assign(match_id=rows["round_id"].map(match), weight=rows.get("weight", 1))
        counted = done.astype({"player_id": "int64"}).groupby(["match_id", "player_id"])["weight"].sum()
        keys = pd.MultiIndex.from_frame(table[["match_id", "player_id"]])
        table[name] = counted.reindex(keys).fillna(0).astype("int64").to_numpy()
    for kind in ("clutches", "clutch_attempts"):
        table[kind] = table[[f"{kind}_1v{size}" for size in CLUTCH_SIZES]].sum(axis=1)
    return table


def events_of(days: Days, name: str, columns: dict[str, str], played: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of events that belong to the rounds played."""
    source, recorded = days.db.schema[name], days.db.schema["Rounds"]
    query = days.rounds(source.select(columns), joined=(source.clause, source["RoundId"] == recorded["Id"]))
    found = frame_of(days.db.read(query))
    return found[found["round_id"].isin(played["round_id"])]


def side_of(events: pd.DataFrame, role: str, side: pd.Series) -> pd.Series:
    """The side of an event's player, null for the world and for who is not in the round."""
    keys = pd.MultiIndex.from_arrays([events["round_id"], events[role].astype("float64")])
    return pd.Series(side.reindex(keys).to_numpy(), index=events.index, dtype="str")


def _trades(enemy: pd.DataFrame, played: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Kills of somebody who had killed a mate of the killer within `rules.TRADE_TIME`, and those mates' deaths."""
    kills = enemy[["round_id", "tick", "killer_id", "victim_id"]].astype("int64")
    then = kills.rename(columns={"tick": "then", "victim_id": "mate_id", "killer_id": "victim_id"})
    pairs = kills.merge(then, on=["round_id", "victim_id"])
    seconds = (pairs["tick"] - pairs["then"]) / pairs["round_id"].map(played.set_index("round_id")["tick_rate"])
    found = pairs[seconds.between(0, rules.TRADE_TIME)]
    return {
        "trade_kills": found.drop_duplicates(["round_id", "victim_id"]).rename(columns={"killer_id": "player_id"}),
        "trade_deaths": found.rename(columns={"mate_id": "player_id"}),
    }


def damage_of(hits: pd.DataFrame, side: pd.Series) -> pd.DataFrame:
    """What each hit of an enemy took of the victim's health; the amounts recorded may go beyond what was left."""
    hits = hits.dropna(subset=["victim_id", "amount"]).sort_values(
        ["round_id", "victim_id", "tick", "health"], ascending=[True, True, True, False]
    )
    health = hits["health"].astype("float64")
    before = health.groupby([hits["round_id"], hits["victim_id"]]).shift().fillna(rules.FULL_HEALTH)
    amount = hits["amount"].astype("float64")
    taken = amount.where(~(before - health < amount), before - health).clip(lower=0)
    by, of = side_of(hits, "attacker_id", side), side_of(hits, "victim_id", side)
    made: pd.DataFrame = hits.assign(weight=taken, player_id=hits["attacker_id"])[by.notna() & (by != of)]
    return made


def _clutches(people: pd.DataFrame, kills: pd.DataFrame, played: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Who was left alone against how many, and who of them won the round, by the number of opponents.

    A player is in a clutch from the death of the last team mate on, while an opponent lives and the round lasts: who is
    hunted down after its end made nobody fight alone.
    """
    end = kills["round_id"].map(played.set_index("round_id")["end_tick"]).astype("Int64")
    kills = kills[~(kills["tick"] > end).fillna(False).astype(bool)]
    size = {side: people.loc[people["side"] == side, "round_id"].value_counts() for side in ("CT", "T")}
    fallen = kills.dropna(subset=["victim_side"])
    dead = {
        side: (fallen["victim_side"] == side).astype("int64").groupby(fallen["round_id"]).cumsum()
        for side in ("CT", "T")
    }
    left = {side: fallen["round_id"].map(size[side]) - dead[side] for side in ("CT", "T")}
    of_ct = fallen["victim_side"] == "CT"
    own, others = left["CT"].where(of_ct, left["T"]), left["T"].where(of_ct, left["CT"])
    alone = fallen.assign(opponents=others)[(own == 1) & (others > 0)]
    alone = alone.rename(columns={"victim_side": "side"})[["round_id", "side", "opponents", "tick"]]
    gone = kills[["round_id", "victim_id", "tick"]].rename(columns={"victim_id": "player_id", "tick": "died"})
    last = alone.merge(people, on=["round_id", "side"]).merge(gone, on=["round_id", "player_id"], how="left")
    last = last[last["died"].isna() | (last["died"] > last["tick"])]
    won = last["round_id"].map(played.set_index("round_id")["ct_wins"]).eq(1) == last["side"].eq("CT")
    attempts = {f"clutch_attempts_1v{size}": last[last["opponents"] == size] for size in CLUTCH_SIZES}
    return attempts | {f"clutches_1v{size}": last[won & (last["opponents"] == size)] for size in CLUTCH_SIZES}

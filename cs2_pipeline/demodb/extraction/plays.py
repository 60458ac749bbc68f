"""What each player did in live rounds, event by event: kills, deaths, hits, bombs and the rounds' own records.

Players are named by SteamID, so that whoever reconnects is one player. Counting is the business of `coaching`; what a
source did not record is null here, never 0.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import pandas as pd

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.deeds import damage_of, events_of
from cs2_pipeline.demodb.extraction.eligibility import Days, flag, frame_of, live_rounds
from cs2_pipeline.demodb.extraction.events import bomb_event
from cs2_pipeline.demodb.extraction.presence import TEAMS_OF_KILLS, present
from cs2_pipeline.demodb.extraction.reasons import Tally

BOT: Final = "bot:"
"""Begins the name of a player without a SteamID."""
_KILL: Final = {"row_id": "Id", "round_id": "RoundId", "tick": "Tick", "headshot": "IsHeadshot", **TEAMS_OF_KILLS}
_HIT: Final = {
    "round_id": "RoundId",
    "tick": "Tick",
    "attacker_id": "AttackerId",
    "victim_id": "VictimId",
    "amount": "DamageAmount",
    "health": "Health",
}
_BOMB: Final = {"round_id": "RoundId", "tick": "Tick", "player_id": "PlayerId", "event": "EventType"}
_RECORD: Final = {
    "round_id": "RoundId",
    "player_id": "PlayerId",
    "utility_damage": "UtilityDamage",
    "flash_assists": "FlashAssists",
    "enemies_flashed": "EnemiesFlashed",
    "shots_fired": "ShotsFired",
    "shots_hit": "ShotsHit",
}
RECORDED: Final = ("utility_damage", "flash_assists", "enemies_flashed", "shots_fired", "shots_hit")
"""What a round's record may hold: null for a match in which nobody has any of it."""


@dataclass(frozen=True)
class Plays:
    """Events of live rounds.

    Attributes:
        rounds: match_id, round_id, at (UTC), tick_rate, ct_wins, map_name (null where not known).
        people: round_id, player, side, rank, damage, and `RECORDED`: one row for each player of a round; null: not
            recorded.
        kills: round_id, tick, killer (null where nobody's), victim, headshot; in order of play.
        bombs: round_id, tick, player (null where not known), event (planted, defused, …).
        names: of players by Players.Id: SteamID, or `BOT` and the id.
        left_out, mapped: how many rows, by reason.
        refused: rows that are wrong, with the reason.
    """

    rounds: pd.DataFrame
    people: pd.DataFrame
    kills: pd.DataFrame
    bombs: pd.DataFrame
    names: pd.Series
    left_out: dict[str, int]
    refused: pd.DataFrame
    mapped: dict[str, int]


def plays(db: DemoDatabase, first: date, last: date) -> Plays:
    """Events of the live rounds of finished matches that started on the days `first` to `last`.

    Raises:
        DemoDatabaseError: the database cannot be read or lacks a table or column.
    """
    days, tally = Days(db, first, last), Tally()
    played = live_rounds(days, tally)
    kills = events_of(days, "Kills", _KILL, played).sort_values(["tick", "row_id"])
    people = present(days, played, kills, tally)
    names = people["steam_id"].astype("str").where(people["steam_id"].notna(), BOT + people["player_id"].astype("str"))
    name = pd.Series(names.to_numpy(), index=people["player_id"]).groupby(level=0).first()
    kills = kills.dropna(subset=["victim_id", "tick"]).drop_duplicates(["round_id", "victim_id"])
    people = people.assign(player=people["player_id"].map(name), damage=_damage(days, played, people))
    people = people.assign(rank=people["player_id"].map(_ranks(days)).astype("float64"))
    people = _with_records(days, played, people).drop_duplicates(["round_id", "player"])
    bombs = events_of(days, "Bombs", _BOMB, played).assign(event=lambda rows: bomb_event(rows["event"]))
    kills = kills.assign(
        killer=_named(kills["killer_id"], name),
        victim=_named(kills["victim_id"], name),
        headshot=flag(kills["headshot"]),
    ).dropna(subset=["victim"])
    bombs = bombs.assign(player=_named(bombs["player_id"], name)).sort_values(["round_id", "tick"])
    return Plays(
        rounds=played.assign(at=played["played_at"].fillna(played["started_at"]))[
            ["match_id", "round_id", "at", "started_at", "tick_rate", "ct_wins", "map_name"]
        ].reset_index(drop=True),
        people=people[["round_id", "player", "side", "rank", "damage", *RECORDED]].reset_index(drop=True),
        kills=kills[["round_id", "tick", "killer", "victim", "headshot"]]
        .sort_values(["round_id", "tick"], kind="stable")
        .reset_index(drop=True),
        bombs=bombs[["round_id", "tick", "player", "event"]].reset_index(drop=True),
        names=name,
        left_out=dict(sorted(tally.left_out.items())),
        refused=tally.refused(),
        mapped=dict(sorted(tally.mapped.items())),
    )


def _named(ids: pd.Series, name: pd.Series) -> pd.Series:
    return ids.astype("float64").map(name)


def _ranks(days: Days) -> pd.Series:
    """Competitive rank or Premier rating by Players.Id; nothing where the database has no such column."""
    stats, player, recorded = (days.db.schema[name] for name in ("PlayerRoundStats", "Players", "Rounds"))
    if player.find("Rank") is None:
        return pd.Series(dtype="float64")
    query = days.rounds(
        player.select({"player_id": "Id", "rank": "Rank"}), joined=(stats.clause, stats["RoundId"] == recorded["Id"])
    )
    found = frame_of(days.db.read(query.join(player.clause, stats["PlayerId"] == player["Id"]).distinct()))
    return found.dropna().drop_duplicates("player_id").set_index("player_id")["rank"]


def _damage(days: Days, played: pd.DataFrame, people: pd.DataFrame) -> pd.Series:
    """What each player's hits took of enemies in the round; null in matches without a recorded hit."""
    side = people.set_index(["round_id", "player_id"])["side"]
    hits = events_of(days, "Damages", _HIT, played)
    taken = damage_of(hits, side)
    summed = taken.groupby(["round_id", "player_id"])["weight"].sum()
    keys = pd.MultiIndex.from_arrays([people["round_id"], people["player_id"].astype("float64")])
    found = pd.Series(summed.reindex(keys).to_numpy("float64"), index=people.index).fillna(0.0)
    with_hits = played.loc[played["round_id"].isin(hits["round_id"]), "match_id"]
    return found.where(people["match_id"].isin(with_hits))


def _with_records(days: Days, played: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    found = events_of(days, "PlayerRoundStats", _RECORD, played).drop_duplicates(["round_id", "player_id"])
    merged = people.merge(found, on=["round_id", "player_id"], how="left")
    for column in RECORDED:
        values = merged[column].astype("float64")
        written = values.groupby(merged["match_id"]).transform("max") > 0
        merged[column] = values.where(written)
    return merged

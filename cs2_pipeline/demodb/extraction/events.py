"""The events of rounds, from which a round's state at any moment is rebuilt.

Which round an event belongs to, which rounds hold enough to be rebuilt, and who took part on which side is decided
here; rebuilding itself is the business of `datasets`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.demodb.connection import dialect
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import economy, eligibility, reasons
from cs2_pipeline.demodb.extraction.clocks import with_clocks
from cs2_pipeline.demodb.extraction.eligibility import Days
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline.demodb.extraction.sides import sides, sightings
from cs2_pipeline.game import rules

_EVENT_TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "Kills": {
        "killer_id": "KillerId",
        "victim_id": "VictimId",
        "weapon": "Weapon",
        "is_team_kill": "IsTeamKill",
        "killer_team": "KillerTeam",
        "victim_team": "VictimTeam",
    },
    "Damages": {"victim_id": "VictimId", "health": "Health", "armor": "Armor", "damage_armor": "DamageArmor"},
    "Bombs": {"event_type": "EventType", "player_id": "PlayerId"},
}
_STATS: Final = {
    "record_id": "Id",
    "round_id": "RoundId",
    "player_id": "PlayerId",
    "start_money": "StartMoney",
    "money_spent": "MoneySpent",
    "equipment_value": "EquipmentValue",
    "has_helmet": "HasHelmet",
    "has_defuse_kit": "HasDefuseKit",
    "health": "Health",
}
_ECONOMY: Final = ("start_money", "money_spent", "equipment_value")
_MAY_BE_UNKNOWN: Final = (*_ECONOMY, "has_helmet", "has_defuse_kit", "health")
"""What a source may not record of a player: NULL, which is not 0."""
_LISTS_PLAYERS: Final = frozenset({"cs-demo-analyzer", "cs-demo-manager", "cs2-demo-format"})
"""Sources that list the players of each round: who is not listed did not play it."""
ROUND_FRAME: Final = (
    *eligibility.ROUND_FRAME,
    "start_tick",
    "end_tick",
    "tick_rate",
    "freeze_time",
    "round_time_limit",
    "game",
    "source",
    "plants_recorded",
    "hits_recorded",
)
PARTICIPANT_FRAME: Final = (
    "round_id",
    "player_id",
    "side",
    "start_money",
    "money_spent",
    "equipment_value",
    "has_helmet",
    "has_defuse_kit",
)
KILL_FRAME: Final = ("round_id", "tick", "killer_id", "victim_id", "weapon", "is_team_kill")
DAMAGE_FRAME: Final = ("round_id", "tick", "victim_id", "health", "armor", "damage_armor")
BOMB_FRAME: Final = ("round_id", "tick", "event_type", "player_id")


@dataclass(frozen=True)
class ExtractedEvents:
    """The five tables of events, and the account of what is not in them (as `extract.Extracted`).

    Attributes:
        rounds: `ROUND_FRAME`; `start_tick` is where freeze time begins, `freeze_time` and `round_time_limit` are
            seconds, `end_tick` is Int64 and null where it was not recorded; `plants_recorded` and `hits_recorded` are
            false where the source does not record plants or what hits took.
        participants: `PARTICIPANT_FRAME`, one row per round and player, both sides present, bots included; helmet and
            kit are null where they were not recorded.
        kills: `KILL_FRAME`; `killer_id` is Int64 and null where the world killed.
        damages: `DAMAGE_FRAME`; health and armour are the victim's after the hit.
        bombs: `BOMB_FRAME`; `event_type` is lower case: planted, defused, exploded and what else was recorded;
            `player_id` is Int64 and null where nobody did it or it was not recorded.

    Every event table is sorted by round and tick, in the order of recording within a tick.
    """

    rounds: pd.DataFrame
    participants: pd.DataFrame
    kills: pd.DataFrame
    damages: pd.DataFrame
    bombs: pd.DataFrame
    left_out: dict[str, int]
    refused: pd.DataFrame
    mapped: dict[str, int]


def event_tables(db: DemoDatabase, first: date, last: date) -> ExtractedEvents:
    """Rounds that can be rebuilt, of matches that started on the days `first` to `last`, with their events.

    Of each of these rounds all players, their sides and their deaths are known: a round of which one is not is left
    out here, with the reason, and by no later step.

    Raises:
        DemoDatabaseError: the database cannot be read or lacks a table or column.
    """
    return events_of(Days(db, first, last))


def events_of(days: Days, *, without_economy: bool = False) -> ExtractedEvents:
    """As `event_tables`, of the matches of some days.

    Args:
        without_economy: take rounds of which nobody's money and equipment were recorded as well; both are null there.
    """
    tally, db = Tally(), days.db
    played = with_clocks(days, eligibility.live_rounds(days, tally), tally)
    spans = _spans(eligibility.raw_rounds(days))
    read = {name: _events(days, name, spans, tally) for name in _EVENT_TABLES}
    kills, damages, bombs = (_of_rounds(read[name], played, tally) for name in _EVENT_TABLES)
    bombs = bombs.assign(event_type=bomb_event(bombs["event_type"]))
    played = _with_bomb(_rounds_with_events(played, kills, damages, bombs, tally), bombs, tally)
    played, kills = _whole(played, kills, "Kills", ["tick", "victim_id"], tally)
    played, damages = _whole(played, damages, "Damages", ["tick", "victim_id", "health", "armor"], tally)
    participants = _participants(days, played, kills, tally)
    unhurt = participants["health"].isna().groupby(participants["round_id"]).all()
    played = played.assign(hits_recorded=~played["round_id"].isin(unhurt.index[unhurt]))
    if without_economy:
        played, participants = _with_any_economy(db, played, participants, tally)
    else:
        played, participants = _with_economy(db, played, participants, tally)
    played = _rounds_with_sides(played, participants, tally)
    played = _rounds_without_strangers(played, participants, kills, damages, tally)
    played = _rounds_with_every_death(played, kills, damages, tally)
    participants, kills, damages, bombs = (
        rows[rows["round_id"].isin(played["round_id"])] for rows in (participants, kills, damages, bombs)
    )
    participants = participants.astype(dict.fromkeys(_ECONOMY, "Int64" if without_economy else "int64"))
    kills = _one_death_each(kills, tally)
    return ExtractedEvents(
        rounds=_frame(played, ROUND_FRAME),
        participants=_frame(participants.sort_values(["round_id", "player_id"]), PARTICIPANT_FRAME),
        kills=_frame(kills.assign(killer_id=kills["killer_id"].astype("Int64")), KILL_FRAME),
        damages=_frame(damages.assign(damage_armor=damages["damage_armor"].fillna(0).astype("int64")), DAMAGE_FRAME),
        bombs=_frame(bombs.assign(player_id=bombs["player_id"].astype("Int64")), BOMB_FRAME),
        left_out=dict(sorted(tally.left_out.items())),
        refused=tally.refused(),
        mapped=dict(sorted(tally.mapped.items())),
    )


def bomb_event(recorded: pd.Series) -> pd.Series:
    """Kinds of the bomb's events in one spelling: planted, defused, exploded and what else there is."""
    return recorded.fillna("").str.lower().str.strip().str.removeprefix("bomb_")


def _frame(rows: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    return rows[list(columns)].reset_index(drop=True)


def _spans(raw: pd.DataFrame) -> pd.DataFrame:
    """Where each recorded round of a match begins, in order of time: match_id, round_id, start_tick."""
    known = raw[raw["start_tick"].notna()].astype({"start_tick": "int64"})
    return known.sort_values(["start_tick", "round_id"])[["match_id", "round_id", "start_tick"]]


def _events(days: Days, name: str, spans: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """One table of events, each with the round its tick falls into."""
    source, played = days.db.schema[name], days.db.schema["Rounds"]
    columns = source.select({"row_id": "Id", "round_id": "RoundId", "tick": "Tick", **_EVENT_TABLES[name]})
    query = days.rounds(
        [*columns, played["MatchId"].label("match_id")],
        joined=(source.clause, source["RoundId"] == played["Id"]),
    )
    found = eligibility.frame_of(days.db.read(query)).sort_values(["tick", "row_id"], ignore_index=True)
    own_start = found["round_id"].map(spans.set_index("round_id")["start_tick"])
    late = (found["tick"] < own_start).fillna(False).astype(bool)
    if late.any():
        moved = pd.merge_asof(
            found.loc[late, ["row_id", "match_id", "tick"]].astype({"tick": "int64"}),
            spans.rename(columns={"round_id": "true_round"}),
            left_on="tick",
            right_on="start_tick",
            by="match_id",
        ).set_index("row_id")["true_round"]
        true_round = found["row_id"].map(moved)
        tally.mapped[reasons.LATE_EVENT] += int(true_round.notna().sum())
        found["round_id"] = true_round.fillna(found["round_id"]).where(~late | true_round.notna(), -1).astype("int64")
    return found.sort_values(["round_id", "tick", "row_id"], ignore_index=True)


def _of_rounds(events: pd.DataFrame, played: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Events of the rounds that count, up to the round's end."""
    elsewhere = ~events["round_id"].isin(played["round_id"])
    events = tally.leave_out(events, elsewhere, reasons.EVENT_ELSEWHERE)
    round_of = played.set_index("round_id")
    events = events.assign(started_at=round_of["started_at"].reindex(events["round_id"]).array)
    end = events["round_id"].map(round_of["end_tick"]).astype("Int64")
    after = (events["tick"] > end).fillna(False).astype(bool)
    return tally.leave_out(events, after, reasons.EVENT_AFTER_END)


def _rounds_with_events(
    played: pd.DataFrame, kills: pd.DataFrame, damages: pd.DataFrame, bombs: pd.DataFrame, tally: Tally
) -> pd.DataFrame:
    """Rounds of which something was recorded; without its events a round would look untouched to its end."""
    seen = np.unique(np.concatenate([events["round_id"].to_numpy() for events in (kills, damages, bombs)]))
    played = tally.leave_out(played, ~played["round_id"].isin(seen), reasons.NO_EVENTS)
    planted = bombs.loc[bombs["event_type"] == "planted", "round_id"]
    lost_plant = played["bomb_planted"].eq(1).fillna(False).astype(bool) & ~played["round_id"].isin(planted)
    return tally.refuse(
        played,
        lost_plant,
        reasons.PLANT_WITHOUT_EVENT,
        table="Rounds",
        key="round_id",
        detail="BombPlanted is set and Bombs holds no plant of this round",
    )


def _with_bomb(played: pd.DataFrame, bombs: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """The rounds with `bomb_planted` as the bomb's own events have it."""
    planted = played["round_id"].isin(bombs.loc[bombs["event_type"] == "planted", "round_id"])
    recorded = played["bomb_planted"].notna()
    unmarked = planted & played["bomb_planted"].eq(0).fillna(False).astype(bool)
    if unmarked.any():
        tally.mapped[reasons.PLANT_NOT_MARKED] += int(unmarked.sum())
    return played.assign(bomb_planted=planted.astype("Int64").where(recorded), plants_recorded=recorded)


def _whole(
    played: pd.DataFrame, events: pd.DataFrame, table: str, needed: list[str], tally: Tally
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rounds whose events of a table all have what is needed, and these events in whole numbers."""
    holes = events[needed].isna().any(axis=1)
    lacking = events.loc[holes, ["round_id", "row_id"]].groupby("round_id")["row_id"].first()
    rows = played["round_id"].map(lacking)
    detail = f"{table} row " + rows.astype("Int64").astype("str") + f" lacks one of {', '.join(needed)}"
    out, reason = rows.notna(), reasons.EVENT_INCOMPLETE
    played = tally.refuse(played, out, reason, table="Rounds", key="round_id", detail=detail)
    kept = events[~events["round_id"].isin(lacking.index)]
    return played, kept.astype(dict.fromkeys(needed, "int64"))


def _rounds_with_every_death(
    played: pd.DataFrame, kills: pd.DataFrame, damages: pd.DataFrame, tally: Tally
) -> pd.DataFrame:
    """Rounds in which whoever lost all health is among the victims of kills: else somebody would live on for ever."""
    fatal = damages[damages["health"] <= 0]
    dead = pd.MultiIndex.from_frame(kills[["round_id", "victim_id"]])
    missing = fatal[~pd.MultiIndex.from_frame(fatal[["round_id", "victim_id"]]).isin(dead)]
    victim = played["round_id"].map(missing.drop_duplicates("round_id").set_index("round_id")["victim_id"])
    detail = (
        "Damages takes player " + victim.astype("Int64").astype("str") + " to no health, and Kills has no such victim"
    )
    return tally.refuse(
        played, victim.notna(), reasons.FATAL_WITHOUT_KILL, table="Rounds", key="round_id", detail=detail
    )


def _participants(days: Days, played: pd.DataFrame, kills: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Who took part in each round, on which side, with what; spectators and HLTV are not among them."""
    stats, player, recorded = (days.db.schema[name] for name in ("PlayerRoundStats", "Players", "Rounds"))
    query = days.rounds(
        [*stats.select(_STATS), *player.select({"team": "Team", "is_hltv": "IsHltv"})],
        joined=(stats.clause, stats["RoundId"] == recorded["Id"]),
    ).join(player.clause, stats["PlayerId"] == player["Id"])
    found = eligibility.frame_of(days.db.read(query))
    found = found[found["round_id"].isin(played["round_id"]) & ~found["is_hltv"].eq(True)]
    found = found.sort_values(["round_id", "player_id", "record_id"])
    second = found.duplicated(["round_id", "player_id"], keep="last")
    found = tally.leave_out(found, second, reasons.SECOND_RECORD)
    context = played[["round_id", "match_id", "round_number", "started_at"]]
    found = found.merge(context, on="round_id", how="inner")
    needed = [name for name in _STATS if name not in _MAY_BE_UNKNOWN]
    found = eligibility.refuse_missing(found, needed, tally, table="PlayerRoundStats", key="record_id")
    found = found.assign(team=found["team"].map(dialect.side_of, na_action="ignore").astype("str"))
    found = found.assign(side=sides(found, sightings(kills)))
    found = tally.leave_out(found, found["side"].isna(), reasons.UNKNOWN_SIDES)
    types = dict.fromkeys(_STATS, "int64") | dict.fromkeys(_MAY_BE_UNKNOWN, "Int64")
    return found.astype(types | {"has_helmet": "boolean", "has_defuse_kit": "boolean"})


def _with_any_economy(
    db: DemoDatabase, played: pd.DataFrame, participants: pd.DataFrame, tally: Tally
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As `_with_economy`, and with them the rounds of which nobody's economy was recorded."""
    unknown = participants[list(_ECONOMY)].isna().all(axis=1).groupby(participants["round_id"]).all()
    silent = unknown.index[unknown]
    of, people = played["round_id"].isin(silent), participants["round_id"].isin(silent)
    if not of.any():
        return _with_economy(db, played, participants, tally)
    if of.all():
        return played, participants
    kept, theirs = _with_economy(db, played[~of], participants[~people], tally)
    rounds = pd.concat([kept, played[of]]).sort_values(["started_at", "match_id", "round_number"])
    return rounds, pd.concat([theirs, participants[people]], ignore_index=True)


def _with_economy(
    db: DemoDatabase, played: pd.DataFrame, participants: pd.DataFrame, tally: Tally
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rounds of which it is known what everybody held when freeze time ended, and the players with it.

    Ten living players always hold pistols: where EquipmentValue is 0 throughout a match, it was never written, and
    players and economy are those of the application's other tables.
    """
    played = _rounds_owning(played, participants, tally)
    carried = participants.groupby("round_id")["equipment_value"].sum().astype("int64")
    value = played["round_id"].map(carried)  # null where nobody is recorded: another reason, given later
    written = value.groupby(played["match_id"]).transform("max") > 0
    elsewhere = played[~written]
    if not economy.recorded(db):
        elsewhere = tally.leave_out(elsewhere, ~written[~written], reasons.NO_ECONOMY)
    if not elsewhere.empty:
        held = economy.at_freeze_end(db, elsewhere, tally)
        elsewhere = _rounds_held(elsewhere, held, tally)
        tally.mapped[reasons.NOT_WRITTEN] += len(elsewhere)
        own = participants["round_id"].isin(played.loc[written, "round_id"])
        held = held[held["round_id"].isin(elsewhere["round_id"])]
        participants = pd.concat([participants[own], _as_participants(held, participants)], ignore_index=True)
    kept = tally.leave_out(played[written], value[written] == 0, reasons.NO_ECONOMY)
    return pd.concat([kept, elsewhere]).sort_values(["started_at", "match_id", "round_number"]), participants


def _rounds_owning(played: pd.DataFrame, participants: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Rounds in which nobody's economy is NULL; where it is that of some only, their rows are refused as well.

    A side of which one player's equipment is not known is worth something else than the sum of the others.
    """
    unknown = participants[list(_ECONOMY)].isna().any(axis=1)
    nobody = unknown.groupby(participants["round_id"]).transform("all")
    eligibility.refuse_missing(participants[~nobody], list(_ECONOMY), tally, table="PlayerRoundStats", key="record_id")
    out = played["round_id"].isin(participants.loc[unknown, "round_id"])
    return tally.leave_out(played, out, reasons.NO_ECONOMY)


def _rounds_held(played: pd.DataFrame, held: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Rounds in which every recorded player's money and weapons are known."""
    nobody = ~played["round_id"].isin(held["round_id"])
    played = tally.leave_out(played, nobody, reasons.NO_POSITIONS)
    needed = {"money": reasons.NO_MONEY, "armor": reasons.NO_ARMOR, "equipment_value": reasons.NO_INVENTORY}
    for column, reason in needed.items():
        unknown = held.loc[held[column].isna(), "round_id"]
        played = tally.leave_out(played, played["round_id"].isin(unknown), reason)
    return played


def _as_participants(held: pd.DataFrame, recorded: pd.DataFrame) -> pd.DataFrame:
    """The players that the application's other tables show, in the columns of `PARTICIPANT_FRAME`.

    Money at the round's start is PlayerRoundStats'; what is missing of it since then was spent.
    """
    start = recorded.set_index(["round_id", "player_id"])["start_money"]
    start = start.reindex(pd.MultiIndex.from_frame(held[["round_id", "player_id"]]))
    before = start.fillna(held["money"].set_axis(start.index)).clip(lower=held["money"].set_axis(start.index))
    money = before.astype("int64").to_numpy()
    made = held.assign(start_money=money, money_spent=money - held["money"].to_numpy())
    whole = ("round_id", "player_id", "start_money", "money_spent", "equipment_value")
    return made[list(PARTICIPANT_FRAME)].astype(dict.fromkeys(whole, "int64"))


def _rounds_with_sides(played: pd.DataFrame, participants: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Rounds with two whole sides: at most five players, and as many as the match's fullest side ever has.

    Where players who left and players whose record is missing look the same, a round with fewer is left out: its
    numbers alive might be wrong.
    """
    of_side = {side: participants.loc[participants["side"] == side, "round_id"].value_counts() for side in ("CT", "T")}
    count = pd.DataFrame(
        {side: played["round_id"].map(players).fillna(0).astype("int64") for side, players in of_side.items()}
    )
    where = {"table": "Rounds", "key": "round_id"}
    listed = played["source"].isin(_LISTS_PLAYERS)
    full = count.max(axis=1).where(lambda most: most <= rules.TEAM_SIZE).groupby(played["match_id"]).transform("max")
    detail = count["CT"].astype("str") + " CT and " + count["T"].astype("str") + " T are known"
    for out, reason in (
        ((count == 0).any(axis=1), reasons.NO_PLAYERS),
        ((count > rules.TEAM_SIZE).any(axis=1), reasons.TEAM_TOO_LARGE),
        ((count.min(axis=1) < full) & ~listed, reasons.TEAM_INCOMPLETE),
    ):
        played = tally.refuse(played, out[played.index], reason, detail=detail[played.index], **where)
    return played


def _rounds_without_strangers(
    played: pd.DataFrame, participants: pd.DataFrame, kills: pd.DataFrame, damages: pd.DataFrame, tally: Tally
) -> pd.DataFrame:
    """Rounds in which nobody kills, dies or is hit who is not among the participants."""
    present = pd.MultiIndex.from_frame(participants[["round_id", "player_id"]])
    seen = pd.concat(
        [
            events[["round_id", role]].dropna().astype("int64").set_axis(["round_id", "player_id"], axis=1)
            for events, role in ((kills, "victim_id"), (kills, "killer_id"), (damages, "victim_id"))
        ]
    )
    absent = seen[~pd.MultiIndex.from_frame(seen).isin(present)]
    player = played["round_id"].map(absent.drop_duplicates("round_id").set_index("round_id")["player_id"])
    detail = "player " + player.astype("Int64").astype("str") + " has no place in the round"
    return tally.refuse(played, player.notna(), reasons.STRANGER, table="Rounds", key="round_id", detail=detail)


def _one_death_each(kills: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Nobody dies twice in a round: the first death counts."""
    again = kills.duplicated(["round_id", "victim_id"], keep="first")
    detail = "VictimId " + kills["victim_id"].astype("str") + " is dead already"
    return tally.refuse(kills, again, reasons.SECOND_DEATH, table="Kills", key="row_id", detail=detail)

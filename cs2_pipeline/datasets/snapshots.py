"""Round snapshots rebuilt from events: what was true at a moment, from what had happened by then.

Everything is a running sum. Each event changes a side's living players, health, armour, equipment or money by
some amount at some tick; the state at a moment is the sum of all changes up to its tick. So the whole table is a
few sorts and cumulative sums, and nothing that happens later can reach an earlier moment. The rules are those of
`game.tracker`, to which tests hold this module; docs/datasets.md says what each field is built from and what happens
to events that do not fit. Whether a round's players, sides and deaths are all known is decided where it is extracted
(`demodb.extraction.events`), and only refused here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.datasets.rounds import is_decided
from cs2_pipeline.datasets.schema import (
    BOMBS,
    DAMAGES,
    EVENT_ROUNDS,
    KILLS,
    PARTICIPANTS,
    ROUND_SNAPSHOTS,
    DatasetError,
    Derived,
)
from cs2_pipeline.game.rules import BOMB_TIME, FULL_ARMOR, FULL_HEALTH, MAX_MONEY, TEAM_SIZE
from cs2_pipeline.game.weapons import CHEAPEST_WITH_KEVLAR, kill_reward

SIDES: Final = ("CT", "T")
LATE_SECONDS: Final = (8.0, 4.0, 2.0, 1.0, 0.5)
"""Seconds left at which a round is seen besides: on its clock, and after a plant until the explosion. A price moves
most in the last seconds, which the interval hardly ever hits."""
EARLIEST_PLANT: Final = 12.0
"""Seconds after freeze time within which no bomb was ever planted: what a round whose plants are not recorded looked
like is known up to then. docs/real-matches.md has the earliest plants seen."""

_SUMS: Final = (
    "alive",
    "health",
    "armor",
    "unknown_armor",
    "helmets",
    "unknown_helmets",
    "kits",
    "unknown_kits",
    "equipment",
    "money",
)
"""What is summed for each side; ``unknown_…`` counts the living of whom it is not known."""


@dataclass
class _LeftOut:
    """Counts of what does not go into the table, by reason."""

    counts: dict[str, int]

    def add(self, reason: str, count: int) -> None:
        if count:
            self.counts[reason] = self.counts.get(reason, 0) + int(count)

    def drop(self, frame: pd.DataFrame, bad: "pd.Series | NDArray[np.bool_]", reason: str) -> pd.DataFrame:
        """The frame without the bad rows, which are counted."""
        self.add(reason, int(np.sum(bad)))
        return frame[~np.asarray(bad, dtype=bool)] if np.any(bad) else frame


def rebuild(  # noqa: PLR0917  # one argument for each table, in the order of the schema
    rounds: pd.DataFrame,
    participants: pd.DataFrame,
    kills: pd.DataFrame,
    damages: pd.DataFrame,
    bombs: pd.DataFrame,
    interval: float = 10.0,
) -> Derived:
    """Snapshots of every round while it is open: when the freeze time ends, every ``interval`` seconds after, in the
    last seconds of either clock (`LATE_SECONDS`), and right after each kill and the plant.

    Args:
        rounds, participants, kills, damages, bombs: columns of the tables of these names in `schema`
            (`schema.EVENT_ROUNDS` for rounds), rows in any order. Each round once, with the clocks, the plant, one to
            five players of each side, and nobody else in its events.
        interval: seconds between two snapshots on the clock.

    Returns:
        Columns of `schema.ROUND_SNAPSHOTS`, sorted by match, round and snapshot; a snapshot knows events up to and
        including its own tick. Left out, by reason: rounds whose clocks, score or events do not fit together, and
        events outside their round.

    Raises:
        DatasetError: a column is missing or of the wrong kind, the interval is not positive, or a round is not as it
            must be.
    """
    if not interval > 0:
        raise DatasetError(f"the snapshot interval must be a positive number of seconds, got {interval}")
    played = replay(rounds, participants, kills, damages, bombs)
    left_out = _LeftOut(played.left_out)
    if played.clocks.empty:
        return Derived(ROUND_SNAPSHOTS.empty(), left_out.counts)
    frame = played.states(_moments(played.clocks, played.kills, interval))
    over = is_decided(frame) | (frame["time_remaining"] <= 0)
    frame = left_out.drop(frame, over, "moments: the round was already decided").reset_index(drop=True)
    frame["snapshot"] = frame.groupby("round_id").cumcount()
    return Derived(ROUND_SNAPSHOTS.conform(frame), left_out.counts)


@dataclass(frozen=True)
class Replay:
    """Rounds that can be rebuilt, with everything that changes in them.

    Attributes:
        clocks: the rounds, by place.
        players: their participants, by a place of their own; ``place`` is that of the round.
        kills: first deaths in order of time: ``place`` of the round, ``tick`` since it went live, ``killer`` (-1: the
            world) and ``victim`` as places of players, ``is_team_kill``.
        died: tick of death since the round went live by player's place; a hit that left no health may come before
            the kill.
        left_out: what cannot be rebuilt, by reason.
    """

    clocks: pd.DataFrame
    players: pd.DataFrame
    kills: pd.DataFrame
    died: pd.Series
    left_out: dict[str, int]
    _changes: pd.DataFrame

    def states(self, moments: pd.DataFrame) -> pd.DataFrame:
        """The state at moments, in the columns of `schema.ROUND_SNAPSHOTS` without the snapshot's number.

        Args:
            moments: ``place`` of the round, ``tick`` of the demo not before the round went live, ``moment`` (why).
        """
        return _states(self.clocks, moments, self._changes)


def replay(  # one argument for each table, in the order of the schema
    rounds: pd.DataFrame,
    participants: pd.DataFrame,
    kills: pd.DataFrame,
    damages: pd.DataFrame,
    bombs: pd.DataFrame,
) -> Replay:
    """What `rebuild` looks at, to be asked for other moments; arguments and errors are those of `rebuild`."""
    left_out = _LeftOut({})
    kills, damages, bombs = (t.conform(f) for t, f in ((KILLS, kills), (DAMAGES, damages), (BOMBS, bombs)))
    clocks = _clocks(EVENT_ROUNDS.conform(rounds), left_out)
    clocks = _with_events(clocks, kills, damages, bombs, left_out)
    players = PARTICIPANTS.conform(participants)
    _refuse_incomplete(clocks, players)
    clocks = _with_bomb(clocks, bombs, left_out)
    kills, damages = _live(kills, clocks, "kills", left_out), _live(damages, clocks, "hits", left_out)
    if clocks.empty:
        return Replay(clocks, players[:0], kills[:0], pd.Series(dtype="int64"), left_out.counts, players[:0])
    roster = _Roster(clocks, players)
    kills = _first_deaths(roster.placed(kills, ["victim_id", "killer_id"]), left_out)
    damages = roster.placed(damages, ["victim_id"])
    died = _death_ticks(kills, damages)
    changes = _changes(roster.players, kills, damages, died)
    return Replay(clocks, roster.players, kills, died, left_out.counts, changes)


# Rounds that can be rebuilt


def _clocks(rounds: pd.DataFrame, left_out: _LeftOut) -> pd.DataFrame:
    """The rounds with the ticks between which each is live, and the score before it; one row per round_id."""
    _refuse(rounds, rounds["round_id"].duplicated(), "is there twice")
    clockless = (rounds["tick_rate"] <= 0) | (rounds["round_time_limit"] <= 0) | (rounds["freeze_time"] < 0)
    _refuse(rounds, clockless, "has no tick rate, freeze time or round time")
    live_tick = rounds["start_tick"] + rounds["freeze_time"] * rounds["tick_rate"]
    recorded = rounds["end_tick"].astype("float64").fillna(live_tick + rounds["duration"] * rounds["tick_rate"])
    latest = live_tick + (rounds["round_time_limit"] + BOMB_TIME) * rounds["tick_rate"]
    rounds = rounds.assign(live_tick=live_tick, end_tick=np.minimum(recorded, latest))
    rounds["ct_before"] = rounds["ct_score"] - rounds["ct_wins"]
    rounds["t_before"] = rounds["t_score"] - (1 - rounds["ct_wins"])
    rounds = left_out.drop(
        rounds, rounds["end_tick"] <= rounds["live_tick"], "rounds: over before the freeze time ended"
    )
    scoreless = (rounds["ct_before"] < 0) | (rounds["t_before"] < 0)
    rounds = left_out.drop(rounds, scoreless, "rounds: the winner's score does not count the round")
    return rounds.sort_values(["started_at", "match_id", "round_number", "round_id"], ignore_index=True)


def _with_events(
    clocks: pd.DataFrame, kills: pd.DataFrame, damages: pd.DataFrame, bombs: pd.DataFrame, left_out: _LeftOut
) -> pd.DataFrame:
    """The rounds whose hits were recorded, counting events of no round."""
    for events, name in ((kills, "kills"), (damages, "hits"), (bombs, "bomb events")):
        left_out.add(f"{name}: of a round that is not rebuilt", (~events["round_id"].isin(clocks["round_id"])).sum())
    unhurt = clocks["round_id"].isin(kills["round_id"]) & ~clocks["round_id"].isin(damages["round_id"])
    unhurt &= clocks["hits_recorded"]
    return left_out.drop(clocks, unhurt, "rounds: kills but no hits recorded")


def _refuse(rows: pd.DataFrame, bad: "pd.Series | NDArray[np.bool_]", wrong: str) -> None:
    """Raise for the first of the bad rows: the extraction lets no such round pass, so this is no data of its making."""
    wrongs = rows.loc[np.asarray(bad, dtype=bool), "round_id"]
    if len(wrongs):
        raise DatasetError(
            f"round {wrongs.iloc[0]} {wrong} ({len(wrongs)} such): take the event tables as `event_tables` gives them"
        )


def _refuse_incomplete(clocks: pd.DataFrame, players: pd.DataFrame) -> None:
    """Refuse rounds without one to five players on each side, each of them once."""
    players = players[players["round_id"].isin(clocks["round_id"])]
    _refuse(players, ~players["side"].isin(SIDES), "has a player whose side is not known")
    _refuse(players, players.duplicated(["round_id", "player_id"]), "has a player twice")
    for side in SIDES:
        count = clocks["round_id"].map(players.loc[players["side"] == side, "round_id"].value_counts()).fillna(0)
        _refuse(clocks, ~count.between(1, TEAM_SIZE), f"has none or more than {TEAM_SIZE} players on the {side} side")


def _with_bomb(clocks: pd.DataFrame, bombs: pd.DataFrame, left_out: _LeftOut) -> pd.DataFrame:
    """The rounds with the tick of the plant (NaN for none), ended by the bomb where the bomb ended them.

    A round that had a plant at an unknown moment is left out: its states after the plant would be wrong.
    """
    bombs = _live(bombs, clocks, "bomb events", left_out)
    kind = bombs["event_type"].str.lower()
    first = {name: bombs[kind == name].groupby("round_id")["tick"].min() for name in ("planted", "defused", "exploded")}
    ticks = {name: clocks["round_id"].map(tick).astype("float64") for name, tick in first.items()}
    end_tick = np.fmin(clocks["end_tick"], np.fmin(ticks["defused"], ticks["exploded"]))
    no_plant_before = clocks["live_tick"] + EARLIEST_PLANT * clocks["tick_rate"]
    known_until = np.where(clocks["plants_recorded"], end_tick, np.minimum(end_tick, no_plant_before))
    clocks = clocks.assign(plant_tick=ticks["planted"], end_tick=known_until)
    unknown = clocks["bomb_planted"].eq(1).fillna(False) & clocks["plant_tick"].isna() & clocks["plants_recorded"]
    return left_out.drop(clocks, unknown, "rounds: bomb planted at a moment that is not known")


def _live(events: pd.DataFrame, clocks: pd.DataFrame, name: str, left_out: _LeftOut) -> pd.DataFrame:
    """The events of the rounds that happened while their round was live."""
    events = events[events["round_id"].isin(clocks["round_id"])]
    place = pd.Index(clocks["round_id"]).get_indexer(events["round_id"])
    tick = events["tick"].to_numpy()
    early, late = tick < clocks["live_tick"].to_numpy()[place], tick > clocks["end_tick"].to_numpy()[place]
    events = left_out.drop(events, early, f"{name}: before the freeze time ended")
    return left_out.drop(events, late[~early], f"{name}: after the round's end")


# What changed, and when


class _Roster:
    """The participants of the rounds to rebuild, each at a fixed place, and the way to find them.

    A round's place is its position in ``clocks``; a player's place is a row of ``players``, which are sorted by round.
    """

    def __init__(self, clocks: pd.DataFrame, players: pd.DataFrame) -> None:
        self._rounds = pd.Index(clocks["round_id"])
        self._ids = pd.Index(np.unique(players["player_id"]))
        self._start = np.floor(clocks["live_tick"].to_numpy()).astype("int64")
        players = players[players["round_id"].isin(self._rounds)]
        place = self._rounds.get_indexer(players["round_id"])
        key = place * len(self._ids) + self._ids.get_indexer(players["player_id"])
        order = np.argsort(key)
        self._keys = key[order]
        self.players = players.assign(place=place, start_tick=self._start[place]).iloc[order].reset_index(drop=True)

    def placed(self, events: pd.DataFrame, people: list[str]) -> pd.DataFrame:
        """The rounds' events with the round's place, the tick since the round went live, and for each of the
        people's columns the player's place (-1 for nobody) in its stead.
        """
        events = events[events["round_id"].isin(self._rounds)]
        place = self._rounds.get_indexer(events["round_id"])
        found = {}
        for column in people:
            nobody = events[column].isna().to_numpy()
            key = place * len(self._ids) + self._ids.get_indexer(events[column].fillna(0).astype("int64"))
            row = np.searchsorted(self._keys, key)
            strange = ~nobody & (self._keys[np.minimum(row, len(self._keys) - 1)] != key)
            unknown = self._ids.get_indexer(events[column].fillna(0).astype("int64")) < 0
            _refuse(events, strange | (unknown & ~nobody), "has an event of a player who is no participant")
            found[column.removesuffix("_id")] = np.where(nobody, -1, row)
        ticks = events["tick"].to_numpy() - self._start[place]
        return events.drop(columns=people).assign(place=place, tick=ticks, **found)


def _first_deaths(kills: pd.DataFrame, left_out: _LeftOut) -> pd.DataFrame:
    """The kills in time order, one for each victim: nobody dies twice in a round."""
    kills = kills.sort_values(["tick", "victim", "killer", "weapon"], ignore_index=True)
    return left_out.drop(kills, kills["victim"].duplicated(), "kills: of a player already dead")


def _changes(players: pd.DataFrame, kills: pd.DataFrame, damages: pd.DataFrame, died: pd.Series) -> pd.DataFrame:
    """Every change of a side's sums: place of the round, side, tick since it went live, and the amounts (`_SUMS`)."""
    money = (players["start_money"] - players["money_spent"]).clip(0, MAX_MONEY)
    helmet, kit = players["has_helmet"], players["has_defuse_kit"]
    wears = helmet.fillna(False).astype(bool)
    bare = helmet.eq(False).fillna(False).astype(bool) & (players["equipment_value"] < CHEAPEST_WITH_KEVLAR)
    entry = pd.DataFrame(
        {
            "player": players.index,
            "tick": 0,
            "alive": 1,
            "health": FULL_HEALTH,
            "armor": np.where(wears, FULL_ARMOR, 0),
            "unknown_armor": (~wears & ~bare).astype("int64"),
            "helmets": wears.astype("int64"),
            "unknown_helmets": helmet.isna().astype("int64"),
            "kits": kit.fillna(False).astype("int64"),
            "unknown_kits": kit.isna().astype("int64"),
            "equipment": players["equipment_value"],
            "money": money,
        }
    )
    died = died.reindex(players.index)
    hits = damages[damages["tick"].to_numpy() < died.fillna(np.inf).to_numpy()[damages["victim"]]]
    bodies = _bodies(entry, hits)
    changes = pd.concat([entry, bodies, _deaths(entry, bodies, died), _rewards(players, money, kills)])
    changes = changes.fillna(0).astype("int64")
    of_player = players.iloc[changes["player"].to_numpy()]
    return changes.assign(place=of_player["place"].to_numpy(), side=of_player["side"].to_numpy())


def _death_ticks(kills: pd.DataFrame, damages: pd.DataFrame) -> pd.Series:
    """Tick of death by player's place: the kill, or the hit that left no health if that was recorded earlier."""
    fatal = damages.loc[damages["health"] <= 0, ["victim", "tick"]]
    return pd.concat([kills[["victim", "tick"]], fatal]).groupby("victim")["tick"].min()


def _bodies(entry: pd.DataFrame, hits: pd.DataFrame) -> pd.DataFrame:
    """What each hit changed of its victim's health and armour, whose values after the hit are known."""
    hits = hits.sort_values(["tick", "health", "armor"], ascending=[True, False, False])
    victim = hits["victim"].to_numpy()
    before = hits.groupby("victim")[["health", "armor"]].shift()
    first = before["health"].isna().to_numpy()
    health = np.where(first, entry["health"].to_numpy()[victim], before["health"])
    armor = np.where(first, entry["armor"].to_numpy()[victim], before["armor"])
    return pd.DataFrame(
        {
            "player": victim,
            "tick": hits["tick"].to_numpy(),
            "health": hits["health"].to_numpy() - health,
            "armor": hits["armor"].to_numpy() - armor,
            "unknown_armor": np.where(first, -entry["unknown_armor"].to_numpy()[victim], 0),
        }
    )


def _deaths(entry: pd.DataFrame, bodies: pd.DataFrame, died: pd.Series) -> pd.DataFrame:
    """What each death takes from its side: all the player still had, except money."""
    carried = pd.concat([entry, bodies]).groupby("player")[list(_SUMS[:-1])].sum()
    died = died.dropna()
    return (-carried.loc[died.index]).assign(player=died.index, tick=died)


def _rewards(players: pd.DataFrame, money: pd.Series, kills: pd.DataFrame) -> pd.DataFrame:
    """What each kill of an enemy paid, as far as the killer could hold more money."""
    kills = kills[kills["killer"] >= 0]
    side = players["side"].to_numpy()
    enemy = (side[kills["killer"]] != side[kills["victim"]]) & ~kills["is_team_kill"].to_numpy()
    kills = kills[enemy]
    paid = kills["weapon"].map({name: kill_reward(name) for name in kills["weapon"].dropna().unique()})
    paid = paid.fillna(kill_reward(None)).astype("int64")
    earned = paid.groupby(kills["killer"]).cumsum().to_numpy()
    start = money.to_numpy()[kills["killer"]]
    gained = (start + earned).clip(max=MAX_MONEY) - (start + earned - paid.to_numpy()).clip(max=MAX_MONEY)
    return pd.DataFrame({"player": kills["killer"].to_numpy(), "tick": kills["tick"].to_numpy(), "money": gained})


# The moments, and the state at each


def _moments(clocks: pd.DataFrame, kills: pd.DataFrame, interval: float) -> pd.DataFrame:
    """Where snapshots are taken: place of the round, tick (of the demo) and why, in time order.

    Two reasons for one tick give one snapshot, named by the first of freeze_end, plant, kill, interval, late.
    """
    live, rate = clocks["live_tick"].to_numpy(), clocks["tick_rate"].to_numpy()
    steps = np.ceil((clocks["end_tick"].to_numpy() - live) / (interval * rate)).astype("int64")
    place = np.repeat(np.arange(len(clocks)), steps)
    step = np.arange(len(place)) - np.repeat(np.cumsum(steps) - steps, steps)
    clock = pd.DataFrame({"place": place, "tick": live[place] + step * interval * rate[place]})
    clock["moment"] = np.where(step == 0, "freeze_end", "interval")
    plants = np.flatnonzero(clocks["plant_tick"].notna())
    plant = pd.DataFrame({"place": plants, "tick": clocks["plant_tick"].to_numpy()[plants], "moment": "plant"})
    kill = pd.DataFrame(
        {"place": kills["place"], "tick": kills["tick"] + np.floor(live)[kills["place"]], "moment": "kill"}
    )
    moments: pd.DataFrame = pd.concat([clock[step == 0], plant, kill, clock[step > 0], _late_moments(clocks)])
    moments = moments.sort_values(["place", "tick"], kind="stable").drop_duplicates(["place", "tick"])
    before_end = moments["tick"].to_numpy() < clocks["end_tick"].to_numpy()[moments["place"]]
    return moments[before_end].reset_index(drop=True)


def _late_moments(clocks: pd.DataFrame) -> pd.DataFrame:
    """The moments with `LATE_SECONDS` left on the round clock, and after a plant until the explosion."""
    rate, planted = clocks["tick_rate"].to_numpy(), clocks["plant_tick"].to_numpy()
    time_out = clocks["live_tick"].to_numpy() + clocks["round_time_limit"].to_numpy() * rate
    explosion = planted + BOMB_TIME * rate
    late = []
    for seconds in LATE_SECONDS:
        before = seconds * rate
        for tick, runs in ((time_out - before, ~(planted <= time_out - before)), (explosion - before, planted >= 0)):
            late.append(pd.DataFrame({"place": np.flatnonzero(runs), "tick": tick[runs], "moment": "late"}))
    return pd.concat(late)


def _states(clocks: pd.DataFrame, moments: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """The state at each moment, in the columns of `schema.ROUND_SNAPSHOTS` without the snapshot's number."""
    at = clocks.iloc[moments["place"].to_numpy()].reset_index(drop=True)
    tick = moments["tick"]
    elapsed = (tick - at["live_tick"]) / at["tick_rate"]
    planted = tick >= at["plant_tick"]
    bomb_time = BOMB_TIME - (tick - at["plant_tick"]) / at["tick_rate"]
    ct, t = (_sums(clocks, moments, changes[changes["side"] == side]) for side in SIDES)
    frame = pd.DataFrame(
        {
            **{
                name: at[name]
                for name in (
                    "match_id",
                    "round_id",
                    "round_number",
                    "started_at",
                    "game",
                    "source",
                    "map_name",
                    "ct_wins",
                )
            },
            "moment": moments["moment"],
            "elapsed": elapsed,
            "bomb_planted": planted.astype("int8"),
            "time_remaining": bomb_time.where(planted, at["round_time_limit"] - elapsed),
            "ct_score": at["ct_before"],
            "t_score": at["t_before"],
            **{f"ct_{name}": values for name, values in ct.items()},
            **{f"t_{name}": values for name, values in t.items()},
        }
    )
    # Without hits nobody is known to be unhurt once the round is live.
    unseen = ~at["hits_recorded"].to_numpy(bool) & (elapsed > 0).to_numpy()
    bodies = ["ct_health", "t_health", "ct_armor", "t_armor"]
    frame[bodies] = frame[bodies].astype("float64")
    frame.loc[unseen, bodies] = np.nan
    return frame


def _sums(clocks: pd.DataFrame, moments: pd.DataFrame, changes: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """One side's sums at each moment, by the names of a state's fields without the side."""
    since_live = np.floor(moments["tick"]) - np.floor(clocks["live_tick"].to_numpy())[moments["place"]]
    span = int(max(since_live.to_numpy().max(initial=0), changes["tick"].max())) + 1
    keys = changes["place"].to_numpy() * span + changes["tick"].to_numpy()
    order = np.argsort(keys, kind="stable")
    begin = np.searchsorted(keys[order], moments["place"].to_numpy() * span)
    end = np.searchsorted(keys[order], moments["place"].to_numpy() * span + since_live.to_numpy(), side="right")
    sums = {}
    for name in _SUMS:
        running = np.concatenate([[0], np.cumsum(changes[name].to_numpy()[order])])
        sums[name] = running[end] - running[begin]
    return {
        "alive": sums["alive"],
        "equip_value": sums["equipment"],
        "money": sums["money"],
        "health": sums["health"],
        "armor": np.where(sums["unknown_armor"] > 0, np.nan, sums["armor"]),
        "helmets": np.where(sums["unknown_helmets"] > 0, np.nan, sums["helmets"]),
        "defuse_kits": np.where(sums["unknown_kits"] > 0, np.nan, sums["kits"]),
    }

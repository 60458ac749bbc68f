"""Win probability added: what each player's kills, deaths, plants and defusals did to the side's chance of the round.

An event is worth what it moved: the price of the state right after it less that of the state a tick before. Of a kill
of an enemy the killer gets the change of the own side's price and the victim that of the victim's, so the two add up to
0; a team kill is the killer's alone, a death by nobody the victim's; a plant is the planter's and a defusal the
defuser's. Events of one tick share its change evenly. What moves a price between events (hits, time, the explosion) is
nobody's. Rounds whose plants were not recorded are not priced: a match without them has no line here.

Prices come from whoever asks: a round model, or any other function of states.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.datasets.schema import BOMBS, Derived
from cs2_pipeline.datasets.snapshots import Replay, replay
from cs2_pipeline.game.state import decided
from cs2_pipeline.stats.intervals import GroupBootstrap, Interval

Array = NDArray[np.float64]
Price = Callable[[pd.DataFrame], Array]
"""Open states, columns of `schema.ROUND_SNAPSHOTS` → probability that CT win, shape (states,)."""

KINDS: Final = ("kill", "death", "plant", "defuse")
UNPRICED: Final = "rounds: plants were not recorded"
_DECIDED_BY: Final = ("ct_alive", "t_alive", "bomb_planted", "time_remaining")


def changes(  # noqa: PLR0917  # one argument for each table, in the order of the schema
    rounds: pd.DataFrame,
    participants: pd.DataFrame,
    kills: pd.DataFrame,
    damages: pd.DataFrame,
    bombs: pd.DataFrame,
    price: Price,
) -> Derived:
    """What each event was worth to whom.

    Args:
        rounds, participants, kills, damages, bombs: as `snapshots.rebuild` takes them.
        price: asked for open states only; decided ones are worth their outcome.

    Returns:
        A row for each player of a priced round and each of the player's events: match_id, round_id, player_id, side,
        ``kind`` (of `KINDS`; "none" for a player's presence in the round), ``change`` of the own side's price (0 for
        presence). Left out, by reason, is what cannot be rebuilt or priced.

    Raises:
        DatasetError: as `snapshots.rebuild`.
    """
    unpriced = ~rounds["plants_recorded"].to_numpy(bool)
    bombs = BOMBS.conform(bombs)
    priced = rounds[~unpriced]
    known = (frame[frame["round_id"].isin(priced["round_id"])] for frame in (participants, kills, damages, bombs))
    played = replay(priced, *known)
    left_out = played.left_out | ({UNPRICED: int(unpriced.sum())} if unpriced.any() else {})
    presence = played.players[["player_id", "side"]].assign(place=_place(played), kind="none", change=0.0)
    found = presence if played.clocks.empty else pd.concat([presence, _credits(played, bombs, price)])
    at = played.clocks[["match_id", "round_id"]].iloc[found["place"].to_numpy("int64")].reset_index(drop=True)
    columns = found[["player_id", "side", "kind", "change"]].reset_index(drop=True)
    return Derived(pd.concat([at, columns], axis=1), left_out)


def by_match(found: pd.DataFrame) -> pd.DataFrame:
    """Sums by player and match of what `changes` found.

    Returns:
        player_id, match_id, rounds, a sum for each of `KINDS`, total, per_round with the ends low and high of its 95 %
        interval (rounds resampled; NaN with one round); sorted by match and player.
    """
    keys = ["match_id", "player_id"]
    sums = found.pivot_table(index=keys, columns="kind", values="change", aggfunc="sum")
    of_round = found.groupby([*keys, "round_id"])["change"].sum()
    lines = of_round.groupby(level=keys).agg(rounds="size", total="sum")
    lines = lines.join(sums.reindex(columns=KINDS)).fillna(dict.fromkeys(KINDS, 0.0))
    ends = {key: _interval(values.to_numpy("float64")) for key, values in of_round.groupby(level=keys)}
    lines = lines.assign(
        per_round=lines["total"] / lines["rounds"],
        low=[ends[key].low for key in lines.index],
        high=[ends[key].high for key in lines.index],
    )
    table: pd.DataFrame = lines.reset_index()[[*keys[::-1], "rounds", *KINDS, "total", "per_round", "low", "high"]]
    return table


def _interval(of_rounds: Array) -> Interval:
    """The mean of a match's rounds with its interval."""
    if len(of_rounds) == 1:
        return Interval(float(of_rounds[0]), float("nan"), float("nan"))
    resamples = GroupBootstrap(np.arange(len(of_rounds)), resamples=200)
    return resamples.interval(resamples.means(of_rounds)[:, 0])


def _place(played: Replay) -> "pd.Series | NDArray[np.int64]":
    """The place of each player's round."""
    return played.players["place"] if "place" in played.players else np.empty(0, np.int64)


def _credits(played: Replay, bombs: pd.DataFrame, price: Price) -> pd.DataFrame:
    """A row for each event and each player it is put down to: place, player_id, side, kind, change."""
    events = pd.concat([_deaths(played), _bomb_acts(played, bombs)], ignore_index=True)
    moments, event_of = _moments(events)
    moved = _prices(played, moments, events, event_of, price) / np.bincount(event_of)
    events = events.assign(moved=moved[event_of])
    credited = []
    for who, kind in (("actor", None), ("victim", "death")):
        rows = events[events[who] >= 0]
        people = played.players.iloc[rows[who].to_numpy("int64")]
        own = np.where(people["side"] == "CT", rows["moved"], -rows["moved"])
        credited.append(
            pd.DataFrame(
                {
                    "place": rows["place"].to_numpy(),
                    "player_id": people["player_id"].to_numpy(),
                    "side": people["side"].to_numpy(),
                    "kind": rows["kind"].to_numpy() if kind is None else kind,
                    "change": own,
                }
            )
        )
    return pd.concat(credited)


def _deaths(played: Replay) -> pd.DataFrame:
    """Deaths as events: place, tick since the round went live, kind, and who it is put down to (-1: nobody)."""
    kills, side = played.kills, played.players["side"].to_numpy()
    killer, victim = kills["killer"].to_numpy(), kills["victim"].to_numpy()
    alone = (killer < 0) | (killer == victim)
    team_kill = ~alone & ((side[killer] == side[victim]) | kills["is_team_kill"].to_numpy())
    return pd.DataFrame(
        {
            "place": kills["place"].to_numpy(),
            "tick": played.died.loc[victim].to_numpy(),
            "kind": "kill",
            "actor": np.where(alone, -1, killer),
            "victim": np.where(team_kill, -1, victim),
        }
    )


def _bomb_acts(played: Replay, bombs: pd.DataFrame) -> pd.DataFrame:
    """The first plant and the first defusal of each round as events; nobody's where the player is not known."""
    clocks = played.clocks.reset_index(names="place")
    acts = bombs.merge(clocks[["round_id", "place", "live_tick", "end_tick", "plant_tick"]], on="round_id")
    kind = acts["event_type"].str.lower().map({"planted": "plant", "defused": "defuse"})
    live = acts["tick"].between(acts["live_tick"], acts["end_tick"])
    fits = live & ((kind == "plant") | (acts["tick"] >= acts["plant_tick"]))
    acts = acts.assign(kind=kind)[kind.notna() & fits].sort_values("tick").drop_duplicates(["place", "kind"])
    people = played.players.reset_index(names="actor")[["round_id", "player_id", "actor"]]
    acts = acts.merge(people.astype({"player_id": "Int64"}), on=["round_id", "player_id"], how="left")
    since = acts["tick"] - np.floor(acts["live_tick"]).astype("int64")
    acts = acts.assign(tick=since, actor=acts["actor"].fillna(-1).astype("int64"), victim=-1)
    return acts[["place", "tick", "kind", "actor", "victim"]]


def _moments(events: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The moments at which anything happened (place, tick since live), and each event's place among them."""
    moments = events[["place", "tick"]].drop_duplicates(ignore_index=True)
    known = pd.MultiIndex.from_frame(moments)
    return moments, known.get_indexer(pd.MultiIndex.from_frame(events[["place", "tick"]])).astype("int64")


def _prices(
    played: Replay, moments: pd.DataFrame, events: pd.DataFrame, event_of: NDArray[np.int64], price: Price
) -> Array:
    """How CT's price moved at each moment."""
    live = np.floor(played.clocks["live_tick"].to_numpy())[moments["place"]]
    earliest = played.clocks["live_tick"].to_numpy()[moments["place"]]
    after = moments.assign(tick=np.maximum(moments["tick"] + live, earliest), moment="after")
    before = after.assign(tick=np.maximum(after["tick"] - 1, earliest), moment="before")
    said = _priced(played.states(pd.concat([before, after], ignore_index=True)), price)
    then, now = said[: len(moments)], said[len(moments) :]
    defused = np.zeros(len(moments), dtype=bool)
    defused[event_of[(events["kind"] == "defuse").to_numpy()]] = True
    return np.where(defused, 1.0, now) - then


def _priced(states: pd.DataFrame, price: Price) -> Array:
    """Prices of states: the outcome where one is decided."""
    ct_won, t_won = decided(*(states[name].to_numpy() for name in _DECIDED_BY))
    said = np.where(ct_won, 1.0, 0.0)
    is_open = ~(ct_won | t_won)
    if is_open.any():
        said[is_open] = price(states[is_open].reset_index(drop=True))
    return np.asarray(said, dtype=np.float64)

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
from cs2_pipeline.game.rules import MAX_MONEY, REGULATION_HALF
from cs2_pipeline.game.state import decided
from cs2_pipeline.stats.intervals import GroupBootstrap

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
    bombs = BOMBS.conform(bombs)
    played, left_out = _played(rounds, participants, kills, damages, bombs)
    presence = played.players[["player_id", "side"]].assign(place=_place(played), kind="none", change=0.0)
    found = presence if played.clocks.empty else pd.concat([presence, _credits(played, bombs, price)])
    at = played.clocks[["match_id", "round_id"]].iloc[found["place"].to_numpy("int64")].reset_index(drop=True)
    columns = found[["player_id", "side", "kind", "change"]].reset_index(drop=True)
    return Derived(pd.concat([at, columns], axis=1), left_out)


def priced_moments(  # noqa: PLR0917  # one argument for each table, in the order of the schema
    rounds: pd.DataFrame,
    participants: pd.DataFrame,
    kills: pd.DataFrame,
    damages: pd.DataFrame,
    bombs: pd.DataFrame,
    price: Price,
) -> Derived:
    """What each death and each first plant moved CT's price, and CT's price after it. Arguments are those of `changes`.

    Returns:
        round_id, ``victim`` (Players.Id as float; NaN for the plant), ``moved``, ``after``; besides a row without
        victim and prices (NaN) for each priced round, so that rounds in which nobody died are known to be priced.
    """
    played, left_out = _played(rounds, participants, kills, damages, bombs)
    of_rounds = played.clocks[["round_id"]].assign(victim=np.nan, moved=np.nan, after=np.nan)
    events = pd.DataFrame()
    if not played.clocks.empty:
        events = pd.concat([_deaths(played, every=True), _bomb_acts(played, BOMBS.conform(bombs))], ignore_index=True)
    if not events.empty:
        seen, event_of = _moments(events)
        moved, after = _prices(played, seen, events, event_of, price)
        people = played.players["player_id"].reindex(events["victim"]).to_numpy("float64")
        at = played.clocks["round_id"].to_numpy()[events["place"]]
        shared = (moved / np.bincount(event_of))[event_of]
        of_events = pd.DataFrame({"round_id": at, "victim": people, "moved": shared, "after": after[event_of]})
        of_events = of_events[(events["kind"] != "defuse").to_numpy()]
        of_rounds = pd.concat([of_rounds, of_events], ignore_index=True)
    return Derived(of_rounds, left_out)


def equipment_worth(  # noqa: PLR0917  # one argument for each table, in the order of the schema
    rounds: pd.DataFrame,
    participants: pd.DataFrame,
    kills: pd.DataFrame,
    damages: pd.DataFrame,
    bombs: pd.DataFrame,
    price: Price,
) -> pd.DataFrame:
    """What the equipment of players in lost rounds is worth in the next round, as its freeze time ends.

    Of who survived: the own side's price as it is, less its price had the equipment to be bought anew, out of the
    side's money first and then out of its equipment. Of who died: the price with so much more money, less the price as
    it is. Arguments are those of `changes`.

    Returns:
        round_id, player_id, worth; a row for each player of a lost round whose next round was played on the same side,
        without a half or overtime between, and can be rebuilt.
    """
    played, _ = _played(rounds, participants, kills, damages, bombs)
    lost = _with_next_round(played)
    if lost.empty:
        return pd.DataFrame({"round_id": [], "player_id": [], "worth": []})
    following = lost["following"].to_numpy("int64")
    at = pd.DataFrame({"place": following, "tick": played.clocks["live_tick"].to_numpy()[following]})
    actual = played.states(at.assign(moment="freeze_end"))
    other, survived = actual.copy(), ~lost.index.isin(played.died.index)
    value = lost["equipment_value"].to_numpy("float64")
    for side, prefix in (("CT", "ct"), ("T", "t")):
        own = (lost["side"] == side).to_numpy()
        money, equipment = (actual[f"{prefix}_{name}"].to_numpy("float64") for name in ("money", "equip_value"))
        most = MAX_MONEY * actual[f"{prefix}_alive"].to_numpy("float64")
        anew = np.where(survived, np.maximum(money - value, 0), np.minimum(money + value, most))
        left = np.where(survived, np.maximum(equipment - np.maximum(value - money, 0), 0), equipment)
        other[f"{prefix}_money"] = np.where(own, anew, money)
        other[f"{prefix}_equip_value"] = np.where(own, left, equipment)
    said = _priced(pd.concat([actual, other], ignore_index=True), price)
    gain = np.where(survived, 1, -1) * (said[: len(lost)] - said[len(lost) :])
    worth = np.where(lost["side"] == "CT", gain, -gain)
    return lost[["round_id", "player_id"]].assign(worth=worth).reset_index(drop=True)


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
    low, high = _ends(of_round.to_numpy("float64"), lines["rounds"].to_numpy("int64"))
    lines = lines.assign(per_round=lines["total"] / lines["rounds"], low=low, high=high)
    table: pd.DataFrame = lines.reset_index()[[*keys[::-1], "rounds", *KINDS, "total", "per_round", "low", "high"]]
    return table


def _played(rounds: pd.DataFrame, *events: pd.DataFrame) -> tuple[Replay, dict[str, int]]:
    """The rounds whose plants were recorded, with their events; and what is left out, by reason."""
    unpriced = ~rounds["plants_recorded"].to_numpy(bool)
    priced = rounds[~unpriced]
    participants, kills, damages, bombs = (frame[frame["round_id"].isin(priced["round_id"])] for frame in events)
    played = replay(priced, participants, kills, damages, bombs)
    return played, played.left_out | ({UNPRICED: int(unpriced.sum())} if unpriced.any() else {})


def _with_next_round(played: Replay) -> pd.DataFrame:
    """Players of lost rounds, by their place, with the place of the match's next round (``following``)."""
    clocks, players = played.clocks, played.players
    if clocks.empty:
        return players
    # Overtime and the second half begin with new money: there nothing is brought along.
    regulation = clocks["ct_before"] + clocks["t_before"] < 2 * REGULATION_HALF
    places = clocks[regulation].reset_index(names="following")[["match_id", "round_number", "following"]]
    before = clocks[["round_id", "match_id", "round_number", "ct_wins"]]
    found = players.reset_index(names="row").drop(columns="place").merge(before, on="round_id")
    found = found.assign(round_number=found["round_number"] + 1).merge(places, on=["match_id", "round_number"])
    same_side = players[["place", "player_id", "side"]].rename(columns={"place": "following"})
    found = found.merge(same_side, on=["following", "player_id", "side"])
    return found[(found["side"] == "CT") != (found["ct_wins"] == 1)].set_index("row")


def _ends(of_round: Array, counts: NDArray[np.int64]) -> tuple[Array, Array]:
    """The ends of the intervals of means of rounds.

    Args:
        of_round: the values of all lines, one line after the other.
        counts: how many rounds each line has; lines of as many rounds are resampled together.
    """
    low, high = (np.full(len(counts), np.nan) for _ in range(2))
    starts = np.cumsum(counts) - counts
    for count in np.unique(counts[counts > 1]):
        lines = np.flatnonzero(counts == count)
        resamples = GroupBootstrap(np.arange(count), resamples=200)
        means = resamples.means(of_round[starts[lines] + np.arange(count)[:, None]])
        found = [resamples.interval(draws) for draws in means.T]
        low[lines], high[lines] = [one.low for one in found], [one.high for one in found]
    return low, high


def _place(played: Replay) -> "pd.Series | NDArray[np.int64]":
    """The place of each player's round."""
    return played.players["place"] if "place" in played.players else np.empty(0, np.int64)


def _credits(played: Replay, bombs: pd.DataFrame, price: Price) -> pd.DataFrame:
    """A row for each event and each player it is put down to: place, player_id, side, kind, change."""
    events = pd.concat([_deaths(played), _bomb_acts(played, bombs)], ignore_index=True)
    seen, event_of = _moments(events)
    moved, _ = _prices(played, seen, events, event_of, price)
    events = events.assign(moved=(moved / np.bincount(event_of))[event_of])
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


def _deaths(played: Replay, *, every: bool = False) -> pd.DataFrame:
    """Deaths as events: place, tick since the round went live, kind, and who it is put down to (-1: nobody).

    The victim of a team kill is not put down to it, unless every victim is asked for.
    """
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
            "victim": victim if every else np.where(team_kill, -1, victim),
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
) -> tuple[Array, Array]:
    """How CT's price moved at each moment, and what it was after it."""
    live = np.floor(played.clocks["live_tick"].to_numpy())[moments["place"]]
    earliest = played.clocks["live_tick"].to_numpy()[moments["place"]]
    later = moments.assign(tick=np.maximum(moments["tick"] + live, earliest), moment="after")
    earlier = later.assign(tick=np.maximum(later["tick"] - 1, earliest), moment="before")
    said = _priced(played.states(pd.concat([earlier, later], ignore_index=True)), price)
    then, now = said[: len(moments)], said[len(moments) :]
    defused = np.zeros(len(moments), dtype=bool)
    defused[event_of[(events["kind"] == "defuse").to_numpy()]] = True
    after = np.where(defused, 1.0, now)
    return after - then, after


def _priced(states: pd.DataFrame, price: Price) -> Array:
    """Prices of states: the outcome where one is decided."""
    ct_won, t_won = decided(*(states[name].to_numpy() for name in _DECIDED_BY))
    said = np.where(ct_won, 1.0, 0.0)
    is_open = ~(ct_won | t_won)
    if is_open.any():
        said[is_open] = price(states[is_open].reset_index(drop=True))
    return np.asarray(said, dtype=np.float64)

"""Players over time: the career table, and the training table of the player model.

What belongs here: how match lines become a player's record (`careers`), and how they become pairs of a past
record and a later result (`build`). The record's fields and their definitions are `game.player`'s.

The training table answers one question: *given what was seen of a player until now, what tier will the next
matches show?* So a row has two windows of one player's matches that share no match: the past one, which gives
the features, and the later one, which gives the label and nothing else. A label taken from the same matches as
the K/D among the features would be known to the model beforehand.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.datasets.rounds import PARTS, SHARES
from cs2_pipeline.datasets.schema import TooLittleDataError
from cs2_pipeline.game.player import kd_ratio, rate, tier_of

MIN_CAREER_ROUNDS: Final = 11
"""A career of fewer rounds is not listed."""
LATER_ROUNDS: Final = 100
"""Rounds of the later window, some five matches. At about 0.65 kills and deaths a round the sampling error of its log
K/D is about 0.18, half the tiers' widths of 0.36 and 0.41; a longer window would be surer still but ask for more
matches of every player than many ever play."""
MAX_ANCHORS: Final = 8
"""Moments at which one player's past is cut from the later matches: beyond these, more rows of the same player
say little new."""

_COUNTS: Final = ("kills", "deaths", "headshots", "damage", "first_kills", "clutches", "clutch_attempts", "rounds")


def careers(player_match_stats: pd.DataFrame, added: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per player over all matches: the table ``players``.

    Args:
        player_match_stats: one line per player and match, as extracted.
        added: `schema.WIN_PROBABILITY_ADDED`; only matches that are also among the lines count.

    Returns:
        Columns of `schema.PLAYERS`, the name that of the latest match; players with more than 10 rounds, sorted by
        steam_id.
    """
    lines = _in_time_order(player_match_stats)
    grouped = lines.groupby("steam_id", sort=True)
    sums = grouped[list(_COUNTS)].sum()
    table = pd.DataFrame(_record({name: sums[name].to_numpy() for name in _COUNTS}, grouped.size().to_numpy()))
    table.insert(0, "steam_id", pd.Series(sums.index, dtype="str"))
    # "last" passes over missing names: an unnamed line does not hide the name a player has
    table.insert(1, "player_name", pd.Series(grouped["player_name"].last().to_numpy(), dtype="str"))
    table["win_probability_added"] = table["steam_id"].map(_added_a_round(lines, added)).astype("float64")
    return table[table["total_rounds"] >= MIN_CAREER_ROUNDS].reset_index(drop=True)


def _added_a_round(lines: pd.DataFrame, added: pd.DataFrame | None) -> pd.Series:
    """Win probability added a round, by steam_id, of players with a priced match."""
    if added is None:
        return pd.Series(dtype="float64")
    counted = added.merge(lines[["steam_id", "match_id"]], on=["steam_id", "match_id"])
    sums = counted.groupby("steam_id")[["total", "rounds"]].sum()
    return sums["total"] / sums["rounds"]


def build(
    player_match_stats: pd.DataFrame,
    *,
    later_rounds: int = LATER_ROUNDS,
    max_anchors: int = MAX_ANCHORS,
    shares: Mapping[str, float] = SHARES,
) -> pd.DataFrame:
    """The training table of the player model.

    An *anchor* is a moment between two matches of a player. The later window is the shortest run of matches
    after it with ``later_rounds`` rounds; the past windows are the last 1, 2, 4, 8, ... matches before it and
    all of them, so that the model meets short records and long ones. Rows of one player are not independent:
    intervals must resample players.

    Parts: a player belongs to one part for ever, by a hash of the Steam id, so that nobody moves from the test part
    into the training part as data grows. Time is cut once, where the test part's share of all lines begins:
    the later windows of the other parts end before the cut, those of the test part end after it. So every label
    that a model is tested on became known only after all those it learned from. Rows that do not keep to their
    side are left out.

    Args:
        player_match_stats: one line per player and match, as extracted.
        later_rounds: rounds the later window must hold.
        max_anchors: anchors of one player at most, evenly spread over the possible ones.
        shares: share of the players by part; that of the test part is also the share of lines after the cut.

    Returns:
        steam_id, the fields of `PLAYER_FIELDS` over the past window, past_kd, later_kd, tier (0..3, of
        later_kd), past_matches, later_kills, later_deaths, later_rounds, window_end and later_start (start of the
        last past match and of the first later one), later_end (start of the last later match), source (of the last
        past match), part; sorted by (window_end, steam_id, past_matches).

    Raises:
        TooLittleDataError: a part would be empty.
    """
    lines = _in_time_order(player_match_stats).sort_values("steam_id", kind="stable", ignore_index=True)
    if lines.empty:
        raise TooLittleDataError("no player match lines: extract player_match_stats for at least one day with matches")
    cut = lines["started_at"].sort_values().iloc[int((1 - shares["test"]) * (len(lines) - 1))]
    anchors = _anchors(lines, later_rounds, cut, shares)
    anchors = anchors[_evenly_spread(anchors["player"].to_numpy(), max_anchors)]
    table = _rows(lines, _with_past_windows(anchors))
    missing = [part for part in PARTS if part not in set(table["part"])]
    if missing:
        raise TooLittleDataError(
            f"no rows for {', '.join(missing)}: {lines['steam_id'].nunique()} players with {len(lines)} lines are too "
            f"few for a past match and {later_rounds} later rounds before and after {cut:%Y-%m-%d}; "
            "add matches; 800 simulated ones are enough"
        )
    return table.sort_values(["window_end", "steam_id", "past_matches"], ignore_index=True)


def _in_time_order(lines: pd.DataFrame) -> pd.DataFrame:
    return lines.sort_values(["started_at", "match_id"], kind="stable")


def _anchors(lines: pd.DataFrame, later_rounds: int, cut: pd.Timestamp, shares: Mapping[str, float]) -> pd.DataFrame:
    """Anchors whose later window is complete and on the right side of the cut.

    Columns are numbers of lines: ``anchor`` is the first later one, ``later_stop`` the one after the last later one,
    ``first`` the player's first.
    """
    ids = lines["steam_id"].to_numpy()
    number = np.arange(len(lines))
    begins = np.r_[True, ids[1:] != ids[:-1]]
    player = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    stop = np.r_[first[1:], len(lines)]
    rounds_before = np.r_[0, np.cumsum(lines["rounds"].to_numpy())]
    later_stop = np.searchsorted(rounds_before, rounds_before[:-1] + later_rounds)
    part = np.array([_part(steam_id, shares) for steam_id in ids[first]])[player]
    known = lines["started_at"].array[later_stop.clip(max=len(lines)) - 1]
    on_its_side = np.where(part == "test", known >= cut, known < cut)
    # Two matches that started at one time have no order: neither is the other's past.
    after_past = (lines["started_at"] > lines["started_at"].shift(1)).to_numpy()
    kept = (number > first[player]) & after_past & (later_stop <= stop[player]) & on_its_side
    anchors = pd.DataFrame(
        {"player": player, "anchor": number, "first": first[player], "later_stop": later_stop, "part": part}
    )
    eligible: pd.DataFrame = anchors.loc[kept]
    return eligible


def _part(steam_id: str, shares: Mapping[str, float]) -> str:
    place = int.from_bytes(hashlib.blake2b(steam_id.encode(), digest_size=8).digest()) / 2**64
    ends = np.cumsum([shares[part] for part in PARTS[:-1]])
    return PARTS[np.searchsorted(ends, place, side="right")]


def _evenly_spread(player: NDArray[Any], most: int) -> NDArray[np.bool_]:
    """Which anchors to keep so that each player has at most ``most``, from the first on at even steps."""
    counts = pd.Series(player).groupby(player).transform("size").to_numpy()
    rank = pd.Series(player).groupby(player).cumcount().to_numpy()
    step = np.maximum(counts, most)
    kept: NDArray[np.bool_] = (rank * most) // step != ((rank - 1) * most) // step
    return kept


def _with_past_windows(anchors: pd.DataFrame) -> pd.DataFrame:
    """Each anchor once per past window; ``past_start`` is the number of the window's first line."""
    played = (anchors["anchor"] - anchors["first"]).to_numpy()
    sizes = [2**power for power in range(int(played.max(initial=1)).bit_length())]
    windows = [anchors.assign(past_start=anchors["anchor"] - size)[played >= size] for size in sizes]
    career = anchors.assign(past_start=anchors["first"])[(played & (played - 1)) != 0]
    table: pd.DataFrame = pd.concat([*windows, career], ignore_index=True)
    return table


def _rows(lines: pd.DataFrame, windows: pd.DataFrame) -> pd.DataFrame:
    """The training rows: features from the lines of the past window alone, label from the later ones."""
    sums = {name: np.r_[0, np.cumsum(lines[name].to_numpy())] for name in _COUNTS}
    start, anchor, stop = (windows[name].to_numpy() for name in ("past_start", "anchor", "later_stop"))
    past = _record({name: total[anchor] - total[start] for name, total in sums.items()}, anchor - start)
    later = {name: sums[name][stop] - sums[name][anchor] for name in ("kills", "deaths", "rounds")}
    later_kd = [kd_ratio(*pair) for pair in zip(later["kills"].tolist(), later["deaths"].tolist(), strict=True)]
    times = lines["started_at"]
    return pd.DataFrame(
        {
            "steam_id": lines["steam_id"].iloc[anchor].to_numpy(),
            **past,
            "past_kd": past["kd_ratio"],
            "later_kd": np.array(later_kd, dtype=np.float64),
            "tier": np.array([tier_of(value) for value in later_kd], dtype=np.int64),
            "past_matches": anchor - start,
            **{f"later_{name}": values for name, values in later.items()},
            "window_end": times.iloc[anchor - 1].array,
            "later_start": times.iloc[anchor].array,
            "later_end": times.iloc[stop - 1].array,
            "source": lines["source"].iloc[anchor - 1].array,
            "part": pd.array(windows["part"].to_numpy(), dtype="str"),
        }
    ).astype({"steam_id": "str"})


def _record(sums: dict[str, NDArray[Any]], matches: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The fields of `PLAYER_FIELDS`, in their order, from sums over ``matches`` matches."""
    per_match = {name: sums[name] / matches for name in ("kills", "deaths", "headshots", "damage", "first_kills")}
    return {
        "avg_kills": per_match["kills"],
        "avg_deaths": per_match["deaths"],
        "avg_headshots": per_match["headshots"],
        "avg_damage": per_match["damage"],
        "total_clutches": sums["clutches"],
        "total_clutch_attempts": sums["clutch_attempts"],
        "avg_first_kills": per_match["first_kills"],
        "total_rounds": sums["rounds"],
        "kd_ratio": _each(kd_ratio, per_match["kills"], per_match["deaths"]),
        "headshot_pct": _each(rate, per_match["headshots"], per_match["kills"]),
        "clutch_rate": _each(rate, sums["clutches"], sums["clutch_attempts"]),
        "adr": _each(rate, sums["damage"], sums["rounds"]),
    }


def _each(definition: Any, left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """One of the game's definitions of two numbers, over two arrays."""
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    return np.array([definition(one, other) for one, other in pairs], dtype=np.float64)

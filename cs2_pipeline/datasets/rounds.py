"""The training table of the round model: open states, split into parts by whole matches in time order."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.datasets.schema import ROUND_DATASET, ROUND_SNAPSHOTS, DatasetError, Derived, TooLittleDataError
from cs2_pipeline.game.maps import map_index
from cs2_pipeline.game.rules import is_match_point
from cs2_pipeline.game.state import decided

PARTS: Final = ("train", "validate", "calibrate", "test")
SHARES: Final[Mapping[str, float]] = {"train": 0.5, "validate": 0.1, "calibrate": 0.1, "test": 0.3}
"""Share of the matches in each part, oldest matches first."""

PRIOR: Final = "prior"
"""Part of the matches of another game that a model may start from. It is never judged on them."""

FORMER: Final = "former"
"""Part of the matches before a change of play. They are learned from only where that turns out to be better."""

_DECIDED_BY: Final = ("ct_alive", "t_alive", "bomb_planted", "time_remaining")


def is_decided(snapshots: pd.DataFrame) -> NDArray[np.bool_]:
    """Which snapshots show a round that is already decided (`game.state.decided`): one boolean per row."""
    ct_won, t_won = decided(*(snapshots[name].to_numpy() for name in _DECIDED_BY))
    return np.asarray(ct_won | t_won, dtype=bool)


def build(
    round_snapshots: pd.DataFrame,
    shares: Mapping[str, float] = SHARES,
    changed_at: datetime | None = None,
    prior: pd.DataFrame | None = None,
) -> Derived:
    """The round dataset of a table of snapshots.

    Args:
        round_snapshots: columns of `schema.ROUND_SNAPSHOTS`, rows in any order.
        shares: share of the matches by part, oldest matches first; they add up to 1.
        changed_at: start of the first match of changed play: what started before is in the part `FORMER`, and the
            shares are those of the other matches.
        prior: more snapshots, of another game, that a model may start from; their ids may be those of others.

    The matches are those of one game, CS2 where there are any. What is of another is in the part `PRIOR`.

    Returns:
        Columns of `schema.ROUND_DATASET`, sorted by started_at, match_id, round_number and snapshot; and how many
        snapshots were left out, by reason.

    Raises:
        DatasetError: no snapshots, a column missing, a match with two start times, or fewer matches than the shares
            need.
    """
    frame = ROUND_SNAPSHOTS.conform(round_snapshots)
    if prior is not None:
        frame = pd.concat([frame, _behind(ROUND_SNAPSHOTS.conform(prior), frame)], ignore_index=True)
    over, saved = is_decided(frame), _only_saved(frame)
    frame = frame[~over & ~saved].sort_values(["started_at", "match_id", "round_number", "snapshot"], ignore_index=True)
    names = frame["map_name"]
    frame["map_index"] = (
        names.map({name: map_index(name) for name in names.dropna().unique()}).fillna(0).astype("int64")
    )
    own = frame["game"] == _judged_game(frame)
    matches = frame.loc[own, ["started_at", "match_id"]].drop_duplicates()
    twice = matches["match_id"].duplicated()
    if twice.any():
        raise DatasetError(f"match {matches.loc[twice, 'match_id'].iloc[0]} has two start times: it was imported twice")
    former = 0 if changed_at is None else int((matches["started_at"] < changed_at).sum())
    parts = [FORMER] * former + parts_in_order(len(matches) - former, shares)
    part_of = dict(zip(matches["match_id"], parts, strict=True))
    frame["part"] = frame["match_id"].map(part_of).where(own, PRIOR).astype("str")
    left_out = {
        "snapshots of decided rounds": int(over.sum()),
        "snapshots at match point, last round of the match unknown": int((saved & ~over).sum()),
    }
    return Derived(ROUND_DATASET.conform(frame), {reason: rows for reason, rows in left_out.items() if rows})


def _only_saved(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Which snapshots are at match point in CS2 matches without a snapshot of the round that won them.

    Where a source does not know the last round, only the match points that were saved are left of such a match: a
    model that learned from them would believe that every match point is.
    """
    ct_score, t_score = frame["ct_score"].to_numpy(), frame["t_score"].to_numpy()
    point = (frame["game"] == "cs2").to_numpy() & is_match_point(ct_score, t_score)
    won = point & ((ct_score > t_score) == (frame["ct_wins"] == 1).to_numpy())
    return np.asarray(point & ~frame["match_id"].isin(frame.loc[won, "match_id"]).to_numpy(), dtype=bool)


def _judged_game(frame: pd.DataFrame) -> str:
    """The game that a model of these snapshots is for."""
    games = frame["game"].value_counts()
    return "cs2" if "cs2" in games else str(games.index[0]) if len(games) else "cs2"


def _behind(prior: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Snapshots with ids beyond those of the frame."""
    return prior.assign(**{name: prior[name] + frame[name].max() + 1 for name in ("match_id", "round_id")})


def parts_in_order(count: int, shares: Mapping[str, float] = SHARES, what: str = "matches") -> list[str]:
    """The part of each of ``count`` things in time order: one contiguous run for each share, in the shares' order.

    Raises:
        DatasetError: the shares do not add up to 1.
        TooLittleDataError: a part would be empty; the message says how many it takes.
    """
    if any(share <= 0 for share in shares.values()) or round(sum(shares.values()), 9) != 1:
        raise DatasetError(f"shares must be positive and add up to 1, got {dict(shares)}")
    sizes = _sizes(count, shares)
    if min(sizes) < 1:
        needed = next(n for n in range(count + 1, 1_000_000) if min(_sizes(n, shares)) >= 1)
        split = ", ".join(f"{part} {share:g}" for part, share in shares.items())
        raise TooLittleDataError(
            f"a split into {split} needs at least {needed} {what}, there are {count}: add more data"
        )
    return [part for part, size in zip(shares, sizes, strict=True) for _ in range(size)]


def _sizes(count: int, shares: Mapping[str, float]) -> list[int]:
    ends = np.rint(np.cumsum(list(shares.values())) * count).astype(int)
    return [int(size) for size in np.diff(ends, prepend=0)]

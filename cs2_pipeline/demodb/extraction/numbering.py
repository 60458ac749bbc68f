"""Which of a match's recorded rounds are live, and their numbers in the match.

The application counts every start of a round: warm-up, knife round, false starts and rounds played again. Here the
rounds that a restart undid are left out, and what remains is numbered by the score, because sides follow from the
number. Nothing else about a round is decided here.
"""

from collections.abc import Callable, Collection

import numpy as np
import pandas as pd

from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.reasons import Tally

KnivesOnly = Callable[[Collection[int]], set[int]]
"""Which of the rounds of some ids saw no kill but with a knife, and at least one."""


def live(frame: pd.DataFrame, not_scored: pd.DataFrame, tally: Tally, knives_only: KnivesOnly) -> pd.DataFrame:
    """The live rounds with their numbers in the match.

    Args:
        frame: rounds that ended: match_id, round_id, round_number as recorded, start_tick, ct_score, t_score, winner
            side ("CT"/"T", null where unknown).
        not_scored: rounds of the same matches already left out because they gave no point: match_id, round_number.
        tally: where rounds left out are counted.
        knives_only: asked for the first round of a match and for those that a restart undid.

    Returns:
        The rounds in the order of match and number; `round_number` counts from the first scored round, the scores
        include the round's own point.
    """
    frame = frame.sort_values(["match_id", "round_number", "start_tick", "round_id"], ignore_index=True)
    again = frame.duplicated(["match_id", "round_number"], keep="last")
    frame = tally.leave_out(frame, again, reasons.PLAYED_AGAIN).reset_index(drop=True)
    undone = _undone(frame)
    first = ~(frame["match_id"].where(~undone).duplicated() | undone)
    knives = frame["round_id"].isin(knives_only(frame.loc[undone | first, "round_id"].tolist()))
    out = knives & (undone | first)
    not_scored = pd.concat([not_scored, frame.loc[undone | out, ["match_id", "round_number"]]])
    kept = tally.leave_out(frame, out, reasons.KNIFE_ROUND)
    kept = tally.leave_out(kept, undone[kept.index], reasons.BEFORE_RESTART).reset_index(drop=True)
    return _numbered(_with_own_point(kept, tally), not_scored)


def _points(frame: pd.DataFrame) -> pd.Series:
    """Points of both sides together; null where the match has no score."""
    points = (frame["ct_score"] + frame["t_score"]).astype("float64")
    return points.where(points.groupby(frame["match_id"]).transform("max") > 0)


def _undone(frame: pd.DataFrame) -> pd.Series:
    """Rounds that lie before the score fell back to where it was before them.

    One odd score is no restart: from a restart on the score goes up again point by point. In the last round, whose
    score may be of a server that was reset when the match was over, it falls by two points at most.
    """
    points = _points(frame)
    by_match = points.groupby(frame["match_id"])
    before, following = by_match.shift(), by_match.shift(-1)
    goes_on = (following - points <= 2).where(following.notna(), before - points <= 2)
    fell = (points <= before) & goes_on
    back_to = points.where(fell, np.inf)[::-1].groupby(frame["match_id"][::-1]).cummin()[::-1]
    later = back_to.groupby(frame["match_id"]).shift(-1)
    return (points >= later).fillna(False).astype(bool)


def _with_own_point(frame: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """The scores after each round, also where a match's rows were last written before the point was given.

    Told apart by whose score grew from one row to the next: always this round's winner's, or always the one's before.
    The other of the two is right by chance, wherever a side wins twice in a row.
    """
    by_match = frame.groupby("match_id")
    scores = frame[["ct_score", "t_score"]].astype("float64")
    grew = scores.groupby(frame["match_id"]).diff()
    one = grew.sum(axis=1) == 1
    gained = pd.Series(np.where(grew["ct_score"] == 1, "CT", "T"), index=frame.index)
    votes = pd.DataFrame(
        {
            "match_id": frame["match_id"],
            "own": one & (gained == frame["winner_side"]),
            "before": one & (gained == by_match["winner_side"].shift()),
        }
    )
    count = votes.groupby("match_id")[["own", "before"]].transform("sum")
    early = (count["before"] > count["own"]) & (count["before"] > 2)
    if early.any():
        tally.mapped[reasons.SCORE_BEFORE] += int(early.sum())
    point = {side: (early & (frame["winner_side"] == side)).astype("int64") for side in ("CT", "T")}
    return frame.assign(ct_score=frame["ct_score"] + point["CT"], t_score=frame["t_score"] + point["T"])


def _numbered(frame: pd.DataFrame, not_scored: pd.DataFrame) -> pd.DataFrame:
    """The recorded number, less the rounds before it that gave no point, less what still sets it off the score."""
    skipped = not_scored[["match_id", "round_number"]].assign(skipped=1)
    every = pd.concat([frame[["match_id", "round_number"]].assign(skipped=0), skipped])
    every = every.sort_values(["match_id", "round_number", "skipped"], kind="stable")
    before = every.groupby("match_id")["skipped"].cumsum()[every["skipped"] == 0]
    number = frame["round_number"].astype("int64").to_numpy() - before.to_numpy()
    ahead = (number - _points(frame)).groupby(frame["match_id"]).transform("median")
    return frame.assign(round_number=number - np.floor(ahead.fillna(0)).astype("int64"))

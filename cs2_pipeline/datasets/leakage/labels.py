"""Checks (c) and (d): whether labels are those of their rows, and the rows questions at all."""

from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.datasets.leakage.report import Finding, finding, listed
from cs2_pipeline.datasets.leakage.table import SURE, AuditedTable, Floats
from cs2_pipeline.datasets.rounds import is_decided
from cs2_pipeline.game.rules import sides_swapped

MAX_LABEL_ERROR: Final = 0.01
"""Labels may be wrong in one round of a hundred: that moves a mean probability by at most 0.01, half of the
calibration error a promoted model may have."""


def labels_within_rounds(table: AuditedTable) -> Finding:
    """Whether a round has one winner, and its first row no other than the rest."""
    title = "one label a round"
    by_round = pd.Series(table.labels).groupby(table.units)
    ends = by_round.agg(["first", "last", "min", "max", "size"])
    mixed = (ends["min"] != ends["max"]).to_numpy()
    repeated = (ends["size"] > 1).to_numpy()
    previous = _previous_winner(table, ends)
    checkable = repeated & ~np.isnan(previous)
    numbers = {"rounds": float(len(ends)), "rounds with both labels": float(mixed.sum())}
    if checkable.any():
        known = ends[checkable]
        numbers["rounds with a round before"] = float(len(known))
        numbers["first label equals the previous winner"] = float((known["first"] == previous[checkable]).mean())
        numbers["last label equals the previous winner"] = float((known["last"] == previous[checkable]).mean())
    if not mixed.any():
        return Finding("c", title, "pass", f"All {len(ends)} rounds have one label each.", numbers)
    sentence = f"{mixed.sum()} of {len(ends)} rounds carry both labels, but a round has one winner."
    same = numbers.get("first label equals the previous winner", 0)
    honest = numbers.get("last label equals the previous winner", 0)
    if same - honest > MAX_LABEL_ERROR:
        sentence += (
            f" The first label is the previous round's winner in {same:.1%} of rounds, the last in {honest:.1%}: "
        )
        sentence += "first labels are one round late."
    return Finding("c", title, "fail", sentence, numbers)


def _previous_winner(table: AuditedTable, ends: pd.DataFrame) -> Floats:
    """Last label of the round before it in the table, by round; NaN for a match's first."""
    first_row = pd.Series(np.arange(len(table.frame))).groupby(table.units).first()
    order = np.argsort(first_row.to_numpy(), kind="stable")
    match = table.groups[first_row.to_numpy()][order]
    last = ends["last"].to_numpy(dtype=np.float64)[order]
    previous = np.empty(len(ends))
    previous[order] = np.where(np.r_[True, match[1:] != match[:-1]], np.nan, np.r_[np.nan, last[:-1]])
    return previous


def labels_against_score(table: AuditedTable) -> Finding:
    """Whether the side labelled as winner is the one that scored before the next round."""
    title = "labels against the score"
    needed = ["match_id", "round_id", "round_number", "ct_score", "t_score", table.label]
    absent = [name for name in needed if name not in table.frame]
    if absent:
        sentence = f"Not checked: the table has no {listed(absent)}."
        return Finding("c", title, "note", sentence)
    rounds = table.frame.drop_duplicates("round_id")[needed].sort_values(["match_id", "round_number"])
    following = rounds.groupby("match_id").shift(-1)
    number = rounds["round_number"]
    swap = np.array([sides_swapped(n) != sides_swapped(n + 1) for n in number])
    ct, t = (following[name] - rounds[name] for name in ("ct_score", "t_score"))
    told = (following["round_number"] == number + 1) & ~swap & (ct + t == 1) & ct.isin([0, 1])
    if not told.any():
        return Finding("c", title, "note", "Not checked: no score advances by one from a round to the next.")
    wrong = float((rounds[table.label] != ct)[told].mean())
    before = ct.where(told).groupby(rounds["match_id"]).shift(1)
    followed = told & before.notna()
    late = float((rounds[table.label] == before)[followed].mean()) if followed.any() else 0.0
    numbers = {
        "rounds checked": float(told.sum()),
        "share of labels against the score": wrong,
        "share of labels that are the side that scored a round earlier": late,
        "limit": MAX_LABEL_ERROR,
    }
    failed = wrong - SURE * np.sqrt(MAX_LABEL_ERROR / told.sum()) > MAX_LABEL_ERROR
    sentence = f"In {wrong:.1%} of {told.sum()} rounds the first label is not the side that scored."
    if failed and late > 1 - wrong:
        sentence += f" It is the side that scored a round earlier in {late:.1%}: labels are one round late."
    return finding("c", title, failed, sentence, numbers)


def later_windows(table: AuditedTable) -> Finding:
    """Whether the label's matches begin after the features' matches end, and parts keep the order of time."""
    title = "labels from later matches only"
    frame = table.frame
    if not {"later_start", "window_end"} <= set(frame.columns):
        sentence = "Not checked: the table lacks window_end or later_start, the times behind features and label."
        return Finding("c", title, "note", sentence)
    mixed = int((frame["later_start"] <= frame["window_end"]).sum())
    known_late = 0
    tested = table.tested
    if tested is not None and "later_end" in frame and tested.any() and not tested.all():
        known_late = int((frame.loc[~tested, "later_end"] >= frame.loc[tested, "later_end"].min()).sum())
    numbers = {
        "rows whose windows overlap": float(mixed),
        "labels learned from that were known after one tested on": float(known_late),
    }
    if not mixed and not known_late:
        return Finding("c", title, "pass", "Every label comes from matches after those of its features.", numbers)
    sentence = f"{mixed} rows take label and features from the same time, and {known_late} labels to learn from became "
    sentence += "known after one that is tested on."
    return Finding("c", title, "fail", sentence, numbers)


def decided_states(table: AuditedTable) -> Finding:
    """Whether a state is decided by the rules already."""
    title = "decided states"
    absent = [name for name in ("ct_alive", "t_alive", "bomb_planted", "time_remaining") if name not in table.frame]
    if absent:
        return Finding("d", title, "note", f"Not checked: the table has no {listed(absent)}.")
    count = int(is_decided(table.frame).sum())
    numbers = {"decided states": float(count), "share": count / len(table.frame)}
    if not count:
        return Finding("d", title, "pass", "No state is decided.", numbers)
    sentence = (
        f"{count} states ({numbers['share']:.1%}) are decided: they flatter a model that is not asked about them."
    )
    return Finding("d", title, "fail", sentence, numbers)


def no_decided_states(_: AuditedTable) -> Finding:
    """That a player's tier cannot be a decided state, said so that the letter is not missing."""
    return Finding("d", "decided states", "pass", "A player's tier is not decided by any state of a game.")

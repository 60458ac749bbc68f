"""Checks (a) and (f): whether a feature, a row's place or all features together tell the label."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.datasets.leakage.labels import MAX_LABEL_ERROR
from cs2_pipeline.datasets.leakage.report import Finding, finding, listed
from cs2_pipeline.datasets.leakage.table import SURE, AuditedTable, Floats, numbers_of
from cs2_pipeline.datasets.leakage.trees import accuracy, auc, held_out, shallow_tree
from cs2_pipeline.game.player import tier_of

BEST_ROUND_AUC: Final = 0.864
"""The best AUC published for a model of open round states (set networks, 12,742 professional maps). One feature, which
sees one side of a game of two, does not reach what all features together do."""
MAX_POSITION_AUC: Final = 0.6
"""A row's place in the table can tell no more than slow drift of the share of CT wins. To give 0.6 that share would
have to be 40 % in one half of the table and 60 % in the other: more than maps or seasons differ."""
MAX_CERTAIN_SHARE: Final = 0.1
"""Share of unseen rows on whose label a shallow tree is certain, and right. Open states are rarely sure: where a
model's AUC is 0.86, about one in a hundred has a probability beyond 0.99 either way (two normal distributions)."""
CERTAIN: Final = 0.99
TIER_CEILING: Final = 0.98
"""Share of tiers that can be foretold where a table does not say how many kills and deaths its labels rest on: to
get 98 % right the labels themselves would have to rest on some 18,000 kills each."""
_CEILING: Final = "the labels' own sampling error leaves to anyone"


def telling_round_features(table: AuditedTable) -> Finding:
    """Whether one feature alone tells who wins a round."""
    return _telling_features(table, auc, BEST_ROUND_AUC, "AUC", "the best published model reaches with all of them")


def telling_player_features(table: AuditedTable) -> Finding:
    """Whether one feature alone tells a player's tier."""
    return _telling_features(table, accuracy, _tier_ceiling(table.frame), "accuracy", _CEILING)


def _telling_features(
    table: AuditedTable, measure: Callable[[NDArray[np.int64], Floats], float], limit: float, name: str, reason: str
) -> Finding:
    rows, tree = table.sample, shallow_tree(16, table.seed)
    labels = table.labels[rows]
    values = {
        feature: measure(
            labels, held_out(tree, table.matrix[rows, [number], None], labels, table.groups[rows], table.seed)
        )
        for number, feature in enumerate(table.features)
    }
    telling = [feature for feature, value in values.items() if value - SURE * table.standard_error(rows, value) > limit]
    best = max(values, key=lambda feature: values[feature])
    numbers = {f"{name} of {feature}": value for feature, value in values.items()} | {"limit": limit}
    sentence = f"The most telling feature alone is {best}, with {name} {values[best]:.3f} on unseen groups"
    if telling:
        sentence += f"; {listed(telling)} tell more than {reason} ({limit:.3f}): they know the outcome."
    else:
        sentence += f"; {reason} is {limit:.3f}."
    return finding("a", "a feature that tells the label", bool(telling), sentence, numbers)


def telling_position(table: AuditedTable) -> Finding:
    """Whether a row's number or a key tells the label: then the table is ordered by its outcome."""
    rows, tree = table.sample, shallow_tree(16, table.seed)
    labels = table.labels[rows]
    places: dict[str, Floats] = {"row number": np.arange(len(table.frame), dtype=np.float64)}
    places |= {
        name: numbers_of(table.frame[name]) for name in ("match_id", "round_id", "steam_id") if name in table.frame
    }
    values = {
        name: auc(labels, held_out(tree, place[rows, None], labels, table.groups[rows], table.seed))
        for name, place in places.items()
    }
    best = max(values, key=lambda name: values[name])
    failed = values[best] - SURE * table.standard_error(rows, values[best]) > MAX_POSITION_AUC
    sentence = f"The {best} alone predicts the label of unseen groups with AUC {values[best]:.3f}"
    if failed:
        sentence += f", drift at most {MAX_POSITION_AUC}: the table is ordered by its outcome. Sort it by time."
    else:
        sentence += f"; drift may give {MAX_POSITION_AUC}."
    numbers = {f"AUC of {name}": value for name, value in values.items()} | {"limit": MAX_POSITION_AUC}
    return finding("a", "a row's place that tells the label", failed, sentence, numbers)


def certain_labels(table: AuditedTable) -> Finding:
    """Share of unseen rows whose label a shallow tree knows for certain, and is right about."""
    title = "labels that can be computed"
    rows = table.sample
    labels = table.labels[rows]
    tree = shallow_tree(16, table.seed)
    scores = held_out(tree, table.matrix[rows], labels, table.groups[rows], table.seed)
    certain = scores.max(axis=1) >= CERTAIN
    right = float((scores.argmax(axis=1) == labels)[certain].mean()) if certain.any() else 0.0
    share = float(certain.mean()) if right >= CERTAIN - MAX_LABEL_ERROR else 0.0
    numbers = {
        "share of rows a shallow tree is certain of": float(certain.mean()),
        "share of those it is right about": right,
        "accuracy": accuracy(labels, scores),
        "limit": MAX_CERTAIN_SHARE,
    }
    failed = share - SURE * table.standard_error(rows, share) > MAX_CERTAIN_SHARE
    sentence = f"A tree of 16 leaves is certain of {certain.mean():.1%} of the labels of unseen groups"
    if certain.any():
        sentence += f" and right about {right:.1%} of those"
    sentence += ": the features hold the outcome." if failed else "."
    return finding("f", title, failed, sentence, numbers)


def computable_tier(table: AuditedTable) -> Finding:
    """Whether a shallow tree gets more tiers right than the labels' own error allows."""
    title = "labels that can be computed"
    rows = table.sample
    labels = table.labels[rows]
    reached = accuracy(
        labels, held_out(shallow_tree(16, table.seed), table.matrix[rows], labels, table.groups[rows], table.seed)
    )
    ceiling = _tier_ceiling(table.frame)
    same = float((table.frame["kd_ratio"].map(tier_of) == table.labels).mean()) if "kd_ratio" in table.frame else np.nan
    numbers = {
        "accuracy of a shallow tree": reached,
        "tier of the K/D among the features equals the label": same,
        "limit": ceiling,
    }
    failed = reached - SURE * table.standard_error(rows, reached) > ceiling
    sentence = f"A tree of 16 leaves gets {reached:.1%} of the tiers of unseen players right; {_CEILING} {ceiling:.1%}"
    sentence += ": the label is cut from the features." if failed else "."
    return finding("f", title, failed, sentence, numbers)


def _tier_ceiling(frame: pd.DataFrame) -> float:
    """Share of tiers that one who knew every player's true K/D would get right.

    A later K/D of k kills and d deaths has a sampling error of sqrt(1/k + 1/d) on the log scale (Poisson counts;
    real ones vary more, so the true ceiling is lower). Drawn anew around each observed K/D, the tier stays the same
    this often.
    """
    if not {"later_kills", "later_deaths"} <= set(frame.columns):
        return TIER_CEILING
    kills, deaths = (np.maximum(frame[f"later_{name}"].to_numpy(dtype=np.float64), 1) for name in ("kills", "deaths"))
    drawn = kills / deaths * np.exp(np.random.default_rng(0).normal(0, np.sqrt(1 / kills + 1 / deaths)))
    return float(
        np.mean([tier_of(a) == tier_of(b) for a, b in zip(drawn.tolist(), (kills / deaths).tolist(), strict=True)])
    )

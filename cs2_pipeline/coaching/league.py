"""All players of a game at once: from observations to everybody's card, and to how followed plans stand."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.coaching import cards, estimates, trials
from cs2_pipeline.coaching.cards import Card
from cs2_pipeline.coaching.estimates import Known, Peers
from cs2_pipeline.coaching.observed import EVERYBODY, WITHIN, checked
from cs2_pipeline.coaching.reliability import Reliability, reliability
from cs2_pipeline.coaching.skills import Skill
from cs2_pipeline.coaching.trials import After, Answer, Progress

NOT_RECORDED: Final = "none of the player's matches records it"
FEW_PEERS: Final = f"fewer than {estimates.MIN_PEERS} peers were seen in it, or none of them twice"
_ENOUGH_PAIRS: Final = 20


@dataclass(frozen=True)
class League:
    """What is known of a game's players.

    Attributes:
        cards: by player.
        peers: by skill and group.
        reliabilities: by skill; None where it could not be measured.
    """

    cards: Mapping[str, Card]
    peers: Mapping[tuple[str, str], Peers]
    reliabilities: Mapping[str, Reliability | None]


def league(
    observations: pd.DataFrame,
    skills: Sequence[Skill],
    *,
    reference: str | None = None,
    unseen: Mapping[str, str] | None = None,
) -> League:
    """Everybody's card.

    Args:
        observations: of one game (`observed.OBSERVATIONS`). A player's group is that of the latest match.
        skills: of the game.
        reference: the skill in win probability that tells what the others are worth.
        unseen: by skill, why nobody was seen in it, where that is known.

    Raises:
        CoachingError: the observations are broken.
    """
    rows, paths = _in_latest_group(checked(observations, skills))
    by_skill = {skill.name: estimates.adjusted(rows[rows["skill"] == skill.name]) for skill in skills}
    reliabilities = {name: reliability(found, skill=name) for name, found in by_skill.items()}
    groups: dict[tuple[str, str], Peers] = {}
    known: dict[tuple[str, str], Known] = {}
    for name, found in by_skill.items():
        for group, part in found.groupby("group"):
            distribution = estimates.peers(_compared(found, str(group), paths), skill=name, group=str(group))
            if distribution is None:
                continue
            groups[name, str(group)] = distribution
            for player, sums in estimates.by_player(part).iterrows():
                known[name, str(player)] = estimates.known(sums, distribution)
    worth = _worth(by_skill, reference) if reference in set(rows["skill"]) and reference is not None else {}
    recorded = set(zip(rows["skill"], rows["player"], strict=True))
    matches, latest = rows.groupby("player")["match"].nunique(), dict(zip(rows["player"], rows["group"], strict=True))
    made = {}
    for player, count in matches.items():
        name, group = str(player), str(latest[str(player)])
        lines = tuple(
            cards.line(
                skill,
                known[skill.name, name],
                groups[skill.name, group],
                reliability=reliabilities[skill.name],
                worth_per_unit=worth.get(skill.name),
            )
            for skill in skills
            if (skill.name, name) in known
        )
        missing = {
            skill.name: FEW_PEERS if (skill.name, name) in recorded else (unseen or {}).get(skill.name, NOT_RECORDED)
            for skill in skills
            if (skill.name, name) not in known
        }
        made[name] = Card(name, group, int(count), lines, missing)
    return League(made, groups, reliabilities)


@dataclass(frozen=True)
class Trial:
    """A plan's claim about one skill.

    Attributes:
        player, skill: whose and which.
        since: when the plan began.
        former: the answer given at an earlier look, if any.
    """

    player: str
    skill: Skill
    since: datetime
    former: Answer | None = None


def look(observations: pd.DataFrame, skills: Sequence[Skill], wanted: Iterable[Trial]) -> list[Progress | None]:
    """How trials stand; None where the skill was not known before the plan.

    Raises:
        CoachingError: the observations are broken.
    """
    rows, paths = _in_latest_group(checked(observations, skills))
    trials_of: dict[str, pd.DataFrame] = {}
    found = []
    for one in wanted:
        if one.skill.name not in trials_of:
            trials_of[one.skill.name] = estimates.adjusted(rows[rows["skill"] == one.skill.name])
        found.append(_look(trials_of[one.skill.name], paths, one))
    return found


def _look(rows: pd.DataFrame, paths: Mapping[str, str], trial: Trial) -> Progress | None:
    own = rows[rows["player"] == trial.player]
    if own.empty:
        return None
    mine = str(own["group"].iloc[0])  # the same in all of them
    rows = _compared(rows, mine, paths)
    before = rows[rows["at"] < trial.since]
    if trial.player not in set(before["player"]):
        return None
    group = estimates.peers(before, skill=trial.skill.name, group=mine)
    if group is None:
        return None
    after = own[own["at"] >= trial.since]
    drift, error = _drift(rows[rows["player"] != trial.player], trial.since, group)
    seen = After(after["total"].to_numpy("float64"), after["exposure"].to_numpy("float64"), drift, error)
    known = estimates.known(estimates.by_player(before).loc[trial.player], group)
    return trials.progress(known, group, seen, sign=trial.skill.sign, former=trial.former)


def _drift(rows: pd.DataFrame, since: datetime, group: Peers) -> tuple[float, float]:
    """The peers' mean change between their matches before and since a moment, and its standard error."""
    parts = [estimates.by_player(half) for half in (rows[rows["at"] < since], rows[rows["at"] >= since])]
    both = parts[0].add_suffix("_before").join(parts[1].add_suffix("_after"), how="inner")
    if len(both) < _ENOUGH_PAIRS:
        return 0.0, group.spread / _ENOUGH_PAIRS**0.5
    change = (both["mean_after"] - both["mean_before"]).to_numpy("float64")
    weights = 1 / (1 / both["exposure_before"] + 1 / both["exposure_after"]).to_numpy("float64")
    mean = float(np.average(change, weights=weights))
    spread = float(np.sum((weights * (change - mean)) ** 2) ** 0.5 / weights.sum())
    return mean, spread


def _in_latest_group(rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Every row under one group for each player, and by player the full name of the group.

    The group is that of the latest match. One of fewer than `estimates.MIN_PEERS` players gives way to the next wider
    one, and at last to everybody; but a group whose name has several parts never gives way to more than its first.
    Of such a player only matches within one first part count: that of most matches.
    """
    ordered = rows.sort_values(["at", "match"], kind="stable")
    wide, parted = ordered["group"].str.partition(WITHIN)[0], ordered["group"].str.contains(WITHIN, regex=False)
    matches = ordered.assign(wide=wide)[parted].groupby(["player", "wide"], sort=False)["match"].nunique()
    usual = {str(player): str(first) for player, first in matches.groupby("player").idxmax()}
    ordered = ordered[~ordered["player"].isin(usual) | (wide == ordered["player"].map(usual))]
    paths = {str(player): str(path) for player, path in ordered.groupby("player")["group"].last().items()}
    count = Counter(width for path in paths.values() for width in _widths(path))
    chosen = {path: _wide_enough(path, count) for path in set(paths.values())}
    return ordered.assign(group=ordered["player"].map(paths).map(chosen)), paths


def _widths(path: str) -> list[str]:
    """A group's name and those of the wider ones around it."""
    parts = path.split(WITHIN)
    return [WITHIN.join(parts[:count]) for count in range(len(parts), 0, -1)]


def _wide_enough(path: str, count: Mapping[str, int]) -> str:
    widths = _widths(path)
    fallback = EVERYBODY if len(widths) == 1 else widths[-1]
    return next((width for width in widths if count[width] >= estimates.MIN_PEERS), fallback)


def _compared(rows: pd.DataFrame, group: str, paths: Mapping[str, str]) -> pd.DataFrame:
    """The rows of everybody who belongs to a group, also by a narrower one."""
    if group == EVERYBODY:
        return rows
    inside = {player for player, path in paths.items() if group in _widths(path)}
    return rows[rows["player"].isin(inside)]


def _worth(by_skill: Mapping[str, pd.DataFrame], reference: str) -> dict[str, float]:
    """What a unit more of each skill goes with in the reference, by regression over players' averages."""
    target = estimates.by_player(by_skill[reference])
    found = {reference: 1.0}
    for name, rows in by_skill.items():
        if name == reference or rows.empty:
            continue
        both = estimates.by_player(rows).join(target.add_suffix("_target"), how="inner")
        values, weights = both["mean"].to_numpy("float64"), both["exposure"].to_numpy("float64")
        if len(both) < estimates.MIN_PEERS or np.ptp(values) == 0:
            continue
        centred = values - np.average(values, weights=weights)
        found[name] = float(np.sum(weights * centred * both["mean_target"]) / np.sum(weights * centred**2))
    return found

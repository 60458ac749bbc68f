"""All players of a game at once: from observations to everybody's card, and to how followed plans stand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.coaching import cards, estimates, trials
from cs2_pipeline.coaching.cards import Card
from cs2_pipeline.coaching.estimates import Known, Peers
from cs2_pipeline.coaching.observed import EVERYBODY, checked
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
    rows = _in_latest_group(checked(observations, skills))
    by_skill = {skill.name: estimates.adjusted(rows[rows["skill"] == skill.name]) for skill in skills}
    reliabilities = {name: reliability(found, skill=name) for name, found in by_skill.items()}
    groups: dict[tuple[str, str], Peers] = {}
    known: dict[tuple[str, str], Known] = {}
    for name, found in by_skill.items():
        for group, part in found.groupby("group"):
            compared = found if group == EVERYBODY else part
            distribution = estimates.peers(compared, skill=name, group=str(group))
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
    rows = _in_latest_group(checked(observations, skills))
    trials_of: dict[str, pd.DataFrame] = {}
    found = []
    for one in wanted:
        if one.skill.name not in trials_of:
            trials_of[one.skill.name] = estimates.adjusted(rows[rows["skill"] == one.skill.name])
        found.append(_look(trials_of[one.skill.name], one))
    return found


def _look(rows: pd.DataFrame, trial: Trial) -> Progress | None:
    own = rows[rows["player"] == trial.player].sort_values(["at", "match"])
    if own.empty:
        return None
    mine = str(own["group"].iloc[-1])
    rows = rows if mine == EVERYBODY else rows[rows["group"] == mine]
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
    halves = rows[rows["at"] < since], rows[rows["at"] >= since]
    if any(half.empty for half in halves):
        return 0.0, group.spread / _ENOUGH_PAIRS**0.5
    parts = [estimates.by_player(half) for half in halves]
    both = parts[0].add_suffix("_before").join(parts[1].add_suffix("_after"), how="inner")
    if len(both) < _ENOUGH_PAIRS:
        return 0.0, group.spread / _ENOUGH_PAIRS**0.5
    change = (both["mean_after"] - both["mean_before"]).to_numpy("float64")
    variance = group.noise * (1 / both["exposure_before"] + 1 / both["exposure_after"]).to_numpy("float64")
    weights = 1 / np.maximum(variance, np.finfo(float).tiny)
    mean = float(np.average(change, weights=weights))
    spread = float(np.sum((weights * (change - mean)) ** 2) ** 0.5 / weights.sum())
    return mean, spread


def _in_latest_group(rows: pd.DataFrame) -> pd.DataFrame:
    """Every row under the group of its player's latest match: one comparison a player.

    Who is in a group of fewer than `estimates.MIN_PEERS` players is compared with everybody.
    """
    ordered = rows.sort_values(["at", "match"], kind="stable")
    group = ordered.groupby("player")["group"].transform("last")
    size = ordered["player"].groupby(group).transform("nunique")
    return ordered.assign(group=group.where(size >= estimates.MIN_PEERS, EVERYBODY))


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

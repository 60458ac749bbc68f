"""A week's plan from known weaknesses and the catalogue: deterministic, within the player's time, with reasons.

Where two drills fit a weakness equally the player may have a coin decide: then what is learned of the two is an
experiment, and only then does the coach compare them as causes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from cs2_pipeline.coaching.drills import Drill
from cs2_pipeline.coaching.findings import Weakness
from cs2_pipeline.coaching.skills import CoachingError

LEAST_MINUTES: Final = 15
MOST_MINUTES: Final = 7 * 24 * 60
OWN_CHOICE: Final = "Your own choice."


@dataclass(frozen=True)
class Item:
    """A drill in a plan.

    Attributes:
        drill: what to do.
        sessions: this week.
        reason: why, in a sentence.
        assigned: whether a coin chose it between two: evidence of an experiment.
        alternative: the drill the coin did not choose, by name.
    """

    drill: Drill
    sessions: int
    reason: str
    assigned: bool = False
    alternative: str | None = None


@dataclass(frozen=True)
class Plan:
    """A week.

    Attributes:
        items: in order of importance.
        minutes: all sessions together.
        note: what the player should know; why there are no items where there are none.
    """

    items: tuple[Item, ...]
    minutes: int
    note: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def plan(
    weaknesses: Sequence[Weakness],
    catalogue: Sequence[Drill],
    *,
    minutes: int,
    coin: str | None = None,
    helped: Mapping[str, float] | None = None,
) -> Plan:
    """Plan a week.

    Args:
        weaknesses: of a card, those worth most first.
        catalogue: all drills of the game.
        minutes: that the player has in the week.
        coin: text that decides between two drills by its hash (player and week), where the player wants a coin flip.
        helped: effect of each drill so far over players, in standard deviations between peers; better ones come first.

    Raises:
        CoachingError: the time is out of range.
    """
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise CoachingError(f"minutes a week must be from {LEAST_MINUTES} to {MOST_MINUTES}, not {minutes}")
    if not weaknesses:
        return Plan((), 0, "No weakness is known, so there is nothing to advise. More matches tell more.")
    items: list[Item] = []
    left = minutes
    for weakness in weaknesses:
        fitting = _fitting(weakness, catalogue, helped or {})
        if not fitting:
            continue
        drill, alternative = _chosen(fitting, coin, weakness.skill)
        sessions = min(drill.sessions, left // drill.minutes)
        if sessions:
            items.append(Item(drill, sessions, _reason(weakness), alternative is not None, alternative))
            left -= sessions * drill.minutes
    if not items:
        return Plan((), 0, "No drill of the catalogue fits a known weakness and the time there is.")
    return Plan(tuple(items), minutes - left, "Play as usual besides: whether it helps is measured in your matches.")


def edited(
    items: Sequence[Mapping[str, Any]], wanted: Mapping[str, int], catalogue: Sequence[Drill]
) -> list[dict[str, Any]]:
    """A plan's items as its player wants them.

    Args:
        items: as they are, documents of `Item`.
        wanted: by drill, sessions in the week; a drill that is not named goes.
        catalogue: all drills of the game.

    Raises:
        CoachingError: a drill is not in the catalogue, or the week has not so many minutes.
    """
    there, drills = {item["drill"]["name"]: item for item in items}, {drill.name: drill for drill in catalogue}
    if unknown := [name for name in wanted if name not in there and name not in drills]:
        raise CoachingError(f"there is no drill {', '.join(unknown)} in the catalogue")
    found = [
        {**there[name], "sessions": sessions} if name in there else asdict(Item(drills[name], sessions, OWN_CHOICE))
        for name, sessions in wanted.items()
    ]
    if sum(item["sessions"] * item["drill"]["minutes"] for item in found) > MOST_MINUTES:
        raise CoachingError(f"a week has {MOST_MINUTES} minutes: the plan takes more")
    return found


def _fitting(weakness: Weakness, catalogue: Sequence[Drill], helped: Mapping[str, float]) -> list[Drill]:
    fitting = [drill for drill in catalogue if drill.skill == weakness.skill]
    return sorted(fitting, key=lambda drill: (-helped.get(drill.name, 0.0), drill.minutes_a_week, drill.name))


def _chosen(fitting: Sequence[Drill], coin: str | None, skill: str) -> tuple[Drill, str | None]:
    if coin is None or len(fitting) == 1:
        return fitting[0], None
    heads = hashlib.sha256(f"{coin}/{skill}".encode()).digest()[0] % 2
    return fitting[heads], fitting[1 - heads].name


def _reason(weakness: Weakness) -> str:
    middle, low, high = (round(100 * share) for share in weakness.percentile)
    text = (
        f"{weakness.title}: better than about {middle} % of your peers (between {low} % and {high} %), "
        f"seen in {weakness.matches} matches."
    )
    if weakness.worth:
        text += f" Reaching their median goes with {100 * weakness.worth:.1f} points of round win probability."
    return text

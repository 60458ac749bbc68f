"""Looking at the plans that are followed: each drill's skill is a trial that began with the plan."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from cs2_pipeline.coaching.evidence import Seen
from cs2_pipeline.coaching.league import Trial
from cs2_pipeline.coaching.league import look as look_at
from cs2_pipeline.coaching.skills import Skill
from cs2_pipeline.coaching.trials import Answer
from cs2_pipeline.records.coaching import StoredPlan


def look(
    observations: pd.DataFrame, skills: Sequence[Skill], plans: Iterable[StoredPlan]
) -> list[tuple[str, str, dict[str, Any]]]:
    """How the trials of plans stand: plan, skill, document. Without a record from before a plan there is no trial.

    Raises:
        CoachingError: the observations are broken.
    """
    by_name = {skill.name: skill for skill in skills}
    keys, wanted = [], []
    for plan in plans:
        for name in dict.fromkeys(item["drill"]["skill"] for item in (*given(plan), *plan.body["items"])):
            if name not in by_name:
                continue
            said = plan.progress.get(name, {}).get("answer")
            keys.append((plan.id, name))
            wanted.append(Trial(plan.player_id, by_name[name], plan.made_at, Answer(said) if said else None))
    found = look_at(observations, skills, wanted) if wanted else []
    return [(*key, one.document()) for key, one in zip(keys, found, strict=True) if one is not None]


def given(plan: StoredPlan) -> list[dict[str, Any]]:
    """The items as the plan was given, before its player edited it."""
    edits = plan.body.get("edits")
    return list(edits[0]["items"] if edits else plan.body["items"])


def seen(plans: Iterable[StoredPlan]) -> list[Seen]:
    """What trials say of the drills given, the oldest plans first; a skill with several drills tells of none."""
    found = []
    for plan in sorted(plans, key=lambda one: one.made_at):
        skills = [item["drill"]["skill"] for item in given(plan)]
        for item in given(plan):
            drill, trial = item["drill"], plan.progress.get(item["drill"]["skill"], {})
            effect, error = trial.get("effect_in_spreads"), trial.get("error_in_spreads")
            if effect is None or error is None or skills.count(drill["skill"]) > 1:
                continue
            found.append(Seen(plan.player_id, drill["name"], effect, error, item.get("alternative")))
    return found

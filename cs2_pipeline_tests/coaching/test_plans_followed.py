"""Plans that are followed, and what their trials say: from plan and observations to what is kept."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from cs2_pipeline.coaching import plans_followed
from cs2_pipeline.coaching.simulation import observe
from cs2_pipeline.records.coaching import StoredPlan
from cs2_pipeline_tests.coaching.league import POPULATIONS, SKILLS

START = datetime(2026, 1, 1, tzinfo=UTC)
MIDDLE = START + timedelta(days=20)


def plan(name, player, *items, edits=(), progress=None, made_at=MIDDLE):
    body = {"items": list(items), "edits": [{"items": before} for before in edits]}
    return StoredPlan(name, "counterstrike", player, made_at, None, body, progress or {}, {})


def item(name, skill="aim", **more):
    return {"drill": {"name": name, "skill": skill}} | more


def rows():
    return observe(SKILLS[:2], POPULATIONS, [40] * 25, seed=1)[0]


def test_each_skill_of_a_plan_is_looked_at_once_in_the_order_it_was_given():
    edited = plan("one", "player0000", item("c", "trades"), edits=[[item("a"), item("b")]])
    unknown = plan("two", "player0001", item("d", "not a skill any more"), item("e", "trades"))
    nobody = plan("three", "nobody", item("f"))
    found = plans_followed.look(rows(), SKILLS[:2], [edited, unknown, nobody])
    assert [(name, skill) for name, skill, _ in found] == [("one", "aim"), ("one", "trades"), ("two", "trades")]
    assert all({"answer", "effect_in_spreads", "error_in_spreads"} <= set(document) for *_, document in found)


def test_without_plans_nothing_is_looked_at():
    broken = pd.DataFrame({"none": []})
    assert plans_followed.look(broken, SKILLS[:2], []) == []
    assert plans_followed.look(broken, SKILLS[:2], [plan("one", "x", item("a", "unknown"))]) == []


def test_an_answer_that_was_given_is_known_at_the_next_look():
    def answered(**progress):
        found = plans_followed.look(rows(), SKILLS[:2], [plan("one", "player0000", item("a"), progress=progress)])
        return found[0][2]

    fresh, helped = answered(), answered(aim={"answer": "helped"})
    assert fresh["answer"] != "helped"
    assert helped["answer"] == "helped", "what helped once is not taken back"
    assert answered(trades={"answer": "helped"}) == fresh


def test_what_a_trial_says_needs_both_its_effect_and_its_error():
    whole = {"effect_in_spreads": 0.4, "error_in_spreads": 0.2}
    told = plan("one", "anna", item("a", alternative="b"), item("x", "trades"), progress={"aim": whole})
    (found,) = plans_followed.seen([told])
    assert (found.player, found.drill, found.effect, found.error, found.alternative) == ("anna", "a", 0.4, 0.2, "b")
    for gone in whole:
        half = plan("one", "anna", item("a"), progress={"aim": {name: v for name, v in whole.items() if name != gone}})
        assert plans_followed.seen([half]) == []
    nothing = {"effect_in_spreads": 0.0, "error_in_spreads": 0.2}
    (found,) = plans_followed.seen([plan("one", "anna", item("a"), progress={"aim": nothing})])
    assert found.effect == 0.0 and found.alternative is None, "no effect is an effect seen"
    assert np.isfinite(found.error)

"""Plans: from known weaknesses only, within the time, the same each time they are asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.coaching.drills import Drill
from cs2_pipeline.coaching.findings import Weakness
from cs2_pipeline.coaching.plans import plan
from cs2_pipeline.coaching.skills import CoachingError
from cs2_pipeline_tests.coaching.league import SKILLS

WEAK = [Weakness(skill.name, skill.title, (0.02, 0.01, 0.05), 40, worth=0.02) for skill in SKILLS]


def drill(name, skill, minutes=20, sessions=3):
    return Drill(name, name, skill, "why", "how", minutes, sessions, "measure")


CATALOGUE = [
    drill("prefire", "aim"),
    drill("duels", "aim", 30, 2),
    drill("pairs", "trades"),
    drill("smokes", "utility"),
]


@given(minutes=st.integers(15, 600), coin=st.none() | st.text(max_size=5))
def test_a_plan_keeps_within_the_time_and_is_the_same_each_time(minutes, coin):
    found = plan(WEAK[:2], CATALOGUE, minutes=minutes, coin=coin)
    assert found == plan(WEAK[:2], list(reversed(CATALOGUE)), minutes=minutes, coin=coin)
    assert found.minutes == sum(item.sessions * item.drill.minutes for item in found.items) <= minutes
    assert [item.drill.skill for item in found.items] in ([], ["aim"], ["aim", "trades"], ["trades"])


def test_without_a_known_weakness_there_is_nothing_to_advise_and_that_is_said():
    found = plan([], CATALOGUE, minutes=60)
    assert found.items == ()
    assert "No weakness is known" in found.note


def test_a_coin_decides_between_two_drills_both_ways_and_the_plan_says_so():
    chosen = {plan(WEAK[:1], CATALOGUE, minutes=90, coin=str(week)).items[0].drill.name for week in range(20)}
    assert chosen == {"prefire", "duels"}
    item = plan(WEAK[:1], CATALOGUE, minutes=90, coin="5").items[0]
    assert item.assigned
    assert {item.drill.name, item.alternative} == {"prefire", "duels"}
    assert not plan(WEAK[:1], CATALOGUE, minutes=90).items[0].assigned


def test_the_drill_that_helped_more_comes_first():
    assert plan(WEAK[:1], CATALOGUE, minutes=90, helped={"duels": 0.3}).items[0].drill.name == "duels"


def test_a_reason_names_the_percentile_its_interval_and_what_it_is_worth():
    (item,) = plan(WEAK[:1], CATALOGUE, minutes=90).items
    assert "better than about 2 % of your peers (between 1 % and 5 %), seen in 40 matches" in item.reason
    assert "2.0 points of round win probability" in item.reason


@pytest.mark.parametrize("minutes", [0, 14, 10_081])
def test_an_impossible_time_is_refused(minutes):
    with pytest.raises(CoachingError, match=f"from 15 to 10080, not {minutes}"):
        plan(WEAK, CATALOGUE, minutes=minutes)

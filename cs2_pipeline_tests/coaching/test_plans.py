"""Plans: from known weaknesses only, within the time, the same each time they are asked for."""

import hashlib
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.coaching.drills import Drill
from cs2_pipeline.coaching.findings import Weakness
from cs2_pipeline.coaching.plans import OWN_CHOICE, Item, edited, plan
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


@pytest.mark.parametrize("minutes", [15, 10_080])
def test_the_least_and_the_most_time_of_a_week_are_possible(minutes):
    assert plan(WEAK[:1], [drill("short", "aim", 15, 1)], minutes=minutes).minutes == 15


def test_as_many_sessions_as_fit_and_no_more_than_the_drill_asks_for():
    def sessions(minutes):
        one_each = [drill("prefire", "aim"), drill("pairs", "trades")]
        return [item.sessions for item in plan(WEAK[:2], one_each, minutes=minutes).items]

    assert sessions(19) == [] and sessions(20) == [1] and sessions(59) == [2]
    assert sessions(60) == [3] and sessions(79) == [3] and sessions(80) == [3, 1] and sessions(600) == [3, 3]
    assert "fits a known weakness and the time" in plan(WEAK[:2], CATALOGUE, minutes=19).note


def test_a_weakness_without_a_drill_is_passed_over():
    found = plan([WEAK[4], WEAK[1]], CATALOGUE, minutes=60)
    assert [item.drill.name for item in found.items] == ["pairs"] and found.minutes == 60
    assert plan([WEAK[4]], CATALOGUE, minutes=60).items == ()


def test_of_equal_drills_the_shorter_and_then_the_first_by_name_is_chosen():
    def chosen(*drills, **more):
        return plan(WEAK[:1], drills, minutes=600, **more).items[0].drill.name

    assert chosen(drill("a", "aim", 20, 4), drill("b", "aim", 20, 3)) == "b"
    assert chosen(drill("b", "aim"), drill("a", "aim")) == "a"
    assert chosen(drill("a", "aim"), drill("b", "aim"), helped={"a": -0.1}) == "b", "none known is better than harm"


def test_a_coin_needs_two_drills_and_falls_for_each_weakness_on_its_own():
    (alone,) = plan([WEAK[1]], CATALOGUE, minutes=90, coin="1").items
    assert (alone.assigned, alone.alternative) == (False, None)
    both = [drill(f"{skill} {number}", skill) for skill in ("aim", "trades") for number in (1, 2, 3)]
    fell = {
        tuple(item.drill.name[-1] for item in plan(WEAK[:2], both, minutes=600, coin=str(week)).items)
        for week in range(30)
    }
    assert fell == {("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")}, "and never on the third"


def test_what_nobody_knows_the_worth_of_is_not_told():
    (item,) = plan([replace(WEAK[0], worth=None)], CATALOGUE, minutes=90).items
    assert "win probability" not in item.reason


ITEMS = [asdict(Item(CATALOGUE[0], 3, "why", assigned=True, alternative="duels"))]


def test_a_player_may_do_more_less_or_something_else():
    found = edited(ITEMS, {"prefire": 1, "pairs": 2}, CATALOGUE)
    assert found[0] == ITEMS[0] | {"sessions": 1}
    assert (found[1]["drill"]["name"], found[1]["sessions"], found[1]["assigned"]) == ("pairs", 2, False)
    assert found[1]["reason"] == OWN_CHOICE
    assert edited(ITEMS, {"pairs": 2}, CATALOGUE) == found[1:]
    assert edited(ITEMS, {}, CATALOGUE) == []
    assert edited(ITEMS, {"prefire": 1}, []) == found[:1], "a drill that left the catalogue stays in the plan"


def test_a_week_has_only_so_many_minutes_and_only_drills_that_there_are():
    hours = [drill("hour", "aim", 60, 7)]
    assert len(edited([], {"hour": 168}, hours)) == 1
    with pytest.raises(CoachingError, match="a week has 10080 minutes"):
        edited([], {"hour": 169}, hours)
    with pytest.raises(CoachingError, match="no drill x, y in the catalogue"):
        edited(ITEMS, {"x": 1, "prefire": 1, "y": 2}, CATALOGUE)


def test_the_coin_falls_by_the_first_byte_of_the_sha_256_of_coin_and_skill():
    for coin in ("1", "2", "3", "4"):
        heads = int(hashlib.sha256(f"{coin}/aim".encode()).hexdigest()[:2], 16) % 2
        item = plan(WEAK[:1], CATALOGUE, minutes=90, coin=coin).items[0]
        assert [item.drill.name, item.alternative] == [["duels", "prefire"], ["prefire", "duels"]][heads]


def test_a_plans_document_holds_its_items_time_and_note():
    found = plan(WEAK[:1], CATALOGUE, minutes=90)
    assert found.document() == {
        "items": ({
            "drill": asdict(CATALOGUE[1]), "sessions": 2, "reason": found.items[0].reason, "assigned": False,
            "alternative": None,
        },), "minutes": 60, "note": "Play as usual besides: whether it helps is measured in your matches.",
    }  # fmt: skip
    assert found.items[0].reason.endswith("Reaching their median goes with 2.0 points of round win probability.")


def test_a_plan_without_items_takes_no_time():
    assert plan([], CATALOGUE, minutes=60).minutes == plan(WEAK[:2], CATALOGUE, minutes=19).minutes == 0


def test_shares_are_told_in_whole_percent_and_worth_in_tenths_of_a_point():
    told = plan([replace(WEAK[0], percentile=(0.9, 0.804, 0.956), worth=0.1234)], CATALOGUE, minutes=90).items[0].reason
    assert told == (
        "Aim: better than about 90 % of your peers (between 80 % and 96 %), seen in 40 matches. "
        "Reaching their median goes with 12.3 points of round win probability."
    )

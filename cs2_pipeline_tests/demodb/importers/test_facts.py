"""What happened, in the platform's words: who died by whom, what a hit really took, what was done with the bomb."""

from collections import Counter

import pytest

from cs2_pipeline.demodb.importers import facts
from cs2_pipeline.demodb.importers.roster import Roster
from cs2_pipeline.demodb.importers.timeline import Span
from cs2_pipeline_tests.demodb.importers.recordings import Script

SPAN = Span(1_000, 5_000, "live", 1_100, 4_000)


def told(script):
    """Kills, hits, bomb events and what was left out."""
    demo, left_out = script.parsed(), Counter()
    roster = Roster(demo)
    kills, hits = facts.kills(demo, roster, SPAN, left_out), facts.hits(demo, roster, SPAN, left_out)
    return kills, hits, facts.bomb_events(demo, roster, SPAN), dict(left_out)


def death(script, tick, killer, victim, **more):
    values = {"weapon": "ak47", "headshot": True, "penetrated": 1, "hitgroup": 1, "distance": None} | more
    script.add("player_death", tick, **values, **script.player("user", victim), **script.player("attacker", killer))


def test_a_kill_is_told_with_its_sides_and_how_it_was_made():
    script = Script()
    death(script, 2_000, "t1", "ct1")
    (kill,), *_ = told(script)
    assert (kill.tick, kill.killer.name, kill.victim.name, kill.assister) == (2_000, "t1", "ct1", None)
    assert (kill.killer_side, kill.victim_side, kill.of_enemy, kill.of_mate) == ("T", "CT", True, False)
    assert (kill.weapon, kill.hit_group, kill.headshot, kill.wallbang) == ("ak47", "head", True, True)
    assert (kill.flash_assist, kill.distance) == (False, 0.0)


@pytest.mark.parametrize(("killer", "mate"), [("ct1", False), (None, False), ("ct2", True)])
def test_suicides_and_the_world_have_no_killer_and_a_mate_is_no_enemy(killer, mate):
    script = Script()
    death(script, 2_000, killer, "ct1")
    (kill,), *_ = told(script)
    assert (kill.of_enemy, kill.of_mate) == (False, mate)
    assert (kill.killer is None) != mate


def test_only_what_lies_within_the_span_is_told_and_what_names_no_victim_is_counted():
    script = Script()
    for tick in (999, 1_000, 4_999, 5_000):
        death(script, tick, "t1", "ct1")
    death(script, 2_000, "t1", None)
    script.hurt(2_000, "t1", None, 5, 95)
    kills, hits, _, left_out = told(script)
    assert ([kill.tick for kill in kills], hits) == ([1_000, 4_999], [])
    assert left_out == {"player_death events that name no victim": 1, "player_hurt events that name no victim": 1}


def test_a_hit_takes_no_more_than_was_left_and_who_died_in_the_warm_up_comes_back_whole():
    script = Script()
    for tick, damage, health in ((1_200, 30, 70), (1_300, 90, 0), (1_400, 120, 0)):
        script.hurt(tick, "t1", "ct1", damage, health)
    script.hurt(1_500, "t1", "ct2", 120, 0)
    _, hits, *_ = told(script)
    assert [hit.damage for hit in hits] == [30, 70, 100, 100]
    assert {(hit.of_enemy, hit.armor, hit.armor_damage) for hit in hits} == {(True, 50, 0)}


def test_mates_and_the_world_are_no_enemies():
    script = Script()
    script.hurt(1_200, "ct2", "ct1", 10, 90)
    script.hurt(1_300, None, "ct1", 10, 80)
    _, hits, *_ = told(script)
    assert [hit.of_enemy for hit in hits] == [False, False]


def test_what_is_done_with_the_bomb_is_in_order_with_its_site():
    script = Script()
    place = script.player("user", "t1")
    script.add("bomb_planted", 2_000, site=1, user_last_place_name="BombsiteB", **place)
    script.add("bomb_beginplant", 1_900, site=2, **place)
    script.add("bomb_beginplant", 1_500, site=2, **place)
    script.add("bomb_abortplant", 1_600, site=2, **place)
    script.add("bomb_begindefuse", 2_500, site="A", haskit=True, **script.player("user", "ct1"))
    script.add("bomb_exploded", 3_000, site=None, **script.player("user", None))
    *_, bombs, _ = told(script)
    assert [(one.kind, one.site, one.has_kit) for one in bombs] == [
        ("begin_plant", "2", False), ("abort_plant", "2", False), ("begin_plant", "2", False), ("planted", "B", False),
        ("begin_defuse", "A", True), ("exploded", None, False),
    ]  # fmt: skip
    assert [one.player.name if one.player else None for one in bombs] == ["t1", "t1", "t1", "t1", "ct1", None]


@pytest.mark.parametrize(
    ("weapon", "gun"),
    [("ak47", True), ("knife_karambit", False), ("bayonet", False), ("hegrenade", False), ("taser", False),
     (None, False), ("inferno", False), ("planted_c4", False), ("awp", True)],
)  # fmt: skip
def test_a_gun_is_what_shoots(weapon, gun):
    assert facts.is_gun(weapon) == gun


@pytest.mark.parametrize(
    ("number", "group"),
    [(0, "generic"), (1, "head"), (2, "chest"), (3, "stomach"), (4, "left_arm"), (5, "right_arm"), (6, "left_leg"),
     (7, "right_leg"), (8, "neck"), (10, "gear"), (99, None), ("head", "head"), ("", None), (None, "generic")],
)  # fmt: skip
def test_hits_have_the_games_groups(number, group):
    script = Script()
    death(script, 2_000, "t1", "ct1", hitgroup=number)
    (kill,), *_ = told(script)
    assert kill.hit_group == group


@pytest.mark.parametrize(
    ("event", "kind"),
    [("bomb_beginplant", "begin_plant"), ("bomb_abortplant", "abort_plant"), ("bomb_planted", "planted"),
     ("bomb_begindefuse", "begin_defuse"), ("bomb_abortdefuse", "abort_defuse"), ("bomb_defused", "defused"),
     ("bomb_exploded", "exploded")],
)  # fmt: skip
def test_what_is_done_with_the_bomb_has_its_word(event, kind):
    script = Script()
    script.add(event, 2_000, site=0, **script.player("user", "t1"))
    *_, bombs, _ = told(script)
    assert [(one.kind, one.site, one.has_kit) for one in bombs] == [(kind, "0", False)]


@pytest.mark.parametrize(("penetrated", "wallbang"), [(0, False), (1, True), (None, False)])
def test_a_shot_through_something_is_a_wallbang(penetrated, wallbang):
    script = Script()
    death(script, 2_000, "t1", "ct1", penetrated=penetrated, headshot=None, assistedflash=True, distance=7.5)
    (kill,), *_ = told(script)
    assert (kill.wallbang, kill.headshot, kill.flash_assist, kill.distance) == (wallbang, False, True, 7.5)


@pytest.mark.parametrize("weapon", ["molotov", "incgrenade", "flashbang", "smokegrenade", "decoy", "c4", "healthshot",
                                    "world", "knife"])  # fmt: skip
def test_what_is_thrown_or_laid_does_not_shoot(weapon):
    assert not facts.is_gun(weapon)

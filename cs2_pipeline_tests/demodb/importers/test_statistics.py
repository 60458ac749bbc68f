"""A player's numbers of a round, counted from kills and hits by the platform's conventions."""

import pytest

from cs2_pipeline.demodb.importers.facts import Hit, Kill
from cs2_pipeline.demodb.importers.parsed import TICK_RATE
from cs2_pipeline.demodb.importers.roster import Player
from cs2_pipeline.demodb.importers.statistics import (
    RoundStats,
    count_hits,
    count_kills,
    find_clutches,
    first_kill,
    trades,
)
from cs2_pipeline.demodb.importers.timeline import Span

PEOPLE = {number: Player(number, number, f"p{number}", False) for number in range(1, 11)}
"""1 to 5 are CT, 6 to 10 T."""
SECOND = TICK_RATE
LIVE = 900
"""The tick at which the round went live."""


def side(number):
    return "CT" if number <= 5 else "T"


def kill(killer, victim, tick=1_000, **more):
    values = {"assister": None, "weapon": "ak47", "hit_group": None, "headshot": False, "wallbang": False}
    values |= {"flash_assist": False, "distance": 1.0} | more
    if isinstance(values["assister"], int):
        values["assister"] = PEOPLE[values["assister"]]
    return Kill(
        tick=tick, killer=PEOPLE.get(killer), victim=PEOPLE[victim], killer_side=side(killer) if killer else None,
        victim_side=side(victim), **values,
    )  # fmt: skip


def hit(attacker, victim, damage, health, *, weapon="ak47", tick=1_000):
    enemy = attacker is not None and side(attacker) != side(victim)
    return Hit(tick, PEOPLE.get(attacker), PEOPLE[victim], weapon, damage, 5, health, 50, enemy)


def stats(people=tuple(PEOPLE)):
    return {number: RoundStats(PEOPLE[number], side(number), won=False) for number in people}


def span(end=None):
    return Span(0, 10_000, "live", LIVE, end)


@pytest.mark.parametrize(
    ("kills", "trading", "traded"),
    [
        ([kill(6, 1), kill(2, 6, 1_000 + 5 * SECOND)], {1}, {0}),
        ([kill(6, 1), kill(2, 6, 1_001 + 5 * SECOND)], set(), set()),
        ([kill(6, 1), kill(7, 6)], set(), set()),
        ([kill(6, 7), kill(2, 6)], set(), set()),
        ([kill(6, 1), kill(2, 7)], set(), set()),
        ([kill(6, 1), kill(6, 2, 1_010), kill(3, 6, 1_020)], {2}, {0, 1}),
        ([kill(6, 1), kill(3, 8, 1_010), kill(2, 6, 1_020)], {2}, {0}),
        ([kill(None, 1), kill(2, 6)], set(), set()),
    ],
)
def test_a_kill_is_a_trade_when_its_victim_killed_a_mate_of_the_killer_within_five_seconds(kills, trading, traded):
    assert trades(kills) == (trading, traded)


def test_the_opening_kill_is_the_first_of_an_enemy():
    assert first_kill([kill(6, 7), kill(None, 1), kill(6, 1), kill(2, 6)]) == 2
    assert first_kill([kill(6, 7)]) is None


def test_a_kill_counts_for_killer_victim_and_helper():
    lines = stats()
    kills = [kill(6, 1, assister=7, headshot=True, flash_assist=True), kill(2, 6, 1_010, assister=8)]
    count_kills(lines, span(), kills)
    assert (lines[6].kills, lines[6].headshots, lines[6].first_kill, lines[6].deaths) == (1, 1, True, 1)
    assert (lines[1].deaths, lines[1].first_death, lines[1].traded, lines[1].alive, lines[1].health) == (1, 1, 1, 0, 0)
    assert (lines[2].trade_kills, lines[2].first_kill, lines[2].headshots) == (1, False, 0)
    assert (lines[7].assists, lines[7].flash_assists) == (1, 1)
    assert lines[8].assists == 0, "who helps the other side helps nobody"
    assert (lines[6].traded, lines[6].first_death, lines[3].alive) == (False, False, True)


def test_team_kills_suicides_and_the_world_are_deaths_and_nobodys_kills():
    lines = stats()
    count_kills(lines, span(), [kill(6, 7), kill(None, 8), kill(1, 9)])
    assert [lines[number].deaths for number in (7, 8, 9)] == [1, 1, 1]
    assert [lines[number].kills for number in (6, 1)] == [0, 1]
    assert lines[1].first_kill


def test_survival_is_the_time_since_the_round_went_live_and_who_dies_after_its_end_has_survived_it():
    lines = stats()
    count_kills(lines, span(end=LIVE + 100), [kill(6, 1, LIVE + 100), kill(6, 2, LIVE + 101), kill(1, 7, LIVE - 50)])
    assert (lines[1].alive, lines[1].survival) == (False, 100 / TICK_RATE)
    assert (lines[2].alive, lines[2].deaths, lines[2].survival) == (True, 1, 0.0)
    assert lines[7].survival == 0.0


@pytest.mark.parametrize(
    ("line", "kast"),
    [({"deaths": 1}, False), ({"deaths": 1, "kills": 1}, True), ({"deaths": 1, "assists": 1}, True), ({}, True),
     ({"deaths": 1, "traded": True}, True)],
)  # fmt: skip
def test_kast_is_true_for_who_killed_assisted_survived_or_was_traded(line, kast):
    assert RoundStats(PEOPLE[1], "CT", won=False, **line).kast == kast


def test_damage_is_what_enemies_lost_and_grenades_count_apart():
    lines = stats()
    hits = [hit(6, 1, 30, 70), hit(6, 1, 20, 50, weapon="hegrenade"), hit(2, 1, 10, 40), hit(None, 1, 5, 35)]
    count_hits(lines, span(), hits)
    assert (lines[6].damage, lines[6].utility_damage) == (50, 20)
    assert (lines[1].damage_taken, lines[1].health, lines[1].armor) == (50, 35, 50)
    assert lines[2].damage == 0


def test_health_at_the_end_is_that_of_the_last_hit_before_it():
    lines = stats()
    end = LIVE + 100
    count_hits(lines, span(end=end), [hit(6, 1, 30, 70, tick=end), hit(6, 1, 70, 0, tick=end + 1)])
    assert (lines[1].health, lines[6].damage) == (70, 100)


def test_the_last_of_a_side_is_in_a_clutch_against_those_who_live_then():
    lines = stats((1, 2, 6, 7, 8))
    find_clutches(lines, span(), [kill(6, 1, LIVE), kill(2, 6, LIVE + 1), kill(2, 7, LIVE + 2)])
    assert {number: line.clutch_size for number, line in lines.items()} == {1: 0, 2: 3, 6: 0, 7: 0, 8: 1}


def test_nobody_is_in_a_clutch_who_is_left_alone_after_the_end_or_against_nobody():
    for kills in ([kill(6, 1, LIVE + 101)], [kill(2, 6, LIVE), kill(2, 7, LIVE + 1), kill(None, 1, LIVE + 2)]):
        lines = stats((1, 2, 6, 7))
        find_clutches(lines, span(end=LIVE + 100), kills)
        assert lines[2].clutch_size == 0

"""Cards: percentiles with intervals, what is unknown, and few false weaknesses."""

from dataclasses import replace

import pytest

from cs2_pipeline.coaching.cards import FALSE_PER_CARD, MARGIN, MOST_WEAKNESSES, Standing, line, weaknesses
from cs2_pipeline.coaching.estimates import Known, Peers, by_player, known, peers
from cs2_pipeline.coaching.reliability import Reliability, reliability
from cs2_pipeline.stats.intervals import Interval
from cs2_pipeline_tests.coaching.league import SKILLS, league

AIM, DEATHS = SKILLS[0], SKILLS[2]
GROUP = Peers("aim", "all", 100, 1000, mean=0.7, spread=0.1, noise=0.5, exposure=22.0, mean_error=0.01)
RELIABLE = Reliability("aim", 100, Interval(0.8, 0.7, 0.9), Interval(0.6, 0.4, 0.8))
NOISE = replace(RELIABLE, split_half=Interval(0.1, -0.1, 0.3))


def seen(mean, error=0.02):
    return Known(mean, error, 40, 900.0, mean)


def test_a_percentile_is_the_share_of_peers_who_are_worse():
    assert line(AIM, seen(0.7), GROUP, reliability=RELIABLE).percentile[0] == pytest.approx(0.5)
    assert line(AIM, seen(0.8), GROUP, reliability=RELIABLE).percentile[0] == pytest.approx(0.841, abs=1e-3)


def test_fewer_deaths_are_better():
    fewer = line(DEATHS, seen(0.6), GROUP, reliability=RELIABLE)
    assert fewer.standing is Standing.ABOVE
    assert line(DEATHS, seen(0.8), GROUP, reliability=RELIABLE).standing is Standing.BELOW
    assert fewer.percentile[1] < fewer.percentile[0] < fewer.percentile[2]


@pytest.mark.parametrize(
    ("known_", "standing"),
    [
        (seen(0.6), Standing.BELOW),
        (seen(0.8), Standing.ABOVE),
        (seen(0.7, 0.01), Standing.AVERAGE),
        (seen(0.7, 0.05), Standing.UNKNOWN),
        (seen(0.65, 0.05), Standing.UNKNOWN),
    ],
)
def test_what_the_interval_spans_is_not_known(known_, standing):
    assert line(AIM, known_, GROUP, reliability=RELIABLE).standing is standing


def test_an_unknown_skill_says_how_many_matches_it_takes_and_a_known_one_none():
    unknown = line(AIM, Known(0.62, 0.06, 3, 66.0, 0.5), GROUP, reliability=RELIABLE)
    assert unknown.standing is Standing.UNKNOWN
    assert 1 <= unknown.matches_needed <= 100
    assert line(AIM, seen(0.6), GROUP, reliability=RELIABLE).matches_needed is None


def test_a_skill_that_does_not_predict_itself_is_no_weakness():
    sure = seen(0.5)
    assert weaknesses([line(AIM, sure, GROUP, reliability=RELIABLE)])
    for unreliable in (NOISE, None):
        assert weaknesses([line(AIM, sure, GROUP, reliability=unreliable)]) == ()


def test_weaknesses_are_at_most_three_and_those_worth_most_come_first():
    lines = [
        line(replace(AIM, name=f"s{number}"), seen(0.45), GROUP, reliability=RELIABLE, worth_per_unit=number / 10)
        for number in range(6)
    ]
    found = weaknesses(lines)
    assert [one.skill.name for one in found] == ["s5", "s4", "s3"]
    assert len(found) == MOST_WEAKNESSES


def test_looking_at_more_skills_asks_for_more_evidence():
    probably = line(AIM, seen(0.62, 0.03), GROUP, reliability=RELIABLE)
    assert 0.93 < probably.weak < 0.98
    assert weaknesses([probably]) == (probably,)
    many = [replace(probably, skill=replace(AIM, name=f"s{number}")) for number in range(10)]
    assert len(weaknesses(many)) <= FALSE_PER_CARD / (1 - probably.weak)


def test_at_most_ten_false_weaknesses_stand_on_a_hundred_cards_and_most_true_ones_are_found_in_time():
    false = cards = found = there = 0
    for seed in range(4):
        observations, truth = league(seed)
        rows = {skill.name: observations[observations["skill"] == skill.name] for skill in SKILLS}
        groups = {name: peers(one, skill=name, group="all") for name, one in rows.items()}
        reliable = {name: reliability(one, skill=name) for name, one in rows.items()}
        sums = {name: by_player(one) for name, one in rows.items()}
        for number, player in enumerate(sums["aim"].index):
            lines = [
                line(one, known(sums[one.name].loc[player], groups[one.name]), groups[one.name],
                     reliability=reliable[one.name])
                for one in SKILLS
            ]  # fmt: skip
            named = {one.skill.name for one in weaknesses(lines)}
            cards += 1
            for one in lines:
                gap = one.skill.sign * (truth[one.skill.name][number] - one.peers.mean)
                false += one.skill.name in named and (gap >= 0 or one.skill.name == "luck")
                if gap < -1.5 * one.peers.spread and one.skill.name != "luck" and one.known.matches >= 60:
                    there += 1
                    found += one.skill.name in named
    assert cards == 600
    assert 100 * false / cards <= 10
    assert found / there > 0.5
    assert MARGIN > 0

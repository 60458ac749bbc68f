"""Cards: percentiles with intervals, what is unknown, and few false weaknesses."""

from dataclasses import replace

import pytest
from scipy.special import ndtri

from cs2_pipeline.coaching import cards
from cs2_pipeline.coaching.cards import (
    FALSE_PER_CARD,
    MARGIN,
    MOST_WEAKNESSES,
    Card,
    Standing,
    _standing,
    line,
    weaknesses,
)
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
    false = seen_cards = found = there = 0
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
            seen_cards += 1
            for one in lines:
                gap = one.skill.sign * (truth[one.skill.name][number] - one.peers.mean)
                false += one.skill.name in named and (gap >= 0 or one.skill.name == "luck")
                if gap < -1.5 * one.peers.spread and one.skill.name != "luck" and one.known.matches >= 60:
                    there += 1
                    found += one.skill.name in named
    assert seen_cards == 600
    assert 100 * false / seen_cards <= 10
    assert found / there > 0.5
    assert MARGIN > 0


def test_the_matches_that_are_needed_are_enough_and_one_less_are_not():
    """What is known after so many more, if the mean stays: the interval leaves the median, or lies close around it."""
    reach = float(ndtri(0.95))
    answered = set()
    for lasting in (1.0, 0.98, 0.9):
        group = replace(GROUP, lasting=lasting, mean_error=0.0)
        for mean, exposure in ((0.66, 44.0), (0.74, 44.0), (0.7, 110.0), (0.71, 22.0), (0.55, 22.0)):
            at_first = known({"mean": mean, "exposure": exposure, "matches": 2}, group)
            needed = line(AIM, at_first, group, reliability=RELIABLE).matches_needed
            distance = abs(at_first.mean - group.mean)
            bounds = (distance, float(ndtri(0.65)) * group.spread - distance)

            def told(more, group=group, mean=mean, exposure=exposure, bounds=bounds):
                later = known({"mean": mean, "exposure": exposure + more * group.exposure, "matches": 3}, group)
                return any(later.error <= bound / reach for bound in bounds)

            if needed is None:
                assert not told(1000) or told(0)
            else:
                assert told(needed) and (needed == 1 or not told(needed - 1)), (lasting, mean)
                answered.add(lasting)
    assert answered == {1.0, 0.98}, "where less lasts no number of matches tells"


def test_more_than_a_thousand_matches_are_not_in_sight():
    def needed(distance):
        return line(AIM, Known(0.7 + distance, 0.05, 3, 66.0, 0.7), GROUP, reliability=RELIABLE).matches_needed

    assert needed(0.019) is not None
    lost = replace(GROUP, lasting=0.3)
    assert line(AIM, Known(0.69, 0.05, 3, 66.0, 0.7), lost, reliability=RELIABLE).matches_needed is None
    exact = replace(GROUP, noise=0.0)
    assert line(AIM, Known(0.69, 0.05, 3, 66.0, 0.7), exact, reliability=RELIABLE).matches_needed is None


@pytest.mark.parametrize(
    ("percentile", "standing"),
    [
        ((0.6, 0.5, 0.7), Standing.UNKNOWN),
        ((0.6, 0.501, 0.7), Standing.ABOVE),
        ((0.4, 0.3, 0.5), Standing.UNKNOWN),
        ((0.4, 0.3, 0.499), Standing.BELOW),
        ((0.5, 0.35, 0.65), Standing.AVERAGE),
        ((0.5, 0.349, 0.65), Standing.UNKNOWN),
        ((0.5, 0.35, 0.651), Standing.UNKNOWN),
        ((0.55, 0.51, 0.6), Standing.ABOVE),
    ],
)
def test_where_an_interval_lies_says_what_is_known(percentile, standing):
    assert _standing(percentile) is standing


def test_a_weakness_is_surely_a_quarter_of_a_standard_deviation_below_the_median():
    assert line(AIM, seen(0.675), GROUP, reliability=RELIABLE).weak == pytest.approx(0.5)
    assert line(DEATHS, seen(0.725), GROUP, reliability=RELIABLE).weak == pytest.approx(0.5)
    assert line(AIM, seen(0.6), GROUP, reliability=RELIABLE).weak > 0.99
    assert line(DEATHS, seen(0.6), GROUP, reliability=RELIABLE).weak < 0.01


def test_where_players_do_not_differ_nothing_is_said_of_anybody():
    alike = line(AIM, seen(0.5), replace(GROUP, spread=0.0), reliability=RELIABLE, worth_per_unit=1.0)
    assert (alike.percentile, alike.standing, alike.weak) == ((0.5, 0.5, 0.5), Standing.UNKNOWN, 0.0)
    assert not alike.usable and alike.matches_needed is None


def test_no_advice_rests_on_a_skill_of_which_less_is_no_fault():
    found = line(replace(AIM, judged=False), seen(0.4), GROUP, reliability=RELIABLE)
    assert not found.usable and weaknesses([found]) == ()


def test_what_the_median_is_worth_is_the_distance_to_it_and_never_less_than_nothing():
    assert line(AIM, seen(0.6), GROUP, reliability=RELIABLE, worth_per_unit=0.5).worth == pytest.approx(0.05)
    assert line(AIM, seen(0.8), GROUP, reliability=RELIABLE, worth_per_unit=0.5).worth == 0.0
    assert line(DEATHS, seen(0.8), GROUP, reliability=RELIABLE, worth_per_unit=-0.5).worth == pytest.approx(0.05)
    assert line(AIM, seen(0.6), GROUP, reliability=RELIABLE).worth is None


def test_weaknesses_are_taken_surest_first_as_long_as_few_false_ones_are_to_be_expected():
    def surely(weak, name, worth=None):
        return replace(line(AIM, seen(0.5), GROUP, reliability=RELIABLE), weak=weak, skill=replace(AIM, name=name),
                       worth=worth)  # fmt: skip

    def names(*lines):
        return [one.skill.name for one in weaknesses(lines)]

    assert names(surely(0.9, "a")) == ["a"], "one in ten cards may hold a false one"
    assert names(surely(0.899, "a")) == []
    assert names(surely(0.95, "b"), surely(0.96, "a")) == ["a", "b"]
    assert names(surely(0.93, "b"), surely(0.96, "a")) == ["a"]
    assert names(surely(0.99, "a"), surely(0.98, "b", worth=0.1)) == ["b", "a"], "worth most first"
    assert names(*(surely(0.99, name) for name in "dcba")) == ["a", "b", "c"], "of equals the first by name"


def test_a_cards_document_tells_of_each_line_what_was_computed():
    known_ = Known(0.6, 0.02, 40, 900.0, 0.55)
    one = line(AIM, known_, GROUP, reliability=RELIABLE, worth_per_unit=0.5)
    document = Card("anna", "all", 41, (one,), {"luck": "no reason"}).document()
    assert {name: document[name] for name in ("player", "group", "matches", "weaknesses", "missing")} == {
        "player": "anna", "group": "all", "matches": 41, "weaknesses": ["aim"], "missing": {"luck": "no reason"}
    }  # fmt: skip
    (told,) = document["lines"]
    assert (told["value"], told["raw"], told["median"], told["peers"]) == (0.6, 0.55, 0.7, 100)
    assert (told["matches"], told["exposure"], told["reliability"]) == (40, 900.0, 0.8)
    assert (told["standing"], told["advised"], told["worth"]) == ("below", True, pytest.approx(0.05))
    low, high = told["value_interval"]
    assert (low + high) / 2 == pytest.approx(0.6) and high - low == pytest.approx(2 * 1.6449 * 0.02, rel=1e-4)
    assert told["percentile"] == pytest.approx(0.1587, abs=1e-4)
    assert told["interval"][0] < told["percentile"] < told["interval"][1]
    assert Card("anna", "all", 41, (replace(one, reliability=None),), {}).document()["lines"][0]["reliability"] is None


def surely(weak, name, worth=None):
    """A line that is a weakness with this probability."""
    made = line(AIM, seen(0.5), GROUP, reliability=RELIABLE)
    return replace(made, weak=weak, skill=replace(AIM, name=name), worth=worth)


def test_as_many_false_weaknesses_as_allowed_are_allowed_and_of_equals_the_first_by_name_stay(monkeypatch):
    monkeypatch.setattr(cards, "FALSE_PER_CARD", 0.5)
    four = [surely(0.75, name) for name in "dbca"]
    assert [one.skill.name for one in weaknesses(four)] == ["a", "b"]
    assert [one.skill.name for one in weaknesses([*four, surely(0.76, "e")])] == ["e", "a"]


def test_what_nobody_knows_the_worth_of_comes_after_what_is_worth_a_little():
    found = weaknesses([surely(0.99, "a"), surely(0.98, "b", worth=0.001), surely(0.97, "c", worth=0.0)])
    assert [one.skill.name for one in found] == ["b", "a", "c"]


def test_a_number_of_matches_is_told_up_to_the_most(monkeypatch):
    unknown = Known(0.66, 0.05, 3, 44.0, 0.6)
    needed = line(AIM, unknown, GROUP, reliability=RELIABLE).matches_needed
    assert 1 < needed < 1000
    monkeypatch.setattr(cards, "MOST_MATCHES", needed)
    assert line(AIM, unknown, GROUP, reliability=RELIABLE).matches_needed == needed
    monkeypatch.setattr(cards, "MOST_MATCHES", needed - 1)
    assert line(AIM, unknown, GROUP, reliability=RELIABLE).matches_needed is None
    long_seen = replace(unknown, exposure=1e6)
    assert line(AIM, long_seen, GROUP, reliability=RELIABLE).matches_needed == 1, "what is not known needs one at least"


def test_a_card_gives_three_weaknesses_a_thousand_matches_and_the_middle_third_as_average():
    assert (MOST_WEAKNESSES, cards.MOST_MATCHES, cards.CLOSE) == (3, 1000, (0.35, 0.65))
    assert (FALSE_PER_CARD, MARGIN) == (0.1, 0.25)


def test_a_line_tells_its_skill_and_what_is_missing_where_nothing_is_known():
    unknown = line(AIM, Known(0.62, 0.06, 3, 66.0, 0.5), GROUP, reliability=None)
    (told,) = Card("anna", "all", 3, (unknown,), {}).document()["lines"]
    assert told == {
        "skill": "aim", "title": "Aim", "category": "test", "definition": "made up", "unit": "a round",
        "higher_is_better": True, "judged": True, "value": 0.62, "value_interval": unknown.known.interval(),
        "raw": 0.5, "median": 0.7, "peers": 100, "percentile": unknown.percentile[0],
        "interval": unknown.percentile[1:], "standing": "unknown", "matches": 3, "exposure": 66.0,
        "exposure_unit": "rounds", "matches_needed": unknown.matches_needed, "reliability": None, "advised": False,
        "worth": None,
    }  # fmt: skip

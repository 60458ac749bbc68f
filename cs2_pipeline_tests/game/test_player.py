"""A player's record: what follows from what, which records cannot exist, and the tiers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.game.player import (
    MAX_KD_RATIO,
    PLAYER_FIELDS,
    TIER_CUTS,
    TIERS,
    UNREACHABLE_ROUNDS,
    complete,
    contradictions,
    kd_ratio,
    rate,
    tier_of,
)
from cs2_pipeline_tests.game.inputs import LAW, RECORD, records

FIELD = {field.name: field for field in PLAYER_FIELDS}
COUNTS = st.integers(0, 10_000)


def completed(**changes):
    return complete({**RECORD, **changes})


# The table of fields


def test_a_request_must_carry_eight_fields_and_may_leave_out_the_four_that_may_follow():
    assert [field.name for field in PLAYER_FIELDS if field.required] == list(RECORD)
    assert [field.name for field in PLAYER_FIELDS if not field.required] == [
        "kd_ratio", "headshot_pct", "clutch_rate", "adr",
    ]  # fmt: skip


def test_only_totals_are_whole_numbers():
    assert [name for name, field in FIELD.items() if field.integer] == [
        "total_clutches", "total_clutch_attempts", "total_rounds",
    ]  # fmt: skip


def test_shares_end_at_one_and_no_field_is_negative():
    assert FIELD["headshot_pct"].high == FIELD["clutch_rate"].high == 1
    assert {field.low for field in PLAYER_FIELDS} == {0}


def test_the_number_of_rounds_called_never_is_one_no_request_may_hold():
    assert FIELD["total_rounds"].high + 1 == UNREACHABLE_ROUNDS


def test_a_players_fields_may_hold_what_a_player_can_reach():
    assert {field.name: (field.low, field.high) for field in PLAYER_FIELDS} == {
        "avg_kills": (0, 200), "avg_deaths": (0, 200), "avg_headshots": (0, 200), "avg_damage": (0, 20_000),
        "total_clutches": (0, 1e6), "total_clutch_attempts": (0, 1e6), "avg_first_kills": (0, 100),
        "total_rounds": (0, 1e6), "kd_ratio": (0, 200), "headshot_pct": (0, 1), "clutch_rate": (0, 1), "adr": (0, 500),
    }  # fmt: skip


# Tiers


def test_the_tiers_are_beginner_intermediate_advanced_and_pro_cut_at_these_ratios():
    assert TIERS == ("Beginner", "Intermediate", "Advanced", "Pro")
    assert TIER_CUTS == (0.7, 1.0, 1.5)


@pytest.mark.parametrize(
    ("ratio", "tier"),
    [
        (0.0, "Beginner"),
        (0.69, "Beginner"),
        (0.7, "Intermediate"),
        (0.99, "Intermediate"),
        (1.0, "Advanced"),
        (1.22, "Advanced"),
        (1.49, "Advanced"),
        (1.5, "Pro"),
        (MAX_KD_RATIO, "Pro"),
    ],
)
def test_a_tier_begins_at_its_cut(ratio, tier):
    assert TIERS[tier_of(ratio)] == tier


@pytest.mark.parametrize("cut", TIER_CUTS)
def test_the_next_smaller_number_is_the_tier_below(cut):
    assert tier_of(math.nextafter(cut, 0)) == tier_of(cut) - 1


@LAW
@given(st.floats(0, MAX_KD_RATIO), st.floats(0, MAX_KD_RATIO))
def test_a_better_ratio_is_never_a_lower_tier(one, other):
    low, high = sorted((one, other))
    assert 0 <= tier_of(low) <= tier_of(high) < len(TIERS)


# Ratios and rates


def test_kills_per_death():
    assert kd_ratio(18, 12) == 1.5
    assert kd_ratio(0, 12) == 0
    assert kd_ratio(18, 0.5) == 36


def test_without_a_death_the_ratio_is_the_kills():
    assert kd_ratio(17, 0) == 17
    assert kd_ratio(0, 0) == 0


@LAW
@given(kills=COUNTS, deaths=COUNTS)
def test_one_more_kill_always_raises_the_ratio_and_one_more_death_never_does(kills, deaths):
    assert kd_ratio(kills + 1, deaths) > kd_ratio(kills, deaths)
    assert kd_ratio(kills, deaths + 1) <= kd_ratio(kills, deaths)


def test_a_rate_is_a_share_and_nothing_tried_is_a_rate_of_nothing():
    assert rate(3, 12) == 0.25
    assert rate(0.25, 0.5) == 0.5
    assert rate(0, 0) == 0
    assert rate(5, 0) == 0


@LAW
@given(whole=COUNTS, data=st.data())
def test_a_part_of_the_whole_is_a_share(whole, data):
    assert 0 <= rate(data.draw(st.integers(0, whole)), whole) <= 1


# What follows from the rest


def test_ratio_and_shares_follow_from_the_rest():
    record = completed()
    assert record["kd_ratio"] == 18 / 15
    assert record["headshot_pct"] == 0.5
    assert record["clutch_rate"] == 0.3


def test_who_never_died_has_his_kills_for_a_ratio():
    assert completed(avg_deaths=0.0)["kd_ratio"] == 18


def test_a_ratio_that_follows_stays_within_the_bound_of_the_field():
    assert completed(avg_kills=200.0, avg_deaths=0.1)["kd_ratio"] == MAX_KD_RATIO == FIELD["kd_ratio"].high


def test_who_never_killed_has_no_headshots_and_who_never_tried_a_clutch_won_none():
    record = completed(avg_kills=0.0, avg_headshots=0.0, total_clutches=0, total_clutch_attempts=0)
    assert (record["kd_ratio"], record["headshot_pct"], record["clutch_rate"]) == (0, 0, 0)


def test_damage_per_round_does_not_follow_from_damage_per_match():
    assert math.isnan(completed()["adr"])


def test_what_was_sent_is_kept_even_where_the_rest_says_otherwise():
    sent = {"kd_ratio": 1.22, "headshot_pct": 0.44, "clutch_rate": 0.31, "adr": 82.0}
    assert completed(**sent) == {**RECORD, **sent}
    assert completed(kd_ratio=0.0)["kd_ratio"] == 0


def test_a_field_that_is_none_follows_like_one_left_out():
    left_out, none = completed(), completed(kd_ratio=None, headshot_pct=None, clutch_rate=None, adr=None)
    assert math.isnan(left_out.pop("adr"))
    assert math.isnan(none.pop("adr"))
    assert none == left_out


@LAW
@given(records())
def test_a_possible_record_completes_to_a_possible_one_within_every_bound(record):
    whole = complete(record)
    assert contradictions(record) == contradictions(whole) == []
    assert set(whole) == set(FIELD)
    for name, value in whole.items():
        unknown = name == "adr" and record.get("adr") is None
        assert math.isnan(value) if unknown else FIELD[name].low <= value <= FIELD[name].high


@LAW
@given(records())
def test_completing_keeps_what_is_known_leaves_the_record_alone_and_done_twice_is_done_once(record):
    before = dict(record)
    whole = complete(record)
    assert record == before
    assert {name: whole[name] for name, value in record.items() if value is not None} == {
        name: value for name, value in record.items() if value is not None
    }
    assert str(complete(whole)) == str(whole)


# Impossible records


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"avg_headshots": 18.1}, ("avg_headshots", "more headshot kills than kills")),
        ({"total_clutches": 41}, ("total_clutches", "more clutches won than tried")),
        ({"total_clutch_attempts": 481}, ("total_clutch_attempts", "more clutches tried than rounds played")),
    ],
)
def test_more_of_a_part_than_of_the_whole_cannot_be(changes, found):
    assert contradictions({**RECORD, **changes}) == [found]


def test_all_of_the_whole_can_be():
    assert contradictions({**RECORD, "avg_headshots": 18.0, "total_clutches": 40}) == []
    assert contradictions({**RECORD, "total_clutch_attempts": 480}) == []


def test_everything_wrong_is_named_at_once():
    found = contradictions({**RECORD, "avg_headshots": 20.0, "total_clutches": 600, "total_clutch_attempts": 500})
    assert [name for name, _ in found] == ["avg_headshots", "total_clutches", "total_clutch_attempts"]

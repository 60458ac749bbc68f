"""The odds of maps and series: laws that hold for any round odds, and figures worked out another way."""

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cs2_pipeline.game import rules
from cs2_pipeline.game.series import (
    BEST_OF,
    RoundOdds,
    ScoreError,
    final_scores,
    is_final,
    map_odds,
    map_odds_in_round,
    round_odds_at_price,
    series_odds,
    series_scores,
)

chances = st.floats(0.0, 1.0)
open_chances = st.floats(0.02, 0.98)
round_odds = st.builds(RoundOdds, open_chances, open_chances)


@st.composite
def open_scores(draw):
    """A score of a map under way: a level score of some period, and rounds of that period."""
    overtimes = draw(st.integers(0, 3))
    level = 0 if overtimes == 0 else 12 + 3 * (overtimes - 1)
    target = 13 if overtimes == 0 else level + 4
    own = draw(st.integers(level, target - 1))
    other = draw(st.integers(level, target - 1))
    assume((own, other) != (target - 1, target - 1))
    return own, other


# A map --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", [(13, 0), (13, 11), (16, 12), (16, 14), (19, 15), (22, 20)])
@given(odds=st.builds(RoundOdds, chances, chances), began=st.booleans())
def test_a_won_map_is_exactly_one_and_a_lost_one_exactly_zero(score, odds, began):
    assert map_odds(odds, score, began_ct=began) == 1.0
    assert map_odds(odds, score[::-1], began_ct=began) == 0.0
    assert final_scores(odds, score) == {score: 1.0}


@pytest.mark.parametrize("score", [(14, 3), (14, 11), (16, 11), (17, 13), (20, 14), (-1, 3)])
def test_scores_that_no_map_can_have_are_refused(score):
    with pytest.raises(ScoreError, match=f"{score[0]}:{score[1]}"):
        map_odds(RoundOdds(0.5, 0.5), score)


@given(odds=round_odds, score=open_scores(), began=st.booleans())
def test_a_maps_odds_do_not_drift(odds, score, began):
    """The mean of the odds after the next round is the odds before it."""
    chance = odds.of_round(sum(score) + 1, began_ct=began)
    mean = map_odds_in_round(odds, score, chance, began_ct=began)
    assert mean == pytest.approx(map_odds(odds, score, began_ct=began), abs=1e-12)


@given(odds=round_odds, raised=round_odds, score=open_scores(), began=st.booleans())
def test_better_round_odds_never_lower_the_maps(odds, raised, score, began):
    better = RoundOdds(max(odds.as_ct, raised.as_ct), max(odds.as_t, raised.as_t))
    assert map_odds(better, score, began_ct=began) >= map_odds(odds, score, began_ct=began) - 1e-12


@given(odds=round_odds, score=open_scores(), began=st.booleans())
def test_the_opponents_odds_are_the_complement(odds, score, began):
    theirs = map_odds(odds.opponents(), score[::-1], began_ct=not began)
    assert theirs == pytest.approx(1 - map_odds(odds, score, began_ct=began), abs=1e-12)


@given(odds=round_odds, score=open_scores(), began=st.booleans())
def test_final_scores_add_up_to_one_and_to_the_maps_odds(odds, score, began):
    ends = final_scores(odds, score, began_ct=began)
    assert math.fsum(ends.values()) == pytest.approx(1, abs=1e-11)
    won = math.fsum(chance for (own, other), chance in ends.items() if own > other)
    assert won == pytest.approx(map_odds(odds, score, began_ct=began), abs=1e-11)
    assert all(own >= score[0] and other >= score[1] for own, other in ends)


@given(odds=round_odds)
def test_who_begins_as_ct_does_not_matter_before_the_first_round(odds):
    assert map_odds(odds, began_ct=True) == pytest.approx(map_odds(odds, began_ct=False), abs=1e-12)


def test_sides_matter_in_a_map_under_way():
    strong_ct = RoundOdds(as_ct=0.7, as_t=0.3)
    assert map_odds(strong_ct, (6, 6), began_ct=False) > map_odds(strong_ct, (6, 6), began_ct=True) - 1e-12
    assert map_odds(strong_ct, (12, 11), began_ct=False) > map_odds(strong_ct, (12, 11), began_ct=True) + 0.1


@pytest.mark.parametrize("began", [True, False])
def test_a_map_agrees_with_playing_every_round_in_order(began):
    """Against the definition: a tree of rounds whose sides are those of the rules."""
    odds = RoundOdds(as_ct=0.58, as_t=0.41)
    level = _overtime_by_hand(odds)

    def play(own: int, other: int) -> float:
        number = own + other + 1
        if 13 in (own, other):
            return float(own == 13)
        if number > 24:
            return level
        chance = odds.of_round(number, began_ct=began)
        return chance * play(own + 1, other) + (1 - chance) * play(own, other + 1)

    assert map_odds(odds, (7, 8), began_ct=began) == pytest.approx(play(7, 8), abs=1e-12)


def _overtime_by_hand(odds: RoundOdds) -> float:
    won = lost = 0.0
    for rounds in itertools.product((True, False), repeat=6):
        chance = math.prod(
            (odds.as_ct if place < 3 else odds.as_t) if win else 1 - (odds.as_ct if place < 3 else odds.as_t)
            for place, win in enumerate(rounds)
        )
        won += chance * (sum(rounds) > 3)
        lost += chance * (sum(rounds) < 3)
    return won / (won + lost)


def test_equal_teams_end_as_coins_do():
    ends = final_scores(RoundOdds(0.5, 0.5))
    assert ends[13, 0] == pytest.approx(0.5**13)
    assert ends[13, 11] == pytest.approx(math.comb(23, 11) * 0.5**24)
    assert (14, 12) not in ends
    assert (13, 12) not in ends


def test_overtimes_that_nobody_can_win_are_even_and_are_followed_for_sixty_periods():
    never = RoundOdds(as_ct=1.0, as_t=0.0)
    assert map_odds(never) == 0.5
    level = 12 + 3 * 59  # when the sixtieth overtime begins
    assert final_scores(never) == {(level + 4, level + 2): 0.5, (level + 2, level + 4): 0.5}


def test_overtimes_are_followed_until_less_than_a_millionth_of_a_millionth_is_left():
    ends = final_scores(RoundOdds(0.5, 0.5), (12, 12))
    drawn = math.comb(6, 3) / 2**6
    overtimes = math.ceil(math.log(1e-12) / math.log(drawn))
    assert max(ends) == (12 + 3 * overtimes + 4, 12 + 3 * overtimes + 2)
    assert ends[16, 14] == pytest.approx(math.comb(5, 2) / 2**6)
    assert ends[19, 17] == pytest.approx(drawn * math.comb(5, 2) / 2**6)


@pytest.mark.parametrize(
    ("score", "over"),
    [
        ((0, 0), False), ((12, 11), False), ((12, 12), False), ((13, 11), True), ((0, 13), True), ((13, 12), False),
        ((15, 12), False), ((16, 12), True), ((16, 14), True), ((14, 16), True), ((15, 15), False), ((18, 15), False),
        ((19, 15), True),
    ],
)  # fmt: skip
def test_a_map_is_over_at_13_and_after_12_all_at_16_19_and_so_on(score, over):
    assert is_final(score) == over


def test_a_map_at_a_score_that_cannot_be_is_neither_over_nor_open():
    for score, told in (((13, -1), "cannot be negative, got 13:-1"), ((14, 2), "no map can be at 14:2")):
        with pytest.raises(ScoreError, match=told):
            is_final(score)


def test_who_says_nothing_asks_of_the_first_round_for_the_team_that_began_as_ct_on_a_map_without_a_favoured_side():
    odds, score = RoundOdds(0.7, 0.4), (11, 8)
    said = {"began_ct": True}
    assert map_odds(odds, score) == map_odds(odds, score, **said) != map_odds(odds, score, began_ct=False)
    assert final_scores(odds, score) == final_scores(odds, score, **said) != final_scores(odds, score, began_ct=False)
    assert map_odds_in_round(odds, score, 0.5) == map_odds_in_round(odds, score, 0.5, **said)
    assert map_odds_in_round(odds, score, 0.5) != map_odds_in_round(odds, score, 0.5, began_ct=False)
    assert map_odds(odds) == map_odds(odds, (0, 0))
    found = round_odds_at_price(0.6)
    assert found.as_ct == found.as_t
    at_score = round_odds_at_price(0.6, ct_share=0.7, score=score)
    assert at_score == round_odds_at_price(0.6, ct_share=0.7, score=score, **said)
    assert at_score != round_odds_at_price(0.6, ct_share=0.7, score=score, began_ct=False)


def test_a_round_under_way_weighs_the_map_after_it():
    odds = RoundOdds(0.5, 0.5)
    assert map_odds_in_round(odds, (12, 0), 0.25) == pytest.approx(0.25 + 0.75 * (1 - 0.5**12))
    assert map_odds_in_round(odds, (12, 11), 1.0) == 1.0
    assert map_odds_in_round(odds, (12, 11), 0.0) == 0.5


def test_maps_that_cannot_be_played_any_more_are_not_looked_at():
    assert series_odds(1, [0.6, 7.0]) == pytest.approx(0.6)
    assert series_scores(3, [0.6, 7.0, 7.0], score=(1, 1)) == pytest.approx({(2, 1): 0.6, (1, 2): 0.4})
    assert series_scores(3, pool=[0.5] * 3) == pytest.approx({(2, 0): 0.25, (2, 1): 0.25, (1, 2): 0.25, (0, 2): 0.25})


@given(price=st.floats(0.001, 0.999), share=st.floats(0.3, 0.7), score=open_scores(), began=st.booleans())
def test_the_map_comes_out_at_the_price(price, share, score, began):
    odds = round_odds_at_price(price, ct_share=share, score=score, began_ct=began)
    assert map_odds(odds, score, began_ct=began) == pytest.approx(price, abs=1e-9)


@given(share=st.floats(0.3, 0.7))
def test_equal_teams_keep_the_maps_share_of_ct_rounds(share):
    odds = round_odds_at_price(0.5, ct_share=share)
    assert odds.as_ct == pytest.approx(share, abs=1e-9)
    assert odds.as_t == pytest.approx(1 - share, abs=1e-9)


@given(price=open_chances, share=st.floats(0.3, 0.7))
def test_round_odds_of_the_opponent_are_the_complement(price, share):
    ours = round_odds_at_price(price, ct_share=share)
    theirs = round_odds_at_price(1 - price, ct_share=share)
    assert (theirs.as_ct, theirs.as_t) == pytest.approx((1 - ours.as_t, 1 - ours.as_ct), abs=1e-8)


@pytest.mark.parametrize(("price", "share"), [(0.0, 0.5), (1.0, 0.5), (0.5, 0.0), (0.5, 1.0), (math.nan, 0.5)])
def test_a_price_that_no_round_odds_give_is_refused(price, share):
    with pytest.raises(ScoreError, match="strictly between 0 and 1"):
        round_odds_at_price(price, ct_share=share)


def test_a_decided_map_has_no_round_under_way():
    with pytest.raises(ScoreError, match="13:4"):
        map_odds_in_round(RoundOdds(0.5, 0.5), (13, 4), 0.5)
    with pytest.raises(ScoreError, match="13:4"):
        round_odds_at_price(0.5, score=(13, 4))


@pytest.mark.parametrize("chance", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(chance):
    with pytest.raises(ScoreError, match=f"round odds must be probabilities, got {chance}"):
        RoundOdds(chance, 0.5)
    with pytest.raises(ScoreError, match=f"round odds must be probabilities, got {chance}"):
        RoundOdds(0.5, chance)
    with pytest.raises(ScoreError, match=f"the odds of the round must be probabilities, got {chance}"):
        map_odds_in_round(RoundOdds(0.5, 0.5), (3, 4), chance)
    with pytest.raises(ScoreError, match=f"the odds of a map must be probabilities, got {chance}"):
        series_odds(1, [0.5], pool=[chance])
    with pytest.raises(ScoreError, match="probabilities"):
        series_odds(1, [chance])


# A series -----------------------------------------------------------------------------------------------------------


@st.composite
def open_series(draw):
    best_of = draw(st.sampled_from(BEST_OF))
    target = best_of // 2 + 1
    score = draw(st.integers(0, target - 1)), draw(st.integers(0, target - 1))
    left = best_of - sum(score)
    known = draw(st.lists(open_chances, max_size=left))
    pool = draw(st.lists(open_chances, min_size=left - len(known), max_size=7))
    return best_of, known, pool, score


@given(series=open_series())
def test_series_scores_add_up_to_one_and_to_the_series_odds(series):
    best_of, known, pool, score = series
    ends = series_scores(best_of, known, pool=pool, score=score)
    target = best_of // 2 + 1
    assert math.fsum(ends.values()) == pytest.approx(1, abs=1e-11)
    assert all(max(end) == target > min(end) for end in ends)
    won = math.fsum(chance for (own, other), chance in ends.items() if own > other)
    assert won == pytest.approx(series_odds(best_of, known, pool=pool, score=score), abs=1e-11)


@given(series=open_series())
def test_the_opponents_series_is_the_complement(series):
    best_of, known, pool, score = series
    ours = series_odds(best_of, known, pool=pool, score=score)
    theirs = series_odds(best_of, [1 - p for p in known], pool=[1 - p for p in pool], score=score[::-1])
    assert theirs == pytest.approx(1 - ours, abs=1e-11)


@given(series=open_series(), raised=st.lists(open_chances, min_size=12, max_size=12))
def test_better_maps_never_lower_the_series(series, raised):
    best_of, known, pool, score = series
    better = [max(pair) for pair in zip(known, raised, strict=False)]
    better_pool = [max(pair) for pair in zip(pool, raised[5:], strict=False)]
    assert series_odds(best_of, better, pool=better_pool, score=score) >= (
        series_odds(best_of, known, pool=pool, score=score) - 1e-12
    )


@given(series=open_series())
def test_a_series_odds_do_not_drift_over_a_map(series):
    best_of, known, pool, score = series
    assume(known)
    won = series_odds(best_of, known[1:], pool=pool, score=(score[0] + 1, score[1]))
    lost = series_odds(best_of, known[1:], pool=pool, score=(score[0], score[1] + 1))
    mean = known[0] * won + (1 - known[0]) * lost
    assert mean == pytest.approx(series_odds(best_of, known, pool=pool, score=score), abs=1e-12)


@given(series=open_series())
def test_an_unknown_veto_is_the_mean_over_all_orders(series):
    best_of, known, pool, score = series
    left = best_of - sum(score)
    orders = list(itertools.permutations(pool[:5], left - len(known))) if len(pool) <= 5 else []
    assume(orders)
    mean = math.fsum(series_odds(best_of, [*known, *order], score=score) for order in orders) / len(orders)
    assert series_odds(best_of, known, pool=pool, score=score) == pytest.approx(mean, abs=1e-12)


def test_known_series():
    assert series_odds(1, [0.6]) == pytest.approx(0.6)
    assert series_odds(3, [0.6] * 3) == pytest.approx(0.6**2 * (3 - 2 * 0.6))
    assert series_scores(3, [0.6, 0.5, 0.4]) == pytest.approx(
        {(2, 0): 0.3, (2, 1): 0.2, (1, 2): 0.5 * 0.6, (0, 2): 0.2}
    )
    assert series_odds(5, [0.5], pool=[0.5] * 6, score=(2, 2)) == pytest.approx(0.5)
    assert series_odds(3, score=(2, 1)) == 1.0
    assert series_odds(3, score=(1, 2)) == 0.0
    assert series_scores(3, score=(0, 2)) == {(0, 2): 1.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"best_of": 2, "maps": [0.5, 0.5]}, "best of 1, 3 or 5"),
        ({"best_of": 3, "maps": [0.5], "score": (3, 0)}, "3:0"),
        ({"best_of": 3, "maps": [0.5], "score": (2, 2)}, "2:2"),
        ({"best_of": 3, "maps": [0.5] * 3, "score": (1, -1)}, "1:-1"),
        ({"best_of": 3, "maps": [0.5] * 3, "score": (-1, 1)}, "-1:1"),
        ({"best_of": 5, "maps": [0.5], "pool": [0.5, 0.5]}, "name more"),
    ],
)
def test_series_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ScoreError, match=message):
        series_odds(**arguments)


# All three levels ---------------------------------------------------------------------------------------------------


@given(price=open_chances, share=st.floats(0.4, 0.6), others=st.lists(open_chances, min_size=2, max_size=2))
def test_one_round_moves_map_and_series_by_what_it_is_worth_and_no_drift_is_left(price, share, others):
    odds = round_odds_at_price(price, ct_share=share)
    before = series_odds(3, [price, *others])
    chance = odds.of_round(1, began_ct=True)
    after = [series_odds(3, [map_odds(odds, score), *others]) for score in ((1, 0), (0, 1))]
    assert chance * after[0] + (1 - chance) * after[1] == pytest.approx(before, abs=1e-8)
    assert after[0] >= after[1]


def test_the_rules_and_the_odds_agree_on_the_sides_of_overtime():
    odds = RoundOdds(as_ct=0.9, as_t=0.2)
    for number in range(25, 49):
        assert odds.of_round(number, began_ct=True) == (0.2 if rules.sides_swapped(number) else 0.9)


def test_odds_of_a_series_never_exceed_one_by_the_last_bit():
    maps = [1.0, 0.7, 0.08442590695521945, 0.8999740175150481, 0.7003056115666477]
    assert series_odds(5, maps, score=(2, 0)) == 1.0


def test_a_decided_map_is_certain_and_its_score_is_the_last():
    odds = RoundOdds(0.7, 0.4)
    assert [map_odds(odds, score) for score in ((13, 5), (5, 13), (16, 14), (14, 16))] == [1.0, 0.0, 1.0, 0.0]
    assert final_scores(odds, (13, 5)) == {(13, 5): 1.0}


@pytest.mark.parametrize(("as_ct", "as_t"), [(0.58, 0.41), (0.999, 0.0005), (0.9, 0.9), (1.0, 0.2)])
def test_a_level_overtime_is_won_as_its_sixty_four_ways_add_up(as_ct, as_t):
    odds = RoundOdds(as_ct, as_t)
    for score in ((12, 12), (15, 15)):
        assert map_odds(odds, score) == pytest.approx(_overtime_by_hand(odds))


def test_the_last_rounds_of_a_period_are_played_on_the_sides_that_are_left():
    odds, level = RoundOdds(as_ct=0.75, as_t=0.5), _overtime_by_hand(RoundOdds(0.75, 0.5))
    # The team that began as CT plays the second half, and the first half of the first overtime, as T.
    assert map_odds(odds, (12, 11)) == pytest.approx(0.5 + 0.5 * level)
    assert map_odds(odds, (12, 11), began_ct=False) == pytest.approx(0.75 + 0.25 * level)
    assert map_odds(odds, (11, 12)) == pytest.approx(0.5 * level)
    assert map_odds(odds, (12, 10)) == pytest.approx(0.75 + 0.25 * level)
    assert map_odds(odds, (15, 14)) == pytest.approx(0.75 + 0.25 * level), "the last of the overtime as CT"
    assert map_odds(odds, (14, 13)) == pytest.approx(0.75**3 + 3 * 0.75**2 * 0.25 + 3 * 0.75 * 0.25**2 * level)
    assert final_scores(odds, (12, 11))[13, 11] == 0.5
    assert final_scores(odds, (15, 14))[16, 14] == 0.75
    assert final_scores(odds, (14, 15))[14, 16] == 0.25


def test_final_scores_come_in_falling_order_and_impossible_ones_not_at_all():
    ends = final_scores(RoundOdds(0.5, 0.5), (10, 11))
    assert list(ends) == sorted(ends, reverse=True)
    assert ends[13, 11] == ends[10, 13] * 0.5 == 0.125
    assert all(chance > 0 for chance in final_scores(RoundOdds(1.0, 0.0), (9, 3)).values())


def test_odds_of_a_map_never_exceed_one_by_the_last_bit():
    assert map_odds(RoundOdds(0.9999720208708345, 0.9997329427488795), (5, 0)) == 1.0


def test_round_odds_at_a_price_lie_as_far_from_those_of_equal_teams_on_either_side():
    even = round_odds_at_price(0.5)
    assert (even.as_ct, even.as_t) == pytest.approx((0.5, 0.5), abs=1e-12)
    ahead = round_odds_at_price(0.75, score=(12, 11))
    assert (ahead.as_ct, ahead.as_t) == pytest.approx((0.5, 0.5), abs=1e-12), "one round of coins, then an overtime"
    for share in (0.4, 0.5, 0.6):
        odds = round_odds_at_price(0.8, ct_share=share)
        log_odds = [math.log(one / (1 - one)) for one in (odds.as_ct, odds.as_t)]
        assert log_odds[0] - log_odds[1] == pytest.approx(2 * math.log(share / (1 - share)))
        assert map_odds(odds) == pytest.approx(0.8, abs=1e-12)
    sure = round_odds_at_price(1 - 1e-12, score=(0, 12))
    assert map_odds(sure, (0, 12)) == pytest.approx(1 - 1e-12, abs=1e-13)


def test_the_opponents_round_odds_are_the_complement_of_the_other_side():
    assert RoundOdds(as_ct=0.75, as_t=0.5).opponents() == RoundOdds(as_ct=0.5, as_t=0.25)


def test_a_series_of_five_coins_ends_as_coins_do():
    assert list(series_scores(5, [0.5] * 5).items()) == [
        ((3, 2), 0.1875), ((3, 1), 0.1875), ((3, 0), 0.125), ((2, 3), 0.1875), ((1, 3), 0.1875), ((0, 3), 0.125),
    ]  # fmt: skip
    assert list(series_scores(5, [0.5] * 4, score=(1, 0)).items()) == [
        ((3, 2), 0.1875), ((3, 1), 0.25), ((3, 0), 0.25), ((2, 3), 0.1875), ((1, 3), 0.125),
    ]  # fmt: skip
    assert series_scores(5, [0.75], score=(2, 2)) == {(3, 2): 0.75, (2, 3): 0.25}
    assert series_scores(1, [0.75]) == {(1, 0): 0.75, (0, 1): 0.25}
    assert [series_odds(1, score=score) for score in ((1, 0), (0, 1))] == [1.0, 0.0]
    assert [series_scores(5, score=score) for score in ((3, 1), (0, 3))] == [{(3, 1): 1.0}, {(0, 3): 1.0}]


def test_maps_of_a_pool_are_drawn_without_putting_them_back():
    assert series_odds(1, pool=[0.2, 0.7]) == pytest.approx(0.45)
    # Three of [1, 1, 0]: the lost map is among the first two in two of three orders, and decides nothing.
    assert series_scores(3, pool=[1.0, 1.0, 0.0]) == pytest.approx({(2, 0): 1 / 3, (2, 1): 2 / 3, (1, 2): 0, (0, 2): 0})
    # A named map first, then two of the pool.
    assert series_odds(3, [1.0], pool=[1.0, 0.0, 0.0, 0.0]) == pytest.approx(0.5)
    with pytest.raises(ScoreError, match="3 more maps may be played, 1 are named and 1 are in the pool: name more"):
        series_odds(3, [0.5], pool=[0.5])


@pytest.mark.parametrize("maps", [[0.99999993283, 0.999999999638, 1.0, 1.0, 0.9701697196396717],
                                  [0.0010000000000000009, 0.0, 0.0, 0.0, 5.000000413701855e-11]])  # fmt: skip
def test_no_score_of_a_series_is_less_than_impossible_by_the_last_bit(maps):
    assert min(series_scores(5, maps).values()) == 0

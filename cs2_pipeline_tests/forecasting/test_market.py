"""A bookmaker's odds as a probability, and odds that cannot be those of one match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.forecasting import market

ODDS = st.floats(1.01, 50)


def test_the_margin_is_taken_from_both_sides_in_proportion():
    assert market.probability((1.6, 2.4)) == pytest.approx(0.6)
    assert market.total((1.6, 2.4)) == pytest.approx(1 + 1 / 24)


@given(ODDS, ODDS)
def test_exchanging_the_sides_gives_the_complement_and_shorter_odds_the_higher_probability(first, second):
    assert market.probability((first, second)) + market.probability((second, first)) == pytest.approx(1)
    assert (market.probability((first, second)) > 0.5) == (first < second) or first == pytest.approx(second)


@pytest.mark.parametrize("odds", [(1.01, 1.01), (20.0, 30.0)])
def test_odds_that_no_match_has_are_refused_with_their_sum(odds):
    assert f"{market.total(odds):.2f}" in market.mistake(odds)


@pytest.mark.parametrize("odds", [(1.9, 1.9), (1.02, 15.0), (2.05, 2.02)])
def test_odds_of_a_match_are_taken(odds):
    assert market.mistake(odds) is None


@pytest.mark.parametrize(("total", "taken"), [(0.9, True), (0.899, False), (1.5, True), (1.501, False), (1.0, True)])
def test_shares_add_up_to_nine_tenths_at_least_and_one_and_a_half_at_most(monkeypatch, total, taken):
    monkeypatch.setattr(market, "total", lambda _: total)
    assert (market.mistake((2.0, 2.0)) is None) is taken


def test_a_mistake_names_the_odds_and_the_limits():
    assert market.mistake((1.01, 1.25)) == (
        "are not the odds of one match: 1/1.01 and 1/1.25 add up to 1.79, outside 0.9 to 1.5"
    )

"""The calibration alarm: silent for a year of unchanged play, rung by patches that make the champion's prices wrong."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.evaluation import live_calibration
from cs2_pipeline.evaluation import live_calibration as live_module
from cs2_pipeline.evaluation.live_calibration import FALSE_ALARM_RATE, ROUNDS_COUNTED, TOLERANCE, Matches
from cs2_pipeline.stats import betting
from cs2_pipeline.training.truth import exact_probability

BEFORE = datetime(2026, 2, 1, tzinfo=UTC)
RINGS = np.log(1 / FALSE_ALARM_RATE)


def year_of_matches(rng, matches, off=0.0, spread=0.08):
    """Sums of matches whose rounds are won as priced but for what a match has of its own, shape (matches, ranges).

    A round is priced twice, fairly: at its start and later on. ``off`` is added to every chance; ``spread`` is the
    standard deviation of what the rounds of a match share.
    """
    rounds = rng.integers(13, 25, matches)
    played = np.arange(24) < rounds[:, None]
    first = rng.beta(4, 4, played.shape)
    step = rng.uniform(0, 1, played.shape) * np.minimum(first, 1 - first) * rng.choice([-1, 1], played.shape)
    second = first + step
    own = np.clip(rng.normal(0, spread, matches), -0.2, 0.2)[:, None] * 4 * second * (1 - second)
    won = rng.random(played.shape) < np.clip(second + own + off, 0, 1)
    ranges = [live_calibration.range_of(price.ravel()).reshape(price.shape) for price in (first, second)]
    surplus, visits = np.zeros((2, matches, 5))
    for number in range(5):
        there = np.stack([ranges[0] == number, (ranges[1] == number) & (ranges[0] != number)], axis=2)
        there &= played[:, :, None]
        there &= np.cumsum(there.reshape(matches, -1), axis=1).reshape(there.shape) <= ROUNDS_COUNTED
        surplus[:, number] = ((won[:, :, None] - np.stack([first, second], axis=2)) * there).sum(axis=(1, 2))
        visits[:, number] = there.sum(axis=(1, 2))
    return surplus, visits


def evidence(surplus, visits, weeks):
    path = betting.log_wealth(live_calibration.bets(Matches(None, surplus, visits, None)), weeks)
    return betting.together(path)


@pytest.mark.parametrize("off", [0.0, TOLERANCE, -TOLERANCE], ids=["right", "too low", "too high"])
def test_a_year_of_unchanged_play_rings_no_more_often_than_stated(off):
    years, matches = 100, 365 * 6
    weeks = np.arange(matches) // 42
    rng = np.random.default_rng(0)
    rung = sum(evidence(*year_of_matches(rng, matches, off), weeks).max() >= RINGS for _ in range(years))
    assert rung / years <= FALSE_ALARM_RATE


def test_a_change_after_half_a_year_of_calm_rings_within_weeks():
    calm, changed = 182 * 6, 400
    weeks = np.arange(calm + changed) // 42
    rng, delays = np.random.default_rng(1), []
    for _ in range(20):
        parts = [year_of_matches(rng, calm), year_of_matches(rng, changed, off=0.1)]
        path = evidence(*(np.concatenate(both) for both in zip(*parts, strict=True)), weeks)
        assert path[:calm].max() < RINGS
        delays.append(int(np.argmax(path >= RINGS)) - calm)
    assert min(delays) > 0
    assert np.median(delays) < 200


@pytest.mark.parametrize("patch", ["a stronger T rifle", "a stronger CT side"])
def test_a_patch_that_makes_the_prices_wrong_rings_and_says_where_with_numbers(learnt, patched, patch):
    _, truth = learnt
    after = patched(patch)
    found = live_calibration.watch(after, exact_probability(truth, after), since=BEFORE)
    assert found.evidence.rings
    sign = "-" if "T rifle" in patch else "+"
    assert f"CT won {sign}0.1" in found.sentence
    assert "the alarm rings at 100" in found.sentence
    gaps = found.gaps.set_index("price_range").loc["0.4 to 0.6"]
    assert abs(gaps["gap"]) > TOLERANCE
    assert (gaps["gap_low"] > 0) == (sign == "+")
    assert found.ece.low > TOLERANCE


@pytest.mark.parametrize("patch", ["none", "shorter rounds", "a poorer economy"])
def test_what_leaves_the_prices_right_does_not_ring(learnt, patched, patch):
    _, truth = learnt
    after = patched(patch)
    found = live_calibration.watch(after, exact_probability(truth, after), since=BEFORE)
    assert not found.evidence.rings
    assert found.ece.low == 0
    assert found.log_loss.low < found.log_loss.value < found.log_loss.high
    assert (found.gaps["gap_low"] < 0).all()
    assert (found.gaps["gap_high"] > 0).all()


def frame(prices, won=1, started_at="2026-03-01", match=1):
    """A round of a match with a snapshot for each price."""
    rows = [
        {"match_id": match, "round_id": match * 100, "round_number": 1, "snapshot": number, "ct_wins": won}
        | {"started_at": pd.Timestamp(started_at, tz="UTC"), "price": price}
        for number, price in enumerate(prices)
    ]
    return pd.DataFrame(rows)


def test_a_round_counts_once_in_a_range_at_its_first_moment_there_whatever_the_order_of_rows():
    made = frame([0.5, 0.55, 0.9, 0.45]).sample(frac=1, random_state=0)
    matches = live_calibration.by_match(made, made["price"].to_numpy())
    assert matches.visits.tolist() == [[0, 0, 1, 0, 1]]
    assert matches.surplus[0] == pytest.approx([0, 0, 0.5, 0, 0.1])


def test_the_first_dozen_rounds_of_a_match_in_a_range_count_and_all_are_in_the_log_loss():
    rounds = [frame([0.5], won=number > 12).assign(round_number=number, round_id=number) for number in range(1, 21)]
    made = pd.concat(rounds)
    matches = live_calibration.by_match(made, made["price"].to_numpy())
    assert matches.visits.tolist() == [[0, 0, ROUNDS_COUNTED, 0, 0]]
    assert matches.surplus.sum() == -0.5 * ROUNDS_COUNTED
    assert matches.loss == pytest.approx(np.log(2))


def test_matches_are_taken_in_time_order():
    made = pd.concat([frame([0.3], started_at="2026-03-02", match=1), frame([0.7], started_at="2026-03-01", match=2)])
    matches = live_calibration.by_match(made, made["price"].to_numpy())
    assert matches.started_at.is_monotonic_increasing
    assert matches.visits.argmax(axis=1).tolist() == [3, 1]


@pytest.mark.parametrize("started_at", ["2026-02-01", "2026-01-15"])
def test_rows_of_a_match_the_champion_may_have_learnt_from_are_refused(started_at):
    made = frame([0.5], started_at=started_at)
    with pytest.raises(ValueError, match="may have been trained on"):
        live_calibration.watch(made, made["price"].to_numpy(), since=BEFORE)


def test_no_rows_are_no_evidence_of_anything():
    made = frame([0.5])
    with pytest.raises(ValueError, match="no snapshots"):
        live_calibration.watch(made[:0], np.array([]), since=BEFORE)


def test_a_single_match_is_looked_at_without_an_opinion():
    made = frame([0.5])
    found = live_calibration.watch(made, made["price"].to_numpy(), since=BEFORE)
    assert (found.matches, found.outcomes, found.evidence.rings) == (1, 1, False)
    assert found.ece.low == 0


def test_the_chance_of_error_is_divided_over_both_ends_of_all_price_ranges(monkeypatch):
    rates = []

    def lower_bound(*_, rate, **__):
        rates.append(rate)
        return 0.0

    monkeypatch.setattr(live_module.betting, "lower_bound", lower_bound)
    ranges = len(live_module.EDGES) - 1
    ones = np.ones((4, ranges))
    live_module._gaps(Matches(pd.date_range("2026-01-01", periods=4, tz="UTC"), ones, ones, np.ones(4)))
    assert rates == [pytest.approx(0.05 / 2 / ranges)] * (2 * ranges)


def test_a_share_of_the_money_is_first_staked_in_each_week_since_the_champions_newest_match(monkeypatch):
    begun, wealth = [], betting.log_wealth
    monkeypatch.setattr(betting, "log_wealth", lambda against, weeks: wealth(against, begun.append(weeks) or weeks))
    played = pd.DatetimeIndex([BEFORE + pd.Timedelta(days=days) for days in (0, 6.99, 7, 13.99, 14, 21)])
    ranges = len(live_calibration.ROUNDS.ranges)
    matches = Matches(played, np.zeros((6, ranges)), np.ones((6, ranges)), np.full(6, 0.6))
    live_calibration.evidence_of(live_calibration.bets(matches), played, BEFORE, 0.01)
    assert begun[0].tolist() == [0, 0, 1, 1, 2, 3]


def test_a_price_on_an_edge_is_in_the_range_above_and_1_in_the_last():
    found = live_calibration.range_of(np.array([0.0, 0.199, 0.2, 0.399, 0.4, 0.8, 1.0]))
    assert found.tolist() == [0, 0, 1, 1, 2, 4, 4]


def test_a_bet_can_lose_no_more_than_a_dozen_rounds_at_the_worst_price_of_its_range():
    surplus, visits = np.zeros((1, 5)), np.zeros((1, 5))
    surplus[0, 0], visits[0, 0], surplus[0, 4], visits[0, 4] = 1.5, 10, -2.0, 4
    against = live_calibration.bets(Matches(None, surplus, visits, np.zeros(1)))
    assert against.names[0] == "0.0 to 0.2 more"
    assert against.names[-1] == "0.8 to 1.0 less"
    paid = dict(zip(against.names, against.payoffs[0], strict=True))
    assert paid["0.0 to 0.2 more"] == pytest.approx(1.5 - 0.02 * 10)
    assert paid["0.0 to 0.2 less"] == pytest.approx(-1.5 - 0.02 * 10)
    assert paid["0.8 to 1.0 less"] == pytest.approx(2.0 - 0.02 * 4)
    worst = dict(zip(against.names, against.worst, strict=True))
    assert worst["0.0 to 0.2 more"] == pytest.approx(12 * 0.22)
    assert worst["0.8 to 1.0 less"] == pytest.approx(12 * 0.22)
    assert worst["0.8 to 1.0 more"] == pytest.approx(12 * 1.02)


def test_the_calibration_error_is_the_mean_distance_of_the_ranges_and_its_ends_are_theirs():
    """Surely off by .3 in the lowest range in 1,500 of 4,500 rounds, not off in the highest."""
    matches, surplus, visits = 300, np.zeros((300, 5)), np.zeros((300, 5))
    visits[:, 0], visits[:, 4] = 5, 10
    surplus[:, 0] = 1.5
    started = pd.date_range("2026-01-01", periods=matches, freq="h", tz="UTC")
    found = live_calibration.of_matches(
        Matches(started, surplus, visits, np.full(matches, 0.5)), live_calibration.ROUNDS, 4_500, since=started[0]
    )
    lowest, highest = found.gaps.iloc[0], found.gaps.iloc[4]
    assert found.gaps["rounds"].tolist() == [1_500, 0, 0, 0, 3_000]
    assert lowest["gap"] == pytest.approx(0.3) and lowest["gap_low"] > 0
    assert highest["gap"] == 0 and highest["gap_low"] < 0 < highest["gap_high"]
    assert found.ece.value == pytest.approx(0.3 / 3)
    assert found.ece.low == pytest.approx(lowest["gap_low"] / 3)
    reach = max(-highest["gap_low"], highest["gap_high"])
    assert found.ece.high == pytest.approx(lowest["gap_high"] / 3 + reach * 2 / 3)
    assert found.evidence.culprits[0] == "0.0 to 0.2 more"
    assert (found.matches, found.outcomes, found.log_loss.value) == (300, 4_500, 0.5)


DAYS = pd.date_range("2026-03-01", periods=6, freq="D", tz="UTC")


def test_odds_are_the_wealth_after_the_last_match_and_ring_at_one_over_the_rate():
    found = live_calibration.Evidence(DAYS[:3], np.log([1e9, 3.0, 2.0]), 0.01, ())
    assert (found.odds, found.rings) == (pytest.approx(2), False)
    assert found.sentence == "odds 2, the alarm rings at 100"
    assert live_calibration.Evidence(DAYS[:1], np.log([101.0]), 0.01, ()).rings
    assert not live_calibration.Evidence(DAYS[:1], np.log([99.0]), 0.01, ()).rings
    assert live_calibration.Evidence(DAYS[:1], np.zeros(1), 1.0, ()).rings, "at just these odds it rings"
    assert live_calibration.Evidence(DAYS[:1], np.array([1e6]), 0.01, ()).odds == pytest.approx(np.exp(700.0))


def looked_at(evidence, claim=live_calibration.ROUNDS, outcomes=4_500):
    gaps = pd.DataFrame({"price_range": claim.names, claim.unit: range(1_000, 1_000 + len(claim.names)), "gap": 0.25})
    one = live_calibration.Interval(0.5, 0.4, 0.6)
    return live_calibration.LiveCalibration(1_200, outcomes, one, one, gaps, evidence, claim)


def test_the_finding_says_whose_wins_in_which_range_and_by_how_much_or_that_nothing_is_sure():
    quiet = live_calibration.Evidence(DAYS[:1], np.log([2.0]), 0.01, ("0.2 to 0.4 more",))
    assert looked_at(quiet).sentence == (
        "no surplus or lack of CT wins beyond 0.02 is sure on 4,500 rounds of 1,200 matches: odds 2, the alarm rings "
        "at 100"
    )
    favourites = live_calibration.Claim(0.05, (0.5, 0.6, 1.0), 1, "favourites", "matches")
    assert looked_at(quiet, favourites).sentence == (
        "no surplus or lack of favourites wins beyond 0.05 is sure on 1,200 matches: odds 2, the alarm rings at 100"
    )
    loud = live_calibration.Evidence(DAYS[:1], np.log([500.0]), 0.01, ("0.2 to 0.4 more", "0.8 to 1.0 less"))
    assert looked_at(loud).sentence == (
        "the champion is off by more than 0.02 at prices from 0.2 to 0.4: CT won +0.250 of 1,001 rounds beyond the "
        "price; odds 500, the alarm rings at 100"
    )


def test_price_ranges_lie_between_neighbouring_edges():
    assert live_calibration.ROUNDS.ranges == ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0))
    assert live_calibration.ROUNDS.names == ("0.0 to 0.2", "0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "0.8 to 1.0")


def test_a_match_has_the_mean_loss_of_its_moments_and_no_more_than_twice_a_coins():
    lost = frame([0.6, 0.8], won=0, match=1)
    sure = frame([0.001], won=1, match=2, started_at="2026-03-02")
    same_hour = frame([0.6], won=1, match=3)
    made = pd.concat([sure, same_hour, lost])
    matches = live_calibration.by_match(made, made["price"].to_numpy())
    assert matches.loss == pytest.approx([-(np.log(0.4) + np.log(0.2)) / 2, -np.log(0.6), 2 * np.log(2)])


def test_what_is_watched_is_counted_in_matches_and_rounds_from_the_champions_newest_match_on():
    made = pd.concat([frame([0.5, 0.3]), frame([0.7], match=2), frame([0.7], match=2).assign(round_id=201)])
    found = live_calibration.watch(made, made["price"].to_numpy(), since=BEFORE)
    assert (found.matches, found.outcomes, found.claim) == (2, 3, live_calibration.ROUNDS)
    assert found.evidence.rate == 0.01
    assert found.log_loss.value == pytest.approx(-(np.log(0.5) / 2 + np.log(0.3) / 2 + np.log(0.7)) / 2)


def test_an_interval_holds_with_half_of_five_percent_at_each_end():
    loss = np.random.default_rng(0).uniform(0.2, 0.9, 400)
    found = live_module._log_loss(Matches(None, None, None, loss))
    ones, most = np.ones(400), 2 * np.log(2)
    assert found.low == betting.lower_bound(loss, ones, depth=0.0, most=1.0, rate=0.025)
    assert found.high == -betting.lower_bound(-loss, ones, depth=most, most=1.0, rate=0.025)
    assert found.value == pytest.approx(loss.mean())
    assert found.low < found.value < found.high


def test_a_range_that_no_price_visited_has_no_gap_and_the_widest_interval():
    surplus, visits = np.zeros((50, 5)), np.zeros((50, 5))
    surplus[:, 1], visits[:, 1] = 0.5, 2
    gaps = live_module._gaps(Matches(None, surplus, visits, None))
    assert gaps["price_range"].tolist() == list(live_calibration.ROUNDS.names)
    assert gaps["rounds"].tolist() == [0, 100, 0, 0, 0]
    assert gaps["gap"][1] == 0.25 and gaps["gap"].isna().sum() == 4
    assert gaps["gap_low"][[0, 2, 3, 4]].tolist() == [-0.2, -0.6, -0.8, -1.0], (
        "a price can be too high by all of itself"
    )
    assert gaps["gap_high"][[0, 2, 3, 4]].tolist() == [1.0, 0.6, 0.4, pytest.approx(0.2)]
    assert gaps["gap_low"][1] == betting.lower_bound(surplus[:, 1], visits[:, 1], depth=0.4, most=12.0, rate=0.005)
    assert gaps["gap_high"][1] == -betting.lower_bound(-surplus[:, 1], visits[:, 1], depth=0.8, most=12.0, rate=0.005)


def test_the_richest_claims_are_named_as_far_as_they_won_and_their_change_is_dated():
    """Seven claims: six win from the fourth match on, each less than the one before it; the last one loses."""
    gain = np.array([0.6, 0.5, 0.4, 0.3, 0.2, 0.1, -0.9])
    payoffs = np.vstack([np.full((3, 7), -0.01), np.tile(gain, (3, 1))])
    against = betting.Bets(tuple("abcdefg"), payoffs, np.ones(7))
    found = live_calibration.evidence_of(against, DAYS, DAYS[0].to_pydatetime(), 0.02)
    assert found.culprits == ("a", "b", "c", "d", "e"), "five at most"
    assert found.changed_at == DAYS[3].to_pydatetime()
    assert (found.rate, len(found.log_wealth)) == (0.02, 6)
    wealth = betting.log_wealth(against, np.zeros(6, dtype=int))
    assert found.log_wealth == pytest.approx(np.log(np.exp(wealth).mean(axis=1)))
    losing = live_calibration.evidence_of(
        betting.Bets(tuple("ab"), np.tile([-0.1, 0.1], (6, 1)), np.ones(2)), DAYS, DAYS[0].to_pydatetime(), 0.02
    )
    assert losing.culprits == ("b",)
    assert losing.changed_at == DAYS[0].to_pydatetime()


def test_a_range_surely_off_to_either_side_counts_by_its_nearer_end():
    """Surely too low by .3 in the lowest range, surely too high by .3 in the highest, in as many rounds each."""
    surplus, visits = np.zeros((300, 5)), np.zeros((300, 5))
    visits[:, [0, 4]] = 5
    surplus[:, 0], surplus[:, 4] = 1.5, -1.5
    started = pd.date_range("2026-01-01", periods=300, freq="h", tz="UTC")
    found = live_calibration.of_matches(
        Matches(started, surplus, visits, np.full(300, 0.5)), live_calibration.ROUNDS, 3_000, since=started[0]
    )
    lowest, highest = found.gaps.iloc[0], found.gaps.iloc[4]
    assert 0 < lowest["gap_low"] < 0.3 < lowest["gap_high"]
    assert highest["gap_low"] < -0.3 < highest["gap_high"] < 0
    assert found.ece.value == pytest.approx(0.3)
    assert found.ece.low == pytest.approx((lowest["gap_low"] - highest["gap_high"]) / 2)
    assert found.ece.high == pytest.approx((lowest["gap_high"] - highest["gap_low"]) / 2)

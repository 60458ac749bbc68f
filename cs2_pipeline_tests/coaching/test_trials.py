"""Whether a plan helped: few false answers at any time of looking, true gains found, regression to the mean no gain."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cs2_pipeline.coaching import trials
from cs2_pipeline.coaching.estimates import Known, Peers
from cs2_pipeline.coaching.trials import After, Answer, progress

GROUP = Peers("aim", "all", 200, 4000, mean=0.7, spread=0.08, noise=0.5, exposure=22.0, mean_error=0.005)
TRIALS, MATCHES, PLAYED_BEFORE = 400, 120, 30


def posterior(values):
    exposure = GROUP.exposure * len(values)
    sampling = GROUP.noise / exposure
    share = GROUP.spread**2 / (GROUP.spread**2 + sampling)
    mean = share * values.mean() + (1 - share) * GROUP.mean
    return Known(mean, (share * sampling) ** 0.5, len(values), exposure, values.mean())


def answers(gain, *, chosen_for_looking_weak, seed):
    """The answers of trials that were looked at after every match."""
    random = np.random.default_rng(seed)
    chance = (GROUP.noise / GROUP.exposure) ** 0.5
    found = []
    while len(found) < TRIALS:
        skill = GROUP.mean + GROUP.spread * random.standard_normal()
        before = posterior(skill + chance * random.standard_normal(PLAYED_BEFORE))
        if chosen_for_looking_weak and before.mean > GROUP.mean - 0.5 * GROUP.spread:
            continue
        after = skill + gain * GROUP.spread + chance * random.standard_normal(MATCHES)
        state = None
        for count in range(1, MATCHES + 1):
            seen = After(after[:count] * GROUP.exposure, np.full(count, GROUP.exposure))
            state = progress(before, GROUP, seen, sign=1, former=state and state.answer)
            if state.answer is not Answer.NOT_KNOWN:
                break
        found.append(state.answer)
    return found


@pytest.mark.parametrize("weak", [False, True])
def test_without_an_effect_helped_is_said_in_at_most_one_trial_in_twenty_at_any_time_of_looking(weak):
    found = answers(0.0, chosen_for_looking_weak=weak, seed=1)
    assert found.count(Answer.HELPED) <= 0.05 * TRIALS
    assert found.count(Answer.DID_NOT) > 0.05 * TRIALS


def test_a_gain_of_a_standard_deviation_is_found_about_every_other_time_within_a_hundred_matches():
    # What is not known of the skill before the plan, from 30 matches, limits it however many follow.
    found = answers(1.0, chosen_for_looking_weak=True, seed=2)
    assert found.count(Answer.HELPED) > 0.4 * TRIALS
    assert found.count(Answer.DID_NOT) <= 0.05 * TRIALS


def look(change, matches=40, **more):
    before = Known(0.6, 0.02, 60, 1300.0, 0.58)
    after = After(np.full(matches, 22 * (0.6 + change)), np.full(matches, 22.0), **more)
    return progress(before, GROUP, after, sign=1)


def test_what_all_peers_gained_is_no_gain_of_the_plan():
    assert look(0.15).answer is Answer.HELPED
    assert look(0.15, drift=0.15, drift_error=0.01).answer is not Answer.HELPED


def test_fewer_deaths_are_a_gain():
    before = Known(0.8, 0.02, 60, 1300.0, 0.8)
    after = After(np.full(60, 22 * 0.65), np.full(60, 22.0))
    assert progress(before, GROUP, after, sign=-1).answer is Answer.HELPED
    assert progress(before, GROUP, after, sign=1).answer is not Answer.HELPED


def test_nothing_played_is_nothing_known():
    nothing = progress(Known(0.6, 0.02, 60, 1300.0, 0.6), GROUP, After(np.empty(0), np.empty(0)), sign=1)
    assert (nothing.answer, nothing.odds_helped, nothing.odds_did_not) == (Answer.NOT_KNOWN, 1.0, 1.0)


def test_where_players_do_not_differ_a_trial_tells_nothing():
    after = After(np.full(40, 22 * 0.9), np.full(40, 22.0))
    found = progress(Known(0.6, 0.02, 60, 1300.0, 0.6), replace(GROUP, spread=0.0), after, sign=1)
    assert (found.answer, found.effect, found.odds_helped) == (Answer.NOT_KNOWN, 0.0, 1.0)
    assert (found.matches, found.matches_needed, found.document()["effect"]) == (40, None, None)


def test_an_answer_once_given_stays():
    helped = look(0.2)
    before = Known(0.6, 0.02, 60, 1300.0, 0.58)
    later = progress(before, GROUP, After(np.full(90, 22 * 0.6), np.full(90, 22.0)), sign=1, former=helped.answer)
    assert later.answer is Answer.HELPED


def test_an_open_trial_says_how_long_it_may_take():
    early = look(0.06, matches=10)
    assert early.answer is Answer.NOT_KNOWN
    assert 1 <= early.matches_needed <= 1000
    low, high = early.interval
    assert low < early.effect < high


def density_ratio(effect, variance, scale):
    """The same odds by summing over effects of half-normal size."""
    sizes = np.linspace(0, 8 * scale, 20_001)
    weights = np.exp(-((sizes / scale) ** 2) / 2)
    weights[0] /= 2  # the trapezoid rule
    likelihood = np.exp(-((effect - sizes) ** 2) / (2 * variance))
    return float((weights * likelihood).sum() / weights.sum() / np.exp(-(effect**2) / (2 * variance)))


@pytest.mark.parametrize("effect", [-0.3, -0.05, 0.0, 0.02, 0.08])
def test_the_odds_are_those_of_effects_of_half_normal_size(effect):
    before = Known(0.6, 0.02, 60, 1300.0, 0.58)
    exposure = 40 * 22.0
    found = look(effect, drift_error=0.01)
    variance = 0.02**2 + 0.01**2 + GROUP.noise / exposure
    scale = 0.5 * GROUP.spread
    assert found.effect == pytest.approx(effect) and found.error == pytest.approx(variance**0.5)
    assert found.odds_helped == pytest.approx(density_ratio(effect, variance, scale), rel=1e-3)
    assert found.odds_did_not == pytest.approx(density_ratio(scale - effect, variance, scale), rel=1e-3)
    assert before.mean == 0.6 and found.matches == 40


def test_what_the_peers_gained_and_how_surely_is_taken_off():
    plain, sure, unsure = look(0.06), look(0.1, drift=0.04), look(0.1, drift=0.04, drift_error=0.05)
    assert (sure.effect, sure.error) == pytest.approx((plain.effect, plain.error))
    assert unsure.error == pytest.approx((plain.error**2 + 0.05**2) ** 0.5)


def test_the_answer_is_given_at_odds_of_twenty(monkeypatch):
    def answer(helped, did_not):
        odds = iter([helped, did_not, helped, did_not, helped, did_not])
        monkeypatch.setattr(trials, "_odds", lambda *_: next(odds))
        monkeypatch.setattr(trials, "_matches_needed", lambda *_: 7)
        return look(0.0).answer

    assert answer(20.0, 1.0) is Answer.HELPED
    assert answer(19.999, 1.0) is Answer.NOT_KNOWN
    assert answer(1.0, 20.0) is Answer.DID_NOT
    assert answer(1.0, 19.999) is Answer.NOT_KNOWN


def test_an_open_answer_of_before_is_none_yet():
    before = Known(0.6, 0.02, 60, 1300.0, 0.58)
    after = After(np.full(40, 22 * 0.8), np.full(40, 22.0))
    assert progress(before, GROUP, after, sign=1, former=Answer.NOT_KNOWN).answer is Answer.HELPED
    assert progress(before, GROUP, after, sign=1, former=Answer.DID_NOT).answer is Answer.DID_NOT


@pytest.mark.parametrize("change", [0.06, 0.08, -0.03])
def test_after_the_matches_that_are_needed_the_answer_is_given_and_not_one_before(change):
    needed = look(change, matches=10).matches_needed
    assert needed > 1
    assert look(change, matches=10 + needed).answer is not Answer.NOT_KNOWN
    assert look(change, matches=10 + needed - 1).answer is Answer.NOT_KNOWN
    assert look(change, matches=10 + needed).matches_needed is None


def test_what_a_thousand_matches_would_not_tell_is_not_in_sight():
    assert look(0.02, matches=10).matches_needed is None
    assert look(0.02, matches=10).answer is Answer.NOT_KNOWN


def test_a_trials_document_holds_what_is_finite_alone():
    nothing = progress(Known(0.6, 0.02, 60, 1300.0, 0.6), GROUP, After(np.empty(0), np.empty(0)), sign=1).document()
    assert nothing["effect"] is None and nothing["error_in_spreads"] is None and nothing["odds_helped"] == 1.0
    alike = replace(GROUP, spread=0.0)
    after = After(np.full(3, 22 * 0.8), np.full(3, 22.0))
    assert progress(Known(0.6, 0.02, 6, 130.0, 0.6), alike, after, sign=1).document()["answer"] == "not known yet"
    found = look(0.04)
    told = found.document()
    assert told["effect_in_spreads"] == pytest.approx(0.5)
    assert told["error_in_spreads"] == pytest.approx(found.error / 0.08)
    assert (told["low"], told["high"]) == found.interval
    assert told["high"] - told["low"] == pytest.approx(2 * 1.6449 * found.error, rel=1e-4)
    assert (told["matches"], told["matches_needed"]) == (40, found.matches_needed)


def test_odds_stay_finite_however_far_a_record_lies():
    worse, better = look(-1e4), look(1e4)
    assert 0 < worse.odds_helped < 0.02 and 0 < better.odds_did_not < 0.02
    assert worse.odds_did_not == better.odds_helped == pytest.approx(math.exp(700))
    assert (worse.answer, better.answer) == (Answer.DID_NOT, Answer.HELPED)


def test_odds_of_twenty_half_a_deviation_and_a_thousand_matches_are_what_is_asked_for():
    assert (trials.ENOUGH, trials.MATTERS, trials.MOST_MATCHES) == (20.0, 0.5, 1000)


def test_the_most_matches_that_are_told_are_a_thousand(monkeypatch):
    needed = look(0.06, matches=10).matches_needed
    monkeypatch.setattr(trials, "MOST_MATCHES", needed)
    assert look(0.06, matches=10).matches_needed == needed
    monkeypatch.setattr(trials, "MOST_MATCHES", needed - 1)
    assert look(0.06, matches=10).matches_needed is None

"""Whether a plan helped: few false answers at any time of looking, true gains found, regression to the mean no gain."""

import numpy as np
import pytest

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

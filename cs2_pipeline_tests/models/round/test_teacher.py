"""What the teacher says of a state: the blend its inputs call for, and an interval from all that is not known."""

import numpy as np
import pytest

from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES, ROUND_FEATURES
from cs2_pipeline.models.round.teacher import Teacher, Weights

NETWORK_ONLY = Weights(1.0, 0.0, 0.0)
SHARED = 1.645 * 0.05
"""Reach of the error that all members share."""


def said(members, trees, *, missing=0, informed=NETWORK_ONLY, required=NETWORK_ONLY, optional_variance=0.0):
    """Logit and reach of one state of which so many optional inputs are missing."""
    features = np.ones((1, len(ROUND_FEATURES)), dtype=np.float32)
    optional = [ROUND_FEATURES.index(name) for name in OPTIONAL_ROUND_FEATURES if name != "map_index"]
    features[0, optional[:missing]] = np.nan
    if missing > len(optional):
        features[0, ROUND_FEATURES.index("map_index")] = 0
    teacher = Teacher(None, None, informed, required, optional_variance)
    logit, reach = teacher.combine(np.array([members]), np.array([trees]), features)
    return logit[0], reach[0]


def test_the_blend_is_that_of_the_required_inputs_only_where_all_others_are_missing():
    blends = {"informed": Weights(0.5, 0.25, 0.1), "required": Weights(1.0, 2.0, -0.5)}
    assert said([0.2, 0.6], 1.0, **blends)[0] == pytest.approx(0.5 * 0.4 + 0.25 + 0.1)
    assert said([0.2, 0.6], 1.0, missing=1, **blends)[0] == pytest.approx(0.55)
    every = len(OPTIONAL_ROUND_FEATURES)
    assert said([0.2, 0.6], 1.0, missing=every, **blends)[0] == pytest.approx(0.4 + 2.0 - 0.5)


def test_where_all_members_and_trees_agree_the_shared_error_is_left():
    assert said([0.0, 0.0], 0.0) == pytest.approx((0.0, SHARED))


def test_members_apart_and_trees_apart_widen_the_interval_each_by_its_own_deviation():
    def own(reach):
        return np.sqrt(reach**2 - SHARED**2)

    assert own(said([-0.1, 0.1], 0.0)[1]) == pytest.approx(2.4 * 0.1)
    assert own(said([0.0, 0.0], 0.2)[1]) == pytest.approx(2.4 * 0.1)
    assert own(said([-0.1, 0.1], 0.2)[1]) == pytest.approx(2.4 * np.sqrt(0.02))
    doubled = Weights(1.5, 0.5, 0.0)
    assert own(said([0.0, 0.0], 0.2, informed=doubled)[1]) == pytest.approx(2.4 * 2 * 0.1 * (1 + 0.1 * 0.1**2))


def test_far_from_even_the_members_spread_counts_for_more():
    shifted = Weights(1.0, 0.0, 2.0)
    reach = said([-0.1, 0.1], 0.0, informed=shifted)[1]
    assert np.sqrt(reach**2 - SHARED**2) == pytest.approx(2.4 * 0.1 * (1 + 0.1 * 4))


def test_what_the_missing_inputs_would_have_said_widens_the_interval():
    every = len(OPTIONAL_ROUND_FEATURES)
    reach = said([0.0], 0.0, missing=every, optional_variance=0.04)[1]
    assert reach == pytest.approx(np.sqrt(SHARED**2 + 1.645**2 * 0.04))
    assert said([0.0], 0.0, optional_variance=0.04)[1] == pytest.approx(SHARED)
    assert SHARED < said([0.0], 0.0, missing=3, optional_variance=0.04)[1] < reach


def test_no_interval_reaches_further_than_twenty_times_the_odds():
    assert said([-5.0, 5.0], 0.0)[1] == 3.0


def test_the_weights_say_by_how_much_the_logit_rises_when_all_rise():
    weights = Weights(0.7, 0.4, -1.0)
    assert weights.total == pytest.approx(1.1)
    low, high = (said([value], value, informed=weights)[0] for value in (0.3, 1.3))
    assert high - low == pytest.approx(weights.total)

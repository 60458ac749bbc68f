"""The trees that teach: the clock that does not run says nothing, laws hold, and missing inputs choose the trees."""

from dataclasses import replace

import numpy as np
import pytest

from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES, ROUND_FEATURES
from cs2_pipeline.models.round import boosting
from cs2_pipeline.models.round.inputs import mask

REQUIRED = len(ROUND_FEATURES) - len(OPTIONAL_ROUND_FEATURES)
QUICK = replace(boosting.BoostingParams(), trees=15, rows_per_leaf=5, feature_share=1.0)
PLACE = {name: number for number, name in enumerate(ROUND_FEATURES)}


@pytest.fixture(scope="module")
def play():
    """States in which CT win the more often the more of them live, and the healthier."""
    random = np.random.default_rng(0)
    features = np.zeros((1_500, len(ROUND_FEATURES)), dtype=np.float32)
    features[:, PLACE["ct_alive"]], features[:, PLACE["t_alive"]] = random.integers(1, 6, (2, 1_500))
    planted = random.random(1_500) < 0.4
    features[planted, PLACE["bomb_planted"]] = 1
    features[planted, PLACE["bomb_time"]] = random.uniform(0.5, 40, planted.sum())
    features[~planted, PLACE["round_time"]] = random.uniform(0.5, 115, (~planted).sum())
    features[:, PLACE["ct_health"]] = random.uniform(10, 100, 1_500) * features[:, PLACE["ct_alive"]]
    strength = features[:, PLACE["ct_health"]] / 55
    chance = strength / (strength + features[:, PLACE["t_alive"]])
    return features, (random.random(1_500) < chance).astype(float)


@pytest.fixture(scope="module")
def trees(play):
    features, outcome = play
    required = boosting.fit(features[:, :REQUIRED], outcome, params=QUICK, seed=0)
    return boosting.RoundTrees(boosting.fit(features, outcome, params=QUICK, seed=0), required)


def test_the_clock_that_does_not_run_says_nothing(trees, play):
    features = play[0][:200]
    changed = features.copy()
    planted = features[:, PLACE["bomb_planted"]] == 1
    changed[planted, PLACE["round_time"]], changed[~planted, PLACE["bomb_time"]] = 77, 33
    np.testing.assert_array_equal(trees.logits(changed), trees.logits(features))
    np.testing.assert_array_equal(changed[planted, PLACE["round_time"]], 77)


def test_one_more_living_ct_never_lowers_the_odds_and_one_more_t_never_raises_them(trees, play):
    rows = play[0][:300].copy()
    for name, sign in (("ct_alive", 1), ("t_alive", -1)):
        logits = []
        for alive in range(1, 6):
            rows[:, PLACE[name]] = alive
            logits.append(trees.logits(rows))
        assert (sign * np.diff(logits, axis=0) >= 0).all()
        assert (sign * (logits[-1] - logits[0])).max() > 0


def test_states_of_which_only_the_required_inputs_are_known_are_answered_by_their_own_trees(trees, play):
    some = play[0][:100]
    hidden = mask(some)
    mixed = np.where(np.arange(100)[:, None] % 2 == 0, some, hidden)
    found = trees.logits(mixed)
    np.testing.assert_array_equal(found[::2], trees.logits(some)[::2])
    np.testing.assert_array_equal(found[1::2], trees.logits(hidden)[1::2])
    swapped = boosting.RoundTrees(trees.required, trees.required)
    np.testing.assert_array_equal(trees.logits(hidden), swapped.logits(hidden))
    assert not np.array_equal(trees.logits(some), swapped.logits(some))


def test_trees_are_grown_as_their_parameters_say_and_until_all_are_grown(play):
    params = replace(QUICK, learning_rate=0.3, trees=3, leaves=4, l2=2.0, feature_share=0.5)
    told = boosting.fit(*play, params=params, seed=7).get_params()
    expected = {
        "learning_rate": 0.3, "max_iter": 3, "max_leaf_nodes": 4, "min_samples_leaf": 5, "l2_regularization": 2.0,
        "max_features": 0.5, "early_stopping": False, "random_state": 7,
    }  # fmt: skip
    assert {name: told[name] for name in expected} == expected


def test_the_same_seed_gives_the_same_trees(trees, play):
    features, outcome = play
    again = boosting.fit(features, outcome, params=QUICK, seed=0)
    np.testing.assert_array_equal(trees.logits(features), boosting.RoundTrees(again, trees.required).logits(features))


def learned_of(name: str, values: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Logits that trees give each of some values of one feature, all others being equal."""
    features = np.zeros((len(values), len(ROUND_FEATURES)), dtype=np.float32)
    features[:, PLACE["round_time"]] = 60
    features[:, PLACE[name]] = values
    model = boosting.fit(features, outcome, params=replace(QUICK, trees=5), seed=0)
    return boosting.RoundTrees(model, model).logits(features)


@pytest.mark.parametrize(("name", "either"), [("ct_money", True), ("t_score", True), ("ct_health", False)])
def test_what_has_no_law_may_help_either_side_and_what_has_one_may_not(name: str, either: bool) -> None:
    values = np.repeat([1.0, 2.0], 30)
    rises, falls = (np.ptp(learned_of(name, values, outcome.astype(float))) > 0 for outcome in (values > 1, values < 2))
    assert (rises, falls) == (True, either)


def test_that_an_input_is_missing_is_learned_from_and_one_that_is_never_known_stands_in_nobodys_way(play) -> None:
    missing = np.repeat([np.nan, 100.0], 30)
    logits = learned_of("ct_armor", missing, np.isnan(missing).astype(float))
    assert logits[0] > 0 > logits[-1]
    features, outcome = play
    never = features[:300].copy()
    never[:, PLACE["t_armor"]] = np.nan
    found = [
        boosting.RoundTrees(*[boosting.fit(rows, outcome[:300], params=replace(QUICK, trees=3), seed=0)] * 2).logits(
            rows
        )
        for rows in (never, features[:300])
    ]
    np.testing.assert_array_equal(*found)

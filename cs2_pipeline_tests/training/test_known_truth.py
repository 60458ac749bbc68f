"""Against play whose every probability is known: how far the round model is off, and whether its intervals know."""

import pytest

from cs2_pipeline.training import known_truth
from cs2_pipeline.training.known_truth import KnownTruth
from cs2_pipeline_tests.models.round.quick import train_quickly

MATCHES = 400
FRESH_SEED = 21
"""Neither the interval's constants nor anything else was fitted on this play (docs/round-model.md names what was)."""


@pytest.fixture(scope="module")
def found() -> KnownTruth:
    return known_truth.measure(MATCHES, seed=FRESH_SEED)


def test_a_model_learned_from_few_matches_is_measured_against_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    train_quickly(monkeypatch, epochs=2)
    found = known_truth.measure(40, seed=FRESH_SEED)
    assert (found.training_matches, found.matches) == (28, 12)
    assert 0 < found.rmse < 0.15  # the truth itself varies by more than .3
    assert 0.3 < found.coverage <= 1


@pytest.mark.slow
def test_the_ninety_percent_interval_holds_the_truth_in_about_nine_of_ten_states(found: KnownTruth) -> None:
    assert 0.87 <= found.coverage <= 0.93


@pytest.mark.slow
def test_the_interval_holds_the_truth_as_often_when_only_the_required_inputs_are_told(found: KnownTruth) -> None:
    assert 0.87 <= found.coverage_required <= 0.93


@pytest.mark.slow
def test_the_error_against_the_truth_is_small_after_few_matches(found: KnownTruth) -> None:
    assert found.training_matches == 280
    assert found.rmse < 0.05

"""Single stops of a training table's way: whom a candidate is compared with, and since when it learned."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.training import stops
from cs2_pipeline_tests.tiny_models import round_artifact

TIMES = pd.Series(pd.date_range("2026-01-01", periods=3, freq="D", tz="UTC"))
UNTIL = TIMES[1].isoformat()


def champion(artifact=None, **tags):
    return stops.Champion(ModelVersion("round_predictor", "4", "run", "", "", "", "", "", {}, tags), artifact)


@pytest.mark.parametrize("spec", catalog.MODELS, ids=lambda spec: spec.name)
def test_rows_after_the_newest_match_a_champion_learned_from_are_new_to_it_where_time_tells(spec):
    rival = stops.rival_of(spec, champion(learned_until=UNTIL), TIMES)
    assert rival.name == "4"
    if spec.name == "player_classifier":
        assert rival.unseen is None, "its players are split by who they are, at whatever time"
    else:
        assert rival.unseen.tolist() == [False, False, True]
    assert stops.rival_of(spec, champion(), TIMES).unseen is None


def test_a_champion_is_asked_through_its_artifact(tmp_path):
    artifact = round_artifact(tmp_path)
    features = np.zeros((2, len(catalog.ROUND.features)), np.float32)
    features[:, :2], features[:, catalog.ROUND.features.index("round_time")] = [[5, 3], [1, 1]], 60
    told = stops.rival_of(catalog.ROUND, champion(artifact), TIMES).predict(features)
    assert told == pytest.approx([1 / (1 + np.exp(-1.6)), 0.5], abs=1e-6)
    assert told.dtype == np.float64


def test_a_model_learned_since_the_oldest_match_unless_its_training_says_otherwise():
    dataset = pd.DataFrame({"started_at": TIMES.iloc[[1, 0, 2]]})
    training = SimpleNamespace(learned_since=None)
    judged = stops.Judged(catalog.ROUND, dataset, None, training, None, None, None)
    assert judged.learned_since == datetime(2026, 1, 1, tzinfo=UTC)
    changed = datetime(2026, 1, 2, tzinfo=UTC)
    assert replace(judged, training=SimpleNamespace(learned_since=changed)).learned_since == changed

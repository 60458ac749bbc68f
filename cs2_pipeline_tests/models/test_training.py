"""What fitting yields: inputs of which nothing can be learned, and curves by name."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cs2_pipeline.models.training import Candidate, Training, mean_curves, never_varied

NAN = float("nan")


def test_an_optional_input_with_one_value_alone_or_none_teaches_nothing():
    features = np.array([[1, 5, NAN, 0, 2, NAN], [1, 5, NAN, 0, NAN, 3], [1, 6, NAN, 0, 2, 3]], dtype=np.float32)
    names = ("required", "varied", "never known", "always nought", "known now and then", "known later")
    found = never_varied(features, names, names[1:])
    assert list(found) == ["never known", "always nought"]
    assert np.isnan(found["never known"])
    assert found["always nought"] == 0.0


def test_the_mean_of_curves_has_their_steps_and_their_mean_values():
    one, other = ({"loss": [(0, 1.0), (10, 0.5)]}, {"loss": [(0, 3.0), (10, 0.1)]})
    assert mean_curves([one, other]) == {"loss": [(0, 2.0), (10, pytest.approx(0.3))]}
    assert mean_curves([one]) == one
    with pytest.raises(ValueError, match="shorter"):
        mean_curves([one, {"loss": [(0, 3.0)]}])


def test_a_training_tells_the_curves_of_all_candidates_and_what_its_artifact_ignores():
    network, trees = (
        Candidate(name, {}, 0.5, 0.6, 1.0, len, curves)
        for name, curves in (("network", {"train_loss": [(1, 0.7)], "left_out_log_loss": [(1, 0.8)]}), ("trees", {}))
    )
    training = Training(
        candidates=(trees, network), chosen=network, baseline=trees, folder=Path(), train_seconds=1.0, rows=3,
        artifact=SimpleNamespace(ignored_inputs=("map_name",)),
    )  # fmt: skip
    assert training.curves == {"train_loss/network": [(1, 0.7)], "left_out_log_loss/network": [(1, 0.8)]}
    assert training.ignored_inputs == ("map_name",)
    assert training.learned_since is None

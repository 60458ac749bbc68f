"""An artifact: what is not loaded, and which columns it reads."""

import hashlib
import json

import numpy as np
import pytest

from cs2_pipeline.artifact.artifact import MANIFEST_FILE, MODEL_FILE, Artifact, ArtifactError, write
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline_tests.tiny_models import round_artifact


def with_features(folder, features):
    """The tiny round model, which reads its first two columns, with other names for its columns."""
    whole = round_artifact(folder / "whole")
    probe = np.array([[4, 3, *[0] * (len(features) - 2)]], dtype=np.float32)
    return write(
        folder / "other",
        name="round_predictor",
        graph=(folder / "whole" / "model.onnx").read_bytes(),
        features=features,
        probe=probe,
        expected=whole.predict(probe),
    )


def test_a_graph_that_does_not_run_is_turned_down(tmp_path):
    round_artifact(tmp_path)
    (tmp_path / MODEL_FILE).write_bytes(b"no graph")
    manifest = json.loads((tmp_path / MANIFEST_FILE).read_text())
    manifest["sha256"][MODEL_FILE] = hashlib.sha256(b"no graph").hexdigest()
    (tmp_path / MANIFEST_FILE).write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="does not run"):
        Artifact.load(tmp_path)


def test_a_graph_that_does_not_give_what_its_original_gave_is_refused_and_nothing_is_written(tmp_path):
    whole = round_artifact(tmp_path / "whole")
    probe = np.array([[4, 3, *[0] * (len(ROUND_FEATURES) - 2)]], dtype=np.float32)
    expected = whole.predict(probe)
    expected["low"] = expected["low"] + np.float32(2e-6)
    graph = (tmp_path / "whole" / MODEL_FILE).read_bytes()
    with pytest.raises(ArtifactError, match="differs from the original by 2"):
        write(tmp_path / "new", name="m", graph=graph, features=ROUND_FEATURES, probe=probe, expected=expected)
    assert not (tmp_path / "new").exists()


def test_an_artifact_takes_its_columns_from_the_known_ones_by_name(tmp_path):
    known = np.arange(2 * len(ROUND_FEATURES), dtype=np.float32).reshape(2, -1) % 5
    turned = with_features(tmp_path, tuple(reversed(ROUND_FEATURES)))
    by_name = turned.predict(known, ROUND_FEATURES)["probability"]
    np.testing.assert_array_equal(by_name, turned.predict(known[:, ::-1])["probability"])
    assert not np.array_equal(by_name, turned.predict(known)["probability"])


def test_columns_that_are_the_models_own_are_not_copied(tmp_path):
    known = np.zeros((1, len(ROUND_FEATURES)), dtype=np.float32)
    own = known[:, round_artifact(tmp_path).columns(ROUND_FEATURES)]
    assert np.shares_memory(own, known)


def test_a_feature_that_is_not_known_is_named(tmp_path):
    pinged = with_features(tmp_path, (*ROUND_FEATURES[:-1], "ping"))
    with pytest.raises(ArtifactError, match="ping"):
        pinged.columns(ROUND_FEATURES)
    with pytest.raises(ArtifactError, match="ping"):
        pinged.predict(np.zeros((1, len(ROUND_FEATURES)), dtype=np.float32), ROUND_FEATURES)


@pytest.mark.parametrize("name", ["probability", "low", "high"])
def test_an_output_that_is_no_number_is_refused_whichever_it_is(tmp_path, name):
    whole = round_artifact(tmp_path / "whole")
    probe = np.array([[4, 3, *[0] * (len(ROUND_FEATURES) - 2)]], dtype=np.float32)
    expected = whole.predict(probe)
    expected[name] = np.full_like(expected[name], np.nan)
    graph = (tmp_path / "whole" / MODEL_FILE).read_bytes()
    with pytest.raises(ArtifactError, match="differs from the original by nan"):
        write(
            tmp_path / "o", name="round_predictor", graph=graph, features=ROUND_FEATURES, probe=probe, expected=expected
        )

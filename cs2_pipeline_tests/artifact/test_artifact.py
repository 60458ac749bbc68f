"""An artifact: what is not loaded, and which columns it reads."""

import hashlib
import json

import numpy as np
import pytest

from cs2_pipeline.artifact.artifact import (
    MANIFEST_FILE,
    MODEL_FILE,
    PROBE_FILE,
    Artifact,
    ArtifactError,
    files,
    model_digest,
    write,
)
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


def altered(folder, **changes):
    """The tiny round model with another manifest."""
    round_artifact(folder)
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest | changes))


def with_probe(folder, change):
    """The tiny round model with another probe, registered as such."""
    round_artifact(folder)
    probe = json.loads((folder / PROBE_FILE).read_text())
    change(probe)
    (folder / PROBE_FILE).write_text(json.dumps(probe))
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest["sha256"][PROBE_FILE] = hashlib.sha256((folder / PROBE_FILE).read_bytes()).hexdigest()
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", ["probability", "low", "high"])
@pytest.mark.parametrize(("off", "taken"), [(0.9e-5, True), (-0.9e-5, True), (1.1e-5, False), (-1.1e-5, False)])
def test_outputs_may_differ_from_the_probes_by_a_hundred_thousandth_at_most(tmp_path, name, off, taken):
    def shift(probe):
        probe["outputs"][name][2] += off

    with_probe(tmp_path, shift)
    if taken:
        assert Artifact.load(tmp_path).name == "round_predictor"
    else:
        with pytest.raises(ArtifactError, match=r"outputs differ from the probe.s by 1\.1"):
            Artifact.load(tmp_path)


@pytest.mark.parametrize("file", [MODEL_FILE, PROBE_FILE])
def test_a_file_altered_after_registration_is_named(tmp_path, file):
    round_artifact(tmp_path)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes() + b" ")
    with pytest.raises(ArtifactError, match=f"{file} is not the file that was registered"):
        Artifact.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 2}, "format 2 is not the 1 this version reads: train the model again"),
        ({"sha256": {}}, "does not name the digests of its files"),
        ({"sha256": None}, "not a readable model artifact"),
        ({"format": [1]}, r"format \[1\] is not"),
    ],
)
def test_a_manifest_that_vouches_for_too_little_is_turned_down(tmp_path, changes, told):
    altered(tmp_path, **changes)
    with pytest.raises(ArtifactError, match=told):
        Artifact.load(tmp_path)


@pytest.mark.parametrize("left_out", [MODEL_FILE, PROBE_FILE])
def test_graph_and_probe_must_both_be_vouched_for(tmp_path, left_out):
    round_artifact(tmp_path)
    digests = json.loads((tmp_path / MANIFEST_FILE).read_text())["sha256"]
    altered(tmp_path, sha256={file: digest for file, digest in digests.items() if file != left_out})
    with pytest.raises(ArtifactError, match="does not name the digests"):
        Artifact.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[1]", "{}"])
def test_a_manifest_that_is_none_is_turned_down(tmp_path, text):
    round_artifact(tmp_path)
    (tmp_path / MANIFEST_FILE).write_text(text)
    with pytest.raises(ArtifactError, match="not a readable model artifact"):
        Artifact.load(tmp_path)


def test_what_is_written_is_what_is_loaded_state_and_unknown_values_included(tmp_path):
    whole = round_artifact(tmp_path / "whole")
    graph = (tmp_path / "whole" / MODEL_FILE).read_bytes()
    probe = np.array([[4, 3, *[0] * (len(ROUND_FEATURES) - 3), np.nan]], dtype=np.float32)
    written = write(
        tmp_path / "with" / "state", name="m", graph=graph, features=ROUND_FEATURES, probe=probe,
        expected=whole.predict(probe), state=b"ratings", ignored_inputs=["map_name"], seed=7,
    )  # fmt: skip
    loaded = Artifact.load(tmp_path / "with" / "state")
    assert (loaded.manifest, loaded.digest, loaded.state) == (written.manifest, written.digest, b"ratings")
    assert (loaded.name, loaded.features, loaded.ignored_inputs) == ("m", ROUND_FEATURES, ("map_name",))
    assert loaded.manifest["seed"] == 7
    assert (whole.state, whole.ignored_inputs) == (None, ())
    probe_kept = json.loads((tmp_path / "with" / "state" / PROBE_FILE).read_text())
    assert probe_kept["features"][0][:3] + probe_kept["features"][0][-1:] == [4, 3, 0, None]


def test_an_artifacts_files_are_all_that_is_in_its_folder_the_manifest_last(tmp_path):
    round_artifact(tmp_path)
    named = files(tmp_path)
    assert named == (MODEL_FILE, PROBE_FILE, MANIFEST_FILE)
    assert set(named) == {path.name for path in tmp_path.iterdir()}


def test_the_same_graph_is_the_same_model_whatever_else_is_told_of_it(tmp_path):
    round_artifact(tmp_path / "a")
    round_artifact(tmp_path / "b", ignored=["map_name"])
    round_artifact(tmp_path / "c", bias=0.1)
    digests = [model_digest(tmp_path / name) for name in "abc"]
    assert digests[0] == digests[1] == hashlib.sha256((tmp_path / "a" / MODEL_FILE).read_bytes()).hexdigest()
    assert digests[0] != digests[2]


def test_the_same_content_has_the_same_digest_in_whatever_order_it_is_told(tmp_path):
    whole = round_artifact(tmp_path / "whole")
    probe = np.array([[4, 3, *[0] * (len(ROUND_FEATURES) - 2)]], dtype=np.float32)
    graph = (tmp_path / "whole" / MODEL_FILE).read_bytes()
    digests = set()
    for name, about in (("a", {"seed": 7, "data": "d"}), ("b", {"data": "d", "seed": 7})):
        written = write(
            tmp_path / name, name="m", graph=graph, features=ROUND_FEATURES, probe=probe, expected=whole.predict(probe),
            **about,
        )  # fmt: skip
        text = (tmp_path / name / MANIFEST_FILE).read_text()
        assert text == json.dumps(written.manifest, indent=2, sort_keys=True), "for people, too"
        assert written.digest == hashlib.sha256(text.encode()).hexdigest() == Artifact.load(tmp_path / name).digest
        digests.add(written.digest)
    assert len(digests) == 1
    assert written.manifest["format"] == 1


def test_a_model_keeps_to_one_processor_whose_others_serve_other_requests(tmp_path):
    options = round_artifact(tmp_path).session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_the_gap_is_the_largest_difference_of_any_output_of_any_row(tmp_path):
    whole = round_artifact(tmp_path)
    rows = [[5, 5, *[0] * (len(ROUND_FEATURES) - 2)], [4, 2, *[0] * (len(ROUND_FEATURES) - 3), None]]
    outputs = {name: value.tolist() for name, value in whole.predict(np.array(rows, dtype=np.float32)).items()}
    assert whole.gap({"features": rows, "outputs": outputs}) == 0
    outputs["low"][0] -= 0.25
    outputs["high"][1] += 0.125
    assert whole.gap({"features": rows, "outputs": outputs}) == pytest.approx(0.25)
    outputs["low"][0] = float("nan")
    assert np.isnan(whole.gap({"features": rows, "outputs": outputs}))


def test_a_model_whose_columns_are_not_named_again_takes_them_as_its_own(tmp_path):
    turned = with_features(tmp_path, tuple(reversed(ROUND_FEATURES)))
    known = np.arange(len(ROUND_FEATURES), dtype=np.float32).reshape(1, -1) % 5
    own = turned.predict(known)
    assert set(own) == {"probability", "low", "high"}
    np.testing.assert_array_equal(own["low"], turned.predict(known, turned.features)["low"])
    assert turned.columns(ROUND_FEATURES).tolist() == list(range(len(ROUND_FEATURES)))[::-1]

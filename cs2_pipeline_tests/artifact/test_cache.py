"""The cache: which version was champion last, and that only what was registered is ever loaded."""

import json
from dataclasses import replace

import pytest

from cs2_pipeline.artifact.artifact import ArtifactError
from cs2_pipeline.artifact.cache import Cache, ModelVersion
from cs2_pipeline_tests.tiny_models import player_artifact, round_artifact

VERSION = ModelVersion(
    "round_predictor", "3", "run-a", "2026-01-01T00:00:00+00:00", "", "digest of the data", "demo 7", "", {"auc": 0.8},
    {"source": "extraction"},
)  # fmt: skip


@pytest.fixture
def kept(tmp_path):
    """A cache that holds version 3 of the round model, and that version."""
    cache = Cache(tmp_path)
    artifact = round_artifact(cache.folder(VERSION))
    return cache, replace(VERSION, digest=artifact.digest)


def test_the_champion_noted_last_is_the_current_one_with_all_that_is_known_of_it(kept):
    cache, version = kept
    cache.note(version)
    assert cache.current("round_predictor") == version
    cache.note(replace(version, version="4"))
    assert cache.current("round_predictor").version == "4"
    assert cache.current("player_classifier") is None


@pytest.mark.parametrize("text", ["", "not JSON", "[]", '{"name": "round_predictor"}', '{"unknown": 1}'])
def test_a_note_that_cannot_be_read_is_no_champion(kept, text):
    cache, version = kept
    cache.current_file(version.name).write_text(text)
    assert cache.current(version.name) is None


def test_a_note_is_replaced_whole_and_leaves_no_other_file(kept):
    cache, version = kept
    cache.note(version)
    first = cache.current_file(version.name).stat().st_ino
    before = sorted(path.name for path in cache.current_file(version.name).parent.iterdir())
    cache.note(version)
    assert cache.current_file(version.name).stat().st_ino != first
    assert sorted(path.name for path in cache.current_file(version.name).parent.iterdir()) == before


def test_versions_of_the_same_number_from_different_runs_are_kept_apart(tmp_path):
    cache = Cache(tmp_path)
    folders = {cache.folder(replace(VERSION, version=number, run_id=run)) for number in "34" for run in ("a", "b")}
    assert len(folders) == 4
    assert all(folder.parent == tmp_path / "round_predictor" for folder in folders)


def test_what_is_loaded_is_what_was_registered_under_this_name(kept, tmp_path):
    cache, version = kept
    assert cache.load(version).digest == version.digest
    with pytest.raises(ArtifactError, match="3: the artifact is not the one that was registered"):
        cache.load(replace(version, digest="another"))
    player = replace(version, run_id="run-b")
    digest = player_artifact(cache.folder(player)).digest
    with pytest.raises(ArtifactError, match="round_predictor 3: the artifact is a player_classifier"):
        cache.load(replace(player, digest=digest))
    with pytest.raises(ArtifactError, match="not a readable model artifact"):
        cache.load(replace(version, run_id="never fetched"))


def test_a_note_holds_the_fields_by_name(kept):
    cache, version = kept
    cache.note(version)
    assert json.loads(cache.current_file(version.name).read_text()) == version.to_dict()
    assert version.to_dict()["metrics"] == {"auc": 0.8}


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"learned_from": "700 simulated matches", "source": "extraction"}, "700 simulated matches"),
        ({"learned_from": "", "source": "extraction"}, "extraction"),
        ({}, "not recorded"),
    ],
)
def test_where_a_version_learned_from_is_told_as_exactly_as_it_was_noted(tags, told):
    assert replace(VERSION, tags=tags).learned_from == told

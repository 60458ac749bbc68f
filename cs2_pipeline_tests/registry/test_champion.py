"""Fetching a version's artifact: what is stored, what is kept of it, and what other processes do meanwhile."""

import shutil
from pathlib import Path

import pytest

from cs2_pipeline.artifact.cache import ArtifactError, ModelVersion
from cs2_pipeline.registry import champion
from cs2_pipeline.registry.champion import ModelStore
from cs2_pipeline.registry.client import connect
from cs2_pipeline_tests.tiny_models import round_artifact

NAME = "round_predictor"


@pytest.fixture(scope="module")
def stored(tmp_path_factory, empty_store):
    """The address of a store with two versions whose files lie in a folder, and the versions."""
    root = tmp_path_factory.mktemp("champion")
    uri = f"sqlite:///{shutil.copy(empty_store, root)}"
    client = connect(uri)
    client.create_registered_model(NAME)
    versions = []
    for bias in (0.0, 1.0):
        folder = root / f"bias-{bias:g}"
        digest = round_artifact(folder, bias=bias).digest
        number = client.create_model_version(NAME, folder.as_uri()).version
        versions.append(ModelVersion(NAME, str(number), "run", "", "", "", "", digest, {}, {}))
    return uri, *versions


def test_a_version_is_fetched_once_and_noted_as_champion_only_where_it_is_taken_for_one(stored, tmp_path):
    uri, first, second = stored
    store, away = ModelStore(uri, tmp_path / "a" / "cache"), ModelStore("http://127.0.0.1:9", tmp_path / "a" / "cache")
    assert store.artifact(first).digest == first.digest
    assert store.cached(NAME) is None
    assert store.fetch(second).digest == second.digest
    noted, artifact = away.cached(NAME)
    assert (noted, artifact.digest) == (second, second.digest)
    assert away.artifact(first).digest == first.digest, "it is in the cache"
    kept = sorted(path.name for path in (tmp_path / "a" / "cache" / NAME).iterdir())
    assert kept == ["1-run", "2-run", "champion.json"], "and nothing else"


def test_a_noted_champion_whose_files_are_gone_is_none(stored, tmp_path):
    uri, first, _ = stored
    store = ModelStore(uri, tmp_path)
    store.fetch(first)
    shutil.rmtree(tmp_path / NAME / "1-run")
    assert store.cached(NAME) is None
    assert store.fetch(first).digest == first.digest


def test_what_is_stored_must_be_what_was_registered(stored, tmp_path):
    uri, first, second = stored
    other = ModelVersion(**first.to_dict() | {"digest": second.digest})
    with pytest.raises(ArtifactError, match="not the one that was registered"):
        ModelStore(uri, tmp_path).fetch(other)
    assert ModelStore(uri, tmp_path).cached(NAME) is None


def intact(uri, version, folder):
    """What another process puts into its place."""
    source = connect(uri).get_model_version_download_uri(version.name, version.version)
    shutil.copytree(source.removeprefix("file://"), folder)


def test_what_another_process_fetched_meanwhile_is_not_taken_from_under_its_feet(stored, tmp_path, monkeypatch):
    uri, version, _ = stored
    store, folder, there = ModelStore(uri, tmp_path), tmp_path / NAME / "1-run", []
    download = champion.download_artifacts

    def beaten_to_it(**asked):
        intact(uri, version, folder)
        there.append(folder.stat().st_ino)
        return download(**asked)

    monkeypatch.setattr(champion, "download_artifacts", beaten_to_it)
    assert store.fetch(version).digest == version.digest
    assert [folder.stat().st_ino] == there


def test_another_process_may_be_first_at_the_last_moment(stored, tmp_path, monkeypatch):
    uri, version, _ = stored
    folder = tmp_path / NAME / "1-run"
    rmtree = shutil.rmtree

    def beaten_to_it(where, **asked):
        rmtree(where, **asked)
        if where == folder:
            intact(uri, version, folder)

    monkeypatch.setattr(shutil, "rmtree", beaten_to_it)
    assert ModelStore(uri, tmp_path).fetch(version).digest == version.digest


def test_a_version_that_cannot_be_put_into_its_place_is_told(stored, tmp_path, monkeypatch):
    uri, version, _ = stored

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left on device"):
        ModelStore(uri, tmp_path).fetch(version)

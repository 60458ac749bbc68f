"""Where the platform's parts are, and the commit that a training is noted with."""

import re

import pytest

from cs2_pipeline.defs.platform import Platform, git_commit
from cs2_pipeline.settings import Settings


def test_the_commit_is_the_one_an_image_was_built_of_else_what_git_says_else_unknown(monkeypatch):
    monkeypatch.setenv("CS2_GIT_COMMIT", "abc")
    assert git_commit() == "abc"
    monkeypatch.setenv("CS2_GIT_COMMIT", "")
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?|unknown", git_commit())
    monkeypatch.setenv("PATH", "")
    assert git_commit() == "unknown"


@pytest.mark.parametrize(("ends", "commit"), [("exit 0", "what git said"), ("exit 1", "unknown")])
def test_of_the_commit_git_is_asked_and_where_it_fails_it_is_not_known(tmp_path, monkeypatch, ends, commit):
    git = tmp_path / "git"
    git.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\necho " what git said "\n{ends}\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CS2_GIT_COMMIT", raising=False)
    assert git_commit() == commit
    asked = (tmp_path / "asked").read_text().split()
    assert asked[0] == "-C" and asked[2:] == ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]


def test_the_pipeline_keeps_fetched_models_in_a_cache_of_its_own(tmp_path):
    models = Platform(Settings(home=tmp_path)).models
    assert models._uri == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert tmp_path / "cache" / "pipeline" in models._cache.current_file("x").parents


def test_only_an_embedded_mlflow_keeps_its_artifacts_in_the_home(tmp_path):
    assert Platform(Settings(home=tmp_path)).artifact_root == tmp_path / "mlartifacts"
    elsewhere = Platform(Settings(home=tmp_path, mlflow_tracking_uri="http://mlflow:5000"))
    assert (elsewhere.artifact_root, elsewhere.tracking_uri) == (None, "http://mlflow:5000")

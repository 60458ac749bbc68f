"""Where the platform's parts are, and the commit that a training is noted with."""

import re

from cs2_pipeline.defs.platform import Platform, git_commit
from cs2_pipeline.settings import Settings


def test_the_commit_is_the_one_an_image_was_built_of_else_what_git_says_else_unknown(monkeypatch):
    monkeypatch.setenv("CS2_GIT_COMMIT", "abc")
    assert git_commit() == "abc"
    monkeypatch.setenv("CS2_GIT_COMMIT", "")
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?|unknown", git_commit())
    monkeypatch.setenv("PATH", "")
    assert git_commit() == "unknown"


def test_only_an_embedded_mlflow_keeps_its_artifacts_in_the_home(tmp_path):
    assert Platform(Settings(home=tmp_path)).artifact_root == tmp_path / "mlartifacts"
    elsewhere = Platform(Settings(home=tmp_path, mlflow_tracking_uri="http://mlflow:5000"))
    assert (elsewhere.artifact_root, elsewhere.tracking_uri) == (None, "http://mlflow:5000")

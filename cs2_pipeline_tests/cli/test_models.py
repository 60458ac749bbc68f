"""`cs2 models promote`: what may become champion without force."""

import pytest

from cs2_pipeline.cli import models
from cs2_pipeline.cli.console import CliError
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import record
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.tiny_models import round_artifact, training_run


def test_a_version_that_was_champion_before_is_not_promoted_again(tmp_path):
    settings = Settings(home=tmp_path)
    uri = settings.resolved_tracking_uri()
    round_artifact(tmp_path / "artifact")
    tags = {"decision": "promote", "decision_reason": "better", "compared_with": ""}
    run = training_run("round_predictor", tmp_path / "artifact", tags=tags)
    first, second = (record(uri, run, artifact_root=tmp_path / "artifacts") for _ in range(2))
    for version in (first, second):
        promotion.promote(uri, version, reason="good")
    with pytest.raises(CliError, match="was champion before"):
        models.promote(settings, "round_predictor", first.version, force=False, reason="")
    assert promotion.aliases(uri, "round_predictor")["champion"] == second.version

"""`cs2 models`: what is listed and shown, and what may become champion."""

import json
import re
import shutil

import pytest

from cs2_pipeline.cli import models
from cs2_pipeline.cli.console import CliError
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.listing import listing
from cs2_pipeline.registry.runs import record
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.tiny_models import round_artifact, training_run


def test_a_version_that_was_champion_before_is_not_promoted_again(tmp_path, mlflow_uri):
    settings = Settings(home=tmp_path)
    uri = mlflow_uri
    round_artifact(tmp_path / "artifact")
    tags = {"decision": "promote", "decision_reason": "better", "compared_with": ""}
    run = training_run("round_predictor", tmp_path / "artifact", tags=tags)
    first, second = (record(uri, run, artifact_root=tmp_path / "artifacts") for _ in range(2))
    for version in (first, second):
        promotion.promote(uri, version, reason="good")
    with pytest.raises(CliError, match="was champion before"):
        models.promote(settings, "round_predictor", first.version, force=False, reason="")
    assert promotion.aliases(uri, "round_predictor")["champion"] == second.version


def test_a_version_that_passed_is_promoted_unless_the_champion_is_another_than_it_was_compared_with(
    tmp_path, mlflow_uri, capsys
):
    settings = Settings(home=tmp_path)
    round_artifact(tmp_path / "artifact")
    tags = {"decision": "promote", "decision_reason": "better", "compared_with": ""}
    run = training_run("round_predictor", tmp_path / "artifact", tags=tags)
    first, second = (record(mlflow_uri, run, artifact_root=tmp_path / "artifacts") for _ in range(2))
    models.promote(settings, "round_predictor", first.version, force=False, reason="")
    assert capsys.readouterr().out == "  champion of round_predictor is version 1\n"
    (event,) = promotion.history(mlflow_uri, "round_predictor")
    assert (event.action, event.by, event.reason) == ("promoted", "cs2 models promote", "better")
    with pytest.raises(CliError, match="round_predictor 2 was not promoted: it was compared with champion none, which"):
        models.promote(settings, "round_predictor", second.version, force=False, reason="")
    models.promote(settings, "round_predictor", second.version, force=False, reason="")
    assert capsys.readouterr().out == "  champion of round_predictor is version 1\n", "it was refused before"


@pytest.fixture(scope="module")
def registered(tmp_path_factory, empty_store):
    """A store with a champion, a version that was refused, and one that nobody judged."""
    folder = tmp_path_factory.mktemp("registered")
    uri = f"sqlite:///{shutil.copy(empty_store, folder / 'mlflow.db')}"
    round_artifact(folder / "artifact")
    metrics = {"test_log_loss": 0.5123456, "test_ece": 0.01, "test_ece_low": 0.005, "test_ece_high": 0.02}
    metrics |= {"test_brier": 0.2, "test_brier_low": 0.1, "test_accuracy": 0.7, "test_accuracy_high": 0.8}
    known = {"learned_from": "simulated matches", "git_commit": "abc123", "compared_with": ""}
    refused = {"decision": "refuse", "decision_reason": "It is worse.", "refused_reason": "worse than chance"}
    made = [
        record(uri, training_run("round_predictor", folder / "artifact", metrics=figures, tags=known | tags),
               artifact_root=folder / "artifacts")
        for figures, tags in (
            (metrics, {"decision": "promote", "decision_reason": "better"}), ({"test_log_loss": 0.6}, refused), ({}, {})
        )
    ]  # fmt: skip
    promotion.promote(uri, made[0], reason="for a test")
    return folder / "mlflow.db"


@pytest.fixture
def three(home, registered):
    """The address of a copy of that store in the home."""
    home.mkdir()
    shutil.copy(registered, home / "mlflow.db")
    return Settings(home=home).resolved_tracking_uri()


def test_versions_are_listed_with_their_figures_and_the_decisions_about_them(cs2, three):
    lines = cs2("models", "list").out.splitlines()
    assert lines[0] == "round_predictor"
    titles, third, second, first = (" ".join(line.split()) for line in lines[1:5])
    assert titles == "version alias trained log loss auc ece verdict learned from"
    assert first == "1 champion 2026-01-01T00:00 0.5123 nan 0.0100 promote simulated matches"
    assert second == "2 2026-01-01T00:00 0.6000 nan nan refuse simulated matches"
    assert third == "3 2026-01-01T00:00 nan nan nan simulated matches"
    assert "Z version 1 (log loss 0.5123) promoted by " in lines[5] and lines[5].endswith(": for a test")
    assert ", was" not in lines[5], "there was none before"
    assert "  player_classifier: no version yet; `cs2 train` creates one" in lines


def test_a_list_for_scripts_holds_versions_aliases_and_the_numbers_of_each_decision(cs2, three):
    promotion.promote(three, listing(three, "round_predictor").versions[1], reason="known", forced=True)
    listed = json.loads(cs2("models", "list", "--json").out)["round_predictor"]
    assert [one["version"] for one in listed["versions"]] == ["3", "2", "1"]
    assert listed["aliases"]["champion"] == "2"
    event = next(one for one in listed["history"] if one["version"] == "2")
    assert event["numbers"] == {"1": {"test_log_loss": 0.5123456, "test_ece": 0.01}, "2": {"test_log_loss": 0.6}}
    shown = cs2("models", "list").out
    assert ", was version 1 (log loss 0.5123), by " in shown


def test_one_version_is_shown_with_its_facts_and_its_intervals(cs2, three):
    shown = {line[2:14].strip(): line[15:] for line in cs2("models", "show", "round_predictor").out.splitlines()[1:9]}
    assert shown["reason"] == "for a test" and shown["promoted"].startswith("20")
    assert (shown["learned from"], shown["commit"], shown["watermark"]) == ("simulated matches", "abc123", "demo 7")
    assert (shown["dataset"], shown["trained"]) == ("d" * 32, "2026-01-01T00:00:00+00:00")
    out = cs2("models", "show", "round_predictor", "1").out
    assert out.startswith("round_predictor 1\n")
    assert re.search(r"^  test_ece +0\.0100 \[0\.0050, 0\.0200\]$", out, re.M)
    assert re.search(r"^  test_log_loss +0\.5123$", out, re.M)
    assert "_low" not in out and "_high" not in out
    for half in ("test_brier +0.2000", "test_accuracy +0.7000"):
        assert re.search(f"^  {half}$", out, re.M), "an interval has two ends"
    assert "\n  reason       \n" in cs2("models", "show", "round_predictor", "3").out
    second = cs2("models", "show", "round_predictor", "2").out
    assert "  promoted     never" in second and "  reason       worse than chance" in second
    assert json.loads(cs2("models", "show", "round_predictor", "3", "--json").out)["version"] == "3"


def test_without_a_champion_there_is_none_to_show(cs2, three):
    ended = cs2("models", "show", "player_classifier")
    assert (ended.status, "player_classifier has no champion yet" in ended.err) == (1, True)
    unknown = cs2("models", "rollback", "round", "--reason", "x")
    assert (unknown.status, "there is no model 'round'; the models are round_predictor" in unknown.err) == (2, True)


def test_a_refused_version_needs_force_and_a_reason_and_can_be_rolled_back(cs2, three):
    refused = cs2("models", "promote", "round_predictor", "2")
    assert refused.status == 1
    assert "round_predictor 2 did not pass its evaluation: It is worse. To promote it anyway: --force" in refused.err
    assert cs2("models", "promote", "round_predictor", "2", "--force", "--reason", "  ").status == 2
    assert promotion.aliases(three, "round_predictor")["champion"] == "1"
    forced = cs2("models", "promote", "round_predictor", "2", "--force", "--reason", "known good")
    assert (forced.status, forced.out) == (0, "  champion of round_predictor is version 2\n")
    back = cs2("models", "rollback", "round_predictor", "--reason", "it was not")
    assert (back.status, back.out) == (0, "  champion of round_predictor is version 1 again (was 2)\n")

"""Going back to the former champion: once a run, with a reason, and to the end though the process was killed."""

import shutil

import dagster as dg
import pytest

from cs2_pipeline.defs import rollback
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.champion import RegistryError
from cs2_pipeline.registry.runs import record
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.tiny_models import round_artifact, training_run

NAME = "round_predictor"


@pytest.fixture(scope="module")
def registered(tmp_path_factory, empty_store):
    """The home of a registry with three versions, of which two were promoted one after the other."""
    home = tmp_path_factory.mktemp("registry")
    shutil.copy(empty_store, home / "mlflow.db")
    platform = Platform(Settings(home=home))
    for number in range(3):
        round_artifact(home / f"artifact{number}", bias=float(number))
        run = training_run(NAME, home / f"artifact{number}")
        made = record(platform.tracking_uri, run, artifact_root=platform.artifact_root)
        if number < 2:
            promotion.promote(platform.tracking_uri, made, reason="a test")
    return home


@pytest.fixture
def platform(tmp_path, registered):
    shutil.copy(registered / "mlflow.db", tmp_path / "mlflow.db")
    return Platform(Settings(home=tmp_path))


@pytest.fixture
def versions(platform):
    return [platform.models.version(NAME, str(number)) for number in (1, 2, 3)]


def back(platform, run_id="run", reason="it rings"):
    return rollback.roll_back(platform, NAME, reason=reason, run_id=run_id)


def champion(platform):
    return platform.models.champion(NAME).version


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_without_a_reason_nothing_moves_and_nothing_is_tried_again(platform, versions, reason):
    with pytest.raises(dg.Failure, match="needs a reason") as refused:
        back(platform, reason=reason)
    assert refused.value.allow_retries is False
    assert champion(platform) == versions[1].version


def test_a_run_executed_again_does_not_lead_back_to_where_it_began(platform, versions):
    event = back(platform)
    assert (event.version, event.former, event.by, event.reason) == (
        versions[0].version, versions[1].version, "Dagster run run", "it rings",
    )  # fmt: skip
    again = back(platform)
    assert again == event
    assert champion(platform) == versions[0].version
    decisions = len(promotion.history(platform.tracking_uri, NAME))
    assert back(platform) == event
    assert len(promotion.history(platform.tracking_uri, NAME)) == decisions


def test_what_a_killed_process_left_undone_is_completed(platform, versions):
    """The decision is recorded before the alias moves: the process died in between."""
    event = back(platform)
    promotion.promote(platform.tracking_uri, versions[1], reason="as if the alias had never moved")
    completed = back(platform)
    assert champion(platform) == versions[0].version
    assert completed.version == event.version
    assert completed.reason == "rollback completed: it rings"


def test_a_champion_that_somebody_chose_since_stays(platform, versions):
    event = back(platform)
    promotion.promote(platform.tracking_uri, versions[2], reason="better")
    assert back(platform) == event
    assert champion(platform) == versions[2].version


def test_without_a_former_champion_there_is_nowhere_to_go(platform):
    with pytest.raises(RegistryError):
        rollback.roll_back(platform, "player_classifier", reason="it rings", run_id="run")


def test_every_model_has_its_job_which_tells_what_it_did(platform, versions):
    jobs = {job.name: job for job in rollback.build()}
    assert {"rollback_round_predictor", "rollback_player_classifier"} <= jobs.keys()
    config = {"ops": {"rollback_round_predictor_alias": {"config": {"reason": "it rings"}}}}
    result = jobs["rollback_round_predictor"].execute_in_process(config, resources={"platform": platform})
    (output,) = [e for e in result.all_events if e.is_successful_output]
    told = {name: value.value for name, value in output.step_output_data.metadata.items()}
    at = told.pop("at")
    assert at
    assert told == {"champion": versions[0].version, "was": versions[1].version, "reason": "it rings"}

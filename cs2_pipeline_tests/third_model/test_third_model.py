"""One package and one entry make a model appear wherever models are: nobody else is told of it."""

import asyncio
import json
import shutil
import subprocess
import sys

import pytest

from bento.predictions.http import metrics, openapi
from bento.predictions.http.app import PredictionApp
from cs2_pipeline import models_reference
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.predictors import predictor
from cs2_pipeline.definitions import build_definitions
from cs2_pipeline.defs.assets import models
from cs2_pipeline.registry.champion import ModelStore
from cs2_pipeline.settings import Settings
from cs2_pipeline.training.registration import Registry
from cs2_pipeline.training.release import train
from cs2_pipeline.training.settling import settle
from cs2_pipeline_tests.evaluation.play import whole_rounds
from cs2_pipeline_tests.third_model import ENTRY


@pytest.fixture(scope="module", autouse=True)
def entered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "MODELS", (*catalog.MODELS, ENTRY))
        yield


@pytest.fixture(scope="module")
def settings(entered, empty_store, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    shutil.copy(empty_store, home / "mlflow.db")
    return Settings(home=home)


@pytest.fixture(scope="module")
def registry(settings):
    uri = settings.resolved_tracking_uri()
    return Registry(uri, settings.home / "mlartifacts", ModelStore(uri, settings.champion_cache))


@pytest.fixture(scope="module")
def released(registry):
    frame = whole_rounds(7, matches=90)
    parts = {"train": frame["match_id"] < 40, "validate": frame["match_id"] < 50, "calibrate": frame["match_id"] < 60}
    for part in reversed(parts):
        frame.loc[parts[part], "part"] = part
    return train(ENTRY, frame, registry, seed=1, tags={"git_commit": "c"}, progress=lambda _: None)


def test_dagster_has_its_assets_checks_and_jobs(settings):
    definitions = build_definitions(settings)
    graph = definitions.resolve_asset_graph()
    names = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"equipment", "equipment_promotion"} <= names
    spec = next(spec for spec in definitions.resolve_all_asset_specs() if spec.key.to_user_string() == "equipment")
    assert [dep.asset_key.to_user_string() for dep in spec.deps] == ["round_dataset"]
    assert spec.freshness_policy is not None
    jobs = {job.name: job for job in definitions.get_repository_def().get_all_jobs()}
    assert {"train_equipment", "rollback_equipment"} <= jobs.keys()
    assert {"equipment", "equipment_promotion"} <= {node.name for node in jobs["train_all"].nodes}


def test_it_is_trained_judged_registered_and_promoted(released, registry):
    assert released.version.name == "equipment"
    assert {"test_log_loss", "test_ece", "against_baseline"} <= released.decision.numbers.keys()
    assert "# Model card: equipment" in released.card
    assert "the share of CT wins" in released.card
    settle(released.to_document(), registry, by="a test")
    assert released.decision.promote, released.decision.reasons
    assert registry.models.champion("equipment").version == "1"


def test_dagster_shows_its_picture_and_figures_first_and_links_to_its_run(released, settings):
    shown = models._result(released, settings).metadata
    assert list(shown)[:4] == ["reliability", "figures", "model_card", "verdict"]
    loss = released.evidence.metrics["log_loss"]
    assert f"| log_loss | {loss} | {released.evidence.baseline_metrics['log_loss']} |" in shown["figures"].value
    experiment, run = released.version.tags["mlflow_experiment_id"], released.version.run_id
    assert shown["mlflow_run"].value.startswith(f"http://127.0.0.1:5000/#/experiments/{experiment}/runs/{run}?")
    assert shown["mlflow_version"].value == "http://127.0.0.1:5000/#/models/equipment/versions/1"


def test_it_is_served_with_its_own_path_words_and_count(released, registry, settings):
    app = PredictionApp(settings, inner=None)
    app._champions.predictors["equipment"] = predictor(released.version, registry.models.fetch(released.version))
    even, more = (
        asked(app, "/weigh/equipment", {"ct_equip_value": value, "t_equip_value": 9000}) for value in (9000, 15000)
    )
    assert more == {"ct_probability": more["ct_probability"], "model_version": "1"}
    assert more["ct_probability"] > even["ct_probability"]
    many = asked(app, "/weigh/many-equipments", {"counts": [{"ctEquipValue": 15000, "tEquipValue": 9000}]})
    assert many == {"predictions": [{"ctProbability": more["ct_probability"]}], "modelVersion": "1"}
    assert b'predictions_total{model_type="equipment"} 3.0' in metrics.render([])
    assert "equipment" in settings.served_model_names()


def test_openapi_describes_it():
    described = openapi.document()
    assert described["paths"]["/weigh/equipment"]["post"]["summary"] == "Who has more equipment?"
    assert "ct_probability" in described["components"]["schemas"]["EquipmentAnswer"]["properties"]
    assert "Equipment" in [group["name"] for group in described["tags"]]


def test_bentoml_declares_its_endpoints(tmp_path):
    code = (
        "from cs2_pipeline_tests.third_model import enter; enter();"
        "from bento.predictions.service import CounterStrike; print(*CounterStrike.apis)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"CS2_HOME": str(tmp_path)}
    )
    assert {"weigh_equipment", "weigh_many_equipments", "predict_round"} <= set(done.stdout.split())


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("train --help", "equipment"),
        ("predict equipment --help", "--ct-equip-value"),
        ("models show --help", "equipment"),
    ],
)
def test_the_command_line_knows_it(command, shown):
    code = "from cs2_pipeline_tests.third_model import enter; enter(); from cs2_pipeline.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *command.split()], capture_output=True, text=True, check=True)
    assert shown in done.stdout


def test_the_page_of_models_lists_it():
    assert "## equipment" in models_reference.page()


def asked(app, path, document):
    """What the ASGI application answers."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": json.dumps(document).encode()}

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 200, sent
    return json.loads(sent[1]["body"])

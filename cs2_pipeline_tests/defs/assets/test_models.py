"""A model's training and promotion as assets: what they are asked with, and what they tell of a version."""

from types import SimpleNamespace

import dagster as dg
import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs.assets import models
from cs2_pipeline.defs.io import TableIOManager
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.evaluation.evidence import Evidence
from cs2_pipeline.evaluation.promotion import Decision
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import record
from cs2_pipeline.settings import Settings
from cs2_pipeline.stats.intervals import Interval
from cs2_pipeline.training.registration import PROMOTE, REFUSE, Release
from cs2_pipeline_tests.tiny_models import round_artifact, training_run

NAME = "round_predictor"


@pytest.fixture
def platform(tmp_path, mlflow_uri):
    return Platform(Settings(home=tmp_path, seed=7, dagster_port=3001))


@pytest.fixture
def registered(platform, tmp_path):
    def make(decision, compared_with=""):
        round_artifact(tmp_path / "artifact")
        tags = {"decision": decision, "decision_reason": "better", "compared_with": compared_with, "learned_from": "x"}
        run = training_run(NAME, tmp_path / "artifact", tags=tags)
        return record(platform.tracking_uri, run, artifact_root=platform.artifact_root)

    return make


def settled(platform, version):
    """What the promotion of a version tells."""
    context = SimpleNamespace(run=SimpleNamespace(run_id="r1"))
    return models._settled(context, platform, {"name": version.name, "version": version.version}).metadata


def test_a_promotion_tells_verdict_reason_and_who_is_champion_now(platform, registered):
    worse = registered(REFUSE)
    promotion.refuse(platform.tracking_uri, worse, reason="worse")
    assert settled(platform, worse) == {
        "summary": "version 1 refused; there is no champion yet", "version": "1", "verdict": "refused",
        "reason": "worse",
    }  # fmt: skip
    better = registered(PROMOTE)
    for verdict in ("promoted", "champion"):
        assert settled(platform, better) == {
            "summary": f"version 2 {verdict}; champion is version 2", "version": "2", "verdict": verdict,
            "reason": "better",
        }  # fmt: skip
    assert promotion.history(platform.tracking_uri, NAME)[-1].by == "Dagster run r1"
    assert settled(platform, worse)["summary"] == "version 1 refused; champion is version 2"


def test_a_training_is_asked_with_seed_and_run_and_one_that_finds_nothing_new_says_so(
    platform, registered, monkeypatch
):
    version, asked = registered(PROMOTE), []

    def train(spec, dataset, registry, **more):
        asked.append((spec, dataset, registry, more))
        return version

    monkeypatch.setattr(models, "train", train)
    trained = next(one for one in models.build() if one.key == dg.AssetKey(NAME))
    table = dg.asset(name=catalog.ROUND.dataset)(lambda: pd.DataFrame({"ct_wins": [1]}))
    resources = {"platform": platform, "io_manager": TableIOManager(platform.tables)}
    run = dg.materialize([table, trained], resources=resources)
    ((spec, dataset, registry, more),) = asked
    assert (spec, dataset["ct_wins"].tolist()) == (catalog.ROUND, [1])
    assert (registry.tracking_uri, registry.artifact_root) == (platform.tracking_uri, platform.artifact_root)
    assert more["seed"] == 7
    assert more["tags"]["dagster_run_id"] == run.run_id
    assert more["tags"]["dagster_run_address"] == f"http://127.0.0.1:3001/runs/{run.run_id}"
    assert run.output_for_node(NAME) == {"name": NAME, "version": "1", "run_id": version.run_id}
    (made,) = run.asset_materializations_for_node(NAME)
    told = {name: value.value for name, value in made.metadata.items()}
    assert told["summary"].startswith("nothing new: version 1 was made from the same data, seed and code")
    assert (told["version"], told["mlflow_run_id"], told["learned_from"]) == ("1", version.run_id, "x")
    assert (told["dataset_digest"], told["source_watermark"]) == ("d" * 32, "demo 7")
    assert f"/runs/{version.run_id}?workflowType=machine_learning" in told["mlflow_run"]
    unknown = models._origin(SimpleNamespace(**vars(version) | {"tags": {}, "learned_from": ""}), platform.settings)
    assert "mlflow_run" not in unknown, "without its experiment no run's page is known"


def interval(value):
    return Interval(value, value - 0.01, value + 0.01)


def test_a_training_is_told_with_its_pictures_its_figures_and_its_verdict(platform, registered):
    version = registered(PROMOTE)
    evidence = Evidence(
        NAME, {"log_loss": interval(0.4), "ece": interval(0.02)}, {"log_loss": interval(0.5), "ece": interval(0.03)},
        "logistic regression", interval(-0.1), (), (),
    )  # fmt: skip
    numbers = {"test_ece": 0.02, "test_ece_low": 0.01, "test_ece_high": 0.03, "champion_ece": 0.5, "audit": 1.0}
    decision = Decision(True, (), ("better",), numbers, "| a | verdict |")
    released = Release(version, decision, evidence, {"reliability.png": b"a picture"}, "# a card")
    told = models._result(released, platform.settings)
    assert told.value == {"name": NAME, "version": version.version, "run_id": version.run_id}
    shown = {name: getattr(value, "value", value) for name, value in told.metadata.items()}
    origin = {
        name: getattr(value, "value", value) for name, value in models._origin(version, platform.settings).items()
    }
    assert shown == origin | {
        "reliability": "![reliability.png](data:image/png;base64,YSBwaWN0dXJl)",
        "figures": "| Test part | Model [95 %] | logistic regression |\n|---|---|---|\n"
        f"| log_loss | {interval(0.4)} | {interval(0.5)} |\n| ece | {interval(0.02)} | {interval(0.03)} |",
        "model_card": "# a card",
        "verdict": "| a | verdict |",
        "summary": released.summary(),
        "test_ece": 0.02,
    }
    assert origin["version"] == "1" and origin["mlflow_version"].endswith(f"/#/models/{NAME}/versions/1")

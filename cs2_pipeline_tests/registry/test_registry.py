"""A real MLflow store in a folder: what is recorded can be read back, and aliases move only as they should."""

import json
import math
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import mlflow.artifacts
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from bento.predictions.http.answers import spelled
from bento.predictions.http.requests import form_of
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.artifact import ArtifactError
from cs2_pipeline.artifact.predictors import predictor
from cs2_pipeline.artifact.spec import serving_of
from cs2_pipeline.evaluation import domain
from cs2_pipeline.registry import champion, overview, promotion, runs
from cs2_pipeline.registry.champion import ModelStore, RegistryError, RegistryUnavailableError
from cs2_pipeline.registry.client import connect, translated
from cs2_pipeline.registry.errors import masked
from cs2_pipeline.registry.runs import Candidate, TrainingRun, record
from cs2_pipeline_tests.bento.serving import PLAYER
from cs2_pipeline_tests.tiny_models import player_artifact, round_artifact, training_run


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def uri(root, empty_store):
    return f"sqlite:///{shutil.copy(empty_store, root)}"


@pytest.fixture
def recorded(uri, root, tmp_path):
    def make(bias=0.0, metrics=None, curves=None):
        round_artifact(tmp_path / "artifact", bias=bias)
        run = TrainingRun(
            model_name="round_predictor",
            artifact=tmp_path / "artifact",
            dataset=pd.DataFrame({"ct_alive": [5, 4] * 600, "ct_wins": [1, 0] * 600}),
            dataset_digest="d" * 32,
            params={"seed": 0},
            metrics=metrics or {"test_log_loss": 0.5, "test_auc": float("nan")},
            tags={"source_watermark": "demo 7", "trained_at": "2026-01-01T00:00:00+00:00"},
            files={"model_card.md": "# card", "slices.csv": "a,b\n", "reliability.png": b"\x89PNG"},
            candidates=(
                Candidate(
                    "logistic_regression",
                    {"C": 1},
                    {"validation_log_loss": 0.6, "train_seconds": 2.5, "ece": math.inf},
                    curves or {},
                ),
            ),
            began=1_700_000_000.0,
            verdict="refused",
            curves=curves or {},
        )
        return record(uri, run, artifact_root=root / "artifacts")

    return make


@pytest.fixture
def store(uri, tmp_path):
    return ModelStore(uri, tmp_path / "cache")


def test_what_another_process_fetched_meanwhile_is_not_taken_from_under_its_feet(store, recorded, monkeypatch):
    version = recorded()
    folder, download = store._cache.folder(version), champion.download_artifacts

    def beaten_to_it(**asked):
        path = download(**asked)
        shutil.copytree(path, folder)
        there.append(folder.stat().st_ino)
        return path

    there = []
    monkeypatch.setattr(champion, "download_artifacts", beaten_to_it)
    assert store.fetch(version).digest == version.digest
    assert [folder.stat().st_ino] == there


def test_a_run_keeps_its_evidence(uri, recorded):
    version = recorded()
    client = connect(uri)
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"test_log_loss": 0.5}
    dataset = run.inputs.dataset_inputs[0].dataset
    assert dataset.digest == "d" * 32
    assert json.loads(dataset.profile) == {"num_rows": 1200, "num_elements": 2400}
    assert {file.path for file in client.list_artifacts(version.run_id)} >= {"model_card.md", "slices.csv"}
    children = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{version.run_id}'")
    assert [child.info.run_name for child in children] == ["logistic_regression"]
    assert run.data.params == {"seed": "0"}
    assert children[0].data.params == {"C": "1"}
    assert children[0].data.metrics == {"validation_log_loss": 0.6, "train_seconds": 2.5}
    assert [(tag.key, tag.value) for tag in run.inputs.dataset_inputs[0].tags] == [("mlflow.data.context", "training")]
    assert (version.source_watermark, version.dataset_digest) == ("demo 7", "d" * 32)


def test_a_version_carries_its_model_with_linked_metrics_and_says_what_it_is(uri, recorded):
    version = recorded()
    client = connect(uri)
    registered = client.get_model_version(version.name, version.version)
    model = client.get_logged_model(registered.source.removeprefix("models:/"))
    assert model.source_run_id == version.run_id
    assert (model.status, model.params, model.tags["source_watermark"]) == ("READY", {"seed": "0"}, "demo 7")
    assert {(one.key, one.value) for one in model.metrics} == {("test_log_loss", 0.5)}
    assert model.metrics[0].dataset_digest == "d" * 32
    assert [one.model_id for one in client.get_run(version.run_id).outputs.model_outputs] == [model.model_id]
    assert registered.description == "# card"
    about = catalog.ROUND.description
    assert client.get_registered_model(version.name).description == about
    assert client.get_experiment_by_name(version.name).tags["mlflow.note.content"] == about
    assert client.get_run(version.run_id).info.run_name == f"round_predictor {version.version} refused"


def test_the_page_of_a_version_shows_a_few_metrics_and_its_run_all_of_them(uri, recorded):
    figures = dict.fromkeys(("log_loss", "brier", "auc", "accuracy", "ece"), 0.5)
    whole = {
        f"{of}_{name}{end}": 0.5 for of in ("test", "baseline") for name in figures for end in ("", "_low", "_high")
    }
    whole |= {"laws_broken": 0.0, "against_baseline": -0.1, "rows_test": 9.0}
    version = recorded(metrics=whole)
    client = connect(uri)
    model = client.get_logged_model(
        client.get_model_version(version.name, version.version).source.removeprefix("models:/")
    )
    assert {one.key for one in model.metrics} == {f"test_{name}" for name in figures}
    assert client.get_run(version.run_id).data.metrics == whole


def test_two_trainings_that_make_the_experiment_at_once_share_it(uri, recorded, monkeypatch):
    client = connect(uri)
    made = client.get_run(recorded().run_id).info.experiment_id
    look, seen = client.get_experiment_by_name, []

    def not_yet_there(name):
        seen.append(name)
        return look(name) if len(seen) > 1 else None

    monkeypatch.setattr(client, "get_experiment_by_name", not_yet_there)
    assert runs._experiment(client, "round_predictor", None) == made
    monkeypatch.setattr(client, "get_experiment_by_name", lambda _: None)
    with pytest.raises(MlflowException, match="already exists"):
        runs._experiment(client, "round_predictor", None)


def test_a_card_that_is_too_long_for_a_description_is_cut_and_says_where_the_whole_is(uri, root, tmp_path):
    round_artifact(tmp_path / "artifact")
    for length, whole in ((runs.LONGEST_DESCRIPTION, True), (runs.LONGEST_DESCRIPTION + 1, False)):
        card = "x" * length
        assert (runs._cut(card) == card) == whole
        assert len(runs._cut(card)) == runs.LONGEST_DESCRIPTION
    run = replace(
        training_run("round_predictor", tmp_path / "artifact"), files={"model_card.md": ("x" * 9_000).encode()}
    )
    former = mlflow.get_tracking_uri()
    version = record(uri, replace(run, tags={**run.tags, "note": "y" * 9_000}), artifact_root=root / "artifacts")
    shown = connect(uri).get_model_version(version.name, version.version).description
    assert shown.endswith("x\n\n… The whole card is the run's model_card.md.")
    assert version.tags["note"] == "y" * 4_500
    assert mlflow.get_tracking_uri() == former, "the process's own store is what it was"


def test_a_run_leads_back_to_dagster_and_a_version_to_its_run(uri, root, tmp_path):
    round_artifact(tmp_path / "artifact")
    run = training_run("round_predictor", tmp_path / "artifact")
    address = "http://127.0.0.1:3000/runs/r1"
    version = record(
        uri, replace(run, tags={**run.tags, "dagster_run_address": address}), artifact_root=root / "artifacts"
    )
    kept = connect(uri).get_run(version.run_id)
    assert f"({address})" in kept.data.tags["mlflow.note.content"]
    assert version.tags["mlflow_experiment_id"] == kept.info.experiment_id


def test_a_run_and_its_candidates_last_as_long_as_the_training_did(uri, recorded):
    version = recorded()
    client = connect(uri)
    run = client.get_run(version.run_id)
    assert run.info.start_time == 1_700_000_000_000
    (child,) = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{version.run_id}'")
    assert child.info.end_time - child.info.start_time == 2500


def test_intervals_are_a_table_and_charts_only_where_other_programs_rely_on_them(uri, recorded):
    promised = {"test_ece": 0.01, "test_ece_low": 0.0, "test_ece_high": 0.02}
    others = {"against_baseline": -0.1, "against_baseline_low": -0.2, "against_baseline_high": -0.05}
    version = recorded(metrics=promised | others | {"laws_broken": 0.0})
    metrics = connect(uri).get_run(version.run_id).data.metrics
    assert metrics == promised | {"against_baseline": -0.1, "laws_broken": 0.0}
    mlflow.set_tracking_uri(uri)
    table = json.loads(mlflow.artifacts.load_text(f"runs:/{version.run_id}/metrics.json"))
    assert table == {
        "columns": ["metric", "value", "low", "high"],
        "data": [["test_ece", 0.01, 0.0, 0.02], ["against_baseline", -0.1, -0.2, -0.05]],
    }
    assert version.metrics == {"test_ece": 0.01, "test_ece_low": 0.0, "test_ece_high": 0.02}


def test_curves_are_kept_by_step(uri, recorded):
    long = [(step, 1 / (1 + step)) for step in range(1500)]
    version = recorded(curves={"loss/network": long, "left_out/network": [(0, 0.7), (10, 0.6)]})
    client = connect(uri)
    experiment = client.get_run(version.run_id).info.experiment_id
    (child,) = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{version.run_id}'")
    for run_id in (version.run_id, child.info.run_id):
        history = client.get_metric_history(run_id, "left_out/network")
        assert [(one.step, one.value) for one in history] == [(0, 0.7), (10, 0.6)]
        assert len(client.get_metric_history(run_id, "loss/network")) == 1500


def test_the_champion_answers_through_mlflow_word_for_word_as_the_service_does(uri, recorded, store):
    version = recorded(bias=0.3)
    promotion.promote(uri, version, reason="first")
    states = domain.generate_states(np.random.default_rng(5), 400)
    table = pd.DataFrame(states)
    table[["ct_alive", "t_alive", "bomb_planted"]] = table[["ct_alive", "t_alive", "bomb_planted"]].astype(int)
    assert (domain.winners(states) != "").sum() > 20
    mlflow.set_tracking_uri(uri)
    answered = mlflow.pyfunc.load_model("models:/round_predictor@champion").predict(table)
    service, form = predictor(version, store.fetch(version)), form_of(serving_of(catalog.ROUND))
    for row, answer in zip(table.to_dict("records"), answered, strict=True):
        body = {name: value for name, value in row.items() if not pd.isna(value)}
        values, style = form.read_one(json.dumps(body).encode())
        assert json.dumps(answer) == json.dumps(spelled(service.word(service.many([values])[0]), style))


def test_a_player_too_is_answered_through_mlflow_with_the_reason_where_there_is_none(uri, root, tmp_path):
    player_artifact(tmp_path / "player", min_rounds=50)
    run = training_run("player_classifier", tmp_path / "player")
    version = record(uri, run, artifact_root=root / "artifacts")
    mlflow.set_tracking_uri(uri)
    loaded = mlflow.pyfunc.load_model(f"models:/player_classifier/{version.version}")
    known, unknown = loaded.predict([PLAYER, PLAYER | {"total_rounds": 49, "total_clutch_attempts": 20}])
    assert known["skill_level"] == "Advanced"
    assert unknown["reason"] == "not enough rounds yet: 49 of the 50 a judgement needs"
    for wrong, why in (
        ({"total_rounds": None}, "missing"),
        ({"kills": 3}, "unknown field"),
        ({"avg_kills": -1}, "from"),
    ):
        with pytest.raises(ValueError, match=f"request 0: .*{why}"):
            loaded.predict([PLAYER | wrong])


def test_the_champion_is_the_version_promoted_last_and_rollback_returns(uri, recorded, store):
    first, second = recorded(), recorded(bias=1.0)
    promotion.promote(uri, first, reason="first")
    promotion.promote(uri, second, reason="better")
    assert store.champion("round_predictor").version == second.version
    assert promotion.aliases(uri, "round_predictor") == {"champion": second.version, "previous": first.version}
    before = promotion.rollback(uri, "round_predictor", reason="wrong on de_nuke", by="reviewer").at
    assert store.champion("round_predictor").version == first.version
    tags = store.champion("round_predictor").tags
    assert (tags["promotion_reason"], tags["promoted_at"]) == ("rollback: wrong on de_nuke", before)
    last = promotion.history(uri, "round_predictor")[-1]
    assert (last.action, last.former, last.by, last.reason) == (
        "rolled_back",
        second.version,
        "reviewer",
        "wrong on de_nuke",
    )


def test_no_champion_is_none_and_not_an_error(store):
    assert store.champion("player_classifier") is None
    assert store.cached("player_classifier") is None


def test_a_fetched_champion_is_there_when_mlflow_is_not(uri, recorded, tmp_path):
    version = recorded(bias=0.7)
    ModelStore(uri, tmp_path / "cache").fetch(version)
    away = ModelStore("http://127.0.0.1:9", tmp_path / "cache")
    with pytest.raises(RegistryUnavailableError, match="does not answer"):
        away.champion("round_predictor")
    cached = away.cached("round_predictor")
    assert cached is not None
    assert cached[0] == version


def test_an_altered_artifact_is_refused_and_an_altered_cache_is_not_used(uri, root, recorded, tmp_path):
    version = recorded()
    store = ModelStore(uri, tmp_path / "cache")
    store.fetch(version)
    (graph,) = (tmp_path / "cache").rglob("model.onnx")
    graph.write_bytes(graph.read_bytes() + b"\0")
    assert store.cached("round_predictor") is None
    assert store.fetch(version).digest == version.digest

    model_id = connect(uri).get_model_version(version.name, version.version).source.removeprefix("models:/")
    (original,) = (root / "artifacts").rglob(f"{model_id}/**/manifest.json")
    manifest = json.loads(original.read_text())
    original.write_text(json.dumps(manifest | {"name": "another"}))
    with pytest.raises(ArtifactError, match="not the one that was registered"):
        ModelStore(uri, tmp_path / "other").fetch(version)


def test_a_run_that_cannot_be_logged_is_marked_failed_and_registers_nothing(uri, tmp_path):
    run = TrainingRun("round_predictor", tmp_path / "nothing", pd.DataFrame({"a": [1]}), "d", {}, {}, {}, {})
    before = len(promotion.versions(uri, "round_predictor"))
    with pytest.raises(ArtifactError):
        record(uri, run, artifact_root=tmp_path)
    assert len(promotion.versions(uri, "round_predictor")) == before
    client = connect(uri)
    newest = client.search_runs([client.get_experiment_by_name("round_predictor").experiment_id], max_results=1)
    assert newest[0].info.status == "FAILED"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://cs2:secret@db/mlflow", "postgresql://***@db/mlflow"),
        ("http://user:secr@t@host:5000", "http://***@host:5000"),
        ("https://secret@host", "https://***@host"),
        ("postgresql://db/mlflow?user=cs2&password=secret", "postgresql://db/mlflow?user=cs2&password=***"),
        ("sqlite:///home/mlflow.db", "sqlite:///home/mlflow.db"),
        ("postgresql://reader:ge/he@im@host/mlflow", "postgresql://***@host/mlflow"),
        ("http://host:5000/api and b@c", "http://host:5000/api and b@c"),
    ],
)
def test_secrets_in_an_address_are_masked(address, shown):
    assert masked(address) == shown


def test_a_full_disk_is_not_told_as_an_mlflow_that_does_not_answer(uri):
    with pytest.raises(OSError, match="No space left"), translated(uri):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("address", ["mlruns", "htp://reviewer:geheim@host", "http//host:5000", "file:///mlruns"])
def test_what_is_no_address_of_an_mlflow_is_named_with_the_forms_there_are(address):
    with pytest.raises(RegistryError, match="CS2_MLFLOW_TRACKING_URI must begin with http://") as refused:
        connect(address)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["postgresql+psycopg2://reader:ge[heim@host/mlflow", "http://reader:geheim\u2100@host:5000"]
)
def test_an_address_that_cannot_be_read_is_named_without_its_password(address):
    with pytest.raises(RegistryError, match=r"CS2_MLFLOW_TRACKING_URI: '\w+(\+psycopg2)?://\*\*\*@host") as refused:
        connect(address)
    assert "heim" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_page_shows_the_champion_the_newest_versions_the_decisions_and_the_evidence(uri, recorded, tmp_path):
    older, newer = recorded(), recorded()
    promotion.promote(uri, older, reason="good")
    promotion.refuse(uri, newer, reason="worse")
    shown = overview.overview(uri, tmp_path, "round_predictor")
    assert (shown.name, shown.champion.version) == ("round_predictor", older.version)
    assert [event.action for event in shown.history[:2]] == ["refused", "promoted"]
    assert [(one.version, champion) for one, champion in overview.versions(uri, "round_predictor", 2)] == [
        (newer.version, False), (older.version, True),
    ]  # fmt: skip
    assert [one.name for one in overview.overviews(uri, tmp_path)] == list(catalog.names())
    assert overview.overview(uri, tmp_path, "player_classifier").champion is None
    evidence = overview.evidence(uri, newer.run_id)
    assert evidence == {"model_card.md": "# card", "slices.csv": "a,b\n"}
    assert overview.rows("a,b\n1,2\n") == [{"a": "1", "b": "2"}]


def test_runs_left_open_are_told_with_their_dagster_run_and_ended_with_the_reason(uri, recorded):
    client = connect(uri)
    experiment = client.get_run(recorded().run_id).info.experiment_id
    began = 1_700_000_000_000
    of_dagster = client.create_run(experiment, began, {"dagster_run_id": "d1"}).info.run_id
    child = client.create_run(experiment, began + 1_500, {"mlflow.parentRunId": of_dagster}).info.run_id
    client.create_run(experiment, began, {})  # nobody's: somebody trains by hand
    found = {one.run_id: one for one in runs.left_open(uri)}
    assert {one: left.dagster_run_id for one, left in found.items()} == {of_dagster: "d1", child: "d1"}
    assert found[child].started_at == datetime.fromtimestamp(1_700_000_001.5, UTC)
    runs.mark_killed(uri, child, "its Dagster run was killed")
    assert [one.run_id for one in runs.left_open(uri)] == [of_dagster]
    killed = client.get_run(child)
    assert (killed.info.status, killed.data.tags["mlflow.note.content"]) == ("KILLED", "its Dagster run was killed")
    client.set_terminated(of_dagster)

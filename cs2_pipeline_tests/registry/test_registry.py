"""A real MLflow store in a folder: what is recorded can be read back, and aliases move only as they should."""

import json
import math

import mlflow.artifacts
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest

from bento.predictions.http.answers import spelled
from bento.predictions.http.requests import form_of
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.artifact import ArtifactError
from cs2_pipeline.artifact.predictors import predictor
from cs2_pipeline.artifact.spec import serving_of
from cs2_pipeline.evaluation import domain
from cs2_pipeline.registry import overview, promotion
from cs2_pipeline.registry.champion import ModelStore, RegistryError, RegistryUnavailableError
from cs2_pipeline.registry.client import connect, translated
from cs2_pipeline.registry.errors import masked
from cs2_pipeline.registry.runs import Candidate, TrainingRun, record
from cs2_pipeline_tests.bento.serving import PLAYER
from cs2_pipeline_tests.tiny_models import player_artifact, round_artifact, training_run


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

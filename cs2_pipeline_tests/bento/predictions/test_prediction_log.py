"""What was predicted can be read back, and the log knows its bounds."""

import os
import threading
import time
from datetime import UTC, datetime

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from bento.predictions import prediction_log
from bento.predictions.prediction_log import LEFT_OUT, PredictionLog, schema
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import Cache, ModelVersion
from cs2_pipeline.artifact.player_skill import PlayerClassifier, Skill
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.game.features import ROUND_FEATURES, round_features
from cs2_pipeline.game.maps import map_index
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.serving import ONE_PROCESS, PATIENCE, PLAYER, ROUND, serving


def with_no_model_inside(kind, name):
    made = kind.__new__(kind)
    made.version = ModelVersion(name, "3", "run", "", "", "", "", "", {}, {})
    return made


MODEL = with_no_model_inside(RoundPredictor, "round_predictor")
PLAYER_MODEL = with_no_model_inside(PlayerClassifier, "player_classifier")


def test_predictions_of_a_service_are_read_back_as_they_were_answered(served_home):
    with serving(served_home.path, module=ONE_PROCESS, prediction_log="true") as server:
        first = server.post("/predict/round", ROUND | {"map_name": "de_nuke", "match_id": "m1", "round_id": "r9"}).json
        server.post("/predict/rounds", {"states": [ROUND] * 30})
        server.post("/predict/round", ROUND | {"ct_alive": 9})
        server.post("/classify/player", PLAYER)
        server.terminate()
        server.process.wait(PATIENCE)
    table = ds.dataset(served_home.path / "predictions" / "round_predictor").to_table()
    logged = table.to_pylist()
    assert len(logged) == 31
    model = Cache(Settings(home=served_home.path, mlflow_tracking_uri=served_home.uri).champion_cache)
    assert predicted_from(table, model) == pytest.approx(table["ct_win_probability"].to_numpy(), abs=1e-6)
    (row,) = [row for row in logged if row["match_id"] == "m1"]
    assert (row["round_id"], row["map_name"], row["model_version"]) == ("r9", "de_nuke", "1")
    assert row["ct_win_probability"] == first["ct_win_probability"]
    assert [row["ct_win_low"], row["ct_win_high"]] == first["ct_win_interval"]
    assert {key: row[key] for key in ROUND} == ROUND
    assert row["ct_health"] is None
    (player,) = ds.dataset(served_home.path / "predictions" / "player_classifier").to_table().to_pylist()
    assert player["score_advanced"] == pytest.approx(0.461483)


def predicted_from(table, cache):
    """What the model gives for the logged inputs, taken up as the pipeline takes up its own tables."""
    values = {field.name: table[field.name].to_numpy() for field in ROUND_FIELDS if not field.text}
    values["map_index"] = np.array([map_index(name) for name in table["map_name"].to_pylist()])
    rows = np.column_stack(round_features(values)).astype(np.float32)
    artifact = cache.load(cache.current("round_predictor"))
    (probability,) = artifact.session.run(["probability"], {"features": rows[:, artifact.columns(ROUND_FEATURES)]})
    return probability


def test_the_log_has_a_column_for_every_field():
    assert {field.name for field in ROUND_FIELDS} <= set(schema(catalog.ROUND).names)


def test_the_oldest_files_make_room_for_new_ones(tmp_path):
    log = PredictionLog(tmp_path, max_bytes=20_000)
    for _ in range(8):
        log.note(MODEL, dict(ROUND), (0.5, 0.4, 0.6))
        log._write()
    files = list(tmp_path.glob("*/*/*"))
    assert 1 <= len(files) < 8
    assert sum(file.stat().st_size for file in files) <= 20_000


def test_a_file_that_another_worker_removes_meanwhile_costs_no_prediction(tmp_path):
    log = PredictionLog(tmp_path, max_bytes=10**6)
    before = LEFT_OUT._value.get()
    log.note(MODEL, dict(ROUND), (0.5, 0.4, 0.6))
    log._write()
    (day,) = tmp_path.glob("*/*")
    (day / "000000000000-1.parquet").symlink_to(tmp_path / "removed")  # listed, and not there when it is looked at
    log.note(MODEL, dict(ROUND), (0.5, 0.4, 0.6))
    log._write()
    assert LEFT_OUT._value.get() == before
    assert len([file for file in day.iterdir() if file.exists()]) == 2


def test_an_old_file_that_cannot_be_removed_costs_no_prediction(tmp_path):
    (tmp_path / "round_predictor" / "2026-01-01" / "stuck.parquet").mkdir(parents=True)
    log, left_out = PredictionLog(tmp_path, max_bytes=1), LEFT_OUT._value.get()
    log.note(MODEL, dict(ROUND), (0.5, 0.4, 0.6))
    log._write()
    assert LEFT_OUT._value.get() == left_out


def test_a_full_disk_costs_the_log_and_nothing_else(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    log = PredictionLog(tmp_path, max_bytes=10**6)
    log.note(PLAYER_MODEL, dict(PLAYER), Skill(None, "too few"))
    log._write()
    assert list(tmp_path.glob("*/*/*")) == []


def test_rows_that_cannot_be_written_do_not_end_the_log(tmp_path):
    log = PredictionLog(tmp_path, max_bytes=10**6)
    log.note(MODEL, ROUND | {"match_id": "\ud800"}, (0.5, 0.4, 0.6))
    log._write()
    log.note(MODEL, dict(ROUND), (0.5, 0.4, 0.6))
    log._write()
    assert ds.dataset(tmp_path / "round_predictor").count_rows() == 1


def test_what_waits_is_written_when_the_service_ends(tmp_path):
    before = threading.active_count()
    log = PredictionLog(tmp_path, max_bytes=10**6)
    log.start()
    log.note(MODEL, dict(ROUND), (0.5, 0.4, 0.6))
    log.stop()
    assert ds.dataset(tmp_path / "round_predictor").count_rows() == 1
    assert threading.active_count() == before


def noted(log, count=1, model=MODEL):
    for _ in range(count):
        log.note(model, dict(ROUND), (0.5, 0.4, 0.6))


def test_what_does_not_fit_into_memory_is_counted_and_the_rest_written(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_log, "MOST_WAITING", 3)
    log, left_out = PredictionLog(tmp_path, max_bytes=10**6), LEFT_OUT._value.get()
    noted(log, 5)
    assert LEFT_OUT._value.get() == left_out + 2
    log._write()
    noted(log)
    log._write()
    assert LEFT_OUT._value.get() == left_out + 2
    assert ds.dataset(tmp_path / "round_predictor").count_rows() == 4


def test_what_could_not_be_written_is_counted(tmp_path):
    log, left_out = PredictionLog(tmp_path, max_bytes=10**6), LEFT_OUT._value.get()
    noted(log, 2)
    log.note(MODEL, ROUND | {"match_id": "\ud800"}, (0.5, 0.4, 0.6))
    log._write()
    assert LEFT_OUT._value.get() == left_out + 3


def test_the_folder_may_hold_just_as_much_as_it_may_and_the_oldest_goes_first(tmp_path):
    log = PredictionLog(tmp_path, max_bytes=10**6)
    for age, count in ((30, 5), (20, 5), (10, 5)):
        before = set(tmp_path.glob("*/*/*"))
        noted(log, count)
        log._write()
        (file,) = set(tmp_path.glob("*/*/*")) - before
        os.utime(file, (time.time() - age, time.time() - age))
    files = sorted(tmp_path.glob("*/*/*"), key=lambda file: file.stat().st_mtime)
    whole = sum(file.stat().st_size for file in files)
    for most, left in ((whole, files), (whole - 1, files[1:]), (files[2].stat().st_size, files[2:])):
        PredictionLog(tmp_path, max_bytes=most)._make_room()
        assert sorted(tmp_path.glob("*/*/*")) == sorted(left)


def test_a_file_is_named_by_its_day_and_a_row_by_its_moment_in_utc(tmp_path):
    log = PredictionLog(tmp_path, max_bytes=10**6)
    begun = datetime.now(UTC)
    noted(log)
    log._write()
    (file,) = tmp_path.glob("*/*/*")
    (row,) = pq.read_table(file).to_pylist()
    assert begun <= row["time"] <= datetime.now(UTC)
    assert file.parent.name in {f"{when:%Y-%m-%d}" for when in (begun, datetime.now(UTC))}
    assert file.stem.endswith(f"-{os.getpid()}")
    assert (row["model_version"], row["run_id"], row["ct_win_low"], row["ct_win_high"]) == ("3", "run", 0.4, 0.6)


def test_while_the_service_runs_the_log_is_written_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_log, "WRITE_EVERY", 0.01)
    log = PredictionLog(tmp_path / "made", max_bytes=10**6)
    log.start()
    try:
        for number in (1, 2):
            noted(log)
            until = time.monotonic() + PATIENCE
            while len(list((tmp_path / "made").glob("*/*/*.parquet"))) < number:
                assert time.monotonic() < until
                time.sleep(0.005)
    finally:
        log.stop()

"""The assets of forecasts, on a real small platform: directories, settlements, and a head that is published once."""

import json
import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import text

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets.schema import MATCH_DATASET, WIN_PROBABILITY_ADDED
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.assets import forecasts, reports
from cs2_pipeline.defs.assets.forecasts import results_of
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.forecasting import directories, publishing
from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.records import announcements
from cs2_pipeline.records.database import open_records
from cs2_pipeline.records.ledger import Draft, append, head
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import record
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.tiny_models import player_artifact, training_run

LINE_UPS = {"a": '["a1","a2","a3","a4","a5"]', "b": '["b1","b2","b3","b4","b5"]'}


ASKED = {
    "probability": 0.5, "team1_id": "x", "team2_id": "y", "model_version": "1",
    "asked": {"starts_at": None, "player_ids": [[], []], "map_ids": [], "map_score": [0, 0, True], "maps_won": [0, 0],
              "best_of": 1},
}  # fmt: skip


def match(number, first="a", second="b", won=1, score=(13, 7)):
    return {
        "match_id": f"m{number}", "started_at": pd.Timestamp(f"2026-01-{number:02}", tz="UTC"), "place": 1,
        "best_of": 1, "map_name": "de_nuke", "first_name": f"team {first}", "second_name": f"team {second}",
        "first_players": LINE_UPS[first], "second_players": LINE_UPS[second], "first_points": None,
        "second_points": None, "first_score": score[0], "second_score": score[1], "first_wins": won, "source": "demo",
    }  # fmt: skip


def told(run, asset):
    """The metadata of what a run made of an asset."""
    (made,) = run.asset_materializations_for_node(asset)
    return {name: value.value for name, value in made.metadata.items()}


def careers():
    """What is known of two players: a1 with a K/D of 1.1, b1 with one of 2 and few rounds."""
    usual = {field.name: 1.0 for field in PLAYER_FIELDS}
    return pd.DataFrame(
        [
            usual | {"steam_id": "a1", "player_name": "Ada", "kd_ratio": 1.1, "total_rounds": 500},
            usual | {"steam_id": "b1", "player_name": "Bo", "kd_ratio": 2.0, "total_rounds": 99},
        ]
    )


def added():
    """What a1 did in one match: a tenth of a round's win for each of 20 rounds."""
    line = {column.name: 0.0 for column in WIN_PROBABILITY_ADDED} | {"total": 2.0, "rounds": 20, "steam_id": "a1"}
    return WIN_PROBABILITY_ADDED.conform(
        pd.DataFrame([line | {"match_id": 1, "player_id": 1, "started_at": pd.Timestamp("2026-01-01", tz="UTC")}])
    )


def test_directories_settlements_and_the_head_are_made_and_a_changed_ledger_fails_its_check(
    world, tmp_path, empty_store
):
    played = pd.DataFrame([match(1), match(2, "b", "a")])
    extra = {"latent": 0.0, "variance": 1.0, "elo": 0.0, "source": "demo", "part": "train"}
    stored = MATCH_DATASET.conform(
        played.drop(columns=["first_score", "second_score"]).assign(first_rounds=13, second_rounds=7, **extra)
    )
    world.platform.tables.write("match_dataset", stored)
    shutil.copy(empty_store, world.settings.home / "mlflow.db")
    world.platform.tables.write("players", careers())
    world.platform.tables.write("win_probability_added", added())
    player_artifact(tmp_path / "player", min_rounds=100)
    uri, root = world.platform.tracking_uri, world.platform.artifact_root
    judge = record(uri, training_run("player_classifier", tmp_path / "player"), artifact_root=root)
    promotion.promote(uri, judge, reason="a test")
    records = open_records(world.settings)
    with records.writing() as connection:
        append(connection, [Draft("map", dict(ASKED), team1_id="x", team2_id="y", model_version="1", probability=0.5)])
    ended = world.run(forecasts.JOB)
    assert ended.success
    known = directories.load(records)
    assert [entry.name for entry in known.teams.listed] == ["team a", "team b"]
    assert known.teams.named("team a")[0].about["player_ids"] == ["a1", "a2", "a3", "a4", "a5"]
    assert known.teams.named("team a")[0].about["won"] == 1
    assert known.pool == ("de_nuke",)
    assert told(ended, "directories") == {"entries": 13, "maps": 1, "teams": 2, "players": 10}
    players = {entry.id: entry for entry in known.players.listed}
    assert (players["a1"].name, players["a2"].name) == ("Ada", "a2")
    tier = players["a1"].about["tier"]
    assert (tier["skill_level"], tier["version"], tier["rounds"]) == ("Advanced", judge.version, 500)
    assert players["b1"].about["tier"]["reason"].startswith("not enough rounds yet: 99 of the 100")
    assert players["a1"].about["added"] == {"per_round": 0.1, "low": None, "high": None, "rounds": 20, "matches": 1}
    assert set(players["a2"].about) == {"team_id", "won"}, "nothing is said where nothing is known"
    settled = told(ended, "forecast_settlements")
    assert (settled["dagster/row_count"], settled["new"], settled["open"]) == (0, 0, 1)
    assert settled["scores"].splitlines()[0] == "| which | forecasts | matches | log loss | Brier |"
    assert "log_loss" not in settled, "nothing was settled yet"
    assert [one.head for one in publishing.published(world.settings.home)] == [head(records)]
    (before,) = publishing.published(world.settings.home)
    said = {"day": before.day.isoformat(), "seq": before.head.seq, "hash": before.head.hash}
    assert told(ended, "ledger_head") == said
    assert before.day == datetime.now(UTC).date()
    with records.writing() as connection:
        connection.execute(text("UPDATE ledger SET body = replace(body, '0.5', '0.9')"))
    (sound,), (check,) = chain(ended), chain(world.run(forecasts.JOB))
    assert sound.passed
    assert sound.description == "1 entries, 1 published heads"
    assert not check.passed
    assert "entry 1 was changed" in check.description
    assert (check.metadata["entries"].value, check.metadata["faults"].value) == (1, 1)
    announced = announcements.after(records, announcements.LEDGER_HEADS, 0, 9)
    assert [json.loads(one.body)["hash"] for one in announced] == [before.head.hash], "once a day"
    records.close()


def chain(run):
    return [one for one in run.get_asset_check_evaluations() if one.check_name == "ledger_chain"]


def test_a_training_of_the_match_model_makes_the_directories_that_forecasts_are_asked_by(tmp_path):
    definitions = assemble(Settings(home=tmp_path / "cs2"))
    for job in (catalog.MATCH.job, jobs.TRAIN_ALL):
        made = definitions.resolve_job_def(job).asset_layer.asset_graph
        directories_of_it = made.get(dg.AssetKey(forecasts.DIRECTORIES))
        assert dg.AssetKey(catalog.MATCH.dataset) in directories_of_it.parent_keys
        assert directories_of_it.key in definitions.resolve_job_def(job).asset_layer.selected_asset_keys


def test_a_training_of_all_models_writes_what_the_pages_say_of_the_data(tmp_path):
    job = assemble(Settings(home=tmp_path / "cs2")).resolve_job_def(jobs.TRAIN_ALL)
    assert dg.AssetKey(reports.NAME) in job.asset_layer.selected_asset_keys


def test_players_without_a_table_of_careers_have_no_tiers_and_nobody_is_warned(tmp_path, caplog):
    """`cs2 train match` alone makes the directories before the player model's training ever made that table."""
    assert forecasts._tiers(Platform(Settings(home=tmp_path / "cs2"))) == {}
    assert caplog.text == ""


def test_results_name_teams_as_the_directories_do():
    results = list(results_of(pd.DataFrame([match(1), match(2, "b", "a", won=0, score=(7, 13))]), whole_day=False))
    assert results[0].team_ids == results[1].team_ids[::-1]
    assert [one.first_won for one in results] == [True, False]
    assert not any(one.forfeited for one in results)
    assert results[0].players[0] == {"a1", "a2", "a3", "a4", "a5"}
    assert [one.id for one in results] == ["m1", "m2"]
    assert [one.started_at.day for one in results] == [1, 2]
    assert [(one.best_of, one.map_id, one.whole_day) for one in results] == [(1, "de_nuke", False)] * 2
    assert [one.score for one in results] == [(13, 7), (7, 13)]


def test_the_result_of_a_published_series_knows_its_day_and_no_map(world):
    rows = [
        match(3, won=0) | {"best_of": 5, "map_name": None, "first_score": 1, "second_score": 3},
        match(4) | {"best_of": None, "map_name": None, "first_score": None, "second_score": None},
    ]
    world.platform.tables.write("published_series", pd.DataFrame(rows))
    known, unknown = forecasts._results(world.platform)
    assert (known.best_of, known.map_id, known.score, known.first_won) == (5, None, (1, 3), False)
    assert (unknown.best_of, unknown.score, unknown.first_won) == (3, (None, None), True)
    assert known.whole_day and unknown.whole_day
    assert not known.forfeited and not unknown.forfeited


def test_nobody_played_is_no_result():
    assert list(results_of(pd.DataFrame([match(1)]).head(0), whole_day=False)) == []


def test_the_results_are_the_maps_of_the_database_and_then_the_series_of_which_only_the_day_is_known(extracted):
    extracted.platform.tables.write("published_series", pd.DataFrame([match(3)]))
    results = forecasts._results(extracted.platform)
    assert [one.whole_day for one in results] == [False] * 8 + [True]
    assert results[-1].id == "m3"


def test_what_is_known_of_players_is_told_where_it_is_there(tmp_path):
    platform = Platform(Settings(home=tmp_path))
    assert (forecasts._player_names(platform), forecasts._form(platform), forecasts._added(platform)) == ({}, {}, {})
    platform.tables.write("players", careers())
    assert forecasts._player_names(platform) == {"a1": "Ada", "b1": "Bo"}


def test_while_mlflow_is_away_the_directories_are_made_without_tiers_and_that_is_logged(tmp_path, caplog):
    platform = Platform(Settings(home=tmp_path, mlflow_tracking_uri="sqlite:////proc/nowhere/mlflow.db"))
    platform.tables.write("players", careers())
    assert forecasts._tiers(platform) == {}
    assert "players have no tiers in the directories: " in caplog.text


def test_before_any_player_was_promoted_or_played_nobody_has_a_tier(tmp_path, mlflow_uri, caplog):
    platform = Platform(Settings(home=tmp_path, mlflow_tracking_uri=mlflow_uri))
    for known in (careers(), careers().head(0)):
        platform.tables.write("players", known)
        assert forecasts._tiers(platform) == {}
    assert caplog.text == ""


@pytest.mark.parametrize(("faults", "named"), [(1, 1), (20, 20), (21, 20)])
def test_of_a_ledger_with_many_faults_twenty_are_named_and_all_counted(tmp_path, monkeypatch, faults, named):
    found = [SimpleNamespace(seq=number, what="was changed") for number in range(1, faults + 1)]
    monkeypatch.setattr(forecasts.ledger, "verify", lambda *_: found)
    check = forecasts.ledger_chain(Platform(Settings(home=tmp_path)))
    assert (check.passed, check.metadata["faults"].value) == (False, faults)
    assert check.description.split("; ") == [f"entry {number} was changed" for number in range(1, named + 1)]

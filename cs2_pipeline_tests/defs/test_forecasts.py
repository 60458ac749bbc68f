"""The assets of forecasts, on a real small platform: directories, settlements, and a head that is published once."""

import dagster as dg
import pandas as pd
from sqlalchemy import text

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets.schema import MATCH_DATASET
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.assets import forecasts
from cs2_pipeline.defs.assets.forecasts import results_of
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.forecasting import directories, publishing
from cs2_pipeline.records.database import open_records
from cs2_pipeline.records.ledger import Draft, append, head
from cs2_pipeline.settings import Settings

LINE_UPS = {"a": '["a1","a2","a3","a4","a5"]', "b": '["b1","b2","b3","b4","b5"]'}


def match(number, first="a", second="b", won=1, score=(13, 7)):
    return {
        "match_id": f"m{number}", "started_at": pd.Timestamp(f"2026-01-{number:02}", tz="UTC"), "place": 1,
        "best_of": 1, "map_name": "de_nuke", "first_name": f"team {first}", "second_name": f"team {second}",
        "first_players": LINE_UPS[first], "second_players": LINE_UPS[second], "first_points": None,
        "second_points": None, "first_score": score[0], "second_score": score[1], "first_wins": won, "source": "demo",
    }  # fmt: skip


def test_directories_settlements_and_the_head_are_made_and_a_changed_ledger_fails_its_check(world):
    played = pd.DataFrame([match(1), match(2, "b", "a")])
    extra = {"latent": 0.0, "variance": 1.0, "elo": 0.0, "source": "demo", "part": "train"}
    stored = MATCH_DATASET.conform(
        played.drop(columns=["first_score", "second_score"]).assign(first_rounds=13, second_rounds=7, **extra)
    )
    world.platform.tables.write("match_dataset", stored)
    records = open_records(world.settings)
    with records.writing() as connection:
        append(connection, [Draft("map", {"probability": 0.5, "asked": {"starts_at": None, "player_ids": [[], []],
                                          "map_ids": [], "map_score": [0, 0, True], "maps_won": [0, 0], "best_of": 1},
                                          "team1_id": "x", "team2_id": "y", "model_version": "1"})])  # fmt: skip
    ended = world.run(forecasts.JOB)
    assert ended.success
    known = directories.load(records)
    assert [entry.name for entry in known.teams.listed] == ["team a", "team b"]
    assert known.teams.named("team a")[0].about["player_ids"] == ["a1", "a2", "a3", "a4", "a5"]
    assert known.pool == ("de_nuke",)
    assert [one.head for one in publishing.published(world.settings.home)] == [head(records)]
    with records.writing() as connection:
        connection.execute(text("UPDATE ledger SET body = replace(body, '0.5', '0.9')"))
    world.run(forecasts.JOB)
    (check,) = [
        event.asset_check_evaluation_data
        for event in world.run(forecasts.JOB).all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
        and event.asset_check_evaluation_data.check_name == "ledger_chain"
    ]
    assert not check.passed
    assert "entry 1 was changed" in check.description
    records.close()


def test_a_training_of_the_match_model_makes_the_directories_that_forecasts_are_asked_by(tmp_path):
    definitions = assemble(Settings(home=tmp_path / "cs2"))
    for job in (catalog.MATCH.job, jobs.TRAIN_ALL):
        made = definitions.resolve_job_def(job).asset_layer.asset_graph
        directories_of_it = made.get(dg.AssetKey(forecasts.DIRECTORIES))
        assert dg.AssetKey(catalog.MATCH.dataset) in directories_of_it.parent_keys
        assert directories_of_it.key in definitions.resolve_job_def(job).asset_layer.selected_asset_keys


def test_results_name_teams_as_the_directories_do():
    results = list(results_of(pd.DataFrame([match(1), match(2, "b", "a", won=0, score=(7, 13))]), whole_day=False))
    assert results[0].team_ids == results[1].team_ids[::-1]
    assert [one.first_won for one in results] == [True, False]
    assert not any(one.forfeited for one in results)
    assert results[0].players[0] == {"a1", "a2", "a3", "a4", "a5"}

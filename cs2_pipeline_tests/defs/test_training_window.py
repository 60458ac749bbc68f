"""The days and the matches that the round model learns from."""

from datetime import UTC, date, datetime

import dagster as dg
import pandas as pd
import pytest

from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.datasets.rounds import FORMER, PRIOR
from cs2_pipeline.defs import training_window
from cs2_pipeline.defs.assets.datasets import RoundDatasetConfig, round_dataset
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.training_window import LEAST_MATCHES, change_to_heed, newest_days
from cs2_pipeline.demodb.simulator import append_days
from cs2_pipeline.training.monitoring import latest_change
from cs2_pipeline_tests.defs.conftest import DAYS

NOON = pd.DataFrame({"started_at": pd.to_datetime([f"2026-01-0{day} 12:00" for day in range(1, 6)], utc=True)})


def build_dataset(world):
    job = assemble(world.settings).resolve_implicit_global_asset_job_def()
    made = job.execute_in_process(instance=world.instance, asset_selection=[dg.AssetKey("round_dataset")])
    (event,) = made.get_asset_materialization_events()
    return {name: one.value for name, one in event.step_materialization_data.materialization.metadata.items()}


@pytest.mark.parametrize(("days", "first"), [(None, 1), (1, 5), (3, 3), (9, 1)])
def test_the_newest_days_remain(days, first):
    assert newest_days(NOON, days)["started_at"].dt.day.tolist() == list(range(first, 6))


def test_a_dataset_under_a_window_forgets_the_days_before_it(extracted):
    newest = date(2026, 1, 5), date(2026, 1, 6)
    append_days(extracted.database, first_day=newest[0], days=2, matches=12, teams=4)
    assert extracted.extract(*newest).success
    extracted.settings = extracted.settings.model_copy(update={"training_days": 2})
    build_dataset(extracted)
    learnt = extracted.platform.tables.read("round_dataset")["started_at"].dt.date
    assert sorted(learnt.unique()) == list(newest)


def test_a_change_is_heeded_once_enough_matches_were_played_since_and_if_something_is_older():
    hours = pd.date_range("2026-01-01", periods=LEAST_MATCHES + 1, freq="h", tz="UTC")
    snapshots = pd.DataFrame({"started_at": hours, "match_id": range(len(hours))})
    assert change_to_heed(snapshots, hours[1].to_pydatetime()) == hours[1]
    assert change_to_heed(snapshots, hours[2].to_pydatetime()) is None
    assert change_to_heed(snapshots, hours[0].to_pydatetime()) is None
    assert change_to_heed(snapshots, None) is None


def test_the_change_that_counts_is_the_latest_one_that_an_alarm_of_any_version_told_of():
    first, second = datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 2, 3, tzinfo=UTC)
    alarms = {
        "3": {"drift": {"changed_at": first.isoformat()}},
        "4": {"calibration": {"changed_at": second.isoformat()}, "drift": {"changed_at": None}},
    }
    assert latest_change({"version": "5", "alarms": alarms}) == second
    assert latest_change({"version": "5", "alarms": {}}) is None
    assert latest_change({}) is None


def test_after_an_alarm_the_matches_before_the_change_are_apart_in_the_dataset(extracted, monkeypatch):
    monkeypatch.setattr(training_window, "LEAST_MATCHES", 10)
    append_days(extracted.database, first_day=date(2026, 1, 5), days=2, matches=12, teams=4)
    assert extracted.extract(date(2026, 1, 5), date(2026, 1, 6)).success
    alarm = {"at": "2026-01-07T05:30:00+00:00", "sentence": "off", "changed_at": "2026-01-05T00:00:00+00:00"}
    document = {"version": "1", "note": "", "alarms": {"1": {"calibration": alarm}}}
    extracted.platform.tables.write_json("round_monitoring", document)
    assert build_dataset(extracted)["play_changed_at"] == "2026-01-05T00:00:00+00:00"
    dataset = extracted.platform.tables.read("round_dataset")
    days = dataset["started_at"].dt.day
    assert sorted(days[dataset["part"] == FORMER].unique()) == [1, 2, 3, 4]
    assert sorted(days[dataset["part"] != FORMER].unique()) == [5, 6]


def test_rounds_of_another_game_are_no_new_rounds(extracted):
    tables = extracted.platform.tables
    for day in tables.partitions("round_snapshots"):
        tables.write("round_snapshots", tables.read("round_snapshots", [day]).assign(game="cs2"), day)
    alone = round_dataset(dg.build_asset_context(), RoundDatasetConfig(), extracted.platform).value
    assert PRIOR not in set(alone["part"]), "no rounds of another game were ingested"
    played = tables.read("round_snapshots")
    tables.write("published_snapshots", played.drop(columns="played_at").assign(game="csgo"))
    made = round_dataset(dg.build_asset_context(), RoundDatasetConfig(), extracted.platform)
    own = made.value.loc[made.value["part"] != PRIOR, "round_id"].nunique()
    assert own and made.value["round_id"].nunique() == 2 * own
    assert made.metadata["rounds"] == sum(made.metadata["rounds_by_day"].value.values()) == own
    assert list(made.metadata["rounds_by_day"].value) == DAYS
    assert (made.metadata["source"], made.metadata["play_changed_at"]) == (
        "round_snapshots",
        "not known to have changed",
    )
    assert made.metadata["dagster/row_count"] == len(made.value)
    assert made.metadata["digest"] == digest(made.value)


@pytest.mark.parametrize("asset", ["round_dataset", "match_dataset"])
def test_a_dataset_says_whose_matches_it_holds_and_warns_of_a_mixture(extracted, asset, capfd):
    source = {"round_dataset": "round_snapshots", "match_dataset": "matches"}[asset]
    tables = extracted.platform.tables
    day = tables.partitions(source)[-1]
    frame = tables.read(source, [day])
    assert (frame["source"] == "simulator").all()
    tables.write(source, frame.assign(source="demo"), day)

    job = assemble(extracted.settings).resolve_implicit_global_asset_job_def()
    made = job.execute_in_process(instance=extracted.instance, asset_selection=[dg.AssetKey(asset)])
    (event,) = made.get_asset_materialization_events()
    told = event.step_materialization_data.materialization.metadata["matches_from"].value
    assert "% simulated matches" in told and "% demo files" in told
    assert "simulated and real matches are mixed" in capfd.readouterr().err


@pytest.mark.parametrize(("days", "kept"), [(1, [4]), (2, [2, 3, 4]), (3, [1, 2, 3, 4]), (None, [0, 1, 2, 3, 4])])
def test_of_the_newest_days_the_first_is_whole_from_midnight_on(days, kept):
    moments = ["2026-01-07T23:59", "2026-01-08T23:59:59", "2026-01-09", "2026-01-09T12:00", "2026-01-10T08:00"]
    table = pd.DataFrame({"started_at": pd.to_datetime(moments, format="ISO8601", utc=True)})
    assert training_window.newest_days(table, days).index.tolist() == kept
    assert training_window.newest_days(table[:0], days).empty


@pytest.mark.parametrize(("matches", "heeded"), [(99, False), (100, True)])
def test_a_change_of_play_is_heeded_from_a_hundred_matches_on_its_first_among_them(matches, heeded):
    changed = pd.Timestamp("2026-01-08", tz="UTC")
    times = [changed - pd.Timedelta(seconds=1), *[changed + pd.Timedelta(hours=n) for n in range(matches)]]
    table = pd.DataFrame({"started_at": times, "match_id": range(len(times))})
    moment = changed.to_pydatetime()
    assert training_window.change_to_heed(table, moment) == (moment if heeded else None)
    assert training_window.change_to_heed(table[1:], moment) is None, "nothing is older"
    assert training_window.change_to_heed(table, None) is None

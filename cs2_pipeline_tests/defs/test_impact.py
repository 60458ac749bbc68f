"""The table of win probability added: priced by the champion, empty without one."""

import sqlite3
from contextlib import closing
from datetime import date

import dagster as dg
import pandas as pd
import pytest

from cs2_pipeline.defs.assets import impact
from cs2_pipeline.defs.assets.impact import NAME
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.verdicts import State, Verdict
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import record
from cs2_pipeline_tests.defs.conftest import DAYS
from cs2_pipeline_tests.tiny_models import round_artifact, training_run


def _made(world, name=NAME, told=None):
    everything = assemble(world.settings).resolve_implicit_global_asset_job_def()
    result = everything.execute_in_process(
        instance=world.instance, asset_selection=[dg.AssetKey(name)], raise_on_error=True
    )
    assert result.success
    (made,) = result.asset_materializations_for_node(name)
    (told if told is not None else {}).update({key: value.value for key, value in made.metadata.items()})
    return world.platform.tables.read(name)


def _promote(world, folder):
    round_artifact(folder / "artifact")
    uri, root = world.platform.tracking_uri, world.platform.artifact_root
    made = record(uri, training_run("round_predictor", folder / "artifact"), artifact_root=root)
    promotion.promote(uri, made, reason="a test")


def test_without_a_champion_the_table_is_empty(extracted):
    told = {}
    assert _made(extracted, told=told).empty
    assert told["summary"] == "there is no champion of round_predictor to price states"


def test_days_are_read_in_stretches_that_leave_none_out_and_hold_no_more_than_fits(monkeypatch):
    monkeypatch.setattr(impact, "ROUNDS_AT_A_TIME", 10)
    days = [date(2026, 1, day) for day in (1, 2, 5, 6, 9)]
    counts = (4, 6, 30, 3, 3)
    started = [pd.Timestamp(day, tz="UTC") for day, count in zip(days, counts, strict=True) for _ in range(count)]
    found = impact.stretches(pd.DataFrame({"started_at": started}).sample(frac=1, random_state=0))
    assert found == [(days[0], days[1]), (days[2], days[2]), (days[3], days[4])]
    assert impact.stretches(pd.DataFrame({"started_at": pd.Series([], dtype="datetime64[us, UTC]")})) == []


def test_what_is_read_in_one_stretch_is_what_is_read_day_by_day_without_days_in_quarantine(
    extracted, tmp_path, monkeypatch
):
    _promote(extracted, tmp_path)
    extracted.verdicts.pronounce("rounds", DAYS[1], Verdict(State.QUARANTINED, ("a test",)))
    at_once = _made(extracted)
    monkeypatch.setattr(impact, "ROUNDS_AT_A_TIME", 1)
    day_by_day = _made(extracted)
    assert len(extracted.platform.tables.partitions("rounds")) > 1
    left = extracted.platform.tables.read("rounds").loc[lambda row: row["started_at"].dt.day == 2, "match_id"].unique()
    assert set(at_once["match_id"]) == set(range(1, 9)) - set(left)
    assert 0 < len(left) < 8
    keys = ["match_id", "steam_id"]
    pd.testing.assert_frame_equal(*(one.sort_values(keys, ignore_index=True) for one in (at_once, day_by_day)))


def test_with_one_every_player_of_every_match_has_a_line_priced_by_it(extracted, tmp_path):
    _promote(extracted, tmp_path)
    told = {}
    table = _made(extracted, told=told)
    assert len(table) == told["dagster/row_count"] == 8 * 10
    assert (told["version"], told["days_left_out_total"]) == ("1", 0)
    assert table.groupby("match_id")["steam_id"].nunique().eq(10).all()
    parts = table[["kill", "death", "plant", "defuse"]].sum(axis=1)
    assert table["total"].to_numpy() == pytest.approx(parts.to_numpy())
    assert (table["kill"] >= 0).mean() > 0.9
    inside = (table["low"] <= table["per_round"]) & (table["per_round"] <= table["high"])
    assert inside.all()
    careers = _made(extracted, "players").set_index("steam_id")
    sums = table.groupby("steam_id")[["total", "rounds"]].sum()
    expected = (sums["total"] / sums["rounds"]).reindex(careers.index)
    assert careers["win_probability_added"].to_numpy() == pytest.approx(expected.to_numpy())


def test_matches_imported_long_after_they_were_played_are_priced_too(world, tmp_path):
    imported = date(2026, 1, 20)  # the files' names say when they were played
    with closing(sqlite3.connect(world.database)) as connection, connection:
        connection.execute("UPDATE Matches SET StartTime = '2026-01-20 09:00:00.000000'")
    assert world.extract(imported, imported).success
    _promote(world, tmp_path)
    table = _made(world)
    assert table["match_id"].nunique() == 8
    assert sorted(table["started_at"].dt.day.unique()) == [1, 2, 3, 4]

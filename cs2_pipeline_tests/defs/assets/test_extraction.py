"""The extraction's assets on a database of two days: what is stored, what is told, day by day."""

from datetime import timedelta

import dagster as dg
import pytest

from cs2_pipeline.defs.assets import extraction
from cs2_pipeline.defs.io import TableIOManager
from cs2_pipeline.defs.partitions import match_days, range_tags
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import State, Verdict, Verdicts
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

FIRST, SECOND = NOON.date(), NOON.date() + timedelta(days=1)
DAYS = [FIRST.isoformat(), SECOND.isoformat()]


@pytest.fixture
def platform(tmp_path):
    """Two days with a match each, of which the second has a round with a strange winner, and one without any."""
    settings = Settings(home=tmp_path, first_day=FIRST)
    small = SmallDatabase()
    small.add_match(2, NOON + timedelta(days=1))
    small.row("Rounds", 6)["WinnerTeam"] = "both"
    small.row("Rounds", 5)["IsWarmup"] = True
    small.write(settings.embedded_database)
    return Platform(settings)


def made(platform, name, tags=None, config=None):
    """What a run of one asset tells."""
    assets = {asset.key.to_user_string(): asset for asset in extraction.build(match_days(FIRST))}
    definitions = dg.Definitions(
        assets=list(assets.values()),
        resources={"platform": platform, "io_manager": TableIOManager(platform.tables)},
        jobs=[dg.define_asset_job("one", dg.AssetSelection.assets(name))],
    )
    result = definitions.resolve_job_def("one").execute_in_process(run_config=config, tags=tags)
    events = result.get_asset_materialization_events()
    return [event.step_materialization_data.materialization for event in events]


def of(materialization):
    return {name: value.value for name, value in materialization.metadata.items()}


def test_a_range_of_days_is_stored_day_by_day_with_what_is_not_in_it(platform):
    found = made(platform, "rounds", range_tags(FIRST, SECOND + timedelta(days=1)))
    tables = platform.tables
    assert {day: len(tables.read("rounds", [day])) for day in [*DAYS, str(SECOND + timedelta(days=1))]} == {
        DAYS[0]: 3, DAYS[1]: 1, str(SECOND + timedelta(days=1)): 0,
    }  # fmt: skip
    told = of(found[-1])
    assert (told["dagster/row_count"], told["left_out_total"]) == (4, 2)
    assert "warm-up round" in told["left_out"]
    assert (told["refused_rows"], told["refused"]) == (1, "refused/rounds/<day>.parquet")
    assert "WinnerTeam is 'both'" in told["refused_sample"]
    assert (told["mapped_total"], told["mapped"]) == (0, "nothing")
    refused = tables.read("refused/rounds", [DAYS[1]])
    assert refused[["table", "row_id"]].to_numpy().tolist() == [["Rounds", 6]]
    assert "started_at" not in refused
    assert tables.read("refused/rounds", [DAYS[0]]).empty
    by_day = {one.partition: of(one).get("dagster/partition_row_count") for one in found}
    assert list(by_day.values()) == [3, 1, 0]
    [kept] = tables.documents("left_out/rounds")
    assert kept.startswith(f"{FIRST}_to_")


def test_one_day_is_one_partition(platform):
    made(platform, "player_match_stats", {"dagster/partition": DAYS[1]})
    assert platform.tables.partitions("player_match_stats") == [DAYS[1]]
    assert len(platform.tables.read("player_match_stats")) == 4


def test_snapshots_are_as_far_apart_as_the_settings_say(platform, monkeypatch):
    rebuild, asked = extraction.snapshots.rebuild, []

    def rebuilt(*tables, interval):
        asked.append(interval)
        return rebuild(*tables, interval=interval)

    monkeypatch.setattr(extraction.snapshots, "rebuild", rebuilt)
    apart = Platform(platform.settings.model_copy(update={"snapshot_interval": 7}))
    day = {"dagster/partition": DAYS[0]}
    made(apart, "rounds", day)
    Verdicts(apart.tables).pronounce("rounds", DAYS[0], Verdict(State.PASSED))
    made(apart, "round_snapshots", day)
    assert asked == [7]


def config(name, **settings):
    return {"ops": {name: {"config": settings}}}


SERIES = "date,team_w,team_l,best_of\n2026-01-03,A,B,3\n2026-01-04,C,A,1\n"


def test_published_series_are_read_from_the_file_that_is_named_and_stay_where_none_is(platform, tmp_path):
    (tmp_path / "series.csv").write_text(SERIES)
    [found] = made(platform, "published_series", config=config("published_series", path=str(tmp_path / "series.csv")))
    told = of(found)
    assert (told["dagster/row_count"], told["report/series"]) == (2, 2)
    assert told["path"].endswith("published_series.parquet")
    assert told["report/with_rounds"] == 0, "no file of maps was named"
    (tmp_path / "maps.csv").write_text("date,team1,team2,rounds1,rounds2\n2026-01-04,C,A,13,9\n")
    both = {name: str(tmp_path / f"{file}.csv") for name, file in (("path", "series"), ("maps", "maps"))}
    [found] = made(platform, "published_series", config=config("published_series", **both))
    assert of(found)["report/with_rounds"] == 1
    stored = platform.tables.read("published_series")
    [again] = made(platform, "published_series")
    assert "names no file" in of(again)["summary"]
    assert platform.tables.read("published_series").equals(stored)


def test_every_asset_of_the_database_waits_its_turn_at_it():
    built = {asset.key.to_user_string(): asset for asset in extraction.build(match_days(FIRST))}
    daily = ["rounds", "player_match_stats", "round_snapshots", "matches"]
    assert [name for name, asset in built.items() if asset.partitions_def is not None] == daily
    for name in daily:
        assert built[name].backfill_policy == dg.BackfillPolicy.single_run()
        assert built[name].op.pool == extraction.DATABASE_POOL
    for name, asset in built.items():
        metadata = asset.metadata_by_key[asset.key]
        assert metadata["dagster/column_schema"].columns, name
        assert ("dagster/column_lineage" in metadata) == (name in ("round_snapshots", "players")), name

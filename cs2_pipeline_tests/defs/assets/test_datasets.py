"""Training tables as assets: from which source they are built, and what is told of them."""

from datetime import date

import dagster as dg
import pandas as pd
import pytest

from cs2_pipeline.datasets import series
from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.datasets.schema import PLAYER_MATCH_STATS, DatasetError
from cs2_pipeline.defs import left_out
from cs2_pipeline.defs.assets import datasets
from cs2_pipeline.defs.io import TableIOManager
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import DAILY_TABLES, State, Verdict, Verdicts
from cs2_pipeline.settings import Settings

MATCHES = 400


@pytest.fixture
def platform(tmp_path):
    return Platform(Settings(home=tmp_path))


def run(platform, name, **config):
    definitions = dg.Definitions(
        assets=datasets.build(),
        resources={"platform": platform, "io_manager": TableIOManager(platform.tables)},
        jobs=[dg.define_asset_job("one", dg.AssetSelection.assets(name))],
    )
    result = definitions.resolve_job_def("one").execute_in_process(
        run_config={"ops": {name: {"config": config}}} if config else None, raise_on_error=True
    )
    [event] = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    return {key: value.value for key, value in metadata.items()}


def published(folder, count=MATCHES):
    """Series between four teams, one a day, of which the first of a pair usually wins."""
    lines = ["date,team_w,team_l,best_of"]
    days = pd.date_range("2024-01-01", periods=count, freq="D")
    for number, day in enumerate(days):
        pair = [("A", "B"), ("C", "D"), ("A", "C"), ("B", "D")][number % 4]
        winner, loser = pair if number % 3 else pair[::-1]
        lines.append(f"{day.date()},{winner},{loser},3")
    (folder / "series.csv").write_text("\n".join(lines))
    return series.read(folder / "series.csv", None)[0]


def test_matches_may_be_those_of_published_series(platform, tmp_path):
    platform.tables.write("published_series", published(tmp_path))
    told = run(platform, "match_dataset", source="PUBLISHED")
    stored = platform.tables.read("match_dataset")
    assert told["dagster/row_count"] == len(stored) > 0
    assert (told["digest"], told["source"]) == (digest(stored), "published_series")
    assert (told["days_left_out"], told["days_left_out_total"]) == ("none", 0)
    assert datasets.DAYS_READ not in told, "no day was extracted"
    parts = stored.groupby("part")["match_id"].agg(["size", "nunique"])
    for part, (rows, groups) in parts.iterrows():
        assert any(part in line and str(rows) in line and str(groups) in line for line in told["split"].splitlines())
    assert stored["started_at"].is_monotonic_increasing


def test_a_table_that_cannot_be_built_says_what_extraction_left_out(platform, tmp_path):
    platform.tables.write("published_series", published(tmp_path, 3))
    platform.tables.write_json("left_out/published_series/2026-01-01", {"at": "", "counts": {"demo without a map": 7}})
    with pytest.raises(DatasetError, match=r"left out of published_series: demo without a map \(7\)"):
        run(platform, "match_dataset", source="PUBLISHED")


def test_every_training_table_tells_its_columns_and_where_they_come_from():
    for asset in datasets.build():
        metadata = asset.metadata_by_key[asset.key]
        assert metadata["dagster/column_schema"].columns
        assert metadata["dagster/column_lineage"].deps_by_column
    deps = {
        asset.key.to_user_string(): {key.to_user_string() for key in asset.dependency_keys}
        for asset in datasets.build()
    }
    assert deps["player_dataset"] == {"player_match_stats"}
    assert deps["match_dataset"] == {"matches", "published_series"}
    assert {"round_snapshots", "published_snapshots"} < deps["round_dataset"]


def test_players_who_are_too_few_are_told_with_what_extraction_left_out(platform):
    day = "2026-01-01"
    platform.tables.write("player_match_stats", PLAYER_MATCH_STATS.empty(), day)
    for table in DAILY_TABLES:
        Verdicts(platform.tables).pronounce(table, day, Verdict(State.PASSED))
    left_out.keep(platform.tables, "player_match_stats", [date(2026, 1, 1)], {"no SteamID": 7})
    with pytest.raises(DatasetError, match=r"left out of player_match_stats: no SteamID \(7\)"):
        run(platform, "player_dataset")

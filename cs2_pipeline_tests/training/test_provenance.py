"""Where a training table comes from, told apart by the source of its rows."""

from datetime import UTC

import pandas as pd
import pytest

from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.datasets import origins
from cs2_pipeline.registry.champion import RegistryError
from cs2_pipeline.training import provenance


def table(*sources: str) -> pd.DataFrame:
    return pd.DataFrame({"source": pd.array(sources, dtype="str")})


@pytest.mark.parametrize(
    ("sources", "came_in", "matches"),
    [
        (["published"] * 2, origins.PUBLISHED, "the public snapshot file"),
        (["published_series"], origins.SERIES, "an ingested table of series"),
        (["simulator"], provenance.DATABASE, "simulated matches"),
        # The public file's CS:GO rounds beside a database's own: what is judged is the database's.
        (
            ["demo", "demo", "demo", "published"],
            provenance.DATABASE,
            "75.0% demo files, 25.0% the public snapshot file",
        ),
    ],
)
def test_a_table_is_of_the_database_or_of_a_file_and_says_whose_matches_it_holds(sources, came_in, matches):
    assert provenance.source(table(*sources)) == came_in
    assert provenance.learned_from(table(*sources)) == matches


def test_a_table_without_sources_says_so():
    assert provenance.source(pd.DataFrame({"a": [1]})) == provenance.DATABASE
    assert provenance.learned_from(pd.DataFrame({"a": [1]})) == "matches whose source was not recorded"


def test_a_watermark_names_the_newest_match_and_round_and_is_read_back():
    newest = pd.Timestamp("2026-03-02T20:00", tz="UTC")
    frame = pd.DataFrame({"started_at": [newest, newest - pd.Timedelta(days=1)]})
    assert provenance.watermark(frame, "started_at") == "match of 2026-03-02T20:00:00+00:00"
    with_rounds = provenance.watermark(frame.assign(round_id=[3, 7]), "started_at")
    assert with_rounds == "round 7, match of 2026-03-02T20:00:00+00:00"
    assert provenance.seen_until(with_rounds) == newest
    assert provenance.seen_until("match of 2026-03-02T20:00:00") == newest
    with pytest.raises(RegistryError, match="'demo 7' names no match time"):
        provenance.seen_until("demo 7")


def test_what_was_learned_until_is_the_newest_match_outside_the_test_part():
    frame = pd.DataFrame(
        {"started_at": pd.to_datetime(["2026-01-01", "2026-01-03", "2026-01-09"], utc=True),
         "part": ["train", "calibrate", "test"]}
    )  # fmt: skip
    assert provenance.learned_until(frame, "started_at") == "2026-01-03T00:00:00+00:00"


@pytest.mark.parametrize(
    ("tags", "year"), [({"learned_since": "2026-01-03T00:00:00+00:00"}, 2026), ({"learned_since": ""}, 1), ({}, 1)]
)
def test_a_version_that_does_not_say_since_when_learned_from_everything(tags, year):
    version = ModelVersion("round_predictor", "3", "run", "", "", "", "", "", {}, tags)
    found = provenance.learned_since(version)
    assert (found.year, found.tzinfo) == (year, UTC)

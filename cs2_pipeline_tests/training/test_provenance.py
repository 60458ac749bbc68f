"""Where a training table comes from, told apart by the source of its rows."""

import pandas as pd
import pytest

from cs2_pipeline.datasets import origins
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

"""The match model's table: each match as it looked just before it was played, and nothing of how it came out."""

import pandas as pd
import pytest

from cs2_pipeline.datasets.schema import MATCH_DATASET
from cs2_pipeline.training import match_table
from cs2_pipeline_tests.models.match.played import contests_table

KNOWN_BEFORE = ["latent", "variance", "elo"]


@pytest.fixture(scope="module")
def played():
    return contests_table(days=10)


@pytest.fixture(scope="module")
def table(played):
    return match_table.build(played.sample(frac=1, random_state=2))


def with_outcome_turned(played, number):
    """The same matches, one of them won by the other side."""
    turned = played["match_id"] == str(number)
    return match_table.build(played.assign(first_wins=played["first_wins"].where(~turned, 1 - played["first_wins"])))


def test_matches_stand_in_the_order_of_play_the_first_to_learn_from_the_last_to_judge_by(played, table):
    assert table["match_id"].tolist() == played["match_id"].tolist()
    assert tuple(table.columns) == tuple(MATCH_DATASET.names)
    assert (table["part"].iloc[0], table["part"].iloc[-1]) == ("train", "test")
    pd.testing.assert_series_equal(table["best_of"], played["best_of"], check_dtype=False)


def test_of_two_line_ups_never_seen_nothing_is_known(table):
    assert table[["latent", "elo"]].iloc[0].tolist() == [0.0, 0.0]
    assert (table["variance"] > 0).all()


def test_a_match_says_something_of_those_that_follow_and_nothing_of_itself(played, table):
    late = with_outcome_turned(played, len(played) - 1)
    pd.testing.assert_frame_equal(late[KNOWN_BEFORE], table[KNOWN_BEFORE])
    early = with_outcome_turned(played, 0)
    assert early[KNOWN_BEFORE].iloc[0].equals(table[KNOWN_BEFORE].iloc[0])
    differs = (early[["latent", "elo"]] != table[["latent", "elo"]]).any()
    assert differs.all(), "both ways of rating learned from it"

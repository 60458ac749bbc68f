"""The audit of tables of matches: three crimes that published tables commit, and the clean table that passes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets import series
from cs2_pipeline.datasets.leakage.audit import audit_matches
from cs2_pipeline_tests.models.match.played import contests_table

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "valve_series"


@pytest.fixture(scope="module")
def clean():
    return contests_table(days=120, teams=20, per_day=8)


def found(table: pd.DataFrame, check: str, title: str):
    (one,) = [one for one in audit_matches(table).findings if (one.check, one.title) == (check, title)]
    return one


AGAIN = ("h", "the same series again under a new name")
ORDER = ("i", "an order within the day that gives winners away")
REMATCH = ("j", "a rematch whose winner follows from the first meeting")
STATISTIC = ("a", "a statistic of the match itself")


def test_a_clean_table_passes(clean):
    report = audit_matches(clean)
    assert report.failures == []
    assert {one.check for one in report.findings} >= {"a", "e", "h", "i"}


def test_a_series_again_under_a_new_name_is_found_and_shown(clean):
    renamed = clean.iloc[::10].assign(first_name="New Name", match_id=lambda rows: rows["match_id"] + "-again")
    table = pd.concat([clean, renamed]).sort_values("started_at", kind="stable", ignore_index=True)
    one = found(table, *AGAIN)
    assert one.severity == "fail"
    assert one.numbers["copies"] == len(renamed)
    assert "New Name" in one.sentence


def test_two_series_of_the_same_teams_on_one_day_are_no_crime(clean):
    table = pd.concat([clean, clean.iloc[::10].assign(match_id=lambda rows: rows["match_id"] + "-rematch")])
    assert found(table.sort_values("started_at", kind="stable", ignore_index=True), *AGAIN).severity == "pass"


@pytest.mark.parametrize("who", ["winner", "loser"])
def test_rows_sorted_by_who_won_or_lost_are_found(clean, who):
    first = (clean["first_wins"] == 1) == (who == "winner")
    name = clean["first_name"].where(first, clean["second_name"])
    table = clean.assign(name=name).sort_values(["started_at", "name"], ignore_index=True).drop(columns="name")
    one = found(table, *ORDER)
    assert one.severity == "fail"
    assert "sorted by outcome" in one.sentence


def test_a_statistic_of_the_match_is_found_alone_or_as_a_difference(clean):
    rng = np.random.default_rng(0)
    won = clean["first_wins"].to_numpy()
    level = rng.normal(0, 5, len(clean))
    table = clean.assign(first_rating=level + 2 * won + rng.normal(0, 0.3, len(clean)), second_rating=level)
    one = found(table, *STATISTIC)
    assert one.severity == "fail"
    assert "first_rating minus second_rating" in one.sentence
    assert "Leave them out" in one.sentence


def test_a_statistic_known_for_some_rows_is_found_too(clean):
    known = np.arange(len(clean)) % 4 == 0
    table = clean.assign(rounds_won_more=np.where(known, clean["first_wins"] * 6.0 - 3, np.nan))
    assert found(table, *STATISTIC).severity == "fail"


def test_scores_of_the_table_are_no_features(clean):
    scored = clean.assign(first_score=clean["first_wins"] * 2, second_score=2 - clean["first_wins"] * 2)
    assert audit_matches(scored).passed
    assert not audit_matches(scored, features=["first_score"]).passed


def rematched(clean):
    """Every match again later on its day, won by the other side; and who won the two teams' last meeting of the day."""
    again = clean.assign(first_wins=1 - clean["first_wins"], match_id=lambda rows: rows["match_id"] + "-again")
    once = clean.drop_duplicates(["started_at", "first_name"]).drop_duplicates(["started_at", "second_name"])
    again = again.loc[once.index].assign(met=2 * once["first_wins"] - 1.0)
    both = pd.concat([once.assign(met=0.0), again])
    return both.sort_values("started_at", kind="stable", ignore_index=True)


def test_rows_kept_by_their_outcome_are_noted_with_examples(clean):
    table = rematched(clean).drop(columns="met")
    one = found(table, *REMATCH)
    assert one.severity == "note"
    assert one.numbers["won by the same side"] < 0.1
    assert " beat " in one.sentence
    assert audit_matches(table).passed


def test_a_feature_that_knows_the_days_earlier_results_is_refused(clean):
    one = found(rematched(clean), *REMATCH)
    assert one.severity == "fail"
    assert "met tell who wins second meetings" in one.sentence


def test_rematches_that_the_better_side_wins_again_are_no_finding(clean):
    again = clean.assign(match_id=lambda rows: rows["match_id"] + "-again")
    table = pd.concat([clean, again]).sort_values("started_at", kind="stable", ignore_index=True)
    one = found(table, *REMATCH)
    assert one.severity == "pass"
    assert one.numbers["second meetings"] >= len(clean)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_the_published_file_is_refused_with_examples_and_the_clean_one_passes():
    published, _ = series.read(SHARED / "series_as_published.csv.gz")
    report = audit_matches(published)
    assert found(published, *AGAIN).severity == "fail"
    assert found(published, *ORDER).severity == "fail"
    assert any("is also" in sentence for sentence in report.failures)
    repaired, _ = series.read(SHARED / "series.csv.gz")
    assert audit_matches(repaired).failures == []
    rematch = found(repaired, *REMATCH)
    assert rematch.severity == "note"
    assert rematch.numbers["won by the same side"] == 0

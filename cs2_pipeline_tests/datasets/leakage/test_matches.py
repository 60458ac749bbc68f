"""The audit of tables of matches: three crimes that published tables commit, and the clean table that passes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets import series
from cs2_pipeline.datasets.leakage import matches
from cs2_pipeline.datasets.leakage.audit import audit_matches
from cs2_pipeline_tests.datasets.leakage.tables import audited
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


def contests(*rows):
    """Contests of 2026-01-01 and later, by day, the two names and whether the first won; players follow from names."""
    return pd.DataFrame(
        [
            {
                "match_id": str(place), "started_at": pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=day),
                "first_name": first, "second_name": second, "first_wins": int(won),
                "first_players": f'["{first}"]', "second_players": f'["{second}"]',
            }
            for place, (day, first, second, won) in enumerate(rows)
        ]
    )  # fmt: skip


def checked(check, frame, features=("x",)):
    frame = frame.assign(**{name: 0.5 for name in features if name not in frame})
    return check(
        audited(frame, label="first_wins", unit=None, features=list(features), bookkeeping=(), name="match_dataset")
    )


def test_a_copy_has_the_day_the_players_and_the_winner_of_another_row_and_other_names():
    table = contests((0, "A", "B", True), (0, "C", "D", False), (1, "A", "B", True), (0, "B", "A", False))
    clean = checked(matches.series_again, table)
    assert (clean.check, clean.severity, clean.numbers) == ("h", "pass", {"copies": 0, "share": 0, "limit": 0.001})
    assert clean.sentence == (
        "0 of 4 rows (0.00%) are a series of the same day and the same players as another row, under another team name."
    )
    renamed = pd.concat([table, table.iloc[[0]].assign(first_name="New A")], ignore_index=True)
    found = checked(matches.series_again, renamed)
    assert (found.severity, found.numbers["copies"], found.numbers["share"]) == ("fail", 1, 0.2)
    assert found.sentence.endswith("(2026-01-01: A – B is also B – New A). Keep each series once.")
    lost = table.iloc[[0]].assign(first_name="New A", first_wins=0)
    assert checked(matches.series_again, pd.concat([table, lost], ignore_index=True)).numbers["copies"] == 0
    later = table.iloc[[1]].assign(first_name="New C", started_at=table["started_at"].iloc[2])
    assert checked(matches.series_again, pd.concat([table, later], ignore_index=True)).numbers["copies"] == 0
    nameless = renamed.assign(second_players="[]")
    assert checked(matches.series_again, nameless).numbers["copies"] == 0, "nobody knows who they were"
    assert checked(matches.series_again, renamed.assign(first_players="[]")).numbers["copies"] == 0


def test_a_copy_with_the_sides_exchanged_is_one_too():
    table = contests((0, "A", "B", True), (0, "New B", "New A", False))
    table.loc[1, ["first_players", "second_players"]] = ['["B"]', '["A"]']
    assert checked(matches.series_again, table).numbers["copies"] == 1


@pytest.mark.parametrize(("rows", "severity"), [(1_000, "pass"), (999, "fail")])
def test_one_copy_in_a_thousand_rows_is_chance(rows, severity):
    table = contests(*[(number, "A", "B", True) for number in range(rows - 1)], (0, "New A", "B", True))
    table.loc[rows - 1, "first_players"] = '["A"]'
    found = checked(matches.series_again, table)
    assert (found.numbers["copies"], found.severity) == (1, severity)


def test_of_many_copies_three_are_shown():
    table = contests(*[(day, "A", "B", True) for day in range(5)], *[(day, "New A", "B", True) for day in range(5)])
    table["first_players"] = '["A"]'
    found = checked(matches.series_again, table)
    assert found.numbers["copies"] == 5
    assert found.sentence.count("is also") == 3


def test_the_order_of_a_days_rows_is_told_by_its_winners_and_losers_names():
    table = contests(
        (0, "a", "Z", True), (0, "Y", "B", False), (0, "c", "x", True), (0, "W", "c", False),
        (1, "a", "b", True), (1, "b", "c", True),
    )  # fmt: skip
    found = checked(matches.order_of_winners, table)
    assert (found.check, found.severity) == ("i", "pass"), "four pairs show nothing surely"
    assert found.numbers == {"winners in order": 1.0, "losers in order": 0.25, "pairs": 4, "limit": 0.55}
    assert found.sentence.startswith(
        "Of 4 pairs of neighbouring rows of a day 100.0% have their winners' names in the alphabet's order, 25.0% "
        "their losers'; in the order of play it is half"
    )


@pytest.mark.parametrize(("backwards", "who"), [(False, "winners"), (True, "winners"), (False, "losers")])
def test_rows_sorted_by_name_either_way_are_refused_with_a_days_names(backwards, who):
    names = [f"team {number:03d}" for number in range(400)]
    other = np.random.default_rng(0).permutation([f"other {number:03d}" for number in range(400)])
    names = names[::-1] if backwards else names
    rows = [(0, one, two, who == "winners") for one, two in zip(names, other, strict=True)]
    found = checked(matches.order_of_winners, contests(*rows))
    assert found.severity == "fail"
    assert found.numbers[f"{who} in order"] == float(not backwards)
    assert f". The rows are sorted by outcome: on 2026-01-01 the {who} are {names[0]}, {names[1]}, " in found.sentence
    assert found.sentence.endswith("and 395 more. Restore the order of play.")


def test_of_the_days_whose_rows_are_sorted_the_first_is_shown():
    rows = [(day, f"team {number:03d}", f"other {number * 37 % 400:03d}", True) for number in range(400)
            for day in ([0] if number < 1 else [1] if number < 3 else [2])]  # fmt: skip
    found = checked(matches.order_of_winners, contests(*rows))
    assert ": on 2026-01-02 the winners are team 001, team 002. Restore" in found.sentence


def test_a_team_that_won_twice_in_a_row_tells_nothing_of_the_order():
    table = contests(*[(0, "A", f"team {number}", True) for number in range(5)])
    assert checked(matches.order_of_winners, table).numbers["pairs"] == 4, "of the losers"
    assert checked(matches.order_of_winners, table).numbers["winners in order"] == 0.5


def test_the_better_team_wins_both_meetings_of_a_day_at_least_half_the_time():
    table = contests(
        (0, "A", "B", True), (0, "B", "A", True), (0, "C", "D", True), (0, "C", "D", True), (1, "A", "B", False)
    )
    found = checked(matches.rematches, table)
    assert (found.check, found.severity) == ("j", "pass")
    assert found.numbers == {"second meetings": 2, "won by the same side": 0.5, "limit": 0.85}
    assert found.sentence == (
        "Of 2 second meetings of two teams on a day 50.0% have the winner of the first; by chance it is at least half."
    )
    assert checked(matches.rematches, contests((0, "A", "B", True))).numbers["won by the same side"] == 0.5


def returned(pairs=20):
    """Two meetings a day of two teams, each won by the other."""
    return contests(*[(day, *names, True) for day in range(pairs) for names in (("A", "B"), ("B", "A"))])


def test_meetings_that_the_other_side_always_wins_are_noted_with_three_examples():
    found = checked(matches.rematches, returned())
    assert found.severity == "note"
    assert found.numbers["won by the same side"] == 0
    assert found.sentence.count(" beat ") == 3
    assert "2026-01-01: A beat B, then B won" in found.sentence
    assert found.sentence.endswith("which mean nothing for a match to come.")


def test_a_feature_that_knows_the_first_meeting_refuses_the_table():
    # One in a day won by each side: of second meetings the feature tells the winner.
    rows = [(day, *names, (day + place) % 2 == 0) for day in range(40) for place, names in enumerate([("A", "B")] * 2)]
    table = contests(*rows)
    knows = np.where(np.arange(80) % 2 == 1, 2.0 * table["first_wins"] + 5, 0.0)
    found = checked(matches.rematches, table.assign(knows=knows, x=0.5), features=("x", "knows"))
    assert found.severity == "fail"
    assert ". knows tell who wins second meetings: leave out" in found.sentence
    unknowing = checked(matches.rematches, table.assign(knows=np.where(np.arange(80) % 2, 0.0, knows)), ("knows",))
    assert unknowing.severity == "note"


@pytest.mark.parametrize("check", [matches.series_again, matches.order_of_winners, matches.rematches])
def test_what_a_table_does_not_tell_is_said(check):
    found = checked(check, contests((0, "A", "B", True)).drop(columns=["started_at", "second_name"]))
    assert found.severity == "pass"
    assert found.sentence == "The table does not tell: it has no started_at, second_name."


def test_a_feature_tells_in_whichever_direction_and_alone_or_as_the_difference_of_both_sides():
    won = np.tile([1, 0], 100)
    table = contests(*[(day, "A", "B", bool(one)) for day, one in enumerate(won)])
    level = np.random.default_rng(0).normal(0, 50, 200)
    found = checked(
        matches.telling_match_features,
        table.assign(first_k=level + won, second_k=level, against=-won, half=np.where(np.arange(200) < 4, won, np.nan)),
        ("first_k", "second_k", "against", "half"),
    )
    assert (found.check, found.severity) == ("a", "fail")
    assert found.numbers["AUC of against"] == 1
    assert found.numbers["AUC of first_k minus second_k"] == 1
    assert found.numbers["AUC of first_k"] < 0.6
    assert found.numbers["AUC of half"] == 1
    assert "AUC of second_k minus first_k" not in found.numbers
    best, _, told = found.sentence.partition("; ")
    assert best == "The most telling feature alone is against, with AUC 1.000"
    assert told.startswith("against, first_k minus second_k tell more than can be known before a match (0.85)")
    assert "half" not in told, "four rows are not sure"


def test_a_feature_never_known_or_of_one_outcome_tells_nothing():
    table = contests(*[(day, "A", "B", day < 5) for day in range(10)])
    known = np.where(np.arange(10) < 5, 1.0, np.nan)
    lost = np.where(np.arange(10) < 5, np.nan, np.arange(10))
    features = table.assign(never=np.nan, known=known, lost=lost)
    found = checked(matches.telling_match_features, features, ("never", "known", "lost"))
    assert found.severity == "pass"
    assert found.numbers == {"AUC of never": 0.5, "AUC of known": 0.5, "AUC of lost": 0.5, "limit": 0.85}
    assert found.sentence.endswith("; what is known before a match reaches at most 0.85.")


def test_a_table_that_is_not_split_yet_has_no_match_in_two_parts():
    table = contests((0, "A", "B", True), (0, "C", "D", True))
    assert checked(matches.one_part_each, table).sentence == "The table is not split into parts yet."
    assert checked(matches.one_part_each, table.assign(part="train")).severity == "pass"
    twice = table.assign(match_id="1", part=["train", "test"])
    assert checked(matches.one_part_each, twice).severity == "fail"

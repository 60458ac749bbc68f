"""The suites pass a clean table and name what is wrong with a dirty one, with its rows."""

import re

import pandas as pd
import pytest

from cs2_pipeline.datasets.expectations import (
    MAX_EQUIPMENT_VALUE,
    SHOWN_IDS,
    SUITES,
    Outcome,
    publish,
    validate,
    validate_days,
)
from cs2_pipeline.datasets.players import careers
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline_tests.datasets.player_lines import player_lines

ROUNDS = pd.DataFrame(
    {
        "round_id": [1, 2, 3],
        "match_id": [7, 7, 7],
        "round_number": [1, 2, 3],
        "ct_live_players": [3, 0, 2],
        "t_live_players": [0, 1, 0],
        "ct_equipment_value": [4000, 20000, 25000],
        "t_equipment_value": [4000, 18000, 3000],
        "ct_start_money": [4000, 20000, 15000],
        "t_start_money": [4000, 9000, 10000],
        "bomb_planted": pd.Series([0, 1, 0], dtype="int8"),
        "duration": [80.0, 95.5, 60.0],
        "ct_score": [1, 1, 2],
        "t_score": [0, 1, 1],
        "ct_wins": pd.Series([1, 0, 1], dtype="int8"),
        "started_at": pd.to_datetime(["2026-01-01T10:00Z"] * 3),
    }
)


def failures(frame, table="rounds"):
    return {outcome.expectation: outcome for outcome in validate(table, frame) if not outcome.success}


def test_rounds_as_the_game_plays_them_pass():
    assert failures(ROUNDS) == {}


def test_a_refused_round_leaves_a_gap_in_numbers_and_scores_alike_and_is_no_fault_of_the_others():
    assert failures(ROUNDS.drop(index=1)) == {}


def test_a_round_that_never_finished_uses_up_a_number_and_scores_nothing():
    later = ROUNDS.assign(round_number=[1, 2, 4])
    assert failures(later) == {}
    for wrong in (later.assign(ct_score=[1, 1, 1]), later.assign(ct_score=[1, 1, 4])):
        assert list(failures(wrong)) == ["expect_column_values_to_be_between(score_step_beyond_rounds)"]


def test_one_wrong_score_among_many_rounds_is_found():
    numbers = pd.Series(range(1, 81))
    many = ROUNDS.iloc[[0] * 80].reset_index(drop=True)
    many = many.assign(round_id=numbers, round_number=numbers, ct_score=numbers, t_score=0)
    assert failures(many) == {}
    many.loc[79, "ct_score"] = 79
    assert list(failures(many)) == ["expect_column_values_to_be_between(score_step_beyond_rounds)"]


@pytest.mark.parametrize(
    ("column", "value", "expectation"),
    [
        ("ct_live_players", 6, "expect_column_values_to_be_between(ct_live_players)"),
        ("t_start_money", 80_001, "expect_column_values_to_be_between(t_start_money)"),
        ("ct_wins", 2, "expect_column_values_to_be_in_set(ct_wins)"),
        ("ct_score", 5, "expect_column_values_to_be_between(score_step_beyond_rounds)"),
        ("round_id", 2, "expect_column_values_to_be_unique(round_id)"),
    ],
)
def test_a_round_that_cannot_be_is_named_with_its_id(column, value, expectation):
    frame = ROUNDS.copy()
    frame.loc[2, column] = value
    failed = failures(frame)
    assert expectation in failed
    assert failed[expectation].failing_rows >= 1
    assert str(frame.loc[2, "round_id"]) in failed[expectation].ids


def test_player_lines_as_the_game_gives_them_pass():
    assert failures(player_lines(12, 6, seed=1), "player_match_stats") == {}


@pytest.mark.parametrize(
    ("column", "value", "expectation"),
    [
        ("headshots", 399, "expect_column_values_to_be_between(headshots_beyond_kills)"),
        ("clutches", 80, "expect_column_values_to_be_between(clutches_beyond_attempts)"),
        ("damage", 99_999, "expect_column_values_to_be_between(damage_per_round)"),
        ("steam_id", "STEAM_0:1:2", "expect_column_values_to_match_regex(steam_id)"),
        ("rounds", 0, "expect_column_values_to_be_between(rounds)"),
    ],
)
def test_a_player_line_that_cannot_be_is_named_with_its_player(column, value, expectation):
    frame = player_lines(12, 6, seed=1)
    frame.loc[2, column] = value
    assert str(frame.loc[2, "steam_id"]) in failures(frame, "player_match_stats")[expectation].ids


def beyond(columns):
    """The expectations that fail where each of the columns holds too much."""
    return {f"expect_column_values_to_be_between({column})" for column in columns}


def test_a_player_line_may_hold_as_much_as_the_longest_map_and_no_more():
    most = {"rounds": 80, "kills": 400, "deaths": 400, "assists": 400, "first_kills": 80}
    frame = player_lines(12, 6, seed=1)
    frame.loc[2, list(most)] = list(most.values())
    assert beyond(most) & failures(frame, "player_match_stats").keys() == set()
    frame.loc[2, list(most)] = [each + 1 for each in most.values()]
    assert beyond(most) <= failures(frame, "player_match_stats").keys()


def test_a_round_may_hold_as_much_as_the_game_allows_and_no_more():
    most = {"ct_live_players": 5, "t_live_players": 5, "ct_start_money": 80_000, "t_start_money": 80_000,
            "duration": 400}  # fmt: skip
    assert beyond(most) & failures(ROUNDS.assign(**most)).keys() == set()
    assert beyond(most) <= failures(ROUNDS.assign(**{name: each + 1 for name, each in most.items()})).keys()


def test_a_table_of_careers_without_rows_fails_by_its_volume():
    empty = careers(player_lines(12, 6, seed=1)).iloc[:0]
    assert failures(empty, "players")["expect_table_row_count_to_be_between(rows)"].observed == 0


DAYS = [f"2026-01-{day:02}" for day in range(1, 31)]
MONTH = pd.concat(
    [
        ROUNDS.assign(
            round_id=ROUNDS["round_id"] + 10 * number, match_id=number, started_at=pd.Timestamp(day, tz="UTC")
        )
        for number, day in enumerate(DAYS)
    ],
    ignore_index=True,
)


def of_day(frame, day):
    return frame[frame["started_at"].dt.strftime("%Y-%m-%d") == day]


def test_a_bad_day_is_as_bad_within_a_month_as_alone_and_only_its_own_rows_are_counted():
    frame = MONTH.copy()
    frame.loc[5, "ct_score"] = 9
    frame.loc[[8, 15], "t_live_players"] = 7
    bad = validate_days("rounds", frame, DAYS)
    assert {day: [(found.failing_rows, found.ids) for found in outcomes] for day, outcomes in bad.items()} == {
        "2026-01-02": [(1, ("13",))],
        "2026-01-03": [(1, ("23",))],
        "2026-01-06": [(1, ("51",))],
    }
    for day in DAYS[:7]:
        assert validate_days("rounds", of_day(frame, day), [day]) == ({day: bad[day]} if day in bad else {})


def test_the_matches_of_failing_rows_are_named():
    frame = MONTH.copy()
    frame.loc[frame["match_id"].isin([3, 4]), "started_at"] = pd.Timestamp("2026-01-06", tz="UTC")
    frame.loc[frame["match_id"] == 3, "ct_live_players"] = 9
    (outcome,) = validate_days("rounds", frame, DAYS)["2026-01-06"]
    assert outcome.matches == (3,)


def test_a_day_without_a_row_is_not_bad():
    assert validate_days("rounds", MONTH.iloc[:0], DAYS) == {}
    assert validate_days("rounds", MONTH[MONTH["match_id"] != 3], DAYS) == {}


def test_a_round_that_is_there_on_two_days_makes_both_bad_and_no_other():
    frame = MONTH.copy()
    frame.loc[5, "round_id"] = frame.loc[0, "round_id"]
    bad = validate_days("rounds", frame, DAYS)
    assert list(bad) == DAYS[:2]
    assert bad[DAYS[0]][0].expectation == "expect_column_values_to_be_unique(round_id)"


def test_an_expectation_that_cannot_be_evaluated_makes_all_days_bad():
    frame = MONTH.astype({"duration": object})
    frame.loc[0, "duration"] = "long"
    assert list(validate_days("rounds", frame, DAYS)) == DAYS


@pytest.mark.parametrize("table", ["rounds", "player_match_stats", "round_snapshots"])
def test_no_expectation_of_a_daily_table_speaks_of_anything_but_every_row(table):
    assert not [name for name, arguments in SUITES[table] if "mostly" in arguments or "Table" in name]


def test_data_docs_are_pages_that_name_the_failed_expectation(tmp_path):
    frame = ROUNDS.assign(ct_live_players=9)
    page = publish({"rounds": frame}, tmp_path / "docs")
    validation = next(path for path in (tmp_path / "docs" / "validations").rglob("*.html"))
    assert "ct_live_players" in validation.read_text()
    assert f'<a href="{validation.relative_to(page.parent).as_posix()}">failed</a>' in page.read_text()


def test_data_docs_load_nothing_from_elsewhere_and_run_nothing(tmp_path):
    folder = publish({"rounds": ROUNDS}, tmp_path / "docs").parent
    pages = list(folder.rglob("*.html"))
    assert len(pages) == 3
    for page in pages:
        text = page.read_text()
        assert "<script" not in text
        assert not re.findall(r"""<(?:link|img|iframe)[^>]+(?:src|href)=["']?(?:https?:)?//""", text)
        assert text.count("<style>\nbody { font") == 1
    assert "<td" in pages[0].read_text() and "passed" in (folder / "index.html").read_text()


def test_a_player_with_two_careers_is_named():
    listed = careers(player_lines(12, 40, seed=1))
    assert failures(listed, "players") == {}
    doubled = pd.concat([listed, listed.iloc[[3]]], ignore_index=True)
    found = failures(doubled, "players")["expect_column_values_to_be_unique(steam_id)"]
    assert listed["steam_id"].iloc[3] in found.ids


def bounds(table):
    """What the columns of a table may hold, as its suite has it."""
    return {
        arguments["column"]: (arguments["min_value"], arguments["max_value"])
        for name, arguments in SUITES[table]
        if name == "ExpectColumnValuesToBeBetween"
    }


def test_what_a_table_may_hold_follows_from_the_game():
    """A map of eighty rounds is longer than any that was played; a player holds at most sixteen thousand dollars."""
    sides = {"live_players": (0, 5), "equipment_value": (0, MAX_EQUIPMENT_VALUE), "start_money": (0, 80_000)}
    assert bounds("rounds") == {f"{side}_{name}": of for name, of in sides.items() for side in ("ct", "t")} | {
        "duration": (0, 400), "score_step_beyond_rounds": (0, 0), "rounds_in_match": (1, 80),
    }  # fmt: skip
    assert bounds("player_match_stats") == {
        "rounds": (1, 80), "kills": (0, 400), "deaths": (0, 400), "assists": (0, 400),
        "headshots_beyond_kills": (None, 0), "damage_per_round": (0, 500), "first_kills": (0, 80), "clutches": (0, 80),
        "clutch_attempts": (0, 80), "clutches_beyond_attempts": (None, 0),
    }  # fmt: skip
    assert bounds("players") == {
        "total_rounds": (11, None), "kd_ratio": (0, 60), "headshot_pct": (0, 1), "clutch_rate": (0, 1), "adr": (0, 500),
    }  # fmt: skip
    assert bounds("matches") == {
        "first_score": (0, 60), "second_score": (0, 60), "first_half1": (0, 12), "second_half1": (0, 12),
    }  # fmt: skip
    own = bounds("round_snapshots")
    assert own.items() >= {"labels_in_round": (1, 1), "clock_step": (0, None)}.items()
    assert own.items() >= {field.name: (field.low, field.high) for field in ROUND_FIELDS if not field.text}.items()


def test_what_can_be_one_of_two_is_nothing_else():
    found = {
        (table, arguments["column"], *arguments["value_set"])
        for table, suite in SUITES.items()
        for name, arguments in suite
        if name == "ExpectColumnValuesToBeInSet"
    }
    assert found == {
        ("rounds", "bomb_planted", 0, 1), ("rounds", "ct_wins", 0, 1), ("round_snapshots", "ct_wins", 0, 1),
        ("matches", "first_wins", 0, 1),
    }  # fmt: skip


def test_snapshots_of_a_round_have_one_label_and_a_clock_that_does_not_run_back():
    names = [field.name for field in ROUND_FIELDS if not field.text]
    snapshots = pd.DataFrame(
        {"round_id": [1, 1, 1, 2], "match_id": 7, "snapshot": [0, 1, 2, 0], "elapsed": [0.0, 10.0, 10.0, 0.0],
         "ct_wins": [1, 1, 1, 0], **{name: [1.0] * 4 for name in names}}
    )  # fmt: skip
    assert failures(snapshots, "round_snapshots") == {}
    two = failures(snapshots.assign(ct_wins=[1, 0, 1, 0]), "round_snapshots")
    assert two["expect_column_values_to_be_between(labels_in_round)"].failing_rows == 3
    back = failures(snapshots.assign(elapsed=[0.0, 10.0, 9.0, 0.0]), "round_snapshots")
    assert back["expect_column_values_to_be_between(clock_step)"].failing_rows == 1


def test_of_many_failing_rows_some_are_named_each_once():
    frame = pd.concat([ROUNDS] * 20, ignore_index=True).assign(ct_live_players=9)
    outcome = failures(frame)["expect_column_values_to_be_between(ct_live_players)"]
    assert (outcome.failing_rows, outcome.ids) == (60, ("1", "2", "3"))
    many = MONTH.assign(ct_live_players=9)
    named = failures(many)["expect_column_values_to_be_between(ct_live_players)"].ids
    assert len(named) == len(set(named)) == SHOWN_IDS == 10


def test_every_expectation_has_its_outcome_in_the_order_of_the_suite():
    twice = ROUNDS.assign(round_number=[1, 2, 2])
    found = validate("rounds", twice)
    assert len(found) == len(SUITES["rounds"])
    assert found[0] == Outcome("expect_column_values_to_not_be_null(round_id)", True, None, 0, ())
    numbers = next(one for one in found if "compound" in one.expectation)
    assert (numbers.expectation, numbers.success, numbers.failing_rows, numbers.ids) == (
        "expect_compound_columns_to_be_unique(match_id, round_number)", False, 2, ("2", "3"),
    )  # fmt: skip
    assert {one.expectation for one in found if not one.success} == {
        numbers.expectation, "expect_column_values_to_be_between(score_step_beyond_rounds)",
    }  # fmt: skip


def test_the_matches_of_a_bad_day_are_named_once_in_order():
    frame = MONTH.assign(started_at=pd.Timestamp("2026-01-06", tz="UTC"))
    frame.loc[frame["match_id"].isin([9, 4]), "ct_live_players"] = 9
    ((day, (outcome,)),) = validate_days("rounds", frame, DAYS).items()
    assert (day, outcome.matches, outcome.failing_rows, outcome.success) == ("2026-01-06", (4, 9), 6, False)


def test_days_are_told_in_order_whichever_expectation_found_them():
    frame = MONTH.copy()
    frame.loc[frame["match_id"] == 3, "duration"] = -1.0
    frame.loc[frame["match_id"] == 1, "ct_start_money"] = -1
    frame.loc[frame["match_id"] == 8, "round_id"] = None
    assert list(validate_days("rounds", frame, DAYS)) == ["2026-01-02", "2026-01-04", "2026-01-09"]

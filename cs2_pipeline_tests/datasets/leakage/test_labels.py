"""Whether labels are those of their rows: each way they may be wrong, from rounds counted by hand."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets.leakage import labels
from cs2_pipeline_tests.datasets.leakage.tables import audited

DAY = pd.Timestamp("2024-01-01", tz="UTC")


def rounds(*winners, match=1, rows=2, first=1):
    """Rounds of one match by their winners (1 for CT), with the score before each and so many rows a round."""
    table, score = [], [0, 0]
    for number, winner in enumerate(winners, first):
        table += [
            {"match_id": match, "round_id": match * 100 + number, "round_number": number, "ct_score": score[0],
             "t_score": score[1], "snapshot": place, "ct_wins": winner}
            for place in range(rows)
        ]  # fmt: skip
        score[0 if winner else 1] += 1
    return table


def relabelled(table, shown):
    """The same rows, each round's first with another label: of (place among rounds) -> label."""
    frame = pd.DataFrame(table)
    starts = np.flatnonzero(frame["snapshot"] == 0)
    for place, label in shown.items():
        frame.loc[starts[place], "ct_wins"] = label
    return frame


def test_a_round_has_one_label():
    found = labels.labels_within_rounds(audited(rounds(1, 0, 1)))
    assert (found.check, found.severity) == ("c", "pass")
    assert found.sentence == "All 3 rounds have one label each."
    assert found.numbers["rounds"] == 3
    assert found.numbers["rounds with both labels"] == 0
    assert found.numbers["rounds with a round before"] == 2
    assert found.numbers["first label equals the previous winner"] == 0
    assert found.numbers["last label equals the previous winner"] == 0


def test_a_round_with_both_labels_is_refused_and_not_said_to_be_late_where_it_is_not():
    found = labels.labels_within_rounds(audited(relabelled(rounds(1, 1, 1, 1), {2: 0})))
    assert found.severity == "fail"
    assert found.sentence == "1 of 4 rounds carry both labels, but a round has one winner."
    assert found.numbers["rounds with both labels"] == 1
    assert found.numbers["first label equals the previous winner"] == pytest.approx(2 / 3)
    assert found.numbers["last label equals the previous winner"] == 1


def test_first_labels_that_are_the_last_rounds_winner_are_called_late():
    found = labels.labels_within_rounds(audited(relabelled(rounds(1, 0, 1, 0), {1: 1, 2: 0, 3: 1})))
    assert found.sentence.endswith(
        "The first label is the previous round's winner in 100.0% of rounds, the last in 0.0%: first labels are one "
        "round late."
    )


def test_a_matchs_first_round_follows_none_and_a_round_of_one_row_tells_nothing():
    both = pd.DataFrame([*rounds(1, 1, match=1), *rounds(0, 0, match=2)])
    numbers = labels.labels_within_rounds(audited(both)).numbers
    assert numbers["rounds with a round before"] == 2
    assert numbers["last label equals the previous winner"] == 1
    single = labels.labels_within_rounds(audited(rounds(1, 0, rows=1)))
    assert set(single.numbers) == {"rounds", "rounds with both labels"}


def test_the_round_before_is_the_one_before_it_in_the_table():
    """Whatever the rounds' numbers: the second match stands first."""
    table = pd.DataFrame([*rounds(1, 1, match=2), *rounds(0, 0, 0, match=1)])
    numbers = labels.labels_within_rounds(audited(table)).numbers
    assert numbers["rounds with a round before"] == 3
    assert numbers["first label equals the previous winner"] == 1


def test_the_winner_is_the_side_that_scored():
    found = labels.labels_against_score(audited(rounds(1, 0, 0, 1, 1)))
    assert found.severity == "pass"
    assert found.numbers == {
        "rounds checked": 4, "share of labels against the score": 0,
        "share of labels that are the side that scored a round earlier": pytest.approx(1 / 3), "limit": 0.01,
    }  # fmt: skip
    assert found.sentence == "In 0.0% of 4 rounds the first label is not the side that scored."


def test_labels_one_round_late_are_told_by_the_score():
    true = [1, 0, 0, 1, 1, 0] * 40
    frame = pd.DataFrame(rounds(*true, rows=1))
    frame["ct_wins"] = [1, *true[:-1]]
    found = labels.labels_against_score(audited(frame))
    assert found.severity == "fail"
    assert found.numbers["share of labels that are the side that scored a round earlier"] == 1
    assert found.sentence.endswith("It is the side that scored a round earlier in 100.0%: labels are one round late.")


@pytest.mark.parametrize(("wrong", "severity"), [(33, "pass"), (34, "fail")])
def test_one_label_of_a_hundred_may_be_wrong_and_as_many_more_as_chance_may_make_them(wrong, severity):
    """Of 2,002 rounds .01 and three standard errors make .0167, which is 33.4 of them."""
    matches = [rounds(*[1, 0] * 6, match=number, rows=1) for number in range(182)]
    frame = pd.DataFrame([row for match in matches for row in match])
    frame.loc[frame.index[frame["round_number"] < 12][:wrong], "ct_wins"] ^= 1
    found = labels.labels_against_score(audited(frame))
    assert found.numbers["rounds checked"] == 182 * 11
    assert found.numbers["share of labels against the score"] == pytest.approx(wrong / (182 * 11))
    assert found.severity == severity
    assert "late" not in found.sentence


def test_scores_that_change_sides_or_jump_or_miss_a_round_tell_nothing():
    swap = labels.labels_against_score(audited(rounds(1, 1, first=12)))
    assert (swap.severity, swap.sentence[:11]) == ("note", "Not checked")
    jump = pd.DataFrame(rounds(1, 1, 1))
    jump.loc[jump["round_number"] == 2, "ct_score"] = 2
    told = labels.labels_against_score(audited(jump))
    assert told.severity == "note", "2 and then 2 again: neither is one round's step"
    gap = pd.DataFrame(rounds(1, 0, 1, 1))
    assert labels.labels_against_score(audited(gap[gap["round_number"] != 2])).numbers["rounds checked"] == 1
    back = pd.DataFrame(rounds(1, 1, rows=1))
    back["ct_score"], back["t_score"] = [3, 2], [0, 2]
    assert labels.labels_against_score(audited(back)).severity == "note", "one up in sum, but not a round's score"


def test_where_no_round_told_follows_another_no_label_is_late():
    found = labels.labels_against_score(audited(rounds(1, 0)))
    assert found.numbers["rounds checked"] == 1
    assert found.numbers["share of labels that are the side that scored a round earlier"] == 0


def test_rounds_of_two_matches_are_told_apart_in_any_order_of_rows():
    table = pd.DataFrame([*rounds(1, 0, 1, match=2), *rounds(0, 0, match=1)]).sample(frac=1, random_state=0)
    assert labels.labels_against_score(audited(table)).numbers["rounds checked"] == 3


def test_what_the_table_lacks_is_named_and_nothing_is_claimed():
    table = pd.DataFrame(rounds(1, 0))
    found = labels.labels_against_score(audited(table.drop(columns=["t_score", "round_number"])))
    assert (found.severity, found.sentence) == ("note", "Not checked: the table has no round_number, t_score.")
    found = labels.decided_states(audited(table))
    assert found.sentence == "Not checked: the table has no ct_alive, t_alive, bomb_planted, time_remaining."
    assert (found.check, found.severity) == ("d", "note")
    found = labels.later_windows(audited(table))
    assert found.severity == "note"
    assert "lacks window_end or later_start" in found.sentence


def test_decided_states_are_counted():
    frame = pd.DataFrame(rounds(1, 1, 1, 1)).assign(ct_alive=3, t_alive=2, bomb_planted=0, time_remaining=50.0)
    assert labels.decided_states(audited(frame)).severity == "pass"
    frame.loc[:1, "t_alive"] = 0
    found = labels.decided_states(audited(frame))
    assert (found.check, found.severity) == ("d", "fail")
    assert found.numbers == {"decided states": 2, "share": 0.25}
    assert found.sentence.startswith("2 states (25.0%) are decided")
    assert labels.no_decided_states(audited(frame)).severity == "pass"


def windows(*rows):
    """Rows by part, end of the features' window, start and end of the label's, in hours."""
    return audited(
        [
            {"match_id": place, "part": part, "window_end": DAY + pd.Timedelta(hours=end), "ct_wins": 0,
             "later_start": DAY + pd.Timedelta(hours=start), "later_end": DAY + pd.Timedelta(hours=known)}
            for place, (part, end, start, known) in enumerate(rows)
        ]
    )  # fmt: skip


def test_a_label_begins_after_its_features_end_and_was_known_before_any_tested_on():
    found = labels.later_windows(
        windows(("train", 1, 2, 3), ("calibrate", 1, 2, 4), ("test", 1, 2, 5), ("test", 1, 2, 9))
    )
    assert (found.severity, set(found.numbers.values())) == ("pass", {0})
    found = labels.later_windows(windows(("train", 1, 1, 3), ("train", 3, 2, 3), ("train", 1, 2, 3), ("test", 1, 2, 9)))
    assert (found.severity, found.numbers["rows whose windows overlap"]) == ("fail", 2)
    found = labels.later_windows(
        windows(("train", 1, 2, 5), ("train", 1, 2, 6), ("train", 1, 2, 4), ("test", 1, 2, 5), ("test", 1, 2, 9))
    )
    assert found.severity == "fail"
    assert found.numbers["labels learned from that were known after one tested on"] == 2
    assert found.sentence.startswith("0 rows take label and features from the same time, and 2 labels to learn from")


@pytest.mark.parametrize("part", ["train", "test"])
def test_in_a_table_of_one_part_no_label_is_known_too_late(part):
    found = labels.later_windows(windows((part, 1, 2, 9), (part, 1, 2, 3)))
    assert found.severity == "pass"
    lacking = audited(pd.DataFrame(windows((part, 1, 2, 9)).frame).drop(columns=["later_end", "part"]))
    assert labels.later_windows(lacking).severity == "pass"
    without_parts = audited(pd.DataFrame(windows((part, 1, 2, 9)).frame).drop(columns="part"))
    assert labels.later_windows(without_parts).severity == "pass"

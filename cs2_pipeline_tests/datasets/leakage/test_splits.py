"""How many rows the test part may share with the others: where the limits lie."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets.leakage import splits
from cs2_pipeline.datasets.leakage.report import Finding
from cs2_pipeline.datasets.leakage.table import AuditedTable


def table_of(frame: pd.DataFrame) -> AuditedTable:
    return AuditedTable.of(
        frame, name="rows", label="ct_wins", group="match_id", unit=None, bookkeeping=("match_id", "part"),
        fields=(), requested=frozenset(), features=["value"], seed=0,
    )  # fmt: skip


def shared(*matches: tuple[str, list[int]]) -> Finding:
    """What is found of matches, each with its part and the values of its rows."""
    rows = [
        {"match_id": number, "part": part, "value": float(value), "ct_wins": value % 2}
        for number, (part, values) in enumerate(matches)
        for value in values
    ]
    return splits.shared_states(table_of(pd.DataFrame(rows)))


@pytest.mark.parametrize(("copies", "severity"), [(0, "pass"), (1, "pass"), (2, "fail")])
def test_two_percent_of_the_test_part_may_stand_outside_it_and_no_more(copies, severity):
    tested, train = list(range(50)), list(range(100, 200))
    found = shared(("test", tested), ("train", train + tested[:copies]))
    assert found.severity == severity
    assert found.numbers["share of the test part's rows that stand outside it too"] == copies / 50


@pytest.mark.parametrize(("rows", "common", "pairs"), [(10, 5, 0), (10, 6, 1), (6, 4, 0), (6, 5, 1)])
def test_a_match_with_more_than_half_of_its_rows_and_at_least_five_of_another_is_the_same_match(rows, common, pairs):
    tested = list(range(rows))
    found = shared(("test", tested), ("test", list(range(1_000, 1_400))), ("train", [*tested[:common], 500, 501]))
    assert found.numbers["pairs above the limit"] == pairs
    assert found.numbers["largest share of rows in common"] == common / rows
    assert found.severity == ("fail" if pairs else "pass")
    assert ("same under two keys" in found.sentence) == bool(pairs)


@pytest.mark.parametrize(("holders", "repeated"), [(3, 1 / 50), (4, 0.0)])
def test_a_row_that_more_than_three_matches_hold_tells_of_nobody(holders, repeated):
    others = [("train", [0, 100 * number]) for number in range(1, holders)]
    found = shared(("test", list(range(50))), *others)
    assert found.numbers["share of the test part's rows that stand outside it too"] == repeated


@pytest.mark.parametrize(("split", "severity"), [("whole groups", "pass"), ("rows", "fail")])
def test_rows_that_tell_of_each_other_may_do_so_within_a_part_alone(split, severity):
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(200), 10)
    tested = group >= 140 if split == "whole groups" else random.random(group.size) < 0.3
    frame = pd.DataFrame({"match_id": group, "value": random.normal(size=200)[group]})
    frame = frame.assign(ct_wins=random.integers(0, 2, 200)[group], part=np.where(tested, "test", "train"))
    found = splits.split_gap(table_of(frame))
    assert found.severity == severity
    kept = found.numbers["share of the gap in the table's own parts"]
    assert kept > 0.5 if split == "rows" else abs(kept) < 0.3
    assert found.numbers["gap"] > 0.2


def test_a_test_part_too_small_to_tell_is_not_blamed():
    """Its own rows split matches, and the gap is there, but twelve rows show nothing surely."""
    random = np.random.default_rng(5)
    group = np.repeat(np.arange(200), 10)
    part = np.full(group.size, "train")
    part[random.choice(group.size, 12, replace=False)] = "test"
    frame = pd.DataFrame({"match_id": group, "value": random.normal(size=200)[group]})
    labels = random.integers(0, 2, 200)[group] ^ (random.random(group.size) < 0.2)
    found = splits.split_gap(table_of(frame.assign(ct_wins=labels, part=part)))
    assert found.numbers["gap"] > 0.15
    assert found.numbers["share of the gap in the table's own parts"] > 0.5
    assert found.severity == "pass"


def test_each_match_is_in_one_part():
    rows = {"match_id": [1, 1, 2, 3], "part": ["train", "train", "test", "test"], "value": 0.0, "ct_wins": [0, 1, 0, 1]}
    found = splits.shared_groups(table_of(pd.DataFrame(rows)))
    assert (found.check, found.severity, found.sentence) == ("e", "pass", "Each match_id is in one part.")
    assert found.numbers == {"groups": 3, "groups in more than one part": 0}
    moved = splits.shared_groups(table_of(pd.DataFrame(rows | {"part": ["train", "test", "test", "test"]})))
    assert (moved.severity, moved.sentence) == ("fail", "1 match_id values are in more than one part.")
    assert moved.numbers == {"groups": 3, "groups in more than one part": 1}


@pytest.mark.parametrize("absent", ["part", "match_id"])
def test_without_parts_or_groups_nothing_keeps_train_and_test_apart(absent):
    rows = {"match_id": [1, 2], "part": ["train", "test"], "value": [0.0, 1.0], "ct_wins": [0, 1]}
    table = table_of(pd.DataFrame(rows).drop(columns=absent))
    found = splits.shared_groups(table)
    assert found.sentence == f"The table has no {absent}: nothing keeps train and test apart."
    assert found.severity == "fail"
    unchecked = splits.shared_states(table)
    assert (unchecked.severity, unchecked.sentence) == ("note", "Not checked: the table has no parts or no groups.")


@pytest.mark.parametrize("absent", ["part", "match_id"])
def test_rows_that_tell_of_each_other_without_parts_or_groups_are_refused_with_what_lacks(absent):
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(200), 10)
    frame = pd.DataFrame({"match_id": group, "value": random.normal(size=200)[group], "part": "train"})
    frame = frame.assign(ct_wins=random.integers(0, 2, 200)[group]).drop(columns=absent)
    found = splits.split_gap(table_of(frame))
    assert found.severity == "fail"
    lacking = "no parts" if absent == "part" else "no match_id"
    assert (
        f"and the table has {lacking}: whoever splits its rows is told the first. Split whole groups." in found.sentence
    )
    assert set(found.numbers) == {"AUC, random rows held out", "AUC, whole groups held out", "gap"}
    difference = found.numbers["AUC, random rows held out"] - found.numbers["AUC, whole groups held out"]
    assert found.numbers["gap"] == pytest.approx(difference)


def test_rows_that_tell_nothing_of_each_other_leave_no_gap():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"match_id": np.arange(400) // 4, "value": random.normal(size=400), "part": "train"})
    found = splits.split_gap(table_of(frame.assign(ct_wins=random.integers(0, 2, 400))))
    assert (found.check, found.severity) == ("b", "pass")
    assert found.sentence.endswith(": no gap, rows do not tell of each other.")


def test_no_row_in_common_is_said_with_both_shares_and_their_limits():
    found = shared(("test", list(range(10))), ("train", list(range(100, 110))))
    assert (found.check, found.severity) == ("e", "pass")
    assert found.numbers == {
        "largest share of rows in common": 0, "pairs above the limit": 0, "limit": 0.5,
        "share of the test part's rows that stand outside it too": 0, "limit of that share": 0.02,
    }  # fmt: skip
    assert found.sentence == (
        "A match_id of the test part shares at most 0.0% of its rows with one outside it; 0.0% of the test part's rows "
        "stand outside it too."
    )


def test_a_row_twice_in_one_match_or_in_two_of_the_test_part_is_shared_with_nobody():
    found = shared(("test", [0, 0, 1, 2]), ("test", [0, 5]), ("train", [100, 101]))
    assert found.severity == "pass"
    assert found.numbers["share of the test part's rows that stand outside it too"] == 0

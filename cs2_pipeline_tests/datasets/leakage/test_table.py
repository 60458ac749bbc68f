"""A table made ready for the checks: which columns are features, what is a group, a round, a sample."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets.leakage.table import numbers_of, whole_groups
from cs2_pipeline.datasets.schema import DatasetError
from cs2_pipeline_tests.datasets.leakage.tables import audited

ROWS = {"match_id": ["b", "b", "a", "a"], "round_id": [7, 7, 7, 9], "value": [1.0, 2, 3, 4], "ct_wins": [0, 1, 1, 0]}


def test_features_are_the_columns_that_are_no_key_label_or_part_unless_they_are_named():
    table = audited(ROWS | {"part": "train", "other": 5})
    assert table.features == ["value", "other"]
    assert table.matrix.tolist() == [[1, 5], [2, 5], [3, 5], [4, 5]]
    assert table.labels.tolist() == [0, 1, 1, 0]
    assert audited(ROWS, features=["round_id"]).features == ["round_id"]


def test_groups_and_rounds_are_numbered_as_they_come():
    table = audited(ROWS)
    assert table.groups.tolist() == [0, 0, 1, 1]
    assert table.units.tolist() == [0, 0, 0, 1]
    assert audited(ROWS, unit=None).units.tolist() == [0, 0, 1, 1]
    assert table.has_groups
    assert table.tested is None


def test_without_a_key_a_hundredth_of_the_table_is_a_group_and_neighbours_of_one_score_a_round():
    frame = pd.DataFrame({"value": np.arange(400.0), "ct_wins": 0})
    table = audited(frame)
    assert table.groups.tolist() == [number for number in range(100) for _ in range(4)]
    assert not table.has_groups
    assert table.units.tolist() == list(range(400)), "nothing tells rounds apart: each row counts"
    scored = audited({"value": 0, "ct_wins": 0, "ct_score": [0, 0, 1, 1, 0], "t_score": [0, 0, 0, 0, 0]})
    assert scored.units.tolist() == [1, 1, 2, 2, 3]


def test_the_test_part_is_known_by_its_name():
    assert audited(ROWS | {"part": ["train", "test", "validate", "test"]}).tested.tolist() == [False, True, False, True]


def test_a_table_that_cannot_be_audited_is_refused_with_what_it_lacks():
    with pytest.raises(DatasetError, match="rows has no rows: nothing to audit"):
        audited(pd.DataFrame(ROWS).head(0))
    with pytest.raises(DatasetError, match="rows: no column or empty values in ping, kd; the audit needs it"):
        audited(ROWS, features=["ping", "value", "kd"])
    with pytest.raises(DatasetError, match="rows: no column or empty values in ct_wins;"):
        audited(ROWS | {"ct_wins": [0, 1, None, 1]})
    with pytest.raises(DatasetError, match="in winner"):
        audited(ROWS, label="winner")


@pytest.mark.parametrize(
    ("share", "error"), [(0.5, 0.5 / np.sqrt(2)), (0.8, 0.4 / np.sqrt(2)), (1.0, 0.1 / np.sqrt(2))]
)
def test_the_error_of_a_share_counts_rounds_not_rows_and_is_never_nothing(share, error):
    """At least that of a share of about one in a hundred."""
    assert audited(ROWS).standard_error(np.arange(4), share) == pytest.approx(error)
    assert audited(ROWS).standard_error(np.arange(2), 0.5) == pytest.approx(0.5)


def test_numbers_stay_and_text_is_numbered_as_it_comes():
    assert numbers_of(pd.Series([1.5, None])).tolist()[0] == 1.5
    assert np.isnan(numbers_of(pd.Series([1, None], dtype="Int64"))[1])
    assert numbers_of(pd.Series(["x", "y", "x"])).tolist() == [0, 1, 0]


def test_a_small_table_is_its_own_sample_and_of_a_large_one_whole_groups_are_drawn():
    groups = np.repeat(np.arange(50), 10)
    assert whole_groups(groups, 500, 0).tolist() == list(range(500))
    drawn = whole_groups(groups, 200, 0)
    assert drawn.tolist() == sorted(drawn)
    counts = np.bincount(groups[drawn], minlength=50)
    assert set(counts) == {0, 10}
    assert 180 <= drawn.size <= 200
    assert whole_groups(groups, 200, 0).tolist() == drawn.tolist() != whole_groups(groups, 200, 1).tolist()
    few = np.repeat(np.arange(5), 100)
    assert np.unique(few[whole_groups(few, 50, 0)]).size == 4, "two for each fold at least"

"""What of a training's figures becomes a metric of its run, and what a table of intervals."""

import math

from cs2_pipeline.registry.runs import PROMISED, split_intervals


def test_a_figure_with_both_ends_is_a_row_of_the_table_and_its_ends_are_no_metrics():
    shown, table = split_intervals({"auc_of_folds": 0.7, "auc_of_folds_low": 0.6, "auc_of_folds_high": 0.8, "rows": 9})
    assert shown == {"auc_of_folds": 0.7, "rows": 9.0}
    assert list(table.values()) == [["auc_of_folds"], [0.7], [0.6], [0.8]]


def test_the_ends_that_others_rely_on_stay_metrics():
    key = min(PROMISED)
    figures = {key: 0.5, f"{key}_low": 0.4, f"{key}_high": 0.6}
    shown, table = split_intervals(figures)
    assert shown == figures
    assert table["metric"] == [key]


def test_an_interval_with_one_end_or_an_endless_one_is_none_and_what_is_finite_is_kept():
    for figures, kept in (
        ({"a": 1.0, "a_low": 0.5}, {"a": 1.0, "a_low": 0.5}),
        ({"a": 1.0, "a_high": 1.5}, {"a": 1.0, "a_high": 1.5}),
        ({"a": 1.0, "a_low": 0.5, "a_high": math.inf}, {"a": 1.0, "a_low": 0.5}),
        ({"a": math.nan, "a_low": 0.5, "a_high": 1.5}, {"a_low": 0.5, "a_high": 1.5}),
    ):
        shown, table = split_intervals(figures)
        assert shown == kept
        assert table["metric"] == []

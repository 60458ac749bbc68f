"""How well a skill predicts itself: the halves' correlation, stepped up to the length of the whole."""

import numpy as np
import pytest

from cs2_pipeline.coaching.reliability import MIN_MATCHES, reliability
from cs2_pipeline_tests.coaching.league import league


def test_two_halves_that_agree_so_far_make_a_whole_that_agrees_as_spearman_and_brown_say():
    observations = league(0)[0]
    rows = observations[observations["skill"] == "aim"].sort_values(["player", "at", "match"], kind="stable")
    halves, groups = [], []
    for _, own in rows.groupby("player"):
        if len(own) >= MIN_MATCHES:
            parts = (own.iloc[0::2], own.iloc[1::2])
            halves.append([part["total"].sum() / part["exposure"].sum() for part in parts])
            groups.append(own["group"].iloc[-1])
    values, groups = np.array(halves), np.array(groups)
    for group in set(groups):
        values[groups == group] -= values[groups == group].mean(axis=0)
    half = np.corrcoef(values.T)[0, 1]
    found = reliability(rows, skill="aim").split_half
    assert found.value == pytest.approx(2 * half / (1 + half))
    assert 0 < half < found.value < found.high <= 1

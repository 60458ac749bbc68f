"""How well a skill predicts itself: the halves' correlation, stepped up to the length of the whole."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.coaching.reliability import MIN_MATCHES, reliability
from cs2_pipeline.stats.intervals import GroupBootstrap
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


@pytest.mark.parametrize(("players", "matches", "told"), [(20, 4, True), (19, 4, False), (20, 3, False)])
def test_twenty_players_of_four_matches_are_enough(players, matches, told):
    rows = league(0)[0]
    rows = rows[(rows["skill"] == "aim") & rows["player"].isin(rows["player"].unique()[:players])]
    rows = rows.sort_values("at").groupby("player").head(matches)
    found = reliability(rows, skill="aim")
    assert (found is not None) is told
    if found is not None:
        assert (found.skill, found.players) == ("aim", 20)


def test_over_time_the_first_half_of_the_matches_is_set_against_the_second():
    rows = league(0)[0]
    rows = rows[rows["skill"] == "aim"].sort_values(["player", "at", "match"], kind="stable")
    halves = []
    for _, own in rows.groupby("player"):
        if len(own) >= MIN_MATCHES:
            cut = len(own) // 2
            halves.append([part["total"].sum() / part["exposure"].sum() for part in (own[:cut], own[cut:])])
    assert reliability(rows, skill="aim").over_time.value == pytest.approx(np.corrcoef(np.array(halves).T)[0, 1])


def test_a_difference_between_groups_is_none_between_players():
    rows = league(0)[0]
    rows = rows[rows["skill"] == "luck"]
    half = rows["player"].isin(rows["player"].unique()[::2])
    apart = rows.assign(group=np.where(half, "a", "b"), total=rows["total"] + 5 * half * rows["exposure"])
    alike = rows.assign(group=apart["group"])
    assert reliability(apart, skill="luck").split_half.value == pytest.approx(
        reliability(alike, skill="luck").split_half.value, abs=1e-9
    )
    assert not reliability(apart, skill="luck").usable
    assert reliability(apart.assign(group="all"), skill="luck").usable


def test_what_is_the_same_in_everybody_predicts_nothing():
    rows = league(0)[0]
    rows = rows[rows["skill"] == "aim"].assign(total=lambda table: table["exposure"])
    found = reliability(rows, skill="aim")
    assert (found.split_half.value, found.split_half.low, found.over_time.value) == (0.0, 0.0, 0.0)
    assert not found.usable


def test_the_interval_holds_95_percent_of_what_resampled_players_show():
    rows = league(0)[0]
    rows = rows[rows["skill"] == "aim"].sort_values(["player", "at", "match"], kind="stable")
    halves = []
    for _, own in rows.groupby("player"):
        if len(own) >= MIN_MATCHES:
            parts = (own.iloc[0::2], own.iloc[1::2])
            halves.append([part["total"].sum() / part["exposure"].sum() for part in parts])
    draws = GroupBootstrap(np.arange(len(halves)), seed=0).weights[1:] / len(halves)
    apart = np.array(halves) - (draws @ np.array(halves))[:, np.newaxis]  # from each draw's own means
    both = np.einsum("dp,dpi,dpj->dij", draws, apart, apart)
    half = both[:, 0, 1] / np.sqrt(both[:, 0, 0] * both[:, 1, 1])
    low, high = np.quantile(2 * half / (1 + np.abs(half)), [0.025, 0.975])
    found = reliability(rows, skill="aim").split_half
    assert (found.low, found.high) == pytest.approx((low, high))


def test_a_skill_that_turns_round_between_halves_is_no_skill():
    """Steps up to the whole as Spearman and Brown say keep the sign: a negative correlation is no less than -1."""
    rows = pd.DataFrame([
        {"player": f"p{player:02}", "match": f"m{match}", "at": match, "group": "all", "exposure": 10.0,
         "total": 10.0 * (player % 5) * (-1) ** match}
        for player in range(20) for match in range(4)
    ])  # fmt: skip
    found = reliability(rows, skill="aim")
    assert found.split_half.value == pytest.approx(-1.0) and not found.usable
    assert found.over_time.value == pytest.approx(0.0)

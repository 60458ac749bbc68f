"""The made-up league that the coach is judged on: its matches are as its populations say."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.coaching.observed import OBSERVATIONS, checked
from cs2_pipeline.coaching.simulation import Population, observe
from cs2_pipeline.coaching.skills import Skill

AIM = Skill("aim", "Aim", "test", "made up", "a round", "rounds", True)
DEATHS = Skill("deaths", "Deaths", "test", "made up", "a round", "rounds", False)
CERTAIN = {"aim": Population(5.0, 2.0, 0.0, 22.0), "deaths": Population(1.0, 0.5, 0.0, 22.0)}


def values(rows):
    return (rows["total"] / rows["exposure"]).to_numpy("float64")


def test_without_noise_each_match_shows_the_skill_itself():
    rows, truth = observe([AIM, DEATHS], CERTAIN, [3, 0, 5], seed=1)
    assert rows.groupby(["skill", "player"]).size().to_dict() == {
        ("aim", "player0000"): 3, ("aim", "player0002"): 5, ("deaths", "player0000"): 3, ("deaths", "player0002"): 5,
    }  # fmt: skip
    for skill in ("aim", "deaths"):
        own = rows[rows["skill"] == skill]
        number = own["player"].str.removeprefix("player").astype(int)
        assert values(own) == pytest.approx(truth[skill][number])
    assert len(truth["aim"]) == 3
    assert set(rows["group"]) == {"all"} and set(rows["context"]) == {""}
    assert len(checked(rows, [AIM, DEATHS])) == len(rows) == 16
    assert set(rows.columns) == set(OBSERVATIONS)


def test_a_match_is_played_a_day_from_the_first_of_january_on():
    rows, _ = observe([AIM], CERTAIN, [3], seed=1)
    assert rows["at"].tolist() == list(pd.date_range("2026-01-01", periods=3, tz="UTC"))
    assert rows["match"].tolist() == ["0-0", "0-1", "0-2"]


def test_the_same_seed_plays_the_same_matches():
    one, same, other = (observe([AIM], CERTAIN, [4, 4], seed=seed)[0] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, same)
    assert not one["total"].equals(other["total"])


def test_players_matches_and_exposures_are_distributed_as_the_population_says():
    rows, truth = observe([AIM], {"aim": Population(5.0, 2.0, 8.0, 22.0)}, [10] * 400, seed=1)
    assert truth["aim"].mean() == pytest.approx(5.0, abs=0.3) and truth["aim"].std() == pytest.approx(2.0, rel=0.1)
    assert rows["exposure"].mean() == pytest.approx(22.0, rel=0.02) and rows["exposure"].min() >= 1
    chance = (values(rows) - np.repeat(truth["aim"], 10)) * np.sqrt(rows["exposure"].to_numpy("float64"))
    assert chance.var() == pytest.approx(8.0, rel=0.1) and chance.mean() == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(("skill", "better"), [(AIM, 1.0), (DEATHS, -1.0)])
def test_a_gain_begins_with_its_match_and_makes_better_whatever_better_is(skill, better):
    rows, truth = observe([skill], CERTAIN, [4, 4], seed=1, gains={(1, skill.name): (2, 1.5)})
    spread = CERTAIN[skill.name].spread
    gained = values(rows) - np.repeat(truth[skill.name], 4)
    assert gained == pytest.approx([0, 0, 0, 0, 0, 0, *[better * 1.5 * spread] * 2])


def test_everybody_drifts_by_so_much_until_the_last_day():
    rows, truth = observe([AIM], CERTAIN, [4, 2], seed=1, drift=1.0)
    gained = values(rows) - np.repeat(truth["aim"], [4, 2])
    assert gained == pytest.approx([2.0 * day / 4 for day in (0, 1, 2, 3, 0, 1)])


@pytest.mark.parametrize(("skill", "better"), [(AIM, 1), (DEATHS, -1)])
def test_tiers_are_groups_a_standard_deviation_apart(skill, better):
    rows, truth = observe([skill], CERTAIN, [1] * 1_200, seed=1, tiers=3)
    tiers = [truth[skill.name][tier::3].mean() for tier in range(3)]
    assert np.diff(tiers) * better / CERTAIN[skill.name].spread == pytest.approx([1.0, 1.0], abs=0.3)
    assert rows["group"].tolist()[:4] == ["tier 0", "tier 1", "tier 2", "tier 0"]


def test_maps_move_everybody_on_either_side_and_players_have_favourites():
    rows, truth = observe([AIM], CERTAIN, [200] * 20, seed=1, maps=3)
    assert set(rows["context"]) == {f"map{number} {side}" for number in range(3) for side in ("CT", "T")}
    assert rows.groupby("match")["context"].nunique().eq(2).all()
    assert rows["exposure"].mean() == pytest.approx(11.0, rel=0.05)
    number = rows["player"].str.removeprefix("player").astype(int)
    moved = pd.Series(values(rows) - truth["aim"][number], index=rows.index).groupby(rows["context"])
    assert (moved.max() - moved.min()).max() < 1e-9, "a map and side moves all alike"
    assert moved.first().mean() == pytest.approx(0.0, abs=1e-9) and moved.first().std() > 0.5
    played = rows[rows["context"].str.endswith("CT")]
    played = pd.crosstab(played["player"], played["context"])
    assert (played.max(axis=1) > 100).sum() >= 8, "a third of all matches would be 67"


def test_half_a_match_of_few_rounds_is_still_a_round():
    rows, _ = observe([AIM], {"aim": Population(5.0, 2.0, 0.0, 1.0)}, [5], seed=1, maps=2)
    assert rows["exposure"].tolist() == [1.0] * 10

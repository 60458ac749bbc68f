"""Partial pooling: what is known of a player lies between the own record and the peers', and says how wide it is."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.coaching.estimates import (
    MIN_PEERS,
    Known,
    Peers,
    adjusted,
    by_player,
    known,
    peers,
    spread_between,
)
from cs2_pipeline_tests.coaching.league import POPULATIONS, SKILLS, contexts, league

GROUP = Peers("aim", "all", 100, 1000, mean=0.7, spread=0.08, noise=0.5, exposure=22.0, mean_error=0.01)


def of(observations, skill):
    return observations[observations["skill"] == skill]


@pytest.mark.parametrize("skill", ["aim", "trades", "deaths", "utility"])
def test_a_groups_distribution_is_found_again(skill):
    found = peers(of(league(0)[0], skill), skill=skill, group="all")
    true = POPULATIONS[skill]
    assert found.mean == pytest.approx(true.mean, abs=4 * found.mean_error)
    assert found.spread == pytest.approx(true.spread, rel=0.25)
    assert found.noise == pytest.approx(true.noise, rel=0.1)


def test_where_players_do_not_differ_no_difference_is_seen_beyond_chance():
    found = [peers(of(league(seed)[0], "luck"), skill="luck", group="all").spread for seed in range(5)]
    assert np.median(found) < 0.01


def test_ninety_percent_intervals_hold_nine_in_ten_true_skills():
    held = []
    for seed in range(4):
        observations, truth = league(seed)
        for skill in SKILLS[:4]:
            rows = of(observations, skill.name)
            group = peers(rows, skill=skill.name, group="all")
            for (_, player), true in zip(by_player(rows).iterrows(), truth[skill.name], strict=True):
                low, high = known(player, group).interval()
                held.append(low <= true <= high)
    assert len(held) == 2400
    assert 0.88 <= np.mean(held) <= 0.92


@given(mean=st.floats(0.3, 1.1), matches=st.integers(1, 200))
def test_an_estimate_lies_between_the_own_average_and_the_groups(mean, matches):
    found = known({"mean": mean, "exposure": 22.0 * matches, "matches": matches}, GROUP)
    assert min(mean, GROUP.mean) - 1e-12 <= found.mean <= max(mean, GROUP.mean) + 1e-12


@given(mean=st.floats(0.3, 1.1), matches=st.integers(1, 200), more=st.integers(1, 200))
def test_more_matches_are_pulled_less_and_known_better(mean, matches, more):
    few = known({"mean": mean, "exposure": 22.0 * matches, "matches": matches}, GROUP)
    many = known({"mean": mean, "exposure": 22.0 * (matches + more), "matches": matches + more}, GROUP)
    assert abs(many.mean - mean) <= abs(few.mean - mean) + 1e-12
    assert many.error < few.error


def test_too_small_a_group_has_no_distribution():
    rows = of(league(0)[0], "aim")
    few = rows[rows["player"].isin(rows["player"].unique()[: MIN_PEERS - 1])]
    assert peers(few, skill="aim", group="all") is None
    once = rows.groupby("player").head(1)
    assert peers(once, skill="aim", group="all") is None, "one match each tells nothing of chance"


def test_matches_count_by_their_exposure():
    rows = pd.DataFrame({"player": "a", "match": ["1", "2"], "total": [3.0, 0.0], "exposure": [10.0, 20.0]})
    assert by_player(rows).loc["a", "mean"] == pytest.approx(0.1)


def test_below_is_the_posteriors_share():
    assert Known(0.5, 0.1, 5, 100, 0.5).below(0.5) == pytest.approx(0.5)
    assert Known(0.5, 0.0, 5, 100, 0.5).below(0.4) == 0.0


def test_a_hard_map_is_taken_off_and_a_player_who_plays_it_most_is_not_taken_for_weak():
    rows, truth = contexts()
    plain = by_player(rows)["mean"]
    pooled = by_player(adjusted(rows))["mean"]
    errors = [(values.to_numpy("float64") - truth["aim"])[40:] for values in (plain, pooled)]
    assert np.std(errors[1]) < 0.8 * np.std(errors[0])


def test_one_context_and_contexts_without_difference_change_nothing():
    rows = of(league(1)[0], "luck").sort_values(["player", "match"])
    totals = rows["total"].to_numpy("float64")
    assert adjusted(rows)["total"].to_numpy("float64") == pytest.approx(totals)
    half = {"total": rows["total"] / 2, "exposure": rows["exposure"] / 2}
    halves = pd.concat([rows.assign(context=name, **half) for name in "ab"])
    again = adjusted(halves).sort_values(["player", "match"])["total"].to_numpy("float64")
    assert again == pytest.approx(totals)


def changing(kept, *, players=300, matches=40, seed=0):
    """Players whose skill moves a little from match to match, keeping so much of itself; and what it is on average over
    as many matches to come."""
    random = np.random.default_rng(seed)
    skill, path = 0.08 * random.standard_normal(players), []
    for _ in range(2 * matches):
        skill = kept * skill + (1 - kept**2) ** 0.5 * 0.08 * random.standard_normal(players)
        path.append(0.7 + skill)
    values = np.array(path[:matches]) + (0.5 / 22) ** 0.5 * random.standard_normal((matches, players))
    rows = [
        (f"{player:04}", f"{player}-{match}", match, values[match, player] * 22, 22.0)
        for player in range(players)
        for match in range(matches)
    ]
    columns = ["player", "match", "at", "total", "exposure"]
    return pd.DataFrame(rows, columns=columns), np.mean(path[matches:], axis=0)


def test_the_less_of_players_differences_lasts_the_less_is_found_to():
    found = [
        np.mean([peers(changing(kept, seed=seed)[0], skill="aim", group="all").lasting for seed in range(3)])
        for kept in (0.9, 0.97, 1.0)
    ]
    assert found == sorted(found)
    assert found[0] < 0.75
    assert found[2] > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_constant_skills_last(seed):
    for skill in SKILLS[:4]:
        assert peers(of(league(seed)[0], skill.name), skill=skill.name, group="all").lasting > 0.85


def test_what_comes_is_told_better_by_those_who_know_that_not_all_lasts():
    errors, held = {"lasting": 0.0, "constant": 0.0}, {"lasting": [], "constant": []}
    for seed in range(3):
        rows, later = changing(0.95, seed=seed)
        group, sums = peers(rows, skill="aim", group="all"), by_player(rows)
        for way, of_group in (("lasting", group), ("constant", replace(group, lasting=1.0))):
            guesses = [known(one, of_group) for _, one in sums.iterrows()]
            errors[way] += sum((one.mean - true) ** 2 for one, true in zip(guesses, later, strict=True))
            held[way] += [low <= true <= high for one, true in zip(guesses, later, strict=True)
                          for low, high in [one.interval()]]  # fmt: skip
    assert errors["lasting"] < 0.9 * errors["constant"]
    assert np.mean(held["lasting"]) > np.mean(held["constant"]) + 0.05


def test_a_player_as_well_known_as_the_peers_differ_stands_halfway_and_the_error_of_their_mean_counts_by_half():
    group = replace(GROUP, spread=0.08, noise=0.5, mean_error=0.1, lasting=1.0)
    found = known({"exposure": 0.5 / 0.08**2, "mean": 0.9, "matches": 4}, group)
    assert found.mean == pytest.approx((0.9 + 0.7) / 2)
    assert found.error == pytest.approx((0.08**2 / 2 + (0.1 / 2) ** 2) ** 0.5)


def test_the_spread_is_what_paule_and_mandels_equation_says():
    averages, sampling = np.array([0.1, 0.5, 0.9, 0.4]), np.array([0.01, 0.02, 0.03, 0.01])
    spread = spread_between(averages, sampling)
    weights = 1 / (spread**2 + sampling)
    centre = np.average(averages, weights=weights)
    assert float((weights * (averages - centre) ** 2).sum()) == pytest.approx(3.0)
    assert spread_between(averages, sampling + 1.0) == 0.0, "chance explains all"
    assert spread_between(averages, np.array([0.0, 0.02, 0.03, 0.01])) == pytest.approx(averages.std(ddof=1))
    # Two that differ by exactly what chance makes them differ by do not differ.
    assert spread_between(np.array([0.0, 1.0]), np.array([0.5, 0.5])) == pytest.approx(0.0, abs=1e-6)


def test_a_group_of_twenty_has_a_distribution_and_says_of_how_many():
    rows = of(league(0)[0], "aim")
    rows = rows[rows["player"].isin(rows["player"].unique()[:MIN_PEERS])]
    found = peers(rows, skill="aim", group="x")
    assert (found.skill, found.group, found.players, found.matches) == ("aim", "x", 20, len(rows))
    assert found.exposure == rows["exposure"].median()
    assert MIN_PEERS == 20


def test_chance_is_what_a_players_matches_differ_by_for_one_unit_of_exposure():
    rows = pd.DataFrame([
        {"player": f"p{player:02}", "match": str(match), "at": match, "exposure": 10.0,
         "total": 10.0 * (player - 0.5 + match)}
        for player in range(20) for match in range(2)
    ])  # fmt: skip
    # 20 players, each with two matches 1 apart: squares 10·(0.25 + 0.25) a player over one degree of freedom each.
    found = peers(rows, skill="aim", group="all")
    assert found.noise == pytest.approx(5.0)
    assert found.mean == pytest.approx(9.5)
    assert found.spread**2 == pytest.approx(np.arange(20).var(ddof=1) - 5.0 / 20)
    assert found.mean_error == pytest.approx(((found.spread**2 + 0.25) / 20) ** 0.5)


def test_a_group_without_any_chance_or_difference_is_one_value():
    rows = pd.DataFrame([
        {"player": f"p{player:02}", "match": str(match), "at": match, "exposure": 10.0, "total": 5.0}
        for player in range(20) for match in range(2)
    ])  # fmt: skip
    found = peers(rows, skill="aim", group="all")
    assert (found.mean, found.spread, found.noise, found.mean_error) == (0.5, 0.0, 0.0, 0.0)
    nobody = known({"mean": 0.9, "exposure": 10.0, "matches": 1}, found)
    assert (nobody.mean, nobody.error, nobody.raw) == (0.5, 0.0, 0.9)


def test_an_interval_is_as_wide_as_its_level_says():
    one = Known(0.5, 0.1, 5, 100, 0.5)
    assert one.interval() == pytest.approx((0.5 - 0.16449, 0.5 + 0.16449), abs=1e-4)
    assert one.interval(0.95) == pytest.approx((0.5 - 0.196, 0.5 + 0.196), abs=1e-4)
    assert one.below(0.6) == pytest.approx(0.8413, abs=1e-4)
    assert Known(0.5, 0.0, 5, 100, 0.5).below(0.6) == 1.0


def of_matches(*players):
    """Matches of twenty players: their values and exposures; of the players not given the first one's, once."""
    first = players[0][:1]
    rows = [
        {"player": f"p{player:02}", "match": str(match), "at": match, "exposure": exposure, "total": value * exposure}
        for player, own in enumerate([*players, *[first] * (MIN_PEERS - len(players))])
        for match, (value, exposure) in enumerate(own)
    ]
    return pd.DataFrame(rows)


def test_one_player_with_two_matches_is_enough_to_see_chance():
    found = peers(of_matches([(0.5, 10.0), (0.7, 10.0)]), skill="aim", group="all")
    assert found.noise == pytest.approx(10 * 2 * 0.1**2)


def test_where_only_chance_is_seen_players_count_by_their_exposure():
    found = peers(of_matches([(0.0, 10.0), (1.0, 10.0)], [(0.6, 200.0)]), skill="aim", group="all")
    assert found.spread == 0.0
    averages, exposures = [0.5, 0.6, *[0.0] * 18], [20.0, 200.0, *[10.0] * 18]
    assert found.mean == pytest.approx(np.average(averages, weights=exposures))
    assert found.mean_error == pytest.approx((found.noise / sum(exposures)) ** 0.5)


def on_maps(gaps, *, residuals=((0.1, -0.1), (-0.05, 0.05), (-0.05, 0.05)), exposure=10.0):
    """Three players' matches on two maps, one of them harder by twice the gap."""
    return pd.DataFrame([
        {"player": f"p{player}", "match": f"m{player}", "at": 0, "group": "all", "skill": "aim",
         "context": f"map{place}", "exposure": exposure,
         "total": exposure * (player + (gaps if place else -gaps) + residuals[player][place])}
        for player in range(3) for place in range(2)
    ])  # fmt: skip


def test_what_a_map_adds_is_pulled_towards_nothing_by_as_much_as_chance_explains():
    # Squares 10·2·(.1² + .05² + .05²) over 2 degrees of freedom: noise .15, and .15 / 30 of it in a map's mean.
    effect = 0.3 * (1 - 0.005 / (2 * 0.3**2))
    rows = on_maps(0.3)
    alone = rows.groupby("player").head(1)
    both = pd.concat([rows, alone.assign(match="another")])[lambda table: table["match"] != "another"]
    found = adjusted(both.assign(match=both["match"] + both["context"])).set_index("match")
    for player in range(3):
        for place, sign in enumerate((-1, 1)):
            plain = rows["total"].iloc[2 * player + place]
            assert found.loc[f"m{player}map{place}", "total"] == pytest.approx(plain - 10 * sign * effect, rel=1e-6)
    together = adjusted(rows)
    assert together["total"].tolist() == pytest.approx([20 * player for player in range(3)], abs=1e-9)
    assert together["exposure"].tolist() == [20.0] * 3


def test_maps_that_differ_by_chance_alone_add_nothing():
    rows = on_maps(0.03)
    found = adjusted(rows.assign(match=rows["match"] + rows["context"]))
    assert found["total"].tolist() == pytest.approx(rows["total"].tolist())


def test_one_match_on_two_maps_has_no_chance_to_be_told_from():
    rows = on_maps(0.3).query("player == 'p1'")
    assert adjusted(rows)["total"].tolist() == pytest.approx([20.0]) == [rows["total"].sum()]


def later(matches, *, early=1.0, late=0.5):
    """Twenty players, half of them above and half below the others, by less in the later half of their matches."""
    rows = [
        {"player": f"p{player:02}", "match": f"{player}-{match}", "at": match, "exposure": 10.0,
         "total": 10.0 * (1 if player % 2 else -1) * (late if match >= matches // 2 else early)}
        for match in reversed(range(matches)) for player in range(20)
    ]  # fmt: skip
    return peers(pd.DataFrame(rows), skill="aim", group="all")


def test_what_lasts_is_what_both_halves_have_in_common():
    found = later(4)
    # Averages ±.75 of four matches, whose own variance is .25 / 3; what both halves have in common is 1 · .5.
    spread = 0.75**2 * 20 / 19 - 0.25 / 3 / 4
    assert found.spread**2 == pytest.approx(spread)
    assert found.lasting == pytest.approx(0.5 / spread)
    # Of five matches the third is late: averages ±(2 · 1 + 3 · .5) / 5, squares 10 · .3 of four degrees of freedom.
    assert later(5).lasting == pytest.approx(0.5 / (0.7**2 * 20 / 19 - 0.75 / 50))
    assert later(4, early=0.0, late=0.0).lasting == 1.0, "where players do not differ nothing is lost"
    assert later(3).lasting == 1.0, "three matches are too few to be cut in halves"


def test_what_does_not_last_of_a_difference_is_not_expected_again():
    group = replace(GROUP, spread=0.08, noise=0.5, mean_error=0.1, lasting=0.5)
    found = known({"exposure": 0.5 / 0.08**2, "mean": 0.9, "matches": 4}, group)
    assert found.mean == pytest.approx(0.25 * 0.9 + 0.75 * 0.7)
    assert found.error == pytest.approx((0.08**2 * (1 - 0.5 * 0.25) + (0.75 * 0.1) ** 2) ** 0.5)
    assert (found.matches, found.exposure, found.raw) == (4, 0.5 / 0.08**2, 0.9)


def test_on_one_map_alone_nothing_is_added_even_where_nobodys_matches_differ():
    rows = on_maps(0.3, residuals=((0, 0),) * 3).query("context == 'map0'")
    assert adjusted(rows)["total"].tolist() == rows["total"].tolist()


@pytest.mark.parametrize("sampling", [0.0, 0.5])
def test_one_player_alone_shows_no_difference_between_players(sampling):
    assert spread_between(np.array([0.3]), np.array([sampling])) == 0.0


def two_halves(early, late, exposures, *, more=()):
    """Players of two early and two late matches of these values; more of one match each."""
    rows = [
        {"player": f"p{player:02}", "match": f"{player}-{match}", "at": match, "exposure": exposure,
         "total": exposure * (early, late)[match // 2][player]}
        for player, exposure in enumerate(exposures) for match in range(4)
    ]  # fmt: skip
    rows += [
        {"player": f"q{player:02}", "match": f"q{player}", "at": 0, "exposure": 10.0, "total": 10.0 * value}
        for player, value in enumerate(more)
    ]
    return peers(pd.DataFrame(rows), skill="aim", group="all")


def test_players_count_for_what_lasts_by_their_exposure_and_a_standard_error_is_added():
    random = np.random.default_rng(3)
    early, exposures = random.standard_normal(120), random.uniform(5, 50, 120)
    late = 0.3 * early + 0.9 * random.standard_normal(120)
    found = two_halves(early, late, exposures)
    ((own, both), (_, other)) = np.cov(early, late, aweights=exposures, ddof=0)
    assert own > 0 and other > 0
    gaps = (early - np.average(early, weights=exposures)) * (late - np.average(late, weights=exposures)) - both
    error = np.linalg.norm(exposures * gaps) / exposures.sum()
    assert found.lasting == pytest.approx((both + error) / found.spread**2)
    assert 0.1 < found.lasting < 1


def test_what_turns_round_does_not_last_at_all_and_no_more_than_all_lasts():
    ups = np.array([1.0, -1.0] * 10)
    apart = [10.0, -10.0] * 10
    assert two_halves(ups, -ups, [10.0] * 20, more=apart).lasting == 0.0
    grown = two_halves(ups, 40 * ups, [10.0] * 20, more=[0.0] * 40)
    assert grown.spread > 0 and grown.lasting == 1.0


@pytest.mark.parametrize(("enough", "lasts"), [(20, False), (19, True)])
def test_twenty_players_of_four_matches_tell_what_lasts(enough, lasts):
    ups = np.array([1.0, -1.0] * 10)[:enough]
    found = two_halves(ups, 0.5 * ups, [10.0] * enough, more=[1.0, -1.0] * 5)
    assert found.spread > 0 and (found.lasting == 1.0) is lasts


def test_players_who_differ_without_any_chance_are_known_exactly():
    rows = of_matches(*[[(float(player), 10.0)] * 2 for player in range(20)])
    found = peers(rows, skill="aim", group="all")
    spread = np.arange(20).std(ddof=1)
    assert (found.noise, found.mean) == (0.0, pytest.approx(9.5))
    assert (found.spread, found.mean_error) == pytest.approx((spread, spread / 20**0.5))
    anybody = known({"mean": 3.0, "exposure": 10.0, "matches": 2}, found)
    assert (anybody.mean, anybody.error) == pytest.approx((3.0, 0.0), abs=1e-6)


def test_maps_without_any_difference_or_chance_change_nothing():
    rows = on_maps(0.0, residuals=((0.0, 0.0),) * 3)
    found = adjusted(rows.assign(match=rows["match"] + rows["context"]))
    assert found["total"].tolist() == rows["total"].tolist()


def test_what_is_known_exactly_is_not_below_itself():
    assert Known(0.5, 0.0, 5, 100, 0.5).below(0.5) == 0.0


def test_players_are_added_up_in_the_order_of_their_names():
    rows = pd.DataFrame({
        "player": ["b", "a", "b"], "match": ["1", "2", "3"], "total": [3.0, 4.0, 3.0], "exposure": [1.0, 2.0, 2.0]
    })  # fmt: skip
    found = by_player(rows)
    assert found.index.tolist() == ["a", "b"] and found.index.name == "player"
    assert found.loc["b"].to_dict() == {"matches": 2, "exposure": 3.0, "mean": 2.0, "squares": 1 * 1.0 + 2 * 0.25}


def test_a_map_seen_more_is_pulled_less_and_maps_add_nothing_altogether():
    """The fixed point: what a map adds is its mean beside the players' own ones, by the share that is not chance."""
    random = np.random.default_rng(1)
    easier = {"map0": 0.5, "map1": -0.2, "map2": -0.4}
    rows = pd.DataFrame([
        {"player": f"p{player}", "match": f"m{player}-{name}", "at": 0, "group": "all", "skill": "aim",
         "context": name, "exposure": exposure,
         "total": exposure * (player + more + 0.1 * random.standard_normal())}
        for player in range(8) for (name, more), exposure in zip(easier.items(), (40.0, 20.0, 5.0), strict=True)
    ])  # fmt: skip
    rows = rows.drop(index=rows.index[[1, 5]])
    found = adjusted(rows).set_index("match")["total"]
    exposure = rows["exposure"].to_numpy()
    taken = (rows["total"] - found.reindex(rows["match"]).to_numpy()) / exposure
    effects = taken.groupby(rows["context"]).first()
    assert taken.to_numpy() == pytest.approx(effects.reindex(rows["context"]).to_numpy())
    seen = rows.groupby("context")["exposure"].sum()
    value = rows["total"] / exposure
    left = value - taken
    own = (left * exposure).groupby(rows["player"]).sum() / rows.groupby("player")["exposure"].sum()
    beside = value - own.reindex(rows["player"]).to_numpy()
    plain = (beside * exposure).groupby(rows["context"]).sum() / seen
    squares = exposure * (beside - plain.reindex(rows["context"]).to_numpy()) ** 2
    noise = squares.sum() / (len(rows) - 8 - 3 + 1)
    spread = spread_between(plain.to_numpy(), (noise / seen).to_numpy())
    share = spread**2 / (spread**2 + noise / seen)
    assert share.is_monotonic_decreasing and share.iloc[-1] < 0.999
    assert effects.tolist() == pytest.approx((share * (plain - np.average(plain, weights=seen))).tolist(), rel=2e-3)


def test_counts_of_matches_are_whole_numbers_as_json_has_them():
    rows = of_matches([(0.5, 10.0), (0.7, 10.0)])
    group = peers(rows, skill="aim", group="all")
    own = known(by_player(rows).loc["p00"], group)
    assert json.dumps([group.matches, own.matches, own.exposure]) == "[21, 2, 20.0]"
    alike = known(by_player(rows).loc["p00"], replace(group, spread=0.0))
    assert json.dumps([alike.matches, alike.exposure, alike.raw]) == "[2, 20.0, 0.6]"


def test_a_matchs_usual_exposure_is_the_median():
    rows = of_matches([(0.5, 10.0), (0.7, 1000.0)])
    assert peers(rows, skill="aim", group="all").exposure == 10.0


def test_twenty_players_of_one_match_each_tell_nothing_of_chance():
    assert peers(of_matches([(0.5, 10.0)]), skill="aim", group="all") is None

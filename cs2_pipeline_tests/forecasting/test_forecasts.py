"""Prices of maps and series: coherent with each other, complementary, and more certain the more is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.forecasting import forecasts
from cs2_pipeline.forecasting.directories import Directories
from cs2_pipeline.forecasting.questions import MAP, SERIES, Asked, AskedSide, Fields, MapScore, resolve
from cs2_pipeline.game import series
from cs2_pipeline_tests.forecasting.league import AT, MAPS, Strengths, entries, players

DIRECTORIES = Directories(7, entries())
TEAMS = st.permutations(["t1", "t2", "t3", "t4"]).map(lambda order: order[:2])


def made(first="t1", second="t2", **more):
    sides = (AskedSide(first), AskedSide(second))
    asked = Asked(**({"kind": MAP, "sides": sides} | more))
    return forecasts.forecast(resolve(asked, DIRECTORIES, Fields()), Strengths(), now=AT)


def a_series(first="t1", second="t2", best_of=3, **more):
    return made(first, second, kind=SERIES, best_of=best_of, **more)


@given(TEAMS, st.sampled_from([1, 3, 5]), st.lists(st.sampled_from(MAPS), unique=True, max_size=3))
def test_exchanging_the_teams_gives_the_complement(teams, best_of, maps):
    there = a_series(*teams, best_of=best_of, map_ids=tuple(maps))
    back = a_series(*reversed(teams), best_of=best_of, map_ids=tuple(maps))
    assert there.price.probability + back.price.probability == pytest.approx(1, abs=1e-12)
    assert there.price.low == pytest.approx(1 - back.price.high, abs=1e-12)
    for mine, theirs in zip(there.maps, back.maps, strict=True):
        assert mine.price.probability == 1 - theirs.price.probability


@given(TEAMS, st.sampled_from([1, 3, 5]), st.integers(0, 2), st.integers(0, 2))
def test_final_scores_add_up_to_one_and_to_the_price(teams, best_of, won, lost):
    needed = best_of // 2 + 1
    if max(won, lost) >= needed:
        won = lost = 0
    found = a_series(*teams, best_of=best_of, maps_won=(won, lost))
    scores = found.final_scores()
    assert sum(scores.values()) == pytest.approx(1)
    assert sum(p for (a, b), p in scores.items() if a > b) == pytest.approx(found.price.probability)


@given(TEAMS, st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_a_map_at_a_score_says_the_same_as_its_final_scores(teams, won, lost, began_ct):
    found = made(*teams, map_ids=("de_mirage",), score=MapScore(won, lost, began_ct))
    scores = found.final_scores()
    assert sum(scores.values()) == pytest.approx(1)
    assert sum(p for (a, b), p in scores.items() if a > b) == pytest.approx(found.price.probability, abs=1e-9)
    assert found.price.low <= found.price.probability <= found.price.high


def test_a_best_of_one_on_a_known_map_is_worth_the_map():
    map_price = made(map_ids=("de_nuke",)).price
    assert a_series(best_of=1, map_ids=("de_nuke",)).price.probability == pytest.approx(map_price.probability)


def test_a_map_that_is_won_is_exactly_one():
    assert made(map_ids=("de_nuke",), score=MapScore(13, 4)).price == forecasts.Price(1.0, 1.0, 1.0)
    assert made(map_ids=("de_nuke",), score=MapScore(4, 13)).final_scores() == {(4, 13): 1.0}
    assert a_series(maps_won=(2, 0)).price.probability == 1.0


def test_an_unknown_veto_draws_from_the_maps_that_are_not_banned():
    everything = a_series()
    assert [one.map.id for one in everything.maps] == sorted(MAPS)
    assert not any(one.known for one in everything.maps)
    without = a_series(banned=("de_nuke",))
    assert "de_nuke" not in [one.map.id for one in without.maps]
    assert without.price.probability < everything.price.probability  # it is the stronger team's better map


def test_fewer_maps_than_a_series_has_are_made_up_with_no_map_in_particular():
    few = a_series(best_of=5, banned=("de_ancient", "de_dust2", "de_inferno"))
    assert [one.map.id if one.map else None for one in few.maps] == ["de_mirage", "de_nuke", None, None, None]
    assert 0 < few.price.probability < 1


def test_fewer_known_players_widen_the_interval():
    def width(line_up):
        sides = (AskedSide("t1", tuple(line_up)), AskedSide("t2"))
        asked = Asked(MAP, sides, ("de_mirage",))
        price = forecasts.forecast(resolve(asked, DIRECTORIES, Fields()), Strengths()).price
        return price.high - price.low

    assert width(players("t1")) < width(players("t1")[:4]) < width([])


def test_the_entry_of_the_ledger_says_what_was_asked_and_answered():
    found = a_series(map_ids=("de_nuke",))
    entry = forecasts.draft(found, 7)
    content = entry.content
    assert content["asked"]["player_ids"] == [players("t1"), players("t2")]
    assert content["asked"]["map_ids"] == ["de_nuke"]
    assert (content["model_name"], content["model_version"]) == ("match_forecaster", "1")
    assert content["probability"] == round(found.price.probability, 6)
    other = forecasts.draft(a_series(map_ids=("de_mirage",)), 7)
    assert other.content["inputs_digest"] != content["inputs_digest"]
    assert forecasts.draft(found, 8).content["inputs_digest"] != content["inputs_digest"]


def test_rounds_price_the_map_at_what_the_forecaster_says():
    found = made(map_ids=("de_mirage",))
    assert series.map_odds(found.rounds) == pytest.approx(found.price.probability)

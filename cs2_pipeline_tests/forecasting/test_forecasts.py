"""Prices of maps and series: coherent with each other, complementary, and more certain the more is known."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.forecasting import forecasts
from cs2_pipeline.forecasting.directories import Directories
from cs2_pipeline.forecasting.questions import MAP, SERIES, Asked, AskedSide, Fields, MapScore, resolve
from cs2_pipeline.game import series
from cs2_pipeline.records.directories import Entry
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
    assert not any(one.known for one in few.maps) and few.final_scores().keys() == set(
        a_series(best_of=5).final_scores()
    )
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


def test_a_forecast_is_of_the_moment_it_was_asked_at_and_of_the_day_it_is_played_on():
    found = made()
    assert found.at == AT and forecasts.draft(found, 7).at == AT
    asked_for = []

    class Days(Strengths):
        def prices(self, asked):
            asked_for.extend(one.day for one in asked)
            return super().prices(asked)

    question = resolve(Asked(MAP, (AskedSide("t1"), AskedSide("t2"))), DIRECTORIES, Fields())
    later = resolve(replace(question.asked, starts_at=AT + timedelta(days=3)), DIRECTORIES, Fields())
    far_east = resolve(
        replace(question.asked, starts_at=datetime(2026, 1, 19, 1, tzinfo=timezone(timedelta(hours=9)))),
        DIRECTORIES, Fields(),
    )  # fmt: skip
    forecasts.forecast_all([question, later, far_east], Days(), now=AT)
    assert [f"{day}" for day in asked_for] == ["2026-01-18", "2026-01-21", "2026-01-18"]


@pytest.mark.parametrize(
    ("share", "used"), [(0.52, 0.52), (0.31, 0.31), (0.3, 0.3), (0.1, 0.3), (0.7, 0.7), (0.95, 0.7), (None, 0.5)]
)
def test_a_maps_sides_differ_by_what_was_seen_within_what_is_credible(share, used):
    """A map seen in a handful of rounds may have a share of 0 or 1, which would decide every map at half time."""
    there = Directories(1, [
        Entry(entry.kind, entry.id, entry.name, entry.matches, AT, {} if share is None else {"ct_share": share})
        if entry.kind == "map" else entry
        for entry in entries()
    ])  # fmt: skip
    asked = Asked(MAP, (AskedSide("t1"), AskedSide("t2")), ("de_mirage",), score=MapScore(5, 3))
    found = forecasts.forecast(resolve(asked, there, Fields()), Strengths(), now=AT)
    before = Strengths().price("de_mirage", tuple(players("t1")), tuple(players("t2")))
    expected = [series.map_odds(series.round_odds_at_price(one, ct_share=used), (5, 3)) for one in before]
    assert list(found.price) == pytest.approx(expected)
    assert found.before == before


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_nothing_is_certain_before_it_is_played(certain):
    class Sure(Strengths):
        def price(self, *_):
            return forecasts.Price(certain, certain, certain)

    asked = Asked(MAP, (AskedSide("t1"), AskedSide("t2")), ("de_mirage",), score=MapScore(1, 1))
    found = forecasts.forecast(resolve(asked, DIRECTORIES, Fields()), Sure(), now=AT)
    assert found.price.probability == pytest.approx(certain, abs=1e-6) and found.rounds is not None


def test_a_map_that_is_decided_has_no_rounds_to_come_and_one_score():
    for score, decided in (((13, 4), True), ((12, 4), False), ((0, 0), False), ((15, 15), False), ((19, 17), True)):
        found = made(map_ids=("de_nuke",), score=MapScore(*score))
        assert (found.rounds is None) is decided
        assert (found.final_scores() == {score: 1.0}) is decided


def test_all_that_is_known_of_a_series_stands_in_the_ledger():
    odds = (1.6, 2.4)
    found = a_series(map_ids=("de_nuke",), banned=("de_dust2",), maps_won=(1, 0), market_odds=odds, starts_at=AT,
                     score=MapScore(3, 4, False))  # fmt: skip
    entry = forecasts.draft(found, 7)
    content = entry.content
    assert content["asked"] == {
        "best_of": 3, "banned": ["de_dust2"], "map_ids": ["de_nuke"], "map_score": [3, 4, False], "maps_won": [1, 0],
        "player_ids": [players("t1"), players("t2")], "starts_at": "2026-01-18T12:00:00.000000Z",
    }  # fmt: skip
    assert content["market_odds"] == [1.6, 2.4]
    assert "market_odds" not in forecasts.draft(a_series(), 7).content
    assert forecasts.draft(a_series(), 7).content["asked"]["starts_at"] is None
    assert content["interval"] == [round(found.price.low, 6), round(found.price.high, 6)]
    assert content["maps"] == [[one.map.id, round(one.price.probability, 6)] for one in found.maps]
    assert (entry.kind, entry.team1_id, entry.team2_id, entry.model_version) == ("series", "t1", "t2", "1")
    assert (content["team1_id"], content["team2_id"], entry.probability) == ("t1", "t2", content["probability"])


def test_the_map_under_way_counts_at_its_score_and_the_next_ones_in_their_order():
    found = a_series(map_ids=("de_nuke", "de_mirage"), score=MapScore(10, 2))
    known = [one for one in found.maps if one.known]
    assert [one.map.id for one in known] == ["de_nuke", "de_mirage"]
    assert known[0].price == made(map_ids=("de_nuke",), score=MapScore(10, 2)).price
    assert known[1].price == made(map_ids=("de_mirage",)).price
    assert [one.map.id for one in found.maps if not one.known] == ["de_ancient", "de_dust2", "de_inferno"]
    expected = series.series_odds(3, [one.price.probability for one in known],
                                  pool=[one.price.probability for one in found.maps if not one.known])  # fmt: skip
    assert found.price.probability == pytest.approx(expected)


def test_as_many_maps_as_are_played_need_none_made_up():
    exactly = a_series(best_of=3, banned=("de_ancient", "de_dust2"))
    assert [one.map.id for one in exactly.maps] == ["de_inferno", "de_mirage", "de_nuke"]
    one_less = a_series(best_of=3, map_ids=("de_nuke",), banned=("de_ancient", "de_dust2", "de_inferno"))
    assert [one.map and one.map.id for one in one_less.maps] == ["de_nuke", "de_mirage", None]


def test_a_question_that_names_two_teams_alone_is_about_their_next_map():
    content = forecasts.draft(made(), 7).content
    assert content["asked"] == {
        "best_of": 1, "banned": [], "map_ids": [], "map_score": [0, 0, True], "maps_won": [0, 0],
        "player_ids": [players("t1"), players("t2")], "starts_at": None,
    }  # fmt: skip
    price = Strengths().price(None, tuple(players("t1")), tuple(players("t2")))
    assert content["probability"] == round(price.probability, 6)
    assert content["maps"] == [[None, round(price.probability, 6)]]
    assert (forecasts.LEVEL, forecasts.DECIMALS) == (0.9, 6)


def test_what_an_answer_was_made_from_has_a_digest_that_anybody_can_compute():
    entry = forecasts.draft(a_series(map_ids=("de_nuke",)), 7).content
    pool = ["de_ancient", "de_dust2", "de_inferno", "de_mirage"]
    inputs = {"asked": entry["asked"], "directories": 7, "pool": pool}
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    assert entry["inputs_digest"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_series_price_and_bounds_are_those_of_its_maps():
    found = a_series(best_of=3, map_ids=("de_nuke",), maps_won=(0, 1))
    for bound in range(3):
        known = [one.price[bound] for one in found.maps if one.known]
        pool = [one.price[bound] for one in found.maps if not one.known]
        assert found.price[bound] == pytest.approx(series.series_odds(3, known, pool=pool, score=(0, 1)))
    assert found.price.low < found.price.probability < found.price.high


def test_a_map_under_way_has_the_bounds_of_its_price_at_the_score():
    found = made(map_ids=("de_mirage",), score=MapScore(5, 3, False))
    before = Strengths().price("de_mirage", tuple(players("t1")), tuple(players("t2")))
    rounds = [series.round_odds_at_price(one, ct_share=0.52) for one in before]
    assert list(found.price) == pytest.approx([series.map_odds(one, (5, 3), began_ct=False) for one in rounds])
    assert found.final_scores() == pytest.approx(series.final_scores(rounds[0], (5, 3), began_ct=False))
    assert found.maps == (forecasts.MapPrice(found.question.maps[0], found.price, known=True),)


def test_questions_are_answered_in_their_order_by_one_call_of_the_forecaster():
    calls = []

    class Counted(Strengths):
        def prices(self, asked):
            calls.append(len(asked))
            return super().prices(asked)

    asked = [Asked(MAP, (AskedSide(first), AskedSide(second))) for first, second in (("t1", "t2"), ("t4", "t3"))]
    found = forecasts.forecast_all([resolve(one, DIRECTORIES, Fields()) for one in asked], Counted(), now=AT)
    assert calls == [2]
    assert [one.price for one in found] == [made("t1", "t2").price, made("t4", "t3").price]


def test_a_series_ends_at_the_scores_that_its_known_maps_and_those_of_the_pool_lead_to():
    found = a_series(best_of=5, map_ids=("de_nuke",), maps_won=(1, 1))
    known = [one.price.probability for one in found.maps if one.known]
    pool = [one.price.probability for one in found.maps if not one.known]
    assert (len(known), len(pool)) == (1, 4)
    scores = found.final_scores()
    assert scores == pytest.approx(series.series_scores(5, known, pool=pool, score=(1, 1)))
    assert set(scores) == {(3, 1), (3, 2), (1, 3), (2, 3)}

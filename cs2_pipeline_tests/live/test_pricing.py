"""Prices of round, map and series: they follow from each other, before, during and at the end."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.artifact.cache import Cache
from cs2_pipeline.artifact.catalog import ROUND
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.game import series
from cs2_pipeline.live.fold import Fold, Moment
from cs2_pipeline.live.pricing import Price, prices, tilted
from cs2_pipeline_tests.live.made import Feed, play, read

ECONOMY = ("ct_money", "t_money", "ct_equip_value", "t_equip_value")
FIVES = {"team_a_line_up": [f"a{n}" for n in range(5)], "team_b_line_up": [f"b{n}" for n in range(5)]}


class Favours:
    """A match model that always says the same of the first team; on an unknown map a little less."""

    def __init__(self, p: float, spread: float = 0.1) -> None:
        self.version = SimpleNamespace(version="7")
        self._p, self._spread = p, spread

    def price(self, map_name, line_ups, day):
        assert line_ups == (tuple(FIVES["team_a_line_up"]), tuple(FIVES["team_b_line_up"]))
        p = self._p if map_name else (self._p + 0.5) / 2
        return p, max(0.0, p - self._spread), min(1.0, p + self._spread)


class ByEconomy:
    """A round model that asks for money and equipment alone, and is nearly sure of what it says."""

    version = SimpleNamespace(version="1")

    def many(self, rows):
        return [self._one(row) for row in rows]

    def _one(self, row):
        ahead = sum(row[f"ct_{what}"] - row[f"t_{what}"] for what in ("equip_value", "money"))
        p = 1 / (1 + math.exp(-ahead / 30_000))
        return p, p - 0.001, p + 0.001


@pytest.fixture(scope="module")
def model(champions):
    cache = Cache(champions)
    version = cache.current(ROUND.name)
    return RoundPredictor.ready(version, cache.load(version))


def moments_of(events) -> list[Moment]:
    fold = Fold(events[0]["match_id"])
    return [moment for event in read(events) if (moment := fold.apply(event))]


def named(events):
    events[0]["payload"] |= FIVES
    return events


def odds(price: Price, of: str) -> tuple[float, float, float]:
    return tuple(getattr(price, f"{of}_{name}") for name in ("p", "low", "high"))


def test_before_the_first_round_the_map_is_the_match_models(model) -> None:
    moments = moments_of(named(play(1, rounds=2)))
    first = prices(moments[:2], model, 0.0, forecaster=Favours(0.7))
    assert first[1].map_p == pytest.approx(0.7, abs=1e-6)
    assert (first[1].map_low, first[1].map_high) == pytest.approx((0.6, 0.8), abs=1e-6)
    others = 0.6
    assert first[1].series_p == pytest.approx(series.series_odds(3, [0.7, others, others]), abs=1e-6)
    assert first[1].model_version == "1+7"


def test_without_line_ups_or_a_match_model_teams_are_equal(model) -> None:
    (start, *_) = prices(moments_of(play(1, rounds=1)), model, 0.0, forecaster=Favours(0.7))
    assert (start.map_p, start.model_version) == (0.5, "1")
    (start, *_) = prices(moments_of(named(play(1, rounds=1))), model, 0.0)
    assert (start.map_p, start.model_version) == (0.5, "1")


def test_line_ups_are_those_who_were_seen_where_nobody_names_them() -> None:
    feed = Feed()
    feed.say("map_start", map_name="de_nuke")
    feed.round = 1
    feed.say("round_start", team_a_score=0, team_b_score=0, team_a_side="CT", team_b_side="T")
    for n in range(6):
        for team, base in (("A", 0), ("B", 100)):
            feed.say("player_equipment", player_id=f"STEAM_1:0:{base + n}", player_team=team, money=800)
    *before, last = moments_of(feed.events)
    assert before[10].line_ups is None  # nine are known
    assert [len(players) for players in last.line_ups] == [5, 5]
    assert last.line_ups[0][0] == "76561197960265728"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.02, 0.98), st.integers(1, 24))
def test_round_map_and_series_never_contradict_each_other(model, seed, favour, rounds) -> None:
    moments = moments_of(named(play(seed, rounds=rounds, maps=2)))
    quoted = prices(moments, model, 0.0, forecaster=Favours(favour))
    for moment, price in zip(moments, quoted, strict=True):
        for of in ("round", "map", "series"):
            if getattr(price, f"{of}_p") is not None:
                p, low, high = odds(price, of)
                assert 0 <= low <= p + 1e-6 and p <= high + 1e-6 <= 1 + 2e-6, (of, moment.trigger)
        if moment.phase != "round" or price.map_p is None:
            continue
        ends = [_ended(moment, winner) for winner in ("A", "B")]
        won, lost = prices(ends, model, 0.0, forecaster=Favours(favour))
        # Whoever wins the round: the prices now are what is expected of the prices then.
        for of in ("map", "series"):
            then = price.round_p * odds(won, of)[0] + (1 - price.round_p) * odds(lost, of)[0]
            assert odds(price, of)[0] == pytest.approx(then, abs=3e-6)
    last = quoted[-1]
    assert last.series_p in (0.0, 1.0)
    assert all(p.round_p in (0.0, 1.0) for p in quoted if p.trigger == "round_end")
    assert all(p.map_p in (0.0, 1.0) for p in quoted if p.trigger == "map_end")


def _ended(moment: Moment, winner: str) -> Moment:
    """The moment right after the round was won."""
    score = (moment.score[0] + (winner == "A"), moment.score[1] + (winner == "B"))
    return replace(moment, phase="between", state=None, round_winner=winner, score=score, trigger="round_end")


def test_what_a_source_does_not_tell_of_money_and_equipment_is_in_the_interval() -> None:
    told = [moment for moment in moments_of(play(2, rounds=4)) if moment.phase == "round"]
    open_rounds = [moment for moment in told if moment.state["ct_alive"] and moment.state["t_alive"]]
    rich = [moment for moment in open_rounds if all(moment.state[name] is not None for name in ECONOMY)]
    poor = [replace(moment, state=moment.state | dict.fromkeys(ECONOMY)) for moment in rich]
    assert len(rich) > 10
    for known, unknown in zip(prices(rich, ByEconomy(), 0.0), prices(poor, ByEconomy(), 0.0), strict=True):
        (_, low, high), (_, least, most) = odds(known, "round"), odds(unknown, "round")
        assert high - low == pytest.approx(0.002)
        assert least <= low and high <= most and most - least > 0.1


def test_strength_counts_less_the_fewer_live_and_not_at_all_once_it_is_certain() -> None:
    moment = next(one for one in moments_of(named(play(1, rounds=1))) if one.state is not None)
    strong = (0.8, 0.8, 0.8)

    def at(alive: int, p: float) -> float:
        return tilted(_with(moment, alive), (p, p, p), strong)[0]

    assert at(5, 0.5) > at(3, 0.5) > at(1, 0.5) > 0.5
    assert at(5, 0.0) == 0.0 and at(5, 1.0) == 1.0
    assert tilted(moment, (0.4, 0.3, 0.5), (0.5, 0.5, 0.5)) == pytest.approx((0.4, 0.3, 0.5))


def _with(moment: Moment, alive: int) -> Moment:
    return replace(moment, state=moment.state | {"ct_alive": alive, "t_alive": alive})

"""Prices of round, map and series: they follow from each other, before, during and at the end."""

import math
import uuid
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.artifact.cache import Cache
from cs2_pipeline.artifact.catalog import ROUND
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.game import series
from cs2_pipeline.live import pricing
from cs2_pipeline.live.fold import Fold, Moment
from cs2_pipeline.live.pricing import (
    Price,
    basis_of,
    map_odds,
    price_id_of,
    prices,
    round_odds,
    scenarios,
    series_odds,
    tilted,
)
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


# What a source does not tell


STATE = {
    "ct_alive": 4, "t_alive": 3, "ct_equip_value": None, "t_equip_value": None, "ct_money": None, "t_money": None,
    "bomb_planted": 0, "time_remaining": None, "ct_score": 5, "t_score": 6, "map_name": "de_nuke",
}  # fmt: skip


def values(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_a_state_that_says_all_is_asked_about_as_it_is() -> None:
    told = STATE | {"ct_equip_value": 1, "t_equip_value": 2, "ct_money": 3, "t_money": 4, "time_remaining": 5}
    assert scenarios(told) == [told]
    assert scenarios(told | {"ct_score": None, "t_score": None}) == [told | {"ct_score": 0, "t_score": 0}]


def test_what_is_missing_is_taken_as_usual_as_best_for_ct_and_as_best_for_t() -> None:
    found = scenarios(STATE)
    assert values(found, "ct_equip_value", "t_equip_value") == [(16_000, 12_000), (24_000, 600), (800, 18_000)]
    assert values(found, "ct_money", "t_money") == [(8_000, 8_000), (30_000, 0), (0, 30_000)]
    assert values(found, "time_remaining") == [(70,), (5,), (115,)], "without a bomb time is on T's side"
    planted = scenarios(STATE | {"bomb_planted": 1})
    assert values(planted, "time_remaining") == [(20,), (40,), (2,)], "with it on CT's"


def test_only_what_is_missing_is_made_up() -> None:
    found = scenarios(STATE | {"ct_money": 1_500, "time_remaining": 33.0})
    assert values(found, "ct_money", "time_remaining", "map_name") == [(1_500, 33.0, "de_nuke")] * 3


@pytest.mark.parametrize(
    ("score", "most"), [((0, 0), 4_000), ((7, 5), 4_000), ((6, 5), 24_000), ((7, 6), 24_000), ((None, None), 4_000)]
)
def test_in_a_pistol_round_nobody_carries_much(score, most) -> None:
    found = scenarios(STATE | {"ct_score": score[0], "t_score": score[1]})
    assert found[1]["ct_equip_value"] == most
    assert found[0]["ct_equip_value"] == (3_400 if most == 4_000 else 16_000)
    assert found[2]["ct_equip_value"] == 800, "each of four has a pistol, whatever the round"


class Says:
    """A round model that answers each row in turn."""

    version = SimpleNamespace(version="9")

    def __init__(self, *answers) -> None:
        self.answers, self.rows = answers, []

    def many(self, rows):
        self.rows += rows
        return list(self.answers[: len(rows)])


def under_way(**changes) -> Moment:
    moment = next(one for one in moments_of(play(1, rounds=1)) if one.state is not None)
    complete = STATE | {"ct_equip_value": 1, "t_equip_value": 2, "ct_money": 3, "t_money": 4, "time_remaining": 5}
    return replace(moment, **({"state": complete} | changes))


def test_the_interval_covers_all_that_a_missing_value_may_be() -> None:
    poor, rich = under_way(state=STATE), under_way()
    model = Says((0.5, 0.4, 0.6), (0.7, 0.65, 0.75), (0.3, 0.2, 0.4), (0.9, 0.85, 0.95))
    assert round_odds([poor, rich], model) == [(0.5, 0.2, 0.75), (0.9, 0.85, 0.95)]
    assert len(model.rows) == 4


def test_the_price_is_team_as_whichever_side_it_plays() -> None:
    assert round_odds([under_way(a_side="T")], Says((0.9, 0.85, 0.97))) == [(0.1, 0.03, 0.15)]


def test_without_the_number_of_the_living_nothing_is_known() -> None:
    for missing in ("ct_alive", "t_alive"):
        moment = under_way(state=STATE | {missing: None})
        assert round_odds([moment], Says()) == [(0.5, 0.0, 1.0)]
        assert round_odds([moment], None) == [None]


def test_a_round_that_has_ended_is_certain_also_without_a_model() -> None:
    ended = [under_way(state=None, phase="between", round_winner=team) for team in ("A", "B", None)]
    assert round_odds(ended, None) == [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0), None]


# Map and series


def test_a_map_that_ended_level_or_at_an_impossible_score_has_no_honest_price() -> None:
    moment = under_way(phase="over", map_winner=None)
    assert map_odds(moment, None) == (0.5, 0.0, 1.0)
    assert map_odds(replace(moment, map_winner="B"), None) == (0.0, 0.0, 0.0)
    assert map_odds(replace(moment, map_winner="A"), None) == (1.0, 1.0, 1.0)
    for phase in ("round", "between"):
        assert map_odds(under_way(phase=phase, score=(14, 2)), (0.5, 0.5, 0.5)) is None
    assert map_odds(under_way(score=(13, 2)), (0.5, 0.5, 0.5)) is None, "no round is played at 13:2"


def test_a_map_between_rounds_is_worth_its_score_and_in_a_round_what_follows() -> None:
    strong = (0.7, 0.6, 0.8)
    between = map_odds(under_way(phase="between", score=(8, 3), a_side="CT"), None, strong)
    for place, before in enumerate(strong):
        rounds = series.round_odds_at_price(before)
        assert between[place] == pytest.approx(series.map_odds(rounds, (8, 3), began_ct=True))
    won, lost = (map_odds(under_way(phase="between", score=score), None)[0] for score in ((9, 3), (8, 4)))
    p, low, high = map_odds(under_way(score=(8, 3)), (0.6, 0.4, 0.9))
    assert p == pytest.approx(0.6 * won + 0.4 * lost)
    assert (low, high) == pytest.approx((0.4 * won + 0.6 * lost, 0.9 * won + 0.1 * lost))
    p, low, high = map_odds(under_way(score=(8, 3)), None)
    assert (p, low, high) == pytest.approx(((won + lost) / 2, lost, won))


@pytest.mark.parametrize(
    ("score", "a_side", "began_ct"),
    [((3, 2), "CT", True), ((3, 2), "T", False), ((8, 6), "CT", False), ((8, 6), "T", True), ((3, 2), None, True),
     ((6, 5), "CT", True), ((6, 6), "CT", False)],
)  # fmt: skip
def test_which_side_a_team_began_on_follows_from_the_side_it_plays_and_the_score(
    monkeypatch, score, a_side, began_ct
) -> None:
    asked = []

    def noted(before, at, began):
        asked.append(began)
        return 0.5

    monkeypatch.setattr(pricing, "_map_odds", noted)
    map_odds(under_way(phase="between", score=score, a_side=a_side), None)
    assert set(asked) == {began_ct}


def test_a_series_is_worth_what_its_maps_are() -> None:
    open_map = under_way(best_of=3, maps=(1, 0))
    others = (0.6, 0.5, 0.7)
    of_map = (0.4, 0.3, 0.5)
    expected = [chance + (1 - chance) * other for chance, other in zip(of_map, others, strict=True)]
    assert series_odds(open_map, of_map, others) == pytest.approx(expected)
    over = under_way(best_of=3, maps=(1, 1), phase="over", map_winner="A")
    assert series_odds(over, (1.0, 1.0, 1.0), others) == pytest.approx(others), "the decider is another map"
    assert series_odds(under_way(best_of=1), of_map, others) == pytest.approx(of_map)
    won = under_way(best_of=3, maps=(1, 0), phase="between", map_winner="A")  # a knife round had begun again
    rest = [1 - (1 - other) ** 2 for other in others]
    assert series_odds(won, (1.0, 1.0, 1.0), others) == pytest.approx(rest), "one of two maps is enough"


def test_a_series_that_is_over_or_cannot_be_has_no_more_than_its_result() -> None:
    for winner, odds_ in (("A", (1.0, 1.0, 1.0)), ("B", (0.0, 0.0, 0.0))):
        assert series_odds(under_way(match_winner=winner, over=True), None) == odds_
    assert series_odds(under_way(over=True), (0.5, 0.5, 0.5)) == (0.5, 0.0, 1.0)
    assert series_odds(under_way(), None) is None
    assert series_odds(under_way(best_of=3, maps=(3, 0)), (0.5, 0.5, 0.5)) is None


def test_strength_counts_by_the_share_of_the_living_in_log_odds() -> None:
    before = (0.8, 0.8, 0.8)
    strength = math.log(series.round_odds_at_price(0.8).as_ct / (1 - series.round_odds_at_price(0.8).as_ct))
    for ct, t, share in ((5, 5, 1.0), (4, 3, 0.7), (1, None, 0.1), (None, 2, 0.2), (None, None, 0.0), (5, 6, 1.0)):
        moment = under_way(state=STATE | {"ct_alive": ct, "t_alive": t})
        expected = 1 / (1 + math.exp(-(math.log(0.3 / 0.7) + share * strength)))
        assert tilted(moment, (0.3, 0.3, 0.3), before)[0] == pytest.approx(expected, abs=1e-6)
    assert tilted(under_way(), None, before) is None
    ended = under_way(state=None, round_winner="A")
    assert tilted(ended, (1.0, 1.0, 1.0), before) == (1.0, 1.0, 1.0)


# Identity


def test_a_price_is_known_by_its_event_and_by_the_price_it_replaces() -> None:
    assert price_id_of("e") == str(uuid.uuid5(uuid.NAMESPACE_OID, "e/"))
    for number in range(20):  # every bit of it
        assert price_id_of("e", f"p{number}") == str(uuid.uuid5(uuid.NAMESPACE_OID, f"e/p{number}"))
    moment = under_way()
    first, again = (prices([moment], Says((0.5, 0.4, 0.6)), 3.0, replaced)[0] for replaced in (None, {}))
    assert first == again and first.supersedes == "" and first.ts_calc == 3.0
    (other,) = prices([moment], Says((0.5, 0.4, 0.6)), 3.0, {moment.event_id: first.price_id})
    assert other.supersedes == first.price_id and other.price_id == price_id_of(moment.event_id, first.price_id)
    assert (other.basis, other.model_version) == (first.basis, "9")
    assert prices([moment], None, 0.0)[0].model_version == ""


@pytest.mark.parametrize("change", [{"version": 99}, {"a_side": "T"}, {"score": (1, 1)}, {"time": 1.0}])
def test_another_moment_has_another_fingerprint(change) -> None:
    assert basis_of(under_way()) == basis_of(under_way())
    assert basis_of(under_way(**change)) != basis_of(under_way())


def test_a_forecast_of_the_line_ups_is_asked_for_the_map_the_others_and_the_day() -> None:
    asked = []

    class Asked:
        version = SimpleNamespace(version="7")

        def price(self, *what):
            asked.append(what)
            return 0.5, 0.4, 0.6

    line_ups = (("a",), ("b",))
    moment = under_way(line_ups=line_ups, map_name="de_nuke", day=20_471)
    prices([moment, replace(moment, line_ups=None)], Says(*[(0.5, 0.4, 0.6)] * 2), 0.0, forecaster=Asked())
    assert asked == [("de_nuke", line_ups, 20_471), (None, line_ups, 20_471)]


def test_a_defusal_in_the_last_tenth_of_a_second_is_priced_as_won_and_not_by_the_clock():
    class ByClock(ByEconomy):
        """Sure of T, as a model is with the bomb about to explode."""

        def _one(self, row):
            return 0.001, 0.0, 0.002

    fold = Fold("one")
    feed = Feed()
    feed.round = 1
    feed.say("map_start", map_name="de_nuke", map_number=1)
    feed.say("round_start", team_a_score=0, team_b_score=0, team_a_side="CT", team_b_side="T")
    feed.say("freeze_time_ended", 15.0)
    feed.say("bomb_planted", 10.0, player_id="p")
    feed.say("bomb_defused", 39.9, player_id="d")
    *_, planted, defused = [fold.apply(event) for event in read(feed.events)]
    assert round_odds([planted, defused], ByClock()) == [(0.001, 0.0, 0.002), (1.0, 1.0, 1.0)]


def test_all_odds_are_told_with_six_digits() -> None:
    moments = [one for one in moments_of(named(play(2, rounds=3))) if one.phase != "over"]
    told = [getattr(price, f"{of}_{name}") for price in prices(moments, ByEconomy(), 0.0, forecaster=Favours(0.7123))
            for of in ("map", "series") for name in ("p", "low", "high")]  # fmt: skip
    assert len({one for one in told if one is not None}) > 30
    assert all(one == round(one, 6) for one in told if one is not None)


@pytest.mark.parametrize(("certain", "least"), [(1.0, 0.999999), (0.0, 0.000001)])
def test_no_map_is_certain_before_it_is_played(certain, least) -> None:
    before = map_odds(under_way(phase="between", score=(0, 0)), None, (certain,) * 3)
    assert before == pytest.approx((least,) * 3, abs=1e-9) and before[0] not in (0.0, 1.0)
    p, *_ = tilted(under_way(), (0.5, 0.5, 0.5), (certain,) * 3)
    assert 0.0 < p < 1.0 and (p > 0.5) is (certain > 0.5)


@pytest.mark.parametrize("score", [(13, 0), (0, 13), (13, 11), (11, 13), (16, 12), (14, 16), (25, 0)])
def test_at_a_score_at_which_the_map_is_over_no_round_has_a_price(score) -> None:
    assert map_odds(under_way(score=score), (0.5, 0.5, 0.5)) is None


@pytest.mark.parametrize("score", [(12, 11), (12, 12), (13, 12), (15, 14), (15, 15), (16, 15)])
def test_a_map_goes_on_into_overtime_until_one_team_is_two_ahead_of_it(score) -> None:
    p, low, high = map_odds(under_way(score=score), (0.5, 0.5, 0.5))
    assert p == low == high and 0.0 < p < 1.0


def test_a_price_says_all_of_its_moment_and_its_odds() -> None:
    moment = under_way(best_of=1, maps=(0, 0))
    (told,) = prices([moment], Says((0.51, 0.4, 0.6)), 3.5, {moment.event_id: "old"})
    of_map = map_odds(moment, (0.51, 0.4, 0.6))
    assert msgspec.structs.asdict(told) == {
        "price_id": price_id_of(moment.event_id, "old"), "match_id": moment.match_id, "map_id": moment.map_id,
        "event_id": moment.event_id, "round_no": 1, "trigger": "round_start", "state_version": 3, "ts_calc": 3.5,
        "model_version": "9", "basis": basis_of(moment), "round_p": 0.51, "round_low": 0.4, "round_high": 0.6,
        **{f"{of}_{name}": round(one, 6) for of in ("map", "series")
           for name, one in zip(("p", "low", "high"), of_map, strict=True)}, "supersedes": "old",
    }  # fmt: skip
    assert len(basis_of(moment)) == 20


def test_a_rounds_odds_between_unequal_teams_have_six_digits_and_keep_their_order() -> None:
    found = tilted(_with(under_way(), 5), (0.5, 0.4, 0.6), (0.7, 0.6, 0.8))
    assert found == tuple(round(one, 6) for one in found) and found[1] < found[0] < found[2]
    assert found[0] == pytest.approx(series.round_odds_at_price(0.7).as_ct, abs=1e-6), "as their rounds usually are"


def test_a_model_is_asked_about_open_rounds_alone() -> None:
    class Asked:
        def many(self, rows):
            assert rows
            return [(0.5, 0.4, 0.6)] * len(rows)

    between = under_way(state=None, phase="between", round_winner="B")
    assert round_odds([between, under_way(state=None)], Asked()) == [(0.0, 0.0, 0.0), None]
    assert round_odds([between, under_way(), under_way(round_winner="A")], Asked()) == [
        (0.0, 0.0, 0.0), (0.5, 0.4, 0.6), (1.0, 1.0, 1.0)
    ]  # fmt: skip

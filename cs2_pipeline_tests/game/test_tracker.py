"""The tracker: what each event changes of a round's state, and what is said where something is not known."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.game.events import (
    BombDefused,
    BombDropped,
    BombExploded,
    BombPlanted,
    Damage,
    Disconnect,
    Event,
    FreezeEnd,
    Kill,
    MatchStart,
    PlayerAtStart,
    PlayerChange,
    RoundEnd,
    RoundStart,
    SideEconomy,
    TimeOut,
)
from cs2_pipeline.game.rules import Side
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline.game.tracker import Tracker

CT = (1, 2, 3, 4, 5)
T = (6, 7, 8, 9, 10)


def a_player(number: int, **changes: Any) -> PlayerAtStart:
    side: Side = "CT" if number in CT else "T"
    values: dict[str, Any] = {"money": 1_000, "equipment_value": 4_000, "has_helmet": True, "has_defuse_kit": False}
    return PlayerAtStart(number, side, **(values | changes))


def a_round(**changes: Any) -> RoundStart:
    """Ten players known in full; the freeze time ends at second 15."""
    players = tuple(a_player(number) for number in CT + T)
    return replace(RoundStart(0.0, 3, 2, players, freeze_end=15.0), **changes)


def nameless(**changes: Any) -> RoundStart:
    """Five against five, nobody named."""
    return replace(a_round(players=(), ct_players=5, t_players=5), **changes)


def after(*events: Event, at: float | None = None, begun: RoundStart | None = None) -> dict[str, Any]:
    return tracked(*events, begun=begun).state(at)


def tracked(*events: Event, begun: RoundStart | None = None) -> Tracker:
    tracker = Tracker(map_name="de_nuke")
    for event in (begun or a_round(), *events):
        tracker.apply(event)
    return tracker


def test_a_round_begins_with_what_its_players_have() -> None:
    assert after() == {
        "ct_alive": 5, "t_alive": 5, "ct_equip_value": 20_000, "t_equip_value": 20_000, "ct_money": 5_000,
        "t_money": 5_000, "bomb_planted": 0, "time_remaining": 115.0, "ct_score": 3, "t_score": 2,
        "map_name": "de_nuke", "ct_health": 500, "t_health": 500, "ct_armor": 500, "t_armor": 500, "ct_helmets": 5,
        "t_helmets": 5, "ct_defuse_kits": 0,
    }  # fmt: skip


def test_the_state_has_the_fields_of_a_round_in_their_order() -> None:
    assert list(after()) == [field.name for field in ROUND_FIELDS]
    assert list(Tracker().state()) == [field.name for field in ROUND_FIELDS]


def test_before_the_first_round_nothing_is_known() -> None:
    assert set(Tracker().state().values()) == {None}


def test_the_clock_stands_in_freeze_time_and_runs_from_its_end() -> None:
    tracker = tracked()
    assert [tracker.state(at)["time_remaining"] for at in (0, 15, 20, 130, 500)] == [115, 115, 110, 0, 0]


def test_a_time_out_moves_the_end_of_freeze_time() -> None:
    tracker = tracked(TimeOut(10))
    assert tracker.state(60)["time_remaining"] == 115
    tracker.apply(FreezeEnd(70))
    assert tracker.state(75)["time_remaining"] == 110


def test_where_nothing_told_when_the_round_went_live_its_clock_is_not_known() -> None:
    tracker = tracked(Kill(30, 1, 6), begun=a_round(freeze_end=None))
    assert tracker.state()["time_remaining"] is None
    assert tracker.state()["ct_alive"] == 4
    tracker.apply(BombPlanted(40))
    assert tracker.state(45)["time_remaining"] == 35


def test_the_plant_starts_the_bomb_s_own_clock() -> None:
    assert after(BombPlanted(50), at=60) | {"bomb_planted": 1, "time_remaining": 30} == after(BombPlanted(50), at=60)
    assert after(BombPlanted(50, time_left=35.5), at=60)["time_remaining"] == 25.5


def test_only_the_first_plant_counts() -> None:
    tracker = tracked(BombPlanted(50), BombPlanted(55))
    assert tracker.state(60)["time_remaining"] == 30
    assert tracker.ignored == {"bomb events: second plant of a round": 1}


def test_a_dropped_bomb_changes_nothing() -> None:
    assert after(BombDropped(20, 6)) == after(at=20)


@pytest.mark.parametrize("end", [BombDefused(60, 1), BombExploded(60), RoundEnd(60, "CT")])
def test_nothing_counts_after_the_round_s_end(end: Event) -> None:
    tracker = tracked(BombPlanted(50), end, Kill(60, 1), Kill(61, 2), Damage(62, 3, 10, 10))
    assert tracker.state(90) == after(BombPlanted(50), Kill(60, 1), at=60)
    assert tracker.ignored == {"kills: after the round's end": 1, "hits: after the round's end": 1}


def test_a_round_is_over_when_its_clocks_allow_no_more() -> None:
    assert tracked(Kill(15 + 115 + 40, 1)).ignored == {}
    assert tracked(Kill(15 + 115 + 40.1, 1)).ignored == {"kills: after the round's end": 1}


def test_the_end_told_after_the_bomb_s_is_no_second_one() -> None:
    tracker = tracked(BombPlanted(50), BombDefused(60), RoundEnd(61, "CT"), RoundEnd(62, "CT"))
    assert (tracker.ended_at, tracker.over) == (60, True)
    assert tracker.ignored == {"round ends: second end of a round": 1}


def test_hits_and_kills_before_the_freeze_time_ended_do_not_count() -> None:
    tracker = tracked(Kill(14, 1), Damage(14, 2, 50, 50), Kill(15, 3))
    assert tracker.state()["ct_alive"] == 4
    assert tracker.ignored == {
        "kills: before the freeze time ended": 1, "hits: before the freeze time ended": 1,
    }  # fmt: skip


def test_a_hit_sets_health_and_armour() -> None:
    state = after(Damage(20, 1, 60, 80), Damage(21, 1, 15, 70))
    assert (state["ct_health"], state["ct_armor"]) == (415, 470)


def test_of_hits_in_one_moment_the_one_that_left_least_counts_in_any_order() -> None:
    hits = [Damage(20, 1, 40, 80), Damage(20, 1, 60, 90), Damage(20, 1, 40, 75)]
    states = [after(*order) for order in (hits, hits[::-1], hits[1:] + hits[:1])]
    assert [(state["ct_health"], state["ct_armor"]) for state in states] == [(440, 475)] * 3


def test_where_only_the_loss_is_told_health_and_armour_follow() -> None:
    state = after(Damage(20, 1, health_damage=30, armor_damage=5), Damage(20, 1, health_damage=30))
    assert (state["ct_health"], state["ct_armor"]) == (440, None)
    assert after(Damage(20, 1, health_damage=130, armor_damage=5))["ct_alive"] == 4


def test_a_hit_that_tells_nothing_makes_the_health_unknown() -> None:
    assert after(Damage(20, 1))["ct_health"] is None


def test_a_hit_that_leaves_no_health_is_a_death_and_the_kill_that_follows_pays() -> None:
    state = after(Damage(20, 1, 0, 30), Kill(20, 1, 6, "awp"))
    assert (state["ct_alive"], state["ct_health"], state["t_money"]) == (4, 400, 5_100)


def test_the_dead_keep_their_money_alone() -> None:
    state = after(Kill(20, 1, 6, "mac10"))
    assert (state["ct_alive"], state["ct_equip_value"], state["ct_helmets"]) == (4, 16_000, 4)
    assert (state["ct_money"], state["t_money"]) == (5_000, 5_600)


@pytest.mark.parametrize(("killer", "victim"), [(6, 7), (6, 6), (None, 6)])
def test_team_kills_suicides_and_the_world_earn_nothing(killer: int | None, victim: int) -> None:
    state = after(Kill(20, victim, killer))
    assert (state["t_alive"], state["t_money"], state["ct_money"]) == (4, 5_000, 5_000)


def test_a_kill_that_the_source_calls_a_team_kill_earns_nothing() -> None:
    assert after(Kill(20, 1, 6, is_team_kill=True))["t_money"] == 5_000


def test_nobody_holds_more_than_the_cap() -> None:
    rich = a_round(players=tuple(a_player(number, money=15_900) for number in CT + T))
    assert after(Kill(20, 1, 6), begun=rich)["t_money"] == 4 * 15_900 + 16_000


def test_nobody_dies_twice() -> None:
    tracker = tracked(Kill(20, 1, 6), Kill(21, 1, 7))
    assert (tracker.state()["ct_alive"], tracker.state()["t_money"]) == (4, 5_300)
    assert tracker.ignored == {"kills: of a player already dead": 1}


def test_a_value_that_one_player_lacks_is_missing_for_the_side_while_that_player_lives() -> None:
    unknown: dict[str, Any] = {"money": None, "equipment_value": None, "has_helmet": None, "has_defuse_kit": None}
    begun = a_round(players=tuple(a_player(number, **(unknown if number == 1 else {})) for number in CT + T))
    fields = ("ct_equip_value", "ct_armor", "ct_helmets", "ct_defuse_kits")
    assert [after(begun=begun)[name] for name in (*fields, "ct_money")] == [None] * 5
    dead = after(Kill(20, 1, 6), begun=begun)
    assert [dead[name] for name in fields] == [16_000, 400, 4, 0]
    assert dead["ct_money"] is None
    assert after(begun=begun)["t_money"] == 5_000


@pytest.mark.parametrize(
    ("helmet", "value", "armor"), [(True, 200, 100), (False, 849, 0), (False, 850, None), (None, 200, None)]
)
def test_armour_at_the_start_follows_from_the_helmet_or_from_too_little_equipment(
    helmet: bool | None, value: int, armor: int | None
) -> None:
    begun = a_round(players=(a_player(1, has_helmet=helmet, equipment_value=value), a_player(6)))
    assert after(begun=begun)["ct_armor"] == armor


def test_a_purchase_changes_what_a_player_has() -> None:
    poor = a_round(players=tuple(a_player(n, has_helmet=False, equipment_value=200) for n in CT + T))
    bought = PlayerChange(5, 1, money=0, equipment_value=1_200, has_helmet=True, has_defuse_kit=True)
    state = after(bought, begun=poor)
    assert (state["ct_money"], state["ct_equip_value"], state["ct_armor"]) == (4_000, 2_000, 100)
    assert (state["ct_helmets"], state["ct_defuse_kits"]) == (1, 1)


def test_a_kevlar_bought_makes_the_armour_unknown_unless_it_is_told() -> None:
    poor = a_round(players=tuple(a_player(n, has_helmet=False, equipment_value=200) for n in CT + T))
    assert after(PlayerChange(5, 1, equipment_value=850), begun=poor)["ct_armor"] is None
    assert after(PlayerChange(5, 1, equipment_value=850, armor=100), begun=poor)["ct_armor"] == 100


def test_a_change_of_a_dead_player_is_one_of_money() -> None:
    change = PlayerChange(21, 1, None, 0, 9_000, 100, 100, has_helmet=True, has_defuse_kit=True)
    assert after(Kill(20, 1, 6), change) == after(Kill(20, 1, 6), at=21) | {"ct_money": 4_000}


def test_a_player_who_leaves_is_no_longer_on_the_side() -> None:
    tracker = tracked(Disconnect(30, 1), Kill(30, 1))
    assert (tracker.state()["ct_alive"], tracker.state()["ct_money"], tracker.state()["ct_health"]) == (4, 4_000, 400)
    assert tracker.ignored == {"kills: of a player already dead": 1}


def test_a_side_short_of_a_player_can_be_joined_in_freeze_time_only() -> None:
    four = a_round(players=tuple(a_player(number) for number in (1, 2, 3, 4, *T)))
    assert after(PlayerChange(5, 11, "CT", money=0, equipment_value=200), begun=four)["ct_alive"] == 5
    late = tracked(PlayerChange(20, 11, "CT", money=0), begun=four)
    assert late.state()["ct_alive"] == 4
    assert late.ignored == {"changes of a player: of a player who is no participant": 1}
    sixth = tracked(PlayerChange(5, 11, "CT", money=0))
    assert sixth.state()["ct_alive"] == 5, "nobody joins a side that is whole"
    assert sixth.ignored == {"changes of a player: of a player who is no participant": 1}


def test_the_number_of_players_is_enough_to_count_the_living() -> None:
    state = after(Kill(20, "a", "b", victim_side="T", killer_side="CT"), begun=nameless())
    assert (state["ct_alive"], state["t_alive"], state["t_health"]) == (5, 4, 400)
    assert (state["ct_money"], state["ct_equip_value"], state["ct_armor"], state["ct_helmets"]) == (None,) * 4


def test_a_side_without_players_named_or_counted_has_no_number_of_living() -> None:
    state = after(begun=a_round(players=()))
    assert (state["ct_alive"], state["ct_health"], state["ct_money"]) == (None, None, None)


def test_of_nameless_players_each_death_counts() -> None:
    killed = [Kill(20 + n, None, victim_side="T") for n in range(5)]
    assert after(*killed[:2], begun=nameless())["t_alive"] == 3
    assert tracked(*killed, begun=nameless()).winner() == "CT"


def test_sums_of_a_side_stand_in_for_players_nobody_told_apart() -> None:
    told = [SideEconomy(15, side, 9_000, 20_000) for side in ("CT", "T")]
    tracker = tracked(*told, begun=nameless())
    assert (tracker.state()["ct_money"], tracker.state()["ct_equip_value"], tracker.estimated()) == (9_000, 20_000, ())
    tracker.apply(Kill(20, "a", "b", "awp", victim_side="T", killer_side="CT"))
    state = tracker.state()
    assert (state["ct_money"], state["t_money"], state["t_equip_value"]) == (9_100, 9_000, 16_000)
    assert tracker.estimated() == ("t_equip_value",)
    tracker.apply(SideEconomy(25, "T", equipment_value=17_500))
    assert (tracker.state()["t_equip_value"], tracker.estimated()) == (17_500, ())


def test_players_told_apart_are_believed_before_the_side_s_sum() -> None:
    assert after(SideEconomy(15, "CT", 1, 1))["ct_money"] == 5_000


@pytest.mark.parametrize(
    "event", [Kill(20, 77, 6, victim_side="CT"), Damage(20, 77, 50, 50, victim_side="CT"), Kill(20, None, 6)]
)
def test_a_victim_who_should_not_be_there_makes_the_number_of_living_unknown(event: Event) -> None:
    tracker = tracked(event)
    state = tracker.state()
    assert (state["ct_alive"], state["ct_health"], state["ct_equip_value"], state["ct_money"]) == (None,) * 4
    assert sum(tracker.ignored.values()) == 1
    assert tracker.winner() is None


def test_events_outside_a_round_and_out_of_order_are_counted() -> None:
    tracker = Tracker()
    tracker.apply(Kill(1, 1, 6))
    tracker.apply(a_round())
    tracker.apply(Kill(30, 1, 6))
    tracker.apply(Kill(29, 2, 6))
    assert tracker.ignored == {"kills: while no round is played": 1, "kills: earlier than the event before": 1}
    assert tracker.state()["ct_alive"] == 4


def test_a_new_round_forgets_the_last_one() -> None:
    begun = a_round(time=100.0, freeze_end=115.0, ct_score=4)
    tracker = tracked(Kill(30, 1, 6), BombPlanted(40), RoundEnd(80, "T"), begun)
    assert tracker.state() == after() | {"ct_score": 4}


def test_a_match_that_starts_anew_knows_of_no_round() -> None:
    tracker = tracked(Kill(30, 1, 6), MatchStart(90, "de_dust2"))
    assert tracker.state() == dict.fromkeys(tracker.state()) | {"map_name": "de_dust2"}


def test_a_moment_before_the_last_event_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match=r"state at 19 s, but events up to 20 s"):
        tracked(Kill(20, 1, 6)).state(19)


def test_the_rules_name_the_winner() -> None:
    assert tracked().winner(20) is None
    assert tracked().winner(130) == "CT"
    assert tracked(*(Kill(20, player) for player in CT)).winner() == "T"
    assert tracked(BombPlanted(18), *(Kill(20, player) for player in T)).winner() is None


def test_a_document_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="replay"):
        Tracker.from_document({"version": 0})


PEOPLE = st.sampled_from([*CT, *T, 77])
SIDES = st.none() | st.sampled_from(["CT", "T"])
MAYBE = st.none() | st.integers(0, 100)
TIME = st.floats(0, 200).map(lambda at: round(at * 64) / 64)
EVENTS = st.one_of(
    st.builds(Damage, TIME, PEOPLE, MAYBE, MAYBE, MAYBE, MAYBE, SIDES),
    st.builds(Kill, TIME, st.none() | PEOPLE, st.none() | PEOPLE, st.sampled_from(["awp", None]), SIDES, SIDES),
    st.builds(PlayerChange, TIME, PEOPLE, SIDES, MAYBE, MAYBE, MAYBE, MAYBE, st.none() | st.booleans()),
    st.builds(SideEconomy, TIME, st.sampled_from(["CT", "T"]), MAYBE, MAYBE),
    st.builds(BombPlanted, TIME),
    st.builds(BombDefused, TIME),
    st.builds(FreezeEnd, TIME),
    st.builds(TimeOut, TIME),
    st.builds(Disconnect, TIME, PEOPLE),
    st.builds(RoundEnd, TIME, SIDES),
)
STREAMS = st.lists(EVENTS, max_size=25).map(lambda events: sorted(events, key=lambda event: event.time))
BEGUN = st.sampled_from([a_round(), nameless(), a_round(players=(), freeze_end=None), nameless(freeze_end=None)])


@settings(max_examples=150, deadline=None)
@given(events=STREAMS, begun=BEGUN, cut=st.integers(0, 25))
def test_a_tracker_put_down_as_json_and_taken_up_again_goes_on_as_if_nothing_happened(
    events: list[Event], begun: RoundStart, cut: int
) -> None:
    whole, first = tracked(*events, begun=begun), tracked(*events[:cut], begun=begun)
    resumed = Tracker.from_document(json.loads(json.dumps(first.to_document())))
    for event in events[cut:]:
        resumed.apply(event)
    assert resumed == whole
    assert json.dumps(resumed.to_document()) == json.dumps(whole.to_document())


@settings(max_examples=150, deadline=None)
@given(events=STREAMS, begun=BEGUN)
def test_every_state_is_within_the_bounds_of_its_fields_and_no_player_comes_back(
    events: list[Event], begun: RoundStart
) -> None:
    tracker = tracked(begun=begun)
    for event in events:
        before = tracker.state()
        tracker.apply(event)
        state = tracker.state()
        for known in ROUND_FIELDS:
            if not known.text and state[known.name] is not None:
                assert known.low <= state[known.name] <= known.high, known.name
        if not isinstance(event, PlayerChange):
            for name in ("ct_alive", "t_alive"):
                assert state[name] is None or state[name] <= before[name]


@settings(max_examples=150, deadline=None)
@given(events=STREAMS, begun=BEGUN)
def test_an_event_that_was_refused_is_counted(events: list[Event], begun: RoundStart) -> None:
    tracker = tracked(begun=begun)
    reasons = [tracker.apply(event) for event in events]
    assert sum(tracker.ignored.values()) == sum(reason is not None for reason in reasons)


def test_of_hits_in_one_moment_an_armour_known_from_one_of_them_is_kept() -> None:
    """The other leaves as much health and says nothing of the armour."""
    begun = a_round(players=(a_player(1, has_helmet=None), a_player(6)))
    told, silent = Damage(20, 1, 40, 80), Damage(20, 1, 40)
    assert after(silent, told, begun=begun)["ct_armor"] == 80
    assert after(told, silent, begun=begun)["ct_armor"] is None


def test_a_hit_in_one_moment_that_left_more_changes_nothing_and_a_later_one_does() -> None:
    state = after(Damage(20, 1, 40, 50), Damage(20, 1, 90, 10))
    assert (state["ct_health"], state["ct_armor"]) == (440, 450)
    healed = after(Damage(20, 1, 40, 50), Damage(21, 1, 90, 10))
    assert (healed["ct_health"], healed["ct_armor"]) == (490, 410)


def test_a_loss_greater_than_what_was_left_leaves_nothing() -> None:
    state = after(Damage(20, 1, health=50, armor_damage=130))
    assert (state["ct_health"], state["ct_armor"]) == (450, 400)


def test_a_change_that_leaves_no_health_is_a_death() -> None:
    assert after(PlayerChange(20, 1, health=0))["ct_alive"] == 4
    assert after(PlayerChange(20, 1, health=1))["ct_health"] == 401


def test_armour_told_or_hit_is_not_guessed_again_from_the_equipment() -> None:
    told = after(PlayerChange(5, 1, armor=30), PlayerChange(6, 1, has_helmet=True))
    assert told["ct_armor"] == 430
    hit = after(Damage(20, 1, 90, 60), PlayerChange(21, 1, equipment_value=5_000))
    assert hit["ct_armor"] == 460


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Kill(14.9, 1, 6), "before the freeze time ended"), (Damage(14.9, 1, 0), "before the freeze time ended"),
        (BombPlanted(14.9), "before the freeze time ended"), (BombDefused(14.9), "before the freeze time ended"),
        (BombExploded(14.9), "before the freeze time ended"), (Kill(15, 1, 6), None), (BombDropped(14.9), None),
        (PlayerChange(14.9, 1, money=0), None), (Disconnect(14.9, 1), None),
    ],
)  # fmt: skip
def test_only_play_must_wait_for_the_end_of_the_freeze_time(event: Event, reason: str | None) -> None:
    told = tracked().apply(event)
    assert (told is None) == (reason is None)
    assert reason is None or (told or "").endswith(reason)


def test_a_time_out_once_the_round_is_live_changes_nothing() -> None:
    assert tracked(TimeOut(20)).state(25)["time_remaining"] == 105
    assert tracked(TimeOut(14.9)).state(25)["time_remaining"] == 115


def test_a_kill_pays_the_side_s_told_sum_up_to_what_a_side_can_hold() -> None:
    rich = [SideEconomy(15, "CT", 79_950), Kill(20, "a", "b", victim_side="T", killer_side="CT")]
    assert after(*rich, begun=nameless())["ct_money"] == 80_000
    unknown = after(Kill(20, "a", "b", victim_side="T", killer_side="CT"), begun=nameless())
    assert unknown["ct_money"] is None


def test_a_nameless_killer_s_side_is_paid_and_a_nameless_team_killer_s_is_not() -> None:
    told = SideEconomy(15, "CT", 9_000)
    assert after(told, Kill(20, "a", victim_side="T", killer_side="CT"), begun=nameless())["ct_money"] == 9_300
    assert after(told, Kill(20, "a", victim_side="CT", killer_side="CT"), begun=nameless())["ct_money"] == 9_000


def test_a_killer_who_should_not_be_there_makes_the_number_on_that_side_unknown() -> None:
    state = after(Kill(20, 1, 77, killer_side="T"))
    assert (state["ct_alive"], state["t_alive"]) == (4, None)


def test_a_nameless_death_on_a_side_with_a_named_player_tells_not_who_lives() -> None:
    events = [Kill(20, "a", "b", victim_side="T", killer_side="CT"), Kill(21, None, victim_side="T")]
    assert after(*events, begun=nameless())["t_alive"] is None
    assert after(events[1], begun=nameless(t_players=0))["t_alive"] is None


def test_a_round_names_some_players_and_counts_all() -> None:
    state = after(begun=a_round(players=(a_player(1), a_player(6)), ct_players=5, t_players=0))
    assert (state["ct_alive"], state["t_alive"]) == (5, 1)
    assert after(begun=a_round(players=(a_player(1),)))["t_alive"] == 0


def test_the_bomb_s_clock_is_the_competitive_one_again_in_the_next_round() -> None:
    begun = a_round(time=100.0, freeze_end=115.0)
    assert after(BombPlanted(50, time_left=20), begun, BombPlanted(130), at=130)["time_remaining"] == 40


def test_a_round_s_own_clock_says_how_long_it_runs_and_when_it_must_be_over() -> None:
    short = a_round(round_time=60.0)
    assert after(at=25, begun=short)["time_remaining"] == 50
    assert tracked(begun=short).latest_end() == 15 + 60 + 40
    assert tracked(begun=a_round(freeze_end=None)).latest_end() is None


def test_the_map_s_name_stays_through_a_restart_that_does_not_tell_it() -> None:
    assert tracked(MatchStart(90)).state()["map_name"] == "de_nuke"


def test_who_leaves_dead_takes_the_money_along_and_a_stranger_who_leaves_is_counted() -> None:
    assert after(Kill(20, 1, 6), Disconnect(30, 1))["ct_money"] == 4_000
    assert tracked(Disconnect(30, 77)).ignored == {"players who left: of a player who is no participant": 1}


def test_a_state_is_numbers_as_json_holds_them() -> None:
    for state in (after(), after(FreezeEnd(15.0), BombPlanted(30.0))):
        assert json.loads(json.dumps(state))["bomb_planted"] in (0, 1)
        assert all(type(value) in (int, float, str, type(None)) for value in state.values())


def test_a_round_is_written_down_whole() -> None:
    begun = RoundStart(0.0, 3, 2, (PlayerAtStart("a", "CT", 800.0, 200.0, has_helmet=False),), 1, 1, freeze_end=15.0)
    tracker = tracked(
        SideEconomy(5.0, "T", 900.0, 400.0), Damage(20.0, "a", 70.0), Kill(21.0, "b"), Kill(19.0, "a"), begun=begun
    )
    tracker.apply(Damage(22.0, "a", 60.0, victim_side="CT"))
    at_start = {
        "player": "a", "side": "CT", "money": 800.0, "equipment_value": 200.0, "armor": None, "has_helmet": False,
        "has_defuse_kit": None,
    }  # fmt: skip
    assert tracker.to_document() == {
        "version": 2, "map_name": "de_nuke", "time": 22.0, "freeze_end": 15.0, "clock_unknown": False,
        "planted_at": None, "bomb_time": 40.0, "ended_at": None, "bomb_won": None, "over": False,
        "ignored": {"kills: earlier than the event before": 1, "kills: of a player who is no participant": 1},
        "round": {
            "time": 0.0, "ct_score": 3, "t_score": 2, "players": (at_start,), "ct_players": 1, "t_players": 1,
            "freeze_end": 15.0, "round_time": None, "phase": "live", "ct_team": None, "t_team": None,
        },
        "sides": {
            "CT": {"unnamed": None, "nameless_dead": 0, "money": None, "equipment_value": None, "shared_out": False},
            "T": {"unnamed": None, "nameless_dead": 0, "money": 900.0, "equipment_value": 400.0, "shared_out": False},
        },
        "players": [
            {
                "player": "a", "side": "CT", "alive": True, "killed": False, "gone": False, "health": 60.0,
                "armor": None, "armor_told": False, "has_helmet": False, "has_defuse_kit": None,
                "equipment_value": 200.0, "money": 800.0, "hit_at": 22.0,
            }
        ],
    }  # fmt: skip
    again = Tracker.from_document(json.loads(json.dumps(tracker.to_document())))
    assert again == tracker
    assert list(tracker.to_document()["ignored"]) == sorted(tracker.ignored)
    assert Tracker().to_document()["round"] is None
    assert Tracker.from_document(Tracker().to_document()) == Tracker()


def test_the_bomb_decides_the_round_whoever_lives() -> None:
    assert tracked(BombPlanted(50), BombDefused(60)).winner() == "CT"
    assert tracked(BombPlanted(50), BombExploded(60)).winner() == "T"
    dead = [Kill(55, player) for player in CT]
    assert tracked(BombPlanted(50), *dead[:4], BombDefused(60)).winner(90) == "CT"
    assert tracked(Kill(30, 1), begun=a_round(freeze_end=None)).winner() is None, "no clock says that time is out"


def test_of_two_hits_in_one_moment_the_armour_is_that_of_the_one_that_left_least() -> None:
    state = after(Damage(20, 1, 40, 50), Damage(20, 1, 30, 80))
    assert (state["ct_health"], state["ct_armor"]) == (430, 480)


def test_what_a_hit_took_of_an_unknown_health_leaves_it_unknown() -> None:
    state = after(Damage(20, 1), Damage(21, 1, health_damage=30, armor_damage=10))
    assert (state["ct_health"], state["ct_armor"], state["ct_alive"]) == (None, None, 5)


@pytest.mark.parametrize(("health", "alive"), [(1, 5), (0.5, 5), (0, 4), (-3, 4)])
def test_the_last_point_of_health_is_life(health: float, alive: int) -> None:
    state = after(Damage(20, 1, health, 0))
    assert (state["ct_alive"], state["ct_health"]) == (alive, 400 + max(health, 0))


def test_a_hit_on_the_dead_is_counted_and_changes_nothing() -> None:
    tracker = tracked(Kill(20, 1, 6), Damage(21, 1, 50, 50))
    assert tracker.state() == after(Kill(20, 1, 6), at=21)
    assert tracker.ignored == {"hits: of a player already dead": 1}


def test_the_state_asked_for_without_a_moment_is_that_of_the_last_event() -> None:
    assert after(Kill(20, 1, 6))["time_remaining"] == 110
    assert after(BombPlanted(50), BombDropped(58.5))["time_remaining"] == 31.5
    assert Tracker().state(5.0) == Tracker().state()


def test_a_clock_that_has_run_out_stands_at_nothing() -> None:
    assert [after(at=at)["time_remaining"] for at in (129.5, 130, 131)] == [0.5, 0, 0]
    assert [after(BombPlanted(50), at=at)["time_remaining"] for at in (89.5, 90, 91)] == [0.5, 0, 0]


def test_a_round_is_live_from_the_end_of_the_freeze_time_on() -> None:
    assert [tracked().is_live(at) for at in (14.99, 15, 16)] == [False, True, True]
    assert [tracked(FreezeEnd(20)).is_live(at) for at in (19.99, 20)] == [False, True]
    unknown = a_round(freeze_end=None)
    assert [tracked(begun=unknown).is_live(99), tracked(Kill(20, 1), begun=unknown).is_live(20)] == [False, True]
    assert after(TimeOut(15), at=25)["time_remaining"] == 105, "it is live: no time-out stops it"


def test_nobody_has_won_by_the_living_where_one_side_s_number_is_not_known() -> None:
    assert tracked(begun=nameless(t_players=None)).winner() is None
    assert tracked(begun=nameless(ct_players=None)).winner() is None


def test_a_share_of_a_sum_is_no_estimate_where_the_players_are_told_apart() -> None:
    assert tracked(SideEconomy(16, "CT", equipment_value=20_000), Kill(20, 1, 6)).estimated() == ()
    four = a_round(players=tuple(a_player(number) for number in (1, 2, 3, 4, *T)), ct_players=5)
    tracker = tracked(SideEconomy(16, "CT", 9_000, 20_000), Kill(20, 1, 6), begun=four)
    assert tracker.estimated() == ("ct_equip_value",)
    assert (tracker.state()["ct_equip_value"], tracker.state()["ct_money"]) == (16_000, 9_000)


def test_a_nameless_death_takes_its_share_pays_its_killer_and_keeps_the_side_s_money() -> None:
    told = [SideEconomy(15, side, 9_000, 20_000) for side in ("CT", "T")]
    deaths = [Kill(20 + n, None, "b", "awp", killer_side="CT", victim_side="T") for n in range(5)]
    tracker = tracked(*told, *deaths[:2], begun=nameless())
    state = tracker.state()
    assert (state["t_alive"], state["t_equip_value"], state["t_money"]) == (3, 12_000, 9_000)
    assert (state["ct_alive"], state["ct_money"], tracker.estimated()) == (5, 9_200, ("t_equip_value",))
    assert tracker.to_document()["sides"]["T"]["nameless_dead"] == 2
    whole = after(*told, *deaths, begun=nameless())
    assert (whole["t_alive"], whole["t_money"], whole["ct_money"]) == (0, 9_000, 9_500)


def test_who_dies_among_an_unknown_number_leaves_an_unknown_worth() -> None:
    stranger = Kill(20, 77, 6, victim_side="CT")
    told = SideEconomy(21, "CT", 9_000, 20_000)
    assert after(stranger, told)["ct_equip_value"] == 20_000
    assert after(stranger, told, Kill(22, 1, 6))["ct_equip_value"] is None


def test_who_joins_says_which_side_and_may_join_one_of_unknown_number() -> None:
    four = a_round(players=tuple(a_player(number) for number in (1, 2, 3, 4, *T)))
    assert tracked(begun=four).apply(PlayerChange(5, 11, money=0)) is not None
    assert tracked(begun=a_round(players=())).apply(PlayerChange(5, 11, "CT", money=0)) is None


def test_a_player_takes_one_place_however_often_the_side_is_told() -> None:
    hits = [Damage(20, "b", 50, victim_side="CT"), Damage(21, "b", 40, victim_side="CT")]
    state = after(*hits, begun=nameless())
    assert (state["ct_alive"], state["ct_health"]) == (5, 440)

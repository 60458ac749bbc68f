"""Event tables in the language of events: what each row becomes, and in which order."""

from cs2_pipeline.datasets.round_events import round_events
from cs2_pipeline.game.events import (
    BombDefused,
    BombDropped,
    BombExploded,
    BombPlanted,
    Damage,
    Kill,
    PlayerAtStart,
    RoundEnd,
    RoundStart,
)
from cs2_pipeline_tests.datasets.event_rounds import (
    CT,
    LIVE,
    RATE,
    START,
    T,
    a_bomb,
    a_hit,
    a_kill,
    a_player,
    a_round,
    round_of,
)


def test_a_round_s_events_stand_in_time_order_between_its_start_and_its_end() -> None:
    rows = round_of(
        kills=[a_kill(20, 6, 1, None), a_kill(60, None, 2)],
        damages=[a_hit(20, 1, 0), a_hit(3, 2, 50, 60)],
        bombs=[a_bomb(30), a_bomb(10, "begin_plant"), a_bomb(60, "defused")],
        lasts=60,
    )
    ((row, events),) = round_events(*rows.tables())
    assert row["round_id"] == 1
    assert [type(event) for event in events] == [
        RoundStart, Damage, Damage, Kill, BombPlanted, Kill, BombDefused, RoundEnd,
    ]  # fmt: skip
    live = LIVE / RATE
    assert events[1] == Damage(live + 3, 2, 50, 60)
    assert events[3] == Kill(live + 20, 1, 6)
    assert events[-1] == RoundEnd(live + 60, "CT")


def test_a_round_starts_with_the_score_before_it_and_what_its_players_have_left() -> None:
    players = [a_player(number, start_money=1_000, money_spent=1_200) for number in CT + T]
    ((_, events),) = round_events(*round_of(players=players, ct_wins=0, ct_score=3, t_score=2).tables())
    start = events[0]
    assert isinstance(start, RoundStart)
    assert (start.time, start.ct_score, start.t_score, start.freeze_end) == (START / RATE, 3, 1, LIVE / RATE)
    assert {(player.money, player.equipment_value, player.has_helmet) for player in start.players} == {(0, 5_000, True)}


def test_an_end_not_recorded_follows_from_the_duration_of_play() -> None:
    ((_, events),) = round_events(*round_of(lasts=25, end_tick=None).tables())
    assert events[-1].time == LIVE / RATE + 25


def test_a_bomb_event_without_a_type_is_none() -> None:
    ((_, events),) = round_events(*round_of(bombs=[a_bomb(30), a_bomb(40, None)], lasts=60).tables())
    assert [type(event) for event in events if isinstance(event, BombPlanted | BombDefused)] == [BombPlanted]


def test_every_row_becomes_its_event_with_all_that_it_says() -> None:
    rows = round_of(
        kills=[a_kill(20, 6, 1, "awp"), a_kill(21, 2, 3), a_kill(22, None, 7, None)],
        damages=[a_hit(19, 1, 5, 10)],
        bombs=[a_bomb(15, "Dropped"), a_bomb(30), a_bomb(50, "exploded"), a_bomb(40, "pickup")],
        lasts=50,
        ct_wins=0,
        ct_score=3,
        t_score=3,
    )
    ((_, events),) = round_events(*rows.tables())
    live = LIVE / RATE
    assert events[1:] == [
        BombDropped(live + 15), Damage(live + 19, 1, 5, 10), Kill(live + 20, 1, 6, "awp"),
        Kill(live + 21, 3, 2, "ak47", is_team_kill=True), Kill(live + 22, 7), BombPlanted(live + 30),
        BombExploded(live + 50), RoundEnd(live + 50, "T"),
    ]  # fmt: skip
    start = events[0]
    assert (start.ct_score, start.t_score, start.round_time) == (3, 2, 115.0)
    assert start.players[0] == PlayerAtStart(1, "CT", 1_000, 5_000, has_helmet=True, has_defuse_kit=False)
    assert [player.side for player in start.players] == ["CT"] * 5 + ["T"] * 5


def test_a_player_holds_no_more_than_anyone_can_and_what_is_not_recorded_is_not_known() -> None:
    players = [
        a_player(number, start_money=17_000, money_spent=0, has_helmet=None, has_defuse_kit=None) for number in CT + T
    ]
    ((_, events),) = round_events(*round_of(players=players).tables())
    assert {(one.money, one.has_helmet, one.has_defuse_kit) for one in events[0].players} == {(16_000, None, None)}


def test_rounds_come_in_the_order_of_play_each_with_its_own_events() -> None:
    events = round_of(kills=[a_kill(5, 6, 1), a_kill(7, 6, 2, round_id=2)])
    events.rounds = [a_round(1, round_number=2), a_round(2, round_number=1)]
    events.participants += [a_player(number, 2) for number in CT[:1] + T[:1]]
    found = list(round_events(*events.tables()))
    assert [row["round_id"] for row, _ in found] == [2, 1]
    assert [len(of_round[0].players) for _, of_round in found] == [2, 10]
    assert [[event.victim for event in of_round if isinstance(event, Kill)] for _, of_round in found] == [[2], [1]]


def test_of_two_kills_of_one_victim_in_a_tick_nobodys_stands_first_and_an_unknown_weapon_last() -> None:
    kills = [a_kill(5, 8, 1, None), a_kill(5, 8, 1, "ak47"), a_kill(5, 7, 1, "awp"), a_kill(5, None, 1, None)]
    ((_, events),) = round_events(*round_of(kills=kills).tables())
    found = [(event.killer, event.weapon) for event in events if isinstance(event, Kill)]
    assert found == [(None, None), (7, "awp"), (8, "ak47"), (8, None)]
